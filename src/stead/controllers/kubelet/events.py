"""What the kubelet tells people, read off the difference between the status that was and the one that will be.

So each event is told once: with the patch that makes the difference, and never again. How a container's image comes
changes no status, and is told as the runtime reports it (`at_once`).
"""

from collections.abc import Iterator, Mapping

from stead.controllers.kubelet import resizing
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.round import NOT_CREATED, Round
from stead.machinery import meta, times
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Emit
from stead.machinery.runtime import ContainerNotCreated, ImagePulling, ImageReady, PodEvent

# reason of a waiting container -> type, reason and message of its event ({}: the container's image or name)
WAITING: Mapping[str, tuple[str, str]] = {
    "CrashLoopBackOff": ("Warning", "BackOff"),
    "ImagePullBackOff": ("Normal", "BackOff"),
    "ErrImagePull": ("Warning", "Failed"),
    "ErrImageNeverPull": ("Warning", "ErrImageNeverPull"),
    "InvalidImageName": ("Warning", "InspectFailed"),
    "CreateContainerConfigError": ("Warning", "Failed"),
}


FIELDS = ("initContainers", "containers", "ephemeralContainers")


def at_once(pod: Json, what: PodEvent) -> Iterator[Emit]:
    """The events of what the runtime reports about a pod's images, and about containers that it cannot make: each time
    it is tried.
    """
    if isinstance(what, ContainerNotCreated) and what.reason == "ContainerCreating":
        yield Emit(pod, "Warning", "FailedMount", what.message)
        return
    if not isinstance(what, ImagePulling | ImageReady | ContainerNotCreated):
        return
    named = ((part, one) for part in FIELDS for one in pod["spec"].get(part) or () if one["name"] == what.container)
    for part, container in named:
        place = f"spec.{part}{{{what.container}}}"
        if isinstance(what, ContainerNotCreated):
            yield Emit(pod, "Warning", "Failed", f"Error: {what.message}", place)
            return
        for reason, message in _of_image(container.get("image", ""), what):
            yield Emit(pod, "Normal", reason, message, place)


def _of_image(image: str, what: ImagePulling | ImageReady) -> Iterator[tuple[str, str]]:
    if isinstance(what, ImagePulling):
        yield "Pulling", f'Pulling image "{image}"'
        return
    if what.alias:
        yield "ImageAliased", f'Image "{image}" stands for "{what.alias}"'
    if what.pulled_seconds is None:
        yield "Pulled", f'Container image "{image}" already present on machine and can be accessed by the pod'
        return
    seconds = times.go_duration(what.pulled_seconds)
    took = f"in {seconds} ({seconds} including waiting). Image size: {what.size_bytes} bytes."
    yield "Pulled", f'Successfully pulled image "{image}" {took}'


def told(round_: Round, new: Json) -> list[Emit]:
    """The events that go with the pod's new status."""
    events = list(_of_sandbox(round_, new))
    fields = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    statuses = [status for field in fields for status in new.get(field) or ()]
    for life, status in zip(round_.lives.all, statuses, strict=True):
        events += _of_container(round_, life, status)
    return [*events, *_of_resizing(round_, new)]


def _of_resizing(round_: Round, new: Json) -> Iterator[Emit]:
    """What becomes of a resize; one of requests alone is done as soon as it is seen."""
    was, is_ = resizing.told_of(round_.pod), resizing.told_of({"status": new})
    for type_, (reason, message) in is_.items():
        if was.get(type_) == (reason, message):
            continue
        if type_ == resizing.PENDING:
            yield round_.event("Warning", f"Resize{reason}", resizing.summary(round_.pod, reason, message))
        elif reason:
            yield round_.event("Warning", f"Resize{reason}", resizing.summary(round_.pod, reason.lower(), message))
        elif type_ not in was:
            yield round_.event("Normal", "ResizeStarted", resizing.summary(round_.pod, "started"))
    is_seen = not was and not is_ and round_.is_asked_anew
    if is_seen or (resizing.PENDING in was and not is_):
        yield round_.event("Normal", "ResizeStarted", resizing.summary(round_.pod, "started"))
    if is_seen or (was and not is_):
        yield round_.event("Normal", "ResizeCompleted", resizing.summary(round_.pod, "completed"))


def _of_sandbox(round_: Round, new: Json) -> Iterator[Emit]:
    record, was_ready = round_.observed.record, meta.has_condition(round_.pod, "PodReadyToStartContainers")
    is_ready = meta.has_condition({"status": new}, "PodReadyToStartContainers")
    if record and record["note"] and is_ready and not was_ready:
        yield round_.event("Normal", "Runtime", record["note"])
    if record and record["state"] == "failed" and was_ready:
        yield round_.event("Normal", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")


def _of_container(round_: Round, life: Life, status: Json) -> Iterator[Emit]:
    started = status.get("containerID")
    failed = dig(status, "state", "waiting", "reason") == "RunContainerError"
    if started and started != life.told.get("containerID") and ("waiting" not in status["state"] or failed):
        yield from _of_start(round_, life, status)
    waiting, was = dig(status, "state", "waiting"), dig(life.told, "state", "waiting", default={})
    if waiting and (waiting["reason"], waiting.get("message")) != (was.get("reason"), was.get("message")):
        yield from _of_waiting(round_, life, waiting)


def _of_start(round_: Round, life: Life, status: Json) -> Iterator[Emit]:
    yield round_.event("Normal", "Created", "Container created", life)
    ended = dig(status, "state", "terminated") or dig(status, "lastState", "terminated", default={})
    if "running" not in status["state"] and ended.get("reason") == "StartError":
        yield round_.event("Warning", "Failed", f"Error: {ended.get('message', '')}", life)
        return
    yield round_.event("Normal", "Started", "Container started", life)


def _of_waiting(round_: Round, life: Life, waiting: Json) -> Iterator[Emit]:
    image, reason, message = life.spec.get("image", ""), str(waiting["reason"]), str(waiting.get("message", ""))
    if life.image.get("reason") in NOT_CREATED and life.image.get("message") == message:
        return  # told at once
    if reason == "ContainerCreating" and message:
        is_mount = message == round_.ground.problem
        yield round_.event("Warning", "FailedMount" if is_mount else "FailedCreatePodSandBox", message)
    if reason not in WAITING:
        return
    texts = {
        "CrashLoopBackOff": f"Back-off restarting failed container {life.name} in pod {round_.full_name}",
        "ImagePullBackOff": f'Back-off pulling image "{image}"',
        "ErrImagePull": f'Failed to pull image "{image}": {message}',
        "CreateContainerConfigError": f"Error: {message}",
    }
    type_, event = WAITING[reason]
    yield round_.event(type_, event, texts.get(reason) or message, life)
    if reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"):
        yield round_.event("Warning", "Failed", f"Error: {reason}", life)
