"""What a node asks before it takes a pod, in the order and the words of the kubelet: the kernel's knobs the pod turns,
its system, what it asks of the node, the labels it wants, ports of the host, taints.

A pod that is refused is Failed at once, for good; its owner makes another.
"""

from collections.abc import Iterator

from stead.controllers.kubelet.round import Failure, Round
from stead.kinds import podrequests, taints
from stead.kinds.nodeterms import is_chosen
from stead.machinery import meta
from stead.machinery.objects import Json, dig

SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)  # those that a kubelet allows without being told to
OS = "kubernetes.io/os"
OUT_OF = "OutOf"
ANOTHER_LABEL = Failure(
    "PodOSSelectorNodeLabelDoesNotMatch", f"Failed to admit pod as the `{OS}` label doesn't match node label"
)
ANOTHER_SYSTEM = Failure("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
STRICT_GROUPS = Failure(
    "SupplementalGroupsPolicyNotSupported", "SupplementalGroupsPolicy=Strict is not supported in this node"
)
PREDICATES = {
    "NodeAffinity": "node(s) didn't match Pod's node affinity/selector",
    "NodePorts": "node(s) didn't have free ports for the requested pod ports",
    "TaintToleration": "node(s) had untolerated taint(s)",
}


def refusals(round_: Round) -> Iterator[Failure]:
    """Why this node does not take the pod, most telling first; nothing if it does, or did."""
    return iter(()) if is_taken(round_) else _refusals(round_)


def is_taken(round_: Round) -> bool:
    """Whether the pod was looked at before; nothing that comes later changes the answer."""
    return round_.observed.record is not None or bool(dig(round_.pod, "status", "startTime"))


def sysctls(pod: Json) -> tuple[tuple[str, str], ...]:
    """Names, with dots, and values."""
    asked = dig(pod, "spec", "securityContext", "sysctls", default=()) or ()
    return tuple((str(entry["name"]).replace("/", "."), str(entry["value"])) for entry in asked)


def _refusals(round_: Round) -> Iterator[Failure]:
    pod, node = round_.pod, round_.observed.node
    yield from _knobs(pod)
    yield from _system(pod)
    if node is not None:
        yield from lacking(round_, node)
        yield from predicates(round_, node)


def _knobs(pod: Json) -> Iterator[Failure]:
    for name, _ in sysctls(pod):
        if name not in SAFE_SYSCTLS:
            yield Failure("SysctlForbidden", f'forbidden sysctl: "{name}" not allowlisted')


def _system(pod: Json) -> Iterator[Failure]:
    if meta.labels(pod).get(OS, "linux") != "linux":
        yield ANOTHER_LABEL
    if dig(pod, "spec", "os", "name", default="linux") != "linux":
        yield ANOTHER_SYSTEM
    if dig(pod, "spec", "securityContext", "supplementalGroupsPolicy") == "Strict":
        yield STRICT_GROUPS


def predicates(round_: Round, node: Json) -> Iterator[Failure]:
    """Of taints only those that drive out concern a pod that is here already."""
    pod = round_.pod
    if not is_chosen(pod, node):
        yield _failed("NodeAffinity")
    if round_.observed.room.clashes(podrequests.host_ports(pod)):
        yield _failed("NodePorts")
    if any(taints.untolerated(pod, taints.of(node, taints.DRIVES_OUT))):
        yield _failed("TaintToleration")


def _failed(predicate: str) -> Failure:
    return Failure(predicate, f"Predicate {predicate} failed: {PREDICATES[predicate]}")


def lacking(round_: Round, node: Json) -> Iterator[Failure]:
    for lack in round_.observed.room.lacking(round_.observed.key, round_.pod, node):
        yield Failure(f"{OUT_OF}{lack.resource}", lack.told)
