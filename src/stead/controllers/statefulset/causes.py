"""Why a pod is not Ready, as far as the objects around it tell: claims, class, node, containers."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from stead.controllers.statefulset import identity
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.roster import Slot
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig


class Cause(NamedTuple):
    """A half sentence that goes after "web-1 is not Ready: ", and what a person can do, "" if nothing."""

    text: str
    remedy: str = ""


_REMEDIES = {
    "CrashLoopBackOff": "see what it says: {kubectl} logs {pod} -c {container} --previous",
    "ErrImagePull": "correct the image, or make it available to the node",
    "ImagePullBackOff": "correct the image, or make it available to the node",
    "InvalidImageName": "correct the image's name",
    "ErrImageNeverPull": "bring the image to the node, or change imagePullPolicy",
    "CreateContainerConfigError": "create the ConfigMap, Secret or key that it names",
    "RunContainerError": "correct the container's command",
}


_SCHEDULING = {
    "node affinity/selector": "correct nodeSelector and affinity in the template, or label a node to fit",
    "untolerated taint": "tolerate the taint in the template, or take it off the node",
    "Insufficient": "ask for less in the template, or free some on the node",
    "unschedulable": "kubectl uncordon the node",
    "free ports": "leave out hostPort, or free the port",
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
            yield Cause(f"its claim {name} does not exist yet")
        elif meta.is_terminating(claim):
            yield Cause(f"its claim {name} is being deleted")
        elif dig(claim, "status", "phase") != "Bound":
            yield _unbound(observed, name, claim)


def _unbound(observed: Observed, name: str, claim: Json) -> Cause:
    wanted = dig(claim, "spec", "storageClassName")
    if not wanted:
        fitting = "create a PersistentVolume that fits it, or name a storageClassName"
        return Cause(f"its claim {name} is not bound and names no StorageClass", fitting)
    if "StorageClass" not in observed.cache.unseen and observed.cache.get(Key("StorageClass", "", wanted)) is None:
        remedy = f'create the StorageClass "{wanted}", or a PersistentVolume of that class'
        return Cause(f'its claim {name} is not bound: there is no StorageClass "{wanted}"', remedy)
    return Cause(
        f'its claim {name} is not bound yet (StorageClass "{wanted}")',
        f"see what holds it: {observed.kubectl} describe pvc {name}",
    )


def _of_scheduling(observed: Observed, slot: Slot) -> Iterator[Cause]:
    scheduled = meta.condition(slot.pod, "PodScheduled")
    if scheduled is not None and scheduled.get("status") == "False":
        told = str(scheduled.get("message") or scheduled.get("reason", ""))
        remedy = next((remedy for words, remedy in _SCHEDULING.items() if words in told), "")
        yield Cause(f"it has no node: {told}".rstrip(": ."), remedy)


def _of_node(observed: Observed, slot: Slot) -> Iterator[Cause]:
    node = dead_node(observed, slot.pod)
    if node:
        yield Cause(f"its node {node} is not Ready", f"bring node {node} back")


def _of_containers(observed: Observed, slot: Slot) -> Iterator[Cause]:
    status = slot.pod.get("status") or {}
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for container in found:
        name = container.get("name", "")
        waiting = dig(container, "state", "waiting")
        if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            reason, message = waiting["reason"], waiting.get("message")
            remedy = _REMEDIES.get(reason, "").format(kubectl=observed.kubectl, pod=slot.name, container=name)
            told = f"container {name} waits: {reason}{f' ({_brief(message)})' if message else ''}"
            yield Cause(told + _last_end(container), remedy)
    for container in status.get("containerStatuses") or ():
        name = container.get("name", "")
        if dig(container, "state", "running") is not None and not container.get("ready"):
            remedy = f"see what its readiness probe says: {observed.kubectl} describe pod {slot.name}"
            yield Cause(f"container {name} runs and is not ready", remedy)
        elif dig(container, "state", "terminated"):
            remedy = f"see what it says: {observed.kubectl} logs {slot.name} -c {name}"
            yield Cause(f"container {name} ended with {_end(container['state']['terminated'])}", remedy)
        elif dig(container, "state", "waiting"):
            yield Cause(f"container {name} is being made")


def _brief(message: str) -> str:
    """A back-off's length without the ids that follow it."""
    return message.partition(" restarting failed container")[0]


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
)
