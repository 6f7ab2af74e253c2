"""How pods find the API: at the address of the service `kubernetes`, inside the node's own network.

Containers that are not in that network (the plain tier, and in the root tier those on the host's network) are told the
address on loopback instead.
"""

from ipaddress import ip_network
from typing import NamedTuple

from stead.cluster.config import Config
from stead.controllers.kubelet.settings import Variables

SERVICE_PORT = 443


class Ways(NamedTuple):
    """Variables beside those of the service: of every container, and of those on the host's network."""

    every: Variables = ()
    host: Variables = ()


def service_address(config: Config) -> str:
    """Of the service `kubernetes`."""
    return str(ip_network(config.service_cidr)[1])


def ways(config: Config, tier: str, port: int) -> Ways:
    """`tier` is the native runtime's, `port` the API's on loopback."""
    here = (
        ("KUBERNETES_SERVICE_HOST", config.host),
        ("KUBERNETES_SERVICE_PORT", str(port)),
        ("KUBERNETES_SERVICE_PORT_HTTPS", str(port)),
    )
    return {"plain": Ways(every=here), "root": Ways(host=here)}.get(tier, Ways())
