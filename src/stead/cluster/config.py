"""One frozen `Config`, made from flags and environment by the command line, and read by everyone in this room."""

from pathlib import Path

from msgspec import Struct, field

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
    behaviour, `v1_36` or `v1_37`.
    """

    data: Path = field(default_factory=lambda: Path.home() / ".stead")
    port: int = 6443
    host: str = "127.0.0.1"
    controllers: tuple[str, ...] = CONTROLLERS
    runtime: str = "native"
    cri_endpoint: str = ""
    node: str = "stead"
    profile: str = "v1_36"
    cluster_domain: str = "cluster.local"
    pod_cidr: str = "10.244.0.0/24"
    max_pods: int = 110
    service_cidr: str = "10.96.0.0/16"
    is_durable: bool = True
    dns_ttl_seconds: int = 5
    dns_denial_seconds: int = 0

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
    def kubeconfig_path(self) -> Path:
        return self.data / "kubeconfig"
