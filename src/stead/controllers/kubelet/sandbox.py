"""The record: what the kubelet asked of the runtime about one pod, and what it heard back.

The record is a private object of the cache, `Key("Sandbox", "", <pod uid>)`, that no URL names. It is folded from
actions as they are sent and from events as they come, and nothing else writes it; so nothing is asked twice, and
back-off and probe times are arithmetic over a value.

    {"metadata": {"name": uid}, "pod": {"namespace", "name"}, "node": whose runtime, "" with a single node
     "state": starting | running | failed | removing,
     "at": mono of the last change of state, "failures": how often in a row it could not be made,
     "era": how many sandboxes of this pod were lost before this one,
     "ips": [...], "note", "message", "is_new",
     "volumes": {name: digest of its files},
     "limits": [memory bytes, CPU millis] of all its containers together; missing where it was adopted,
     "resize": as a container's, of the whole,
     "storage": {"at", "is_in_flight", "volumes" and "containers": {name: bytes}}, where it was measured,
     "images": {container: {"state": pulling | ready | failed | used (a container was made of it; the next one asks
                            again), "policy", "image", "id", "alias", "pulled_seconds", "size_bytes",
                            "reason", "message", "failures", "at"}},
     "containers": {container: {
         "state": starting | running | stopping | exited, "attempt", "era", "image", "id", "image_id",
         "started": wall, "began": mono of the start, "is_adopted": found alive, not started in this life of stead,
         "code", "signal", "reason", "message", "finished": wall, "at": mono of the end,
         "backoff": seconds that the next start waits after the end of this one,
         "stop_at", "kill_at": mono of the first stop and of the kill it announced,
         "last": the end of the attempt before, "before": all that was known of it, while this one is starting
         "limits": [memory bytes, CPU millis] that it has; missing where it was adopted,
         "resize": None or {"limits": asked for, "is_in_flight", "trouble", "message", "at": mono},
         "probes": {probe or hook: {"is_in_flight", "sent": mono, "at": mono of the last result,
                                    "is_success": the last result, "run": how many of that result in a row,
                                    "verdict": what enough results in a row agreed on (None: nothing yet),
                                    "message", "successes", "failures": the thresholds}}}}}
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeAlias

from stead.controllers.kubelet.backoff import next_delay
from stead.controllers.kubelet.record import (
    LIVE,
    Record,
    entry_of,
    found,
    fresh,
    image_of,
    is_stale,
    lose,
    used,
    with_changes,
    with_entry,
    with_image,
    with_probe,
)
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.runtime import (
    ContainerExited,
    ContainerNotCreated,
    ContainerResized,
    ContainerStarted,
    ImageFailed,
    ImagePulling,
    ImageReady,
    MeasureStorage,
    PodAction,
    PodEvent,
    Probed,
    PullImage,
    RemoveSandbox,
    ResizeContainer,
    ResizeSandbox,
    RunProbe,
    RunSandbox,
    SandboxFailed,
    SandboxRemoved,
    SandboxResized,
    SandboxRunning,
    StartContainer,
    StopContainer,
    StorageMeasured,
    UpdateVolume,
    VolumeFiles,
)
from stead.machinery.times import Now

KIND = "Sandbox"
END = ("id", "image_id", "code", "signal", "reason", "message", "started", "finished")
ASKED_TWICE_SECONDS = 1.0  # a container that started so long before it was asked for was running already

Fold: TypeAlias = Callable[[Record | None, Any, Now], Record | None]


def fold(record: Record | None, what: PodAction | PodEvent, now: Now, node: str = "") -> Record | None:
    """The record after one action was sent or one event came; None: nothing of the pod is left.

    `record` itself is answered where nothing changed. `node` says whose runtime it is, where there are several.
    """
    new = _FOLDS[type(what)](record, what, now)
    return {**new, "node": node} if record is None and new is not None else new


def key_for(uid: str) -> Key:
    return Key(KIND, "", uid)


def pod_of(record: Record) -> Key:
    """The key of the pod this is the sandbox of."""
    return Key("Pod", record["pod"]["namespace"], record["pod"]["name"])


def uid_of(record: Record) -> str:
    return str(record["metadata"]["name"])


def live_containers(record: Record) -> list[str]:
    return [name for name, entry in record["containers"].items() if entry["state"] in LIVE]


def digest(volume: VolumeFiles) -> str:
    """Equal for equal files."""
    told = sha256()
    for file in volume.files:
        told.update(f"{file.path}\0{file.mode}\0{len(file.data)}\0".encode())
        told.update(file.data)
    return told.hexdigest()


# --- the sandbox


def _run_sandbox(record: Record | None, what: RunSandbox, now: Now) -> Record:
    digests = {volume.name: digest(volume) for volume in what.volumes if isinstance(volume, VolumeFiles)}
    limits = [what.memory_limit_bytes, what.cpu_limit_millis]
    asked = {"state": "starting", "at": now.mono, "volumes": digests, "limits": limits, "resize": None}
    return {**(record or fresh(what)), **asked}


def _running(record: Record | None, what: SandboxRunning, now: Now) -> Record:
    record = record or fresh(what)
    if record["state"] == "removing":
        return record
    changes = {"ips": list(what.ips), "note": what.note, "is_new": what.is_new, "failures": 0, "message": ""}
    return {**record, "state": "running", "at": now.mono, **changes}


def _failed(record: Record | None, what: SandboxFailed, now: Now) -> Record:
    record = record or fresh(what)
    if record["state"] == "removing":
        return record
    containers = {name: lose(entry, now) for name, entry in record["containers"].items()}
    failures = record["failures"] + 1
    images = {name: used(image) for name, image in record["images"].items() if image["state"] != "pulling"}
    changes = {"message": what.message, "failures": failures, "ips": [], "containers": containers, "images": images}
    changes["era"] = record["era"] + 1
    return {**record, "state": "failed", "at": now.mono, **changes}


def _remove(record: Record | None, what: RemoveSandbox, now: Now) -> Record | None:
    return {**record, "state": "removing", "at": now.mono} if record else None


def _removed(record: Record | None, what: SandboxRemoved, now: Now) -> None:
    return None


def _update_volume(record: Record | None, what: UpdateVolume, now: Now) -> Record | None:
    if record is None:
        return None
    return {**record, "volumes": {**record["volumes"], what.volume.name: digest(what.volume)}}


def _measure(record: Record | None, what: MeasureStorage, now: Now) -> Record | None:
    if record is None:
        return None
    known = record.get("storage") or {"volumes": {}, "containers": {}}
    return {**record, "storage": {**known, "is_in_flight": True, "at": now.mono}}


def _measured(record: Record | None, what: StorageMeasured, now: Now) -> Record | None:
    if record is None:
        return None
    told = {"volumes": what.volumes, "containers": what.containers}
    return {**record, "storage": {**told, "is_in_flight": False, "at": now.mono}}


# --- images


def _pull(record: Record | None, what: PullImage, now: Now) -> Record:
    asked = {"state": "pulling", "policy": what.policy, "image": what.image, "at": now.mono}
    return with_image(record or fresh(what), what.container, asked)


def _pulling(record: Record | None, what: ImagePulling, now: Now) -> Record | None:
    return record  # told to people, nothing to remember


def _image_ready(record: Record | None, what: ImageReady, now: Now) -> Record | None:
    if record is None:
        return None  # too late
    found = {"id": what.image_id, "alias": what.alias, "user": what.user, "failures": 0, "reason": "", "message": ""}
    cost = {"pulled_seconds": what.pulled_seconds, "size_bytes": what.size_bytes}
    return with_image(record, what.container, {"state": "ready", "at": now.mono, **found, **cost})


def _image_failed(record: Record | None, what: ImageFailed, now: Now) -> Record | None:
    if record is None:
        return None
    failures = image_of(record, what.container).get("failures", 0) + 1
    why = {"reason": what.reason, "message": what.message, "failures": failures}
    return with_image(record, what.container, {"state": "failed", "at": now.mono, **why})


# --- containers


def _start(record: Record | None, what: StartContainer, now: Now) -> Record:
    record = record or fresh(what)
    old = entry_of(record, what.container)
    if old.get("attempt") == what.attempt and old["state"] in LIVE:
        return record
    entry = {
        "state": "starting",
        "attempt": what.attempt,
        "era": record["era"],
        "image": what.image,
        "began": now.mono,
        "backoff": next_delay(old) if old else 0.0,
        "last": end_of(old) if old.get("state") == "exited" else old.get("last"),
        "before": {name: value for name, value in old.items() if name != "before"},
        "is_adopted": False,
        "limits": [what.memory_limit_bytes, what.cpu_limit_millis],
        "probes": {},
    }
    return with_entry(record, what.container, entry)


def _started(record: Record | None, what: ContainerStarted, now: Now) -> Record:
    record = record or fresh(what)
    old = entry_of(record, what.container)
    is_known = old.get("attempt") == what.attempt
    if is_stale(old, what.attempt) or (is_known and old["state"] == "exited"):
        return record
    known = old if is_known else found(record, what.attempt)
    known = {name: value for name, value in known.items() if name != "before"}
    state = "stopping" if known["state"] == "stopping" else "running"
    began = now.mono - max(0.0, now.wall - what.started)
    is_adopted = known["is_adopted"] or known["began"] - began > ASKED_TWICE_SECONDS
    ids = {"id": what.container_id, "image_id": what.image_id, "started": what.started}
    return with_entry(
        record, what.container, {**known, "state": state, **ids, "began": began, "is_adopted": is_adopted}
    )


def _not_created(record: Record | None, what: ContainerNotCreated, now: Now) -> Record | None:
    """The attempt has not happened; the next try looks for the image first, as every start does."""
    old = entry_of(record, what.container)
    if record is None or old.get("attempt") != what.attempt or old["state"] not in LIVE:
        return record
    others = {name: entry for name, entry in record["containers"].items() if name != what.container}
    before = {what.container: old["before"]} if old.get("before") else {}
    failures = image_of(record, what.container).get("failures", 0) + 1
    why = {"reason": what.reason, "message": what.message, "failures": failures, "at": now.mono}
    return with_image({**record, "containers": {**others, **before}}, what.container, {"state": "failed", **why})


def _exited(record: Record | None, what: ContainerExited, now: Now) -> Record:
    record = record or fresh(what)
    old = entry_of(record, what.container)
    if is_stale(old, what.attempt):
        return record
    known = old if old.get("attempt") == what.attempt else found(record, what.attempt)
    known = {name: value for name, value in known.items() if name != "before"}
    end = {
        "id": what.container_id or known.get("id", ""),
        "code": what.exit_code,
        "signal": what.signal,
        "reason": what.reason,
        "message": what.message,
        "started": what.started,
        "finished": what.finished,
        "at": now.mono - max(0.0, now.wall - what.finished),
    }
    record = with_entry(record, what.container, {**known, "state": "exited", **end})
    image = image_of(record, what.container)
    return with_image(record, what.container, used(image)) if image else record


def _stop(record: Record | None, what: StopContainer, now: Now) -> Record | None:
    entry = entry_of(record, what.container)
    if record is None or entry.get("state") not in LIVE:
        return record
    times = {"stop_at": entry.get("stop_at", now.mono), "kill_at": now.mono + what.grace_seconds}
    return with_entry(record, what.container, {**entry, "state": "stopping", **times})


def _resize(record: Record | None, what: ResizeContainer, now: Now) -> Record | None:
    return with_changes(record, what, _asked_limits(what, now))


def _resized(record: Record | None, what: ContainerResized, now: Now) -> Record | None:
    asked = entry_of(record, what.container).get("resize")
    return with_changes(record, what, _got_limits(asked, what, now)) if asked else record


def _resize_sandbox(record: Record | None, what: ResizeSandbox, now: Now) -> Record | None:
    return {**record, **_asked_limits(what, now)} if record else None


def _sandbox_resized(record: Record | None, what: SandboxResized, now: Now) -> Record | None:
    asked = record.get("resize") if record else None
    return {**record, **_got_limits(asked, what, now)} if record and asked else record


def _asked_limits(what: ResizeContainer | ResizeSandbox, now: Now) -> dict[str, Any]:
    asked = {"limits": [what.memory_limit_bytes, what.cpu_limit_millis], "is_in_flight": True, "trouble": ""}
    return {"resize": {**asked, "message": "", "at": now.mono}}


def _got_limits(asked: Json, what: ContainerResized | SandboxResized, now: Now) -> dict[str, Any]:
    if not what.trouble:
        return {"limits": asked["limits"], "resize": None}
    told = {"is_in_flight": False, "trouble": what.trouble, "message": what.message, "at": now.mono}
    return {"resize": {**asked, **told}}


def _probe(record: Record | None, what: RunProbe, now: Now) -> Record | None:
    thresholds = {"successes": what.success_threshold, "failures": what.failure_threshold}
    return with_probe(record, what, {"is_in_flight": True, "sent": now.mono, **thresholds})


def _probed(record: Record | None, what: Probed, now: Now) -> Record | None:
    old = dig(record, "containers", what.container, "probes", what.probe, default={})
    run = old.get("run", 0) + 1 if old.get("is_success") is what.is_success else 1
    needed = old.get("successes", 1) if what.is_success else old.get("failures", 1)
    verdict = what.is_success if run >= needed else old.get("verdict")
    result = {"is_success": what.is_success, "run": run, "verdict": verdict, "message": what.message}
    return with_probe(record, what, {"is_in_flight": False, "at": now.mono, **result})


def end_of(entry: Json) -> Json:
    """How an attempt ended, to be kept as `last`."""
    return {field: entry[field] for field in END if field in entry}


_FOLDS: Mapping[type, Fold] = {
    RunSandbox: _run_sandbox,
    SandboxRunning: _running,
    SandboxFailed: _failed,
    RemoveSandbox: _remove,
    SandboxRemoved: _removed,
    UpdateVolume: _update_volume,
    PullImage: _pull,
    ImagePulling: _pulling,
    ImageReady: _image_ready,
    ImageFailed: _image_failed,
    StartContainer: _start,
    ContainerStarted: _started,
    ContainerNotCreated: _not_created,
    ContainerExited: _exited,
    StopContainer: _stop,
    ResizeSandbox: _resize_sandbox,
    SandboxResized: _sandbox_resized,
    ResizeContainer: _resize,
    ContainerResized: _resized,
    MeasureStorage: _measure,
    StorageMeasured: _measured,
    RunProbe: _probe,
    Probed: _probed,
}
