"""Why a pod is not Ready, as far as the objects around it tell: claims, class, node, containers."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from stead.controllers.statefulset import identity, remedies
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.roster import Slot
from stead.kinds.placed import why_unplaced
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig


class Cause(NamedTuple):
    """A half sentence that goes after "web-1 is not Ready: ", and what a person can do, "" if nothing.

    `is_outside`: no template is to blame, so another one would not help.
    """

    text: str
    remedy: str = ""
    is_outside: bool = False


_Remedy: TypeAlias = Callable[[Observed, Slot, str, str], str]  # of a container by name, and what is said of it


def _look_at_logs(observed: Observed, slot: Slot, container: str, said: str) -> str:
    return f"see what it says: {observed.kubectl} logs {slot.name} -c {container} --previous"


def _correct_image(observed: Observed, slot: Slot, container: str, said: str) -> str:
    return f"correct the image: {remedies.correct_image(observed, slot, container)}"


def _bring_image(observed: Observed, slot: Slot, container: str, said: str) -> str:
    return f"{_correct_image(observed, slot, container, said)}; or bring it to the node: stead image import FILE"


def _correct_command(observed: Observed, slot: Slot, container: str, said: str) -> str:
    return f"correct its command: {remedies.correct_template(observed, slot)}"


def _create_what_is_named(observed: Observed, slot: Slot, container: str, said: str) -> str:
    return remedies.create_what_is_named(observed, said)


_REMEDIES: Mapping[str, _Remedy] = {
    "CrashLoopBackOff": _look_at_logs,
    "ErrImagePull": _bring_image,
    "ImagePullBackOff": _bring_image,
    "InvalidImageName": _correct_image,
    "ErrImageNeverPull": _bring_image,
    "CreateContainerConfigError": _create_what_is_named,
    "RunContainerError": _correct_command,
}
_PULLING = re.compile(r'^(Back-off pulling image "[^"]*": )?(ErrImagePull: )?(failed to pull image )?')
DEFAULT_SCHEDULER = "default-scheduler"
_NEVER_BEGAN = ("StartError", "ContainerCannotRun")


_SCHEDULING = {
    "node affinity/selector": "correct nodeSelector and affinity in the template, or label a node to fit",
    "untolerated taint": "tolerate the taint in the template, or take it off the node",
    "Insufficient": "ask for less in the template, or free some on the node",
    "free ports": "leave out hostPort, or free the port",
    "scheduling gates": "whoever set the gates must take them off; or leave schedulingGates out of the template",
}


def of(observed: Observed, slot: Slot) -> Cause:
    """The first cause found, from the outside in."""
    for look in _LOOKS:
        cause = next(look(observed, slot), None)
        if cause is not None:
            return cause
    return Cause(f"it is {slot.phase or 'not seen by any node yet'}")


def dead_node(observed: Observed, pod: Json) -> str:
    """The pod's node, if that is gone or not Ready and so nobody can confirm anything about the pod."""
    name = str(dig(pod, "spec", "nodeName", default=""))
    if not name or "Node" not in observed.cache.kinds():
        return ""
    node = observed.cache.get(Key("Node", "", name))
    return "" if node is not None and meta.has_condition(node, "Ready") else name


def _of_claims(observed: Observed, slot: Slot) -> Iterator[Cause]:
    if slot.phase == "Running":
        return
    for template in observed.spec.claim_templates:
        name = identity.claim_name(observed.spec, template, slot.ordinal)
        claim = observed.claim(name)
        if claim is None:
            yield Cause(f"its claim {name} does not exist yet", is_outside=True)
        elif meta.is_terminating(claim):
            yield Cause(f"its claim {name} is being deleted", is_outside=True)
        elif dig(claim, "status", "phase") == "Lost":
            yield _lost(observed, slot, name)
        elif dig(claim, "status", "phase") != "Bound":
            yield _unbound(observed, name, claim)


def _unbound(observed: Observed, name: str, claim: Json) -> Cause:
    wanted = dig(claim, "spec", "storageClassName")
    if not wanted:
        fitting = "create a PersistentVolume that fits it, or name a storageClassName"
        return Cause(f"its claim {name} is not bound and names no StorageClass", fitting, is_outside=True)
    if "StorageClass" not in observed.cache.unseen and observed.cache.get(Key("StorageClass", "", wanted)) is None:
        remedy = f'create the StorageClass "{wanted}", or a PersistentVolume of that class'
        return Cause(f'its claim {name} is not bound: there is no StorageClass "{wanted}"', remedy, is_outside=True)
    return Cause(
        f'its claim {name} is not bound yet (StorageClass "{wanted}")',
        f"see what holds it: {observed.kubectl} describe pvc {name}",
        is_outside=True,
    )


def _lost(observed: Observed, slot: Slot, claim: str) -> Cause:
    renewed = f"{observed.kubectl} delete pvc {claim} && {remedies.delete_pod(observed, slot.name)}"
    text = f"its claim {claim} has lost its volume, and what was on it"
    return Cause(text, f"for a new and empty volume: {renewed}", is_outside=True)


def _of_scheduling(observed: Observed, slot: Slot) -> Iterator[Cause]:
    scheduled = meta.condition(slot.pod, "PodScheduled")
    scheduler = str(dig(slot.pod, "spec", "schedulerName", default=DEFAULT_SCHEDULER))
    if scheduled is not None and scheduled.get("status") == "False":
        told = why_unplaced(str(scheduled.get("message") or scheduled.get("reason", "")))
        remedy = next((remedy for words, remedy in _SCHEDULING.items() if words in told), "")
        if "unschedulable" in told:
            remedy = remedies.uncordon(observed)
        yield Cause(f"it has no node: {told}".rstrip(": ."), remedy)
    elif scheduled is None and scheduler != DEFAULT_SCHEDULER and not dig(slot.pod, "spec", "nodeName"):
        remedy = f'run the scheduler "{scheduler}", or leave out schedulerName: '
        remedy += remedies.correct_template(observed, slot)
        yield Cause(f'it has no node: its scheduler "{scheduler}" has not looked at it', remedy)


def _of_node(observed: Observed, slot: Slot) -> Iterator[Cause]:
    node = dead_node(observed, slot.pod)
    if node:
        yield Cause(f"its node {node} is not Ready", f"bring node {node} back", is_outside=True)


def _of_containers(observed: Observed, slot: Slot) -> Iterator[Cause]:
    status = slot.pod.get("status") or {}
    begin, main = status.get("initContainerStatuses") or (), status.get("containerStatuses") or ()
    for container in (*begin, *main):
        yield from _of_waiting(observed, slot, container, "init container" if container in begin else "container")
    for container in begin:
        yield from _of_beginning(observed, slot, container)
    for container in main:
        yield from _of_state(observed, slot, container)


def _of_waiting(observed: Observed, slot: Slot, container: Json, word: str) -> Iterator[Cause]:
    waiting, name = dig(container, "state", "waiting"), container.get("name", "")
    if not waiting or waiting.get("reason") in (None, "ContainerCreating", "PodInitializing"):
        return
    reason, message = waiting["reason"], str(waiting.get("message") or "")
    remedy = _REMEDIES.get(reason)
    if dig(container, "lastState", "terminated", "reason") in _NEVER_BEGAN:
        remedy = _correct_command
    told = f"{word} {name} waits: {reason}{f' ({_brief(message)})' if message else ''}"
    yield Cause(told + _last_end(container), remedy(observed, slot, name, message) if remedy else "")


def _of_beginning(observed: Observed, slot: Slot, container: Json) -> Iterator[Cause]:
    name, ended = container.get("name", ""), dig(container, "state", "terminated")
    if ended and ended.get("exitCode"):
        remedy = f"see what it says: {observed.kubectl} logs {slot.name} -c {name}"
        yield Cause(f"init container {name} ended with {_end(ended)}", remedy)
    elif dig(container, "state", "running") is not None and not container.get("started"):
        yield Cause(f"init container {name} has not ended yet")


def _of_state(observed: Observed, slot: Slot, container: Json) -> Iterator[Cause]:
    name = container.get("name", "")
    if dig(container, "state", "running") is not None and not container.get("ready"):
        remedy = f"see what its readiness probe says: {observed.kubectl} describe pod {slot.name}"
        yield Cause(f"container {name} runs and is not ready", remedy)
    elif dig(container, "state", "terminated"):
        remedy = f"see what it says: {observed.kubectl} logs {slot.name} -c {name}"
        yield Cause(f"container {name} ended with {_end(container['state']['terminated'])}", remedy)
    elif dig(container, "state", "waiting"):
        yield Cause(f"container {name} is being made")


def _of_gates(observed: Observed, slot: Slot) -> Iterator[Cause]:
    """Its containers are ready, and somebody else has yet to say that it is."""
    gates = [gate["conditionType"] for gate in dig(slot.pod, "spec", "readinessGates", default=[])]
    closed = [gate for gate in gates if not meta.has_condition(slot.pod, gate)]
    if closed and meta.has_condition(slot.pod, "ContainersReady"):
        told = f"its readiness gate {closed[0]} is not open (condition {closed[0]} of the pod is not True)"
        without = f"or leave readinessGates out of the template: {remedies.correct_template(observed, slot)}"
        yield Cause(told, f"whoever sets that condition must set it; {without}")


def _brief(message: str) -> str:
    """A back-off's length without the ids that follow it; of an image what was the trouble with it, said once."""
    short = message.partition(" restarting failed container")[0]
    return _PULLING.sub("", short)


def _last_end(container: Json) -> str:
    """How it ended the last time, if it did."""
    ended = dig(container, "lastState", "terminated")
    return f", it ended with {_end(ended)}" if ended else ""


def _end(ended: Json) -> str:
    """Exit code, why, and the last line of what it left as its message."""
    reason, message = ended.get("reason") or "", str(ended.get("message") or "").strip()
    told = f"exit code {ended.get('exitCode', 0)}" + (f" ({reason})" if reason else "")
    return f'{told}, saying "{message.splitlines()[-1]}"' if message else told


_LOOKS: tuple[Callable[[Observed, Slot], Iterator[Cause]], ...] = (
    _of_claims,
    _of_scheduling,
    _of_node,
    _of_containers,
    _of_gates,
)
