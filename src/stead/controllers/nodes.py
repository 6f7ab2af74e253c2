"""The node tells that it is there: its Node object, and a Lease renewed every ten seconds (3.6 in around.md)."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from stead.machinery import meta, quantity, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NO_REACTION, Action, Create, Done, Emit, Outcome, Patch, Plan, Reaction, Refused
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

LEASE_SECONDS, RENEW_SECONDS, REPORT_SECONDS = 40, 10, 300
LEASES = "kube-node-lease"
LONG_AGO = "1970-01-01T00:00:00Z"
# what a node says of each: status, reason and message; `EVENTS` tells people that it has come to be so
CONDITIONS = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
}
EVENTS = {
    "MemoryPressure": "NodeHasSufficientMemory",
    "DiskPressure": "NodeHasNoDiskPressure",
    "PIDPressure": "NodeHasSufficientPID",
    "Ready": "NodeReady",
}
STARTING = "Starting"
OF_CORDON = {True: "NodeNotSchedulable", False: "NodeSchedulable"}


class Facts(Struct, frozen=True):
    """What the machine is: told once, when stead starts. Quantities as text; without any, one that is never full."""

    name: str
    address: str = "127.0.0.1"
    capacity: Json = field(
        default_factory=lambda: {"cpu": "1k", "ephemeral-storage": "1Pi", "memory": "1Ti", "pods": "100k"}
    )
    info: Json = field(default_factory=dict)  # status.nodeInfo
    labels: Json = field(default_factory=dict)
    annotations: Json = field(default_factory=dict)
    pod_cidr: str = "10.244.0.0/24"


class Cordons:
    """An index of what kubelets tell once: that they start, and that their nodes take pods, or none, from now on."""

    kinds = ("Node",)

    def __init__(self) -> None:
        self.started: dict[Key, None] = {}
        self.turned: dict[Key, bool] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Node":
            return
        was, is_ = _is_cordoned(old), _is_cordoned(new)
        if new is None:
            self.turned.pop(key, None)
        elif was != is_:
            self.turned[key] = is_


class Observed(Struct, frozen=True):
    cordons: Cordons
    facts: Facts
    renews_after: float
    node: Json | None
    lease: Json | None
    is_namespace_there: bool


class Nodes:
    """Speaks for one node or several, each by its facts, every `renews_after` seconds."""

    name = "node"
    kinds = ("Node", "Namespace")

    def __init__(self, *facts: Facts, renews_after: float = RENEW_SECONDS) -> None:
        self.facts = {each.name: each for each in facts}
        self.renews_after = renews_after
        self.starts = tuple(Key("Node", "", name) for name in self.facts)

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key == Key("Namespace", "", LEASES):
            return self.starts
        is_ours = event.key.kind == "Node" and event.key.name in self.facts
        return [event.key] if is_ours else []

    def observe(self, cache: Cache, key: Key) -> Observed:
        lease = cache.get(Key("Lease", LEASES, key.name))
        is_namespace_there = cache.get(Key("Namespace", "", LEASES)) is not None
        return Observed(
            cache.index(Cordons), self.facts[key.name], self.renews_after, cache.get(key), lease, is_namespace_there
        )

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        plan = Plan(tuple(_news(observed)), wake_after_seconds=observed.renews_after)
        if observed.node is None:
            return plan + Plan((Create(_node(observed.facts)), _status(observed, now), *_changes(observed)))
        if _is_due(observed, now):
            plan += Plan((_status(observed, now), *_changes(observed)))
        return plan + _heartbeat(observed, now) if observed.is_namespace_there else plan

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """News are told once. It was registered already."""
        if isinstance(action, Emit) and isinstance(outcome, Done):
            key = Key("Node", "", observed.facts.name)
            if action.reason == STARTING:
                observed.cordons.started[key] = None
            elif action.reason in OF_CORDON.values():
                observed.cordons.turned.pop(key, None)
        is_there = isinstance(outcome, Refused) and outcome.reason == "AlreadyExists"
        return Reaction(is_failure=False) if is_there else NO_REACTION


def _heartbeat(observed: Observed, now: Now) -> Plan:
    name, renewed = observed.facts.name, times.to_micro_text(now.wall)
    if observed.lease is None:
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed}
        owner = [meta.owner_reference(observed.node, controller=False)] if observed.node else []
        metadata = {"name": name, "namespace": LEASES, "ownerReferences": owner}
        return Plan(
            (Create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}),)
        )
    since = now.wall - times.from_text(str(dig(observed.lease, "spec", "renewTime", default=LONG_AGO)))
    if 0 <= since < 0.9 * observed.renews_after:
        return Plan()
    return Plan((Patch(Key("Lease", LEASES, name), {"spec": {"holderIdentity": name, "renewTime": renewed}}),))


def _node(facts: Facts) -> Json:
    labels = {"kubernetes.io/hostname": facts.name, "kubernetes.io/os": "linux", **facts.labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": facts.name, "labels": labels, "annotations": dict(facts.annotations)},
        "spec": {"podCIDR": facts.pod_cidr, "podCIDRs": [facts.pod_cidr]},
    }


def _is_due(observed: Observed, now: Now) -> bool:
    """Whether something else is told than is true, or it was told long ago."""
    node, facts = observed.node, observed.facts
    if not all(meta.has_condition(node or {}, type_, told[0]) for type_, told in CONDITIONS.items()):
        return True
    ready = meta.condition(node or {}, "Ready") or {}
    since = now.wall - times.from_text(ready.get("lastHeartbeatTime") or LONG_AGO)
    if since < RENEW_SECONDS:
        return False
    has, is_ = dig(node, "status", "capacity", default={}), dig(node, "status", "nodeInfo", default={})
    is_true = all(quantity.compare(has.get(name), amount) == 0 for name, amount in facts.capacity.items())
    is_true = is_true and all((is_.get(name) or "") == value for name, value in facts.info.items())
    return since >= REPORT_SECONDS or not is_true


def _news(observed: Observed) -> Iterator[Emit]:
    """That the kubelet starts, and that its node was cordoned or is open again."""
    key = Key("Node", "", observed.facts.name)
    if key not in observed.cordons.started:
        yield _told(observed, STARTING, "Starting kubelet.")
    if key in observed.cordons.turned:
        yield _turned(observed, OF_CORDON[observed.cordons.turned[key]])


def _changes(observed: Observed) -> Iterator[Emit]:
    """What has come to be so of a node that was new, or Unknown; or that its machine was started anew."""
    node = observed.node or {}
    boot, known = observed.facts.info.get("bootID"), dig(node, "status", "nodeInfo", "bootID")
    if boot and known and boot != known:
        told = f"Node {observed.facts.name} has been rebooted, boot id: {boot}"
        yield _told(observed, "Rebooted", told, type_="Warning")
    for type_, reason in EVENTS.items():
        if not meta.has_condition(node, type_, CONDITIONS[type_][0]):
            yield _turned(observed, reason)


def _turned(observed: Observed, reason: str) -> Emit:
    return _told(observed, reason, f"Node {observed.facts.name} status is now: {reason}")


def _told(observed: Observed, reason: str, message: str, *, type_: str = "Normal") -> Emit:
    """By the kubelet, which knows a node by its name alone: that is the uid it writes."""
    name = observed.facts.name
    about = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name}}
    return Emit(about, type_, reason, message)


def _is_cordoned(node: Json | None) -> bool:
    return bool(dig(node, "spec", "unschedulable"))


def _status(observed: Observed, now: Now) -> Patch:
    facts = observed.facts
    conditions = [_condition(observed.node, type_, told, now) for type_, told in CONDITIONS.items()]
    status = {
        "addresses": [
            {"type": "InternalIP", "address": facts.address},
            {"type": "Hostname", "address": facts.name},
        ],
        "allocatable": dict(facts.capacity),
        "capacity": dict(facts.capacity),
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": dict(facts.info),
    }
    return Patch(Key("Node", "", facts.name), {"status": status}, subresource="status")


def _condition(node: Json | None, type_: str, told: tuple[str, str, str], now: Now) -> dict[str, Any]:
    status, reason, message = told
    found = meta.condition(node, type_) if node is not None else None
    since = found["lastTransitionTime"] if found is not None and found["status"] == status else now.text
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now.text,
        "lastTransitionTime": since,
    }
