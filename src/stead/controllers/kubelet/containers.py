"""The container state machine, as a table: from what a container is doing to the next thing to do about it.

(never started)   have its image, then start attempt 0; every later start asks for the image again
unknown           the same attempt again: the runtime says what became of it
exited            after the back-off the next attempt, where the restart policy wants one
starting, running, stopping   nothing: an event will come
"""

from collections.abc import Callable, Mapping

from stead.controllers.kubelet import backoff, environment, privileges, probes, starts
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.round import NOT_CREATED, Round, Steps, Trouble, held_up
from stead.machinery import times
from stead.machinery.objects import Json
from stead.machinery.plan import Plan

FRESH_SECONDS = 2.0  # a failed pull or start shows its own reason so long, then that it waits
FINAL_IMAGE_REASONS = ("ErrImageNeverPull", "InvalidImageName", *NOT_CREATED)


def walk(round_: Round) -> Steps:
    """Ephemeral containers whenever they come; init containers one after the other, a sidecar until it has started;
    then all others at once.
    """
    steps, lives = Steps(), round_.lives
    for life in lives.ephemerals:
        steps += _STEPS[life.state](round_, life)
    for life in lives.inits:
        if life.is_sidecar or not lives.has_begun:
            steps += _STEPS[life.state](round_, life)
        if not lives.has_begun and not is_passed(round_, life):
            return steps
    for life in lives.mains:
        steps += _STEPS[life.state](round_, life)
    return steps


def is_passed(round_: Round, life: Life) -> bool:
    """Whether the container after this init container may start."""
    if life.is_sidecar:
        return probes.has_started(life, round_.now)
    return life.has_succeeded and not life.is_past


# --- the steps


def _first(round_: Round, life: Life) -> Steps:
    return _begin(round_, life, 0)


def _again(round_: Round, life: Life) -> Steps:
    return _begin(round_, life, life.attempt)


def _after(round_: Round, life: Life) -> Steps:
    if not life.is_to_restart:
        return Steps()
    if left := backoff.seconds_left(life.restart_due, round_.now.mono):
        if fresh := _fresh_failure(round_, life):
            return held_up(life, Trouble("RunContainerError", life.entry.get("message", "")), min(fresh, left))
        delay = times.go_duration(backoff.delay_after(life.entry))
        message = f"back-off {delay} restarting failed container={life.name} pod={round_.full_name}"
        return held_up(life, Trouble("CrashLoopBackOff", message), left)
    return _begin(round_, life, life.attempt + 1)


def _fresh_failure(round_: Round, life: Life) -> float:
    """For how many seconds yet a start that failed shows its own reason."""
    is_failure = life.entry.get("reason") == "StartError"
    return backoff.seconds_left(life.entry["at"] + FRESH_SECONDS, round_.now.mono) if is_failure else 0.0


def _nothing(round_: Round, life: Life) -> Steps:
    return Steps()


def _begin(round_: Round, life: Life, attempt: int) -> Steps:
    """Image first, then variables, then the start."""
    if life.image.get("state") != "ready" or life.image.get("image") != life.spec.get("image", ""):
        return _image(round_, life)
    found = environment.resolve(round_.observed, life.spec, round_.settings)
    if found.problem:
        return held_up(life, Trouble("CreateContainerConfigError", found.problem))
    if problem := privileges.problem(round_, life):
        return held_up(life, Trouble("CreateContainerConfigError", problem))
    if round_.ground.problem:
        return held_up(life, Trouble("ContainerCreating", round_.ground.problem))
    target = life.spec.get("targetContainerName")
    if target and not any(other.name == target and other.state == "running" for other in round_.lives.all):
        return held_up(life, Trouble("CreateContainerConfigError", f"unable to find target container {target}"))
    return Steps(Plan((starts.start_container(round_, life, attempt, found.values),)))


def _image(round_: Round, life: Life) -> Steps:
    image, mono = life.image, round_.now.mono
    if image.get("state") == "pulling":
        return held_up(life, _pull_trouble(life, 0.0)) if image.get("failures") else Steps()
    if image.get("state") != "failed" or image.get("image") != life.spec.get("image", ""):
        return Steps(Plan((starts.pull_image(round_, life),)))
    if left := backoff.seconds_left(image["at"] + _pause(image), mono):
        fresh = backoff.seconds_left(image["at"] + FRESH_SECONDS, mono)
        return held_up(life, _pull_trouble(life, fresh), min(fresh or left, left))
    return Steps(Plan((starts.pull_image(round_, life),)), {life.name: _pull_trouble(life, 0.0)})


def _pause(image: Json) -> float:
    """What no registry was asked for is looked for again soon: somebody may have imported it."""
    is_final = image["reason"] in FINAL_IMAGE_REASONS
    return backoff.FIRST_SECONDS if is_final else backoff.after_failures(image["failures"])


def _pull_trouble(life: Life, fresh: float) -> Trouble:
    image: Json = life.image
    if fresh or image["reason"] in FINAL_IMAGE_REASONS:
        return Trouble(image["reason"], image["message"])
    why = f"{image['reason']}: {image['message']}"
    return Trouble("ImagePullBackOff", f'Back-off pulling image "{life.spec.get("image", "")}": {why}')


_STEPS: Mapping[str, Callable[[Round, Life], Steps]] = {
    "": _first,
    "unknown": _again,
    "exited": _after,
    "starting": _nothing,
    "running": _nothing,
    "stopping": _nothing,
}
