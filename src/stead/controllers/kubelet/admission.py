"""What a node asks before it takes a pod: ports of the host and the labels the pod wants.

A pod that is refused is Failed at once, for good; its owner makes another.
"""

from stead.controllers.kubelet.observed import HostPort, host_ports
from stead.controllers.kubelet.round import Round
from stead.machinery.objects import dig

EVERYWHERE = ("0.0.0.0", "::", "")


def refusal(round_: Round) -> str:
    """The reason why this node does not take the pod (`NodePorts`, `NodeAffinity`), "" if it does or did."""
    if round_.observed.record is not None or dig(round_.pod, "status", "startTime"):
        return ""
    wanted = dig(round_.pod, "spec", "nodeSelector", default={})
    labels = dig(round_.observed.node, "metadata", "labels", default={})
    if round_.observed.node is not None and any(labels.get(key) != value for key, value in wanted.items()):
        return "NodeAffinity"
    taken = round_.observed.ports_taken
    is_clash = any(_clash(one, other) for one in host_ports(round_.pod) for other in taken)
    return "NodePorts" if is_clash else ""


def _clash(one: HostPort, other: HostPort) -> bool:
    is_same_port = (one[0], one[2]) == (other[0], other[2])
    return is_same_port and (one[1] == other[1] or one[1] in EVERYWHERE or other[1] in EVERYWHERE)
