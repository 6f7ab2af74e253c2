"""What a pod takes of the node's disk: measured now and then where it has a limit, and what happens beyond it.

Limits are `sizeLimit` of emptyDirs on disk and `ephemeral-storage` of containers (their own layer and their logs).
"""

from collections.abc import Iterator

from stead.controllers.kubelet.backoff import seconds_left
from stead.controllers.kubelet.observed import containers_of
from stead.controllers.kubelet.round import Failure, Round
from stead.machinery import quantity
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Plan
from stead.machinery.runtime import MeasureStorage

EVERY_SECONDS = 10.0
LOST_AFTER_SECONDS = 120.0
REASON = "Evicted"


def walk(round_: Round) -> Plan:
    """Measure what has a limit, when it is time."""
    volumes, containers = _volumes(round_.pod), _containers(round_.pod)
    if not volumes and not containers:
        return NOTHING
    known: Json = dig(round_.observed.record, "storage") or {}
    if known:
        rest = LOST_AFTER_SECONDS if known["is_in_flight"] else EVERY_SECONDS
        if left := seconds_left(known["at"] + rest, round_.now.mono):
            return Plan(wake_after_seconds=left)
    return Plan((MeasureStorage(round_.observed.key, round_.uid, tuple(volumes), tuple(containers)),))


def excess(round_: Round) -> Failure | None:
    """Which limit the pod has gone over, in the kubelet's words."""
    known: Json = dig(round_.observed.record, "storage") or {}
    return next((Failure(REASON, text) for text in _excesses(round_.pod, known)), None) if known else None


def _excesses(pod: Json, known: Json) -> Iterator[str]:
    for name, limit in _volumes(pod).items():
        if known["volumes"].get(name, 0) > quantity.parse(limit).value:
            yield f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
    for name, limit in _containers(pod).items():
        if known["containers"].get(name, 0) > quantity.parse(limit).value:
            yield f'Container {name} exceeded its local ephemeral storage limit "{limit}". '


def _volumes(pod: Json) -> dict[str, str]:
    volumes: list[Json] = dig(pod, "spec", "volumes", default=[]) or []
    dirs = {volume["name"]: volume["emptyDir"] for volume in volumes if volume.get("emptyDir")}
    return {name: dir_["sizeLimit"] for name, dir_ in dirs.items() if _is_limited(dir_)}


def _is_limited(dir_: Json) -> bool:
    """One in memory has its limit from the kernel."""
    return dir_.get("medium") != "Memory" and bool(dir_.get("sizeLimit"))


def _containers(pod: Json) -> dict[str, str]:
    limits = {spec["name"]: dig(spec, "resources", "limits", "ephemeral-storage") for spec in containers_of(pod)}
    return {name: limit for name, limit in limits.items() if limit}
