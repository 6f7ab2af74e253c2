"""The node tells that it is there: its Node object, and a Lease renewed every ten seconds (3.6 in around.md)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from stead.machinery import meta, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Calm, Create, Patch, Plan
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

LEASE_SECONDS, RENEW_SECONDS = 40, 10
LEASES = "kube-node-lease"
PRESSURES = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the machine is: told once, when stead starts. Quantities as text."""

    name: str
    address: str = "127.0.0.1"
    capacity: Json = field(default_factory=lambda: {"cpu": "2", "memory": "4Gi", "pods": "110"})
    info: Json = field(default_factory=dict)  # status.nodeInfo
    labels: Json = field(default_factory=dict)
    annotations: Json = field(default_factory=dict)
    pod_cidr: str = "10.244.0.0/24"


@dataclass(frozen=True, slots=True)
class Observed:
    facts: Facts
    node: Json | None
    lease: Json | None
    is_namespace_there: bool


class Nodes(Calm):
    name = "node"

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.starts = (Key("Node", "", facts.name),)

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        is_ours = event.key == self.starts[0] or event.key == Key("Namespace", "", LEASES)
        return self.starts if is_ours else ()

    def observe(self, cache: Cache, key: Key) -> Observed:
        lease = cache.get(Key("Lease", LEASES, key.name))
        return Observed(self.facts, cache.get(key), lease, cache.get(Key("Namespace", "", LEASES)) is not None)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        plan = Plan(wake_after_seconds=RENEW_SECONDS)
        if observed.node is None:
            return plan + Plan((Create(_node(observed.facts)), _status(observed.facts, now)))
        if not meta.has_condition(observed.node, "Ready"):
            plan += Plan((_status(observed.facts, now),))
        return plan + _heartbeat(observed, now) if observed.is_namespace_there else plan


def _heartbeat(observed: Observed, now: Now) -> Plan:
    name, renewed = observed.facts.name, times.to_micro_text(now.wall)
    if observed.lease is None:
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": renewed}
        owner = [meta.owner_reference(observed.node, controller=False)] if observed.node else []
        metadata = {"name": name, "namespace": LEASES, "ownerReferences": owner}
        return Plan(
            (Create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}),)
        )
    since = now.wall - times.from_text(str(observed.lease["spec"]["renewTime"]))
    if 0 <= since < RENEW_SECONDS - 1:
        return Plan()
    return Plan((Patch(Key("Lease", LEASES, name), {"spec": {"renewTime": renewed}}),))


def _node(facts: Facts) -> Json:
    labels = {"kubernetes.io/hostname": facts.name, "kubernetes.io/os": "linux", **facts.labels}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": facts.name, "labels": labels, "annotations": dict(facts.annotations)},
        "spec": {"podCIDR": facts.pod_cidr, "podCIDRs": [facts.pod_cidr]},
    }


def _status(facts: Facts, now: Now) -> Patch:
    conditions: list[dict[str, Any]] = [_condition(type_, "False", *told, now) for type_, told in PRESSURES.items()]
    conditions.append(_condition("Ready", "True", "KubeletReady", "kubelet is posting ready status", now))
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


def _condition(type_: str, status: str, *told: Any) -> dict[str, Any]:
    reason, message, now = told
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now.text,
        "lastTransitionTime": now.text,
    }
