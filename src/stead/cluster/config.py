"""One frozen `Config`, made from flags and environment by the command line, and read by everyone in this room."""

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from msgspec import Struct, field

from stead.runtimes.imagegc import Limits

ZONE = "topology.kubernetes.io/zone"
CONTROLLERS = (
    "statefulset",
    "kubelet",
    "scheduler",
    "binder",
    "provisioner",
    "endpoints",
    "garbage",
    "namespace",
    "node",
    "serviceaccount",
    "root-ca",
    "podgc",
    "protection",
    "disruption",
    "nodelife",
    "tainteviction",
)


class Config(Struct, frozen=True):
    """`data`: where everything of this stead lives. `port` 0 picks a free one.

    `runtime`: `native` (tier chosen by what the machine allows), a tier by name (`root`, `user`, `plain`),
    `cri` (an engine at `cri_endpoint`, or a containerd of our own), or `simulated`. `profile`: which Kubernetes'
    behaviour, `v1_36` or `v1_37`. `node` is the first node's name, the others are `stead-2`, `stead-3` and so on, or
    have the names in `other_nodes`; `zones`, `node_cpu` and `node_memory` are given to them in
    turn, without any a node offers all that the machine has. `pod_cidr` is the first node's, the others have
    the ranges that follow it.
    """

    data: Path = field(default_factory=lambda: Path.home() / ".stead")
    port: int = 6443
    host: str = "127.0.0.1"
    controllers: tuple[str, ...] = CONTROLLERS
    runtime: str = "native"
    cri_endpoint: str = ""
    node: str = "stead"
    node_count: int = 1
    other_nodes: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    node_cpu: tuple[str, ...] = ()
    node_memory: tuple[str, ...] = ()
    node_monitor_grace_seconds: float = 50
    not_ready_toleration_seconds: int = 300
    unreachable_toleration_seconds: int = 300
    profile: str = "v1_36"
    cluster_domain: str = "cluster.local"
    pod_cidr: str = "10.244.0.0/24"
    max_pods: int = 110
    service_cidr: str = "10.96.0.0/16"
    is_durable: bool = True
    dns_ttl_seconds: int = 5
    dns_denial_seconds: int = 0
    image_gc: Limits = Limits()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, the first first."""
        numbered = tuple(f"{self.node}-{number}" for number in range(2, self.node_count + 1))
        return (self.node, *(self.other_nodes or numbered))

    @property
    def cluster_cidr(self) -> str:
        """The range of all pods' addresses, with room for more nodes even where there is one."""
        own = IPv4Network(self.pod_cidr)
        return str(own.supernet(new_prefix=min(16, own.prefixlen)))

    @property
    def renew_seconds(self) -> float:
        """How often nodes tell that they are there: every ten seconds, and five times before they are missed."""
        return min(10.0, self.node_monitor_grace_seconds / 5)

    def pod_cidr_of(self, node: str) -> str:
        own = IPv4Network(self.pod_cidr)
        return str(IPv4Network((int(own[0]) + self.nodes.index(node) * own.num_addresses, own.prefixlen)))

    def directory_of(self, node: str) -> Path:
        """Where a node keeps its pods."""
        number = self.nodes.index(node)
        return self.data / (f"node-{number + 1}" if number else "node")

    def host_of(self, node: str) -> str:
        """Where a node's ports are on this machine's loopback: each node has an address of its own."""
        number = self.nodes.index(node)
        return str(IPv4Address(self.host) + number) if number else self.host

    def labels_of(self, node: str) -> dict[str, str]:
        """Labels by which the nodes of this cluster differ, beside their names."""
        return {ZONE: self.zones[self.nodes.index(node) % len(self.zones)]} if self.zones else {}

    def capacity_of(self, node: str) -> dict[str, str]:
        """What a node offers, where that is not what its machine has."""
        number, said = self.nodes.index(node), {"cpu": self.node_cpu, "memory": self.node_memory}
        return {name: amounts[number % len(amounts)] for name, amounts in said.items() if amounts}

    @property
    def store_path(self) -> Path:
        return self.data / "store.db"

    @property
    def state_path(self) -> Path:
        return self.data / "running.json"

    @property
    def volumes_path(self) -> Path:
        return self.data / "volumes"

    @property
    def names_path(self) -> Path:
        """Hosts files of the plain tier."""
        return self.data / "names"

    @property
    def profiles_path(self) -> Path:
        """Where people keep seccomp profiles (`localhostProfile`)."""
        return self.data / "seccomp"

    @property
    def kubeconfig_path(self) -> Path:
        return self.data / "kubeconfig"
