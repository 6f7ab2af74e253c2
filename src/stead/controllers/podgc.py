"""Pod garbage: pods that nobody will ever end, because they have no node or their node is gone or given up (3.7).

How long a node has been gone is written down, where a restart does not forget it: in a Lease `podgc-NODE` that is
made when it is first missed and removed when it is back or has no pods any more.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from stead.kinds.placed import Placed, node_of
from stead.kinds.pod import PodView
from stead.machinery import meta, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Create,
    Delete,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Waiting,
)
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

QUARANTINE_SECONDS = 40  # how long a node must be gone before its pods are
MOST_TERMINAL = 12_500  # pods that are done and may stay
LEASES, PREFIX = "kube-node-lease", "podgc-"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
TERMINAL = Key("Pod", "", "")  # the turn of those that are done


class Finished:
    """An index of the pods that are done."""

    kinds = ("Pod",)

    def __init__(self) -> None:
        self.pods: dict[Key, Json] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Pod":
            return
        if new is not None and PodView(new).is_terminal:
            self.pods[key] = new
        else:
            self.pods.pop(key, None)


class Observed(Struct, frozen=True):
    """A pod without a node, a node's pods, or (TERMINAL) the oldest of those that are done and too many."""

    key: Key
    pods: tuple[tuple[Key, Json], ...]
    node: Json | None = None
    lease: Json | None = None


class PodGarbage:
    name = "podgc"
    kinds = ("Pod", "Node", "Lease")

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind, _, name = event.key
        if kind == "Node":
            return [event.key]
        if kind == "Lease" and name.startswith(PREFIX) and event.key.namespace == LEASES:
            return [Key("Node", "", name.removeprefix(PREFIX))]
        return _turns_of_pod(event, cache) if kind == "Pod" else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        if key == TERMINAL:
            finished = cache.index(Finished).pods
            surplus = len(finished) - MOST_TERMINAL
            return Observed(key, tuple(sorted(finished.items(), key=_age)[:surplus])) if surplus > 0 else None
        if key.kind == "Pod":
            pod = cache.get(key)
            return Observed(key, ((key, pod),)) if pod is not None and _is_homeless(pod) else None
        lease = cache.get(Key("Lease", LEASES, PREFIX + key.name))
        node = cache.get(key)
        if node is not None and lease is None and not _is_given_up(node):
            return None
        return Observed(key, tuple(cache.index(Placed).on(key.name).items()), node, lease)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if observed.key.kind == "Pod":
            return Plan(tuple(action for key, pod in observed.pods for action in _end(key, pod)))
        if observed.node is None and observed.pods:
            return _orphans(observed, now)
        return _forgotten(observed.lease) + _given_up(observed)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """A pod that is gone already is as it should be."""
        is_gone = isinstance(outcome, Refused) and outcome.reason == "NotFound" and not isinstance(action, Create)
        return Reaction(is_failure=False) if is_gone else NO_REACTION


def _turns_of_pod(event: WatchEvent, cache: Cache) -> Iterable[Key]:
    home = Key("Node", "", node_of(event.obj))
    node = cache.get(home) if home.name else None
    is_lost = bool(home.name) and node is None
    if event.type == "DELETED":
        return [home] if is_lost else []
    is_terminating = meta.is_terminating(event.obj)
    turns = [event.key] if is_terminating and not home.name else []
    if len(cache.index(Finished).pods) > MOST_TERMINAL and PodView(event.obj).is_terminal:
        turns.append(TERMINAL)
    if is_lost or (is_terminating and node is not None and _is_given_up(node)):
        turns.append(home)
    return turns


def _is_homeless(pod: Json) -> bool:
    return meta.is_terminating(pod) and not PodView(pod).node


def _is_given_up(node: Json) -> bool:
    """3.6.3: a person says that it will not come back, and it does not contradict."""
    tainted = any(taint["key"] == OUT_OF_SERVICE for taint in dig(node, "spec", "taints", default=[]))
    return tainted and not meta.has_condition(node, "Ready")


def _orphans(observed: Observed, now: Now) -> Plan:
    """3.6.3: pods of a missing node, once it has been missing for long enough."""
    name = observed.key.name
    if observed.lease is None:
        since = {"holderIdentity": "podgc", "acquireTime": times.to_micro_text(now.wall)}
        metadata = {"name": PREFIX + name, "namespace": LEASES}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": since}
        return Plan((Create(lease),))
    since_text = str(dig(observed.lease, "spec", "acquireTime"))
    left = times.from_text(since_text) + QUARANTINE_SECONDS - now.wall
    if left > 0:
        told = f"node {name} is gone; its pods go in {QUARANTINE_SECONDS} seconds if it does not come back"
        return Plan(waiting=(Waiting(told, "3.6.3", observed.key, since_text),), wake_after_seconds=left)
    reason = _disruption("DeletionByPodGC", "PodGC: node no longer exists", now)
    return Plan(tuple(action for key, pod in observed.pods for action in _end(key, pod, reason)))


def _given_up(observed: Observed) -> Plan:
    if observed.node is None or not _is_given_up(observed.node):
        return Plan()
    ending = [(key, pod) for key, pod in observed.pods if meta.is_terminating(pod)]
    return Plan(tuple(action for key, pod in ending for action in _end(key, pod)))


def _forgotten(lease: Json | None) -> Plan:
    return Plan((Delete(Key("Lease", LEASES, meta.name(lease)), meta.uid(lease)),)) if lease is not None else Plan()


def _end(key: Key, pod: Json, condition: Json | None = None) -> Iterable[Action]:
    """Mark it Failed, if nobody has said how it ended, and remove it at once."""
    view = PodView(pod)
    status: dict[str, Any] = {} if view.is_terminal else {"phase": "Failed"}
    if condition is not None and meta.condition(pod, "DisruptionTarget") is None:
        status["conditions"] = [*dig(pod, "status", "conditions", default=[]), condition]
    if status:
        yield Patch(key, {"status": status}, subresource="status", uid=view.uid)
    yield Delete(key, view.uid, grace_seconds=0)


def _disruption(reason: str, message: str, now: Now) -> Json:
    return {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": now.text,
    }


def _age(item: tuple[Key, Json]) -> tuple[bool, str]:
    """Evicted pods first, then the oldest."""
    pod = item[1]
    return dig(pod, "status", "reason") != "Evicted", str(pod["metadata"].get("creationTimestamp", ""))
