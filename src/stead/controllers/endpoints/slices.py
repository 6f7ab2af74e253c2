"""From what is wrong in a service's roll to the fewest slices to be written.

A pod stays in the slice it is in; who leaves makes a hole that the next newcomer fills; slices that are not touched
are not written.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from stead.controllers.endpoints.endpoint import Place, Ports, Wanted, families, place_of, ports_of
from stead.controllers.endpoints.rolls import MANAGED_BY, OURS, SERVICE_NAME, Roll
from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Action, Create, Delete, Plan, Update
from stead.machinery.times import Now

HEADLESS = "service.kubernetes.io/headless"
LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"
MOST_ENDPOINTS = 100  # in one slice


class Draft:
    """A slice as this round will leave it; `obj` is None for one yet to be made."""

    def __init__(self, family: str, obj: Json | None = None) -> None:
        self.family = family
        self.obj = obj
        self.ports: Ports = (obj.get("ports") or []) if obj else []
        self.is_changed = obj is None
        self._endpoints: list[Json] = (obj.get("endpoints") or []) if obj else []

    @property
    def endpoints(self) -> list[Json]:
        return self._endpoints

    @property
    def room(self) -> int:
        return MOST_ENDPOINTS - len(self._endpoints)

    def may_take(self, ports: Ports) -> bool:
        """An empty slice takes any ports."""
        return self.room > 0 and (not self._endpoints or self.ports == ports)

    def put(self, endpoint: Json, ports: Ports) -> None:
        self._endpoints = [*self._endpoints, endpoint]
        self.ports, self.is_changed = ports, True

    def replace(self, place: Place, endpoint: Json | None) -> None:
        """Put another in the place of a pod's endpoint, or (None) take it out."""
        instead = [] if endpoint is None else [endpoint]
        kept: list[Json] = []
        for found in self._endpoints:
            kept += instead if place_of(self.family, found) == place else [found]
        self._endpoints, self.is_changed = kept, True


def plan(roll: Roll, now: Now) -> Plan:
    """What makes the slices right: rewritten, made, and removed where nothing is left in them."""
    service = roll.service
    assert service is not None
    drafts = {name: Draft(str(obj.get("addressType")), obj) for name, obj in roll.slices.items()}
    newcomers = [(place, roll.wanted[place]) for place in roll.wrong if not _settled(roll, place, drafts)]
    made = list(drafts.values())
    for place, wanted in newcomers:
        if wanted is not None:
            _seat(made, place.family, wanted)
    for family in families(service):
        if not any(draft.family == family for draft in made):
            made.append(Draft(family))
    actions = (action for draft in made if (action := _write(service, draft, made, now)))
    return Plan(tuple(actions))


def _settled(roll: Roll, place: Place, drafts: dict[str, Draft]) -> bool:
    """Whether a place is done with: nobody is wanted there any more, or its pod could stay in its slice."""
    wanted = roll.wanted.get(place)
    home = ""
    for name in roll.found.get(place, ()):
        is_home = wanted is not None and not home and drafts[name].ports == wanted.ports
        home = name if is_home else home
        drafts[name].replace(place, wanted.endpoint if is_home and wanted else None)
    return wanted is None or bool(home)


def _seat(drafts: list[Draft], family: str, wanted: Wanted) -> None:
    """Into a slice that is written anyway, else the fullest with room, else a new one."""
    open_ = [draft for draft in drafts if draft.family == family and draft.may_take(wanted.ports)]
    if open_:
        best = min(open_, key=lambda draft: (not draft.is_changed, draft.room))
    else:
        best = Draft(family)
        drafts.append(best)
    best.put(wanted.endpoint, wanted.ports)


def _write(service: Json, draft: Draft, drafts: Iterable[Draft], now: Now) -> Action | None:
    if not draft.endpoints and draft.obj is not None and not _is_placeholder(service, draft, drafts):
        return Delete(key_of("EndpointSlice", draft.obj), meta.uid(draft.obj))
    ports = draft.ports if draft.endpoints else ports_of(service, None)
    labels, stamp = labels_of(service), {LAST_CHANGE: now.text}
    if draft.obj is None:
        return Create(_new(service, draft, ports, now))
    is_same = not draft.is_changed and draft.ports == ports and meta.labels(draft.obj) == labels
    if is_same:
        return None
    metadata = {**draft.obj["metadata"], "labels": labels, "annotations": {**meta.annotations(draft.obj), **stamp}}
    return Update({**draft.obj, "metadata": metadata, "endpoints": draft.endpoints, "ports": ports})


def _is_placeholder(service: Json, draft: Draft, drafts: Iterable[Draft]) -> bool:
    """A service without pods keeps one empty slice a family: the first."""
    same = [other for other in drafts if other.family == draft.family]
    return draft.family in families(service) and same[0] is draft and not any(other.endpoints for other in same)


def _new(service: Json, draft: Draft, ports: Ports, now: Now) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta.name(service)}-",
            "namespace": meta.namespace(service),
            "labels": labels_of(service),
            "annotations": {LAST_CHANGE: now.text},
            "ownerReferences": [meta.owner_reference(service)],
        },
        "addressType": draft.family,
        "endpoints": draft.endpoints,
        "ports": ports,
    }


def labels_of(service: Json) -> dict[str, str]:
    """3.2.2: the service's own labels, and whose slice it is."""
    return dict(_labels(service))


def _labels(service: Json) -> Iterator[tuple[str, str]]:
    yield from meta.labels(service).items()
    yield SERVICE_NAME, meta.name(service)
    yield MANAGED_BY, OURS
    if dig(service, "spec", "clusterIP") == "None":
        yield HEADLESS, ""
