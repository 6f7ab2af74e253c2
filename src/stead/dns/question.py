"""A name becomes what it asks for. Pure reading of labels: whether the thing exists is `answer`'s matter.

The names are those of the Kubernetes DNS specification 1.1; around.md 3.2 item 7.
"""

from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

from msgspec import Struct

Labels = tuple[str, ...]

VERSION_LABEL = "dns-version"


class Question(Struct, frozen=True):
    """`labels` from left to right, lower case, without the root; `type` is `A`, `SRV`, ... or `TYPE65`."""

    labels: Labels
    type: str

    @property
    def name(self) -> str:
        return ".".join(self.labels)


class Outside(Struct, frozen=True):
    """Not a name of this cluster."""


class Apex(Struct, frozen=True):
    """The zone itself."""


class Version(Struct, frozen=True):
    """`dns-version.<zone>`"""


class NameServer(Struct, frozen=True):
    """`ns.dns.<zone>`, whom the zone's SOA and NS name."""


class Branch(Struct, frozen=True):
    """A name with nothing but names below it: `svc`, `pod`, `dns` and, in a namespace, `<ns>.svc` and `<ns>.pod`."""

    namespace: str = ""


class ServiceName(Struct, frozen=True):
    """`<service>.<namespace>.svc.<zone>`"""

    namespace: str
    service: str


class EndpointName(Struct, frozen=True):
    """`<host name or dashed address>.<service>.<namespace>.svc.<zone>`"""

    namespace: str
    service: str
    label: str


class PortName(Struct, frozen=True):
    """`_<port>._<protocol>.<service>.<namespace>.svc.<zone>`; without `port` the branch above all ports."""

    namespace: str
    service: str
    protocol: str
    port: str = ""


class PodAddress(Struct, frozen=True):
    """`<dashed address>.<namespace>.pod.<zone>`"""

    namespace: str
    address: str


class Reverse(Struct, frozen=True):
    """An address under `in-addr.arpa` or `ip6.arpa`."""

    address: str


class Nothing(Struct, frozen=True):
    """In the zone, but of no shape that could exist."""


Asked: TypeAlias = (
    Outside
    | Apex
    | Version
    | NameServer
    | Branch
    | ServiceName
    | EndpointName
    | PortName
    | PodAddress
    | Reverse
    | Nothing
)

_FIXED: dict[Labels, Asked] = {
    (): Apex(),
    (VERSION_LABEL,): Version(),
    ("ns", "dns"): NameServer(),
    ("dns",): Branch(),
    ("svc",): Branch(),
    ("pod",): Branch(),
}


def asked(labels: Labels, zone: Labels) -> Asked:
    """What a name asks for, in a cluster whose domain is `zone`."""
    if labels[-len(zone) :] == zone:
        return _inside(labels[: -len(zone)])
    if labels[-1:] == ("arpa",):
        address = _reversed_address(labels)
        return Reverse(address) if address else Outside()
    return Outside()


def dashed(address: str) -> str:
    """An address as one label: `10-0-0-1`, `fd00--1`."""
    return address.replace(".", "-").replace(":", "-")


def undashed(label: str) -> str:
    """The address of such a label, "" where it is none."""
    for text in (label.replace("-", "."), label.replace("-", ":")):
        try:
            return str(ip_address(text))
        except ValueError:
            continue
    return ""


def reverse_labels(address: str) -> Labels:
    """The name that asks for an address: `1.0.0.10.in-addr.arpa`."""
    return tuple(ip_address(address).reverse_pointer.split("."))


def _inside(rest: Labels) -> Asked:
    fixed = _FIXED.get(rest)
    if fixed is not None:
        return fixed
    if rest[-1] == "svc":
        return _under_svc(rest[:-1])
    if rest[-1] == "pod":
        return _under_pod(rest[:-1])
    return Nothing()


def _under_svc(rest: Labels) -> Asked:
    match rest:
        case (namespace,):
            return Branch(namespace)
        case (service, namespace):
            return ServiceName(namespace, service)
        case (label, service, namespace) if label.startswith("_"):
            return PortName(namespace, service, label[1:])
        case (label, service, namespace):
            return EndpointName(namespace, service, label)
        case (port, protocol, service, namespace) if port[:1] == protocol[:1] == "_":
            return PortName(namespace, service, protocol[1:], port[1:])
    return Nothing()


def _under_pod(rest: Labels) -> Asked:
    match rest:
        case (namespace,):
            return Branch(namespace)
        case (label, namespace):
            address = undashed(label)
            return PodAddress(namespace, address) if address else Nothing()
    return Nothing()


def _reversed_address(labels: Labels) -> str:
    """The address of a whole reverse name, "" for a part of one or none."""
    digits = labels[-3::-1]
    try:
        if labels[-2:] == ("in-addr", "arpa") and len(digits) == 4:
            return str(ip_address(".".join(digits)))
        if labels[-2:] == ("ip6", "arpa") and len(digits) == 32:
            return str(IPv6Address(int("".join(digits), 16)))
    except ValueError:
        pass
    return ""
