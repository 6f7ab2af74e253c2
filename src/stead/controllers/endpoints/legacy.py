"""The older Endpoints object, one for all of a service's pods (3.2.6).

It grows with the service and so does every write of it; a large one is therefore written once a second at most.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from stead.controllers.endpoints.endpoint import Ports, address, is_ready, is_shown, ports_of
from stead.controllers.endpoints.slices import HEADLESS, LAST_CHANGE
from stead.kinds.pod import PodView
from stead.machinery import meta, times
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, canonical, dig
from stead.machinery.plan import Create, Delete, Plan, Update
from stead.machinery.times import Now

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
OURS = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MOST_ADDRESSES = 1000
FEW = 100  # pods whose object is cheap enough to be written at every change
PAUSE_SECONDS = 1.0


def plan(service: Json, found: Json | None, pods: Sequence[Json], now: Now) -> Plan:
    """Create or replace the object where it differs; `found` is what is there."""
    left = _rest(found, now) if found is not None and len(pods) > FEW else 0
    if left > 0:
        return Plan(wake_after_seconds=left)
    ready, others, is_cut = _capped(service, pods)
    subsets = _subsets(service, ready, others)
    metadata = {"name": meta.name(service), "namespace": meta.namespace(service), "labels": _labels(service)}
    annotations = {LAST_CHANGE: now.text} | ({OVER_CAPACITY: "truncated"} if is_cut else {})
    if found is None:
        made = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {**metadata, "annotations": annotations}}
        return Plan((Create({**made, "subsets": subsets}),))
    if (found.get("subsets") or []) == subsets and meta.labels(found) == metadata["labels"]:
        return Plan()
    kept = {name: value for name, value in meta.annotations(found).items() if name != OVER_CAPACITY}
    changed = {**found["metadata"], **metadata, "annotations": {**kept, **annotations}}
    return Plan((Update({**found, "metadata": changed, "subsets": subsets}),))


def removal(found: Json) -> Plan:
    """The service is gone, and its object with it if it was ours."""
    is_ours = meta.labels(found).get(MANAGED_BY) == OURS
    return Plan((Delete(key_of("Endpoints", found), meta.uid(found)),)) if is_ours else Plan()


def _rest(found: Json, now: Now) -> float:
    """Seconds until the next write may be made."""
    last = meta.annotations(found).get(LAST_CHANGE, "")
    since = now.wall - times.from_text(last) if last else PAUSE_SECONDS
    return PAUSE_SECONDS - since if 0 <= since < PAUSE_SECONDS else 0


def _labels(service: Json) -> dict[str, str]:
    headless = {HEADLESS: ""} if dig(service, "spec", "clusterIP") == "None" else {}
    return {**meta.labels(service), MANAGED_BY: OURS, **headless}


def _capped(service: Json, pods: Iterable[Json]) -> tuple[list[PodView], list[PodView], bool]:
    """The ready and the others by address, no more than the object may hold, and whether some were left out."""
    shown = sorted(filter(is_shown, map(PodView, pods)), key=lambda pod: pod.ips[0])
    ready = [pod for pod in shown if is_ready(service, pod)]
    others = [pod for pod in shown if not is_ready(service, pod)]
    return ready[:MOST_ADDRESSES], others[: max(0, MOST_ADDRESSES - len(ready))], len(shown) > MOST_ADDRESSES


def _subsets(service: Json, ready: list[PodView], others: list[PodView]) -> list[dict[str, Any]]:
    """One subset for each set of port numbers."""
    told = [(ports_of(service, pod), pod, "addresses") for pod in ready]
    told += [(ports_of(service, pod), pod, "notReadyAddresses") for pod in others]
    told.sort(key=lambda one: canonical(one[0]))
    subsets = []
    for _, same in groupby(told, key=lambda one: canonical(one[0])):
        subset: dict[str, Any] = {}
        members = list(same)
        for _, pod, member in members:
            subset.setdefault(member, []).append(address(service, pod))
        ports: Ports = members[0][0]
        named = [{name: value for name, value in port.items() if value} for port in ports]
        subsets.append(subset | ({"ports": named} if named else {}))
    return subsets
