"""Whether nodes live: who stops telling is Unknown after its grace, and its taints say so (3.6 in around.md).

A late heartbeat is noted on its Lease first and judged some seconds later, if it is still the same: after a pause of
this process, or of the whole machine, everyone has the time to speak again before anything is said of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from stead.kinds.placed import Placed
from stead.machinery import meta, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Done,
    Emit,
    Fence,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Waiting,
)
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

GRACE_SECONDS, STARTUP_SECONDS = 50.0, 60.0
SUSPECT_SHARE = 5  # of the grace: so much of it a late node is suspected before it is judged
LEASES, MISSED = "kube-node-lease", "stead.dev/missed-after"
OF_READY = {"False": "node.kubernetes.io/not-ready", "Unknown": "node.kubernetes.io/unreachable"}
OF_PRESSURE = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OURS = frozenset((*OF_READY.values(), *OF_PRESSURE.values(), UNSCHEDULABLE))
SPOKEN_FOR = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")  # what only the node itself can know


REGISTERED, REMOVED = "RegisteredNode", "RemovingNode"


class Census:
    """An index: nodes that came or went, until somebody is told. After a restart all have come."""

    kinds = ("Node",)

    def __init__(self) -> None:
        self.came: dict[Key, Json] = {}
        self.gone: dict[Key, Json] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Node" and old is None and new is not None:
            self.came[key] = new
        elif key.kind == "Node" and old is not None and new is None:
            self.gone[key] = old


class Observed(Struct, frozen=True):
    """A node, its Lease, and its pods, read on the spot; how long it may be silent, in seconds.

    `is_anyone_ready`: some node is, this one or another.
    """

    grace: float
    node: Json
    lease: Json | None
    pods: Mapping[Key, Json]
    is_anyone_ready: bool
    census: Census

    @property
    def key(self) -> Key:
        return key_of("Node", self.node)


class Gone(Struct, frozen=True):
    """A node that is not there any more, of which nobody has been told."""

    key: Key
    census: Census


class NodeLife:
    """`grace` is upstream's node-monitor-grace-period, in seconds."""

    name = "nodelife"
    kinds = ("Node",)

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self.grace = grace

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        """All nodes, where one becomes Ready or does not stay so: it may have been the last."""
        if event.key.kind != "Node":
            return []
        is_same = event.type == "MODIFIED" and event.old is not None and _is_ready(event.old) == _is_ready(event.obj)
        if is_same:
            return [event.key]
        return dict.fromkeys([event.key, *(key_of("Node", node) for node in cache.all("Node"))])

    def observe(self, cache: Cache, key: Key) -> Observed | Gone | None:
        node, census = cache.get(key), cache.index(Census)
        if node is None:
            return Gone(key, census) if key in census.gone else None
        lease = cache.get(Key("Lease", LEASES, key.name))
        is_anyone_ready = any(map(_is_ready, cache.all("Node")))
        return Observed(self.grace, node, lease, cache.index(Placed).on(key.name), is_anyone_ready, census)

    def reconcile(self, observed: Observed | Gone, now: Now) -> Plan:
        told = Plan(tuple(_news(observed.census, observed.key)))
        return told if isinstance(observed, Gone) else told + _tainted(observed, now) + _judged(observed, now)

    def react(self, observed: Observed | Gone, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """News are told once. A pod or Lease that is gone needs nothing said of it."""
        if isinstance(action, Emit) and isinstance(outcome, Done):
            told = {REGISTERED: observed.census.came, REMOVED: observed.census.gone}
            told.get(action.reason, {}).pop(observed.key, None)
        is_gone = isinstance(outcome, Refused) and outcome.reason == "NotFound"
        return Reaction(is_failure=False) if is_gone else NO_REACTION


def _news(census: Census, key: Key) -> Iterator[Emit]:
    name = key.name
    if key in census.gone:
        told = f"Node {name} event: Removing Node {name} from Controller"
        yield Emit(census.gone[key], "Normal", REMOVED, told)
    if key in census.came:
        yield Emit(census.came[key], "Normal", REGISTERED, f"Node {name} event: Registered Node {name} in Controller")


# --- life (3.6.1)


def _judged(observed: Observed, now: Now) -> Plan:
    last, grace = _last_word(observed)
    silence, suspected = now.wall - last, min(grace, GRACE_SECONDS) / SUSPECT_SHARE
    if _is_unknown(observed.node):
        return Plan(waiting=(_waiting(observed.node),))
    if silence < 0:
        return Plan()
    if silence < grace - suspected:
        return Plan(wake_after_seconds=grace - suspected - silence)
    renewed = dig(observed.lease, "spec", "renewTime", default="")
    if observed.lease is not None and meta.annotations(observed.lease).get(MISSED) != renewed:
        noted = Patch(key_of("Lease", observed.lease), {"metadata": {"annotations": {MISSED: renewed}}})
        return Plan((noted,), wake_after_seconds=max(suspected, grace - silence))
    if silence < grace:
        return Plan(wake_after_seconds=grace - silence)
    return _lost(observed, now)


def _last_word(observed: Observed) -> tuple[float, float]:
    """When the node last spoke (wall seconds), and how long it may be silent after that."""
    ready = meta.condition(observed.node, "Ready") or {}
    words = [dig(observed.lease, "spec", "renewTime"), ready.get("lastHeartbeatTime")]
    heard = [times.from_text(str(word)) for word in words if word]
    if heard:
        return max(heard), observed.grace
    return times.from_text(str(observed.node["metadata"]["creationTimestamp"])), STARTUP_SECONDS


def _is_ready(node: Json) -> bool:
    return meta.has_condition(node, "Ready")


def _is_unknown(node: Json) -> bool:
    return meta.has_condition(node, "Ready", "Unknown")


def _lost(observed: Observed, now: Now) -> Plan:
    """Its pods are not Ready any more, for all anybody knows; then the node is Unknown."""
    node, name = observed.node, meta.name(observed.node)
    told = Emit(node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady")
    status = Patch(
        key_of("Node", node),
        {"status": {"conditions": _silent(node, now)}},
        subresource="status",
        if_revision=meta.resource_version(node),
    )
    pods = tuple(_unready(observed.pods, now))
    return Plan((*_unrenewed(observed.lease), *pods, Fence(), status, told), waiting=(_waiting(node),))


def _waiting(node: Json) -> Waiting:
    """3.6.3: the ways out."""
    remedy = "bring it back; if it will not come back, kubectl delete node {0}, or taint it " + OUT_OF_SERVICE
    ready = meta.condition(node, "Ready") or {}
    since = str(ready.get("lastTransitionTime") or "") if _is_unknown(node) else ""
    told = f"node {meta.name(node)} stopped posting its status"
    return Waiting(told, "3.6.1", key_of("Node", node), since, remedy.format(meta.name(node)))


def _unrenewed(lease: Json | None) -> tuple[Action | Fence, ...]:
    """Change nothing, but go no further if the lease was renewed since it was looked at."""
    if lease is None:
        return ()
    return Patch(key_of("Lease", lease), {}, if_revision=meta.resource_version(lease)), Fence()


def _silent(node: Json, now: Now) -> list[dict[str, Any]]:
    found = {one["type"]: one for one in dig(node, "status", "conditions", default=[])}
    others = [dict(one) for type_, one in found.items() if type_ not in SPOKEN_FOR]
    return others + [_unknown(type_, found.get(type_), now) for type_ in SPOKEN_FOR]


def _unknown(type_: str, found: Json | None, now: Now) -> dict[str, Any]:
    if found is None:
        said = {"reason": "NodeStatusNeverUpdated", "message": "Kubelet never posted node status."}
        return {"type": type_, "status": "Unknown", **said, "lastTransitionTime": now.text}
    said = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    return {**found, "status": "Unknown", **said, "lastTransitionTime": now.text}


def _unready(pods: Mapping[Key, Json], now: Now) -> Iterator[Action]:
    for key, pod in pods.items():
        ready = meta.condition(pod, "Ready")
        if ready is None or ready["status"] != "True":
            continue
        turned = {**ready, "status": "False", "lastTransitionTime": now.text}
        conditions = [turned if one["type"] == "Ready" else one for one in pod["status"]["conditions"]]
        revision = meta.resource_version(pod)
        yield Patch(key, {"status": {"conditions": conditions}}, subresource="status", if_revision=revision)
        yield Emit(pod, "Warning", "NodeNotReady", "Node is not ready")


# --- taints


def _tainted(observed: Observed, now: Now) -> Plan:
    """The node with the taints that its conditions call for; those of others are only given their time."""
    node = observed.node
    found: list[Json] = dig(node, "spec", "taints", default=[])
    wanted = list(_wanted(node, drives_out=observed.is_anyone_ready))
    kept = [_stamped(taint, now) for taint in found if taint["key"] not in OURS or _name(taint) in wanted]
    there = [_name(taint) for taint in kept]
    made = [
        {"key": key, "effect": effect, "timeAdded": now.text} for key, effect in wanted if (key, effect) not in there
    ]
    if [*kept, *made] == found:
        return Plan()
    body = {"spec": {"taints": [*kept, *made] or None}}
    return Plan((Patch(key_of("Node", node), body, if_revision=meta.resource_version(node)),))


def _name(taint: Json) -> tuple[str, str]:
    return taint["key"], taint["effect"]


def _stamped(taint: Json, now: Now) -> Json:
    is_dated = taint["effect"] != "NoExecute" or taint.get("timeAdded")
    return taint if is_dated else {**taint, "timeAdded": now.text}


def _wanted(node: Json, *, drives_out: bool) -> Iterator[tuple[str, str]]:
    """Where no node at all is Ready, it is the network and not the nodes: nobody is driven out."""
    ready = (meta.condition(node, "Ready") or {}).get("status", "False")
    if ready in OF_READY:
        yield OF_READY[ready], "NoSchedule"
        if meta.condition(node, "Ready") is not None and drives_out:
            yield OF_READY[ready], "NoExecute"
    for type_, key in OF_PRESSURE.items():
        if meta.has_condition(node, type_):
            yield key, "NoSchedule"
    if dig(node, "spec", "unschedulable"):
        yield UNSCHEDULABLE, "NoSchedule"
