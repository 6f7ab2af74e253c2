"""What a pod asks of a node: amounts of resources, and ports of the host.

The scheduler looks at it before the pod is placed, the kubelet of its node before it is taken.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from stead.machinery import quantity
from stead.machinery.objects import Json, dig
from stead.machinery.quantity import NANOS

Amounts = Mapping[str, int]  # in nanos, by resource
LEAST = {"cpu": NANOS // 10, "memory": 200 * 1024 * 1024 * NANOS}  # what a container that asks for nothing will use
ANY_IP = ("", "0.0.0.0", "::")


class HostPort(NamedTuple):
    protocol: str
    port: int
    ip: str

    def clashes(self, other: "HostPort") -> bool:
        """Same port, and the same address or one of them is all addresses."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return self.ip == other.ip or self.ip in ANY_IP or other.ip in ANY_IP


def amounts(pod: Json) -> Amounts:
    """The most that the pod asks at any time: all that runs together, or an initial container and its sidecars."""
    return _peak(pod["spec"], _asked)


def presumed(pod: Json) -> Amounts:
    """The same of processor and memory, where a container that does not say gets a little: for comparing nodes."""
    return _peak(pod["spec"], lambda container: {**LEAST, **_asked(container)})


def add(total: dict[str, int], amounts: Amounts, times: int = 1) -> None:
    """Add to a running total, or (`times` -1) take away."""
    for name, nanos in amounts.items():
        total[name] = total.get(name, 0) + times * nanos


def is_extended(resource: str) -> bool:
    """Whether a resource is one that devices offer (`example.com/gpu`), which Kubernetes knows nothing of."""
    return "/" in resource and "kubernetes.io/" not in resource and not resource.startswith("requests.")


def _peak(spec: Json, asked: Callable[[Json], Amounts]) -> Amounts:
    running = _sum(asked(container) for container in spec.get("containers") or ())
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            sidecars = _sum((sidecars, asked(container)))
            peak = _most(peak, sidecars)
        else:
            peak = _most(peak, _sum((sidecars, asked(container))))
    found = {**_most(_sum((running, sidecars)), peak), **_asked(spec)}
    return _sum((found, _nanos(spec.get("overhead") or {})))


def host_ports(pod: Json) -> tuple[HostPort, ...]:
    """The ports of the node that the pod will listen on."""
    return tuple(_host_ports(pod))


def _host_ports(pod: Json) -> Iterator[HostPort]:
    spec = pod["spec"]
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield HostPort(port.get("protocol") or "TCP", int(port["hostPort"]), port.get("hostIP") or "")


def _asked(container: Json) -> Amounts:
    return _nanos(dig(container, "resources", "requests", default={}))


def _nanos(written: Json) -> Amounts:
    return {name: quantity.parse(amount).nanos for name, amount in written.items()}


def _sum(several: Iterable[Amounts]) -> Amounts:
    total: dict[str, int] = {}
    for each in several:
        for name, nanos in each.items():
            total[name] = total.get(name, 0) + nanos
    return total


def _most(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}
