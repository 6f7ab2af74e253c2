"""What a node asks before it takes a pod: ports of the host, the labels the pod wants, the kernel's knobs it turns.

A pod that is refused is Failed at once, for good; its owner makes another.
"""

from stead.controllers.kubelet.observed import HostPort, host_ports
from stead.controllers.kubelet.round import Failure, Round
from stead.machinery.objects import Json, dig

EVERYWHERE = ("0.0.0.0", "::", "")
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


def refusal(round_: Round) -> Failure | None:
    """Why this node does not take the pod (`NodePorts`, `NodeAffinity`, `SysctlForbidden`), None if it does or did."""
    if round_.observed.record is not None or dig(round_.pod, "status", "startTime"):
        return None
    wanted = dig(round_.pod, "spec", "nodeSelector", default={})
    labels = dig(round_.observed.node, "metadata", "labels", default={})
    if round_.observed.node is not None and any(labels.get(key) != value for key, value in wanted.items()):
        return Failure("NodeAffinity", "Predicate NodeAffinity failed")
    taken = round_.observed.ports_taken
    is_clash = any(_clash(one, other) for one in host_ports(round_.pod) for other in taken)
    if is_clash:
        return Failure("NodePorts", "Predicate NodePorts failed")
    unsafe = [name for name, _ in sysctls(round_.pod) if name not in SAFE_SYSCTLS]
    return Failure("SysctlForbidden", f'forbidden sysctl: "{unsafe[0]}" not allowlisted') if unsafe else None


def sysctls(pod: Json) -> tuple[tuple[str, str], ...]:
    """Names, with dots, and values."""
    asked = dig(pod, "spec", "securityContext", "sysctls", default=()) or ()
    return tuple((str(entry["name"]).replace("/", "."), str(entry["value"])) for entry in asked)


def _clash(one: HostPort, other: HostPort) -> bool:
    is_same_port = (one[0], one[2]) == (other[0], other[2])
    return is_same_port and (one[1] == other[1] or one[1] in EVERYWHERE or other[1] in EVERYWHERE)
