"""The parts of a sandbox's record (see `sandbox`): a fresh one, and copies in which one thing is different."""

from typing import Any, TypeAlias

from stead.machinery.objects import Json, dig
from stead.machinery.runtime import ContainerResized, Probed, ResizeContainer, RunProbe
from stead.machinery.times import Now

LIVE = ("starting", "running", "stopping")
LOST = {"code": 137, "signal": 0, "reason": "ContainerStatusUnknown"}
LOST_MESSAGE = "The container could not be located when the pod was terminated"

Record: TypeAlias = Json


def entry_of(record: Record | None, container: str) -> Json:
    """What is known of one container, {} where nothing is."""
    found: Json = dig(record, "containers", container, default={})
    return found


def image_of(record: Record | None, container: str) -> Json:
    found: Json = dig(record, "images", container, default={})
    return found


def fresh(what: Any) -> Record:
    return {
        "metadata": {"name": what.uid},
        "pod": {"namespace": what.pod.namespace, "name": what.pod.name},
        "state": "starting",
        "at": 0.0,
        "failures": 0,
        "era": 0,
        "ips": [],
        "note": "",
        "message": "",
        "is_new": False,
        "volumes": {},
        "images": {},
        "containers": {},
    }


def found(record: Record, attempt: int) -> Json:
    """An attempt that was not started in this life of stead."""
    known = {"state": "running", "attempt": attempt, "era": record["era"], "is_adopted": True}
    return {**known, "backoff": 0.0, "last": None, "probes": {}}


def lose(entry: Json, now: Now) -> Json:
    if entry["state"] not in LIVE:
        return entry
    return {**entry, "state": "exited", **LOST, "message": LOST_MESSAGE, "finished": now.wall, "at": now.mono}


def is_stale(entry: Json, attempt: int) -> bool:
    return bool(entry) and int(entry["attempt"]) > attempt


def used(image: Json) -> Json:
    """Every start looks for its image: it may have been removed meanwhile, or (policy Always) its tag moved."""
    return {**image, "state": "used"} if image["state"] == "ready" else image


def with_image(record: Record, container: str, changes: Json) -> Record:
    image = {**image_of(record, container), **changes}
    return {**record, "images": {**record["images"], container: image}}


def with_entry(record: Record, container: str, entry: Json) -> Record:
    return {**record, "containers": {**record["containers"], container: entry}}


def with_changes(record: Record | None, what: ResizeContainer | ContainerResized, changes: Json) -> Record | None:
    entry = entry_of(record, what.container)
    if record is None or not entry or entry["attempt"] != what.attempt:
        return record
    return with_entry(record, what.container, {**entry, **changes})


def with_probe(record: Record | None, what: RunProbe | Probed, changes: Json) -> Record | None:
    entry = entry_of(record, what.container)
    if record is None or not entry or entry["attempt"] != what.attempt:
        return record
    probe = {**entry["probes"].get(what.probe, {}), **changes}
    return with_entry(record, what.container, {**entry, "probes": {**entry["probes"], what.probe: probe}})
