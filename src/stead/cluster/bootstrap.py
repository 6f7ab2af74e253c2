"""What a new cluster holds before anyone writes into it; installing it again changes nothing."""

from contextlib import suppress
from ipaddress import ip_network

from stead.api import defaultroles
from stead.cluster.config import Config
from stead.cluster.kernel import Cluster
from stead.machinery.errors import AlreadyExists
from stead.machinery.objects import Json
from stead.machinery.times import Now

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
PROVISIONER = "stead.dev/directory"


def install(cluster: Cluster, config: Config, now: Now) -> None:
    """Create what is missing, in one transaction."""
    with cluster.store.transaction():
        for obj in objects(config):
            with suppress(AlreadyExists):
                cluster.api.create(obj, now)


def objects(config: Config) -> list[Json]:
    found = [*map(_namespace, NAMESPACES), _api_service(config), *defaultroles.objects()]
    if "provisioner" in config.controllers:
        found.append(_default_class())
    return found


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _api_service(config: Config) -> Json:
    first = str(ip_network(config.service_cidr)[1])
    labels = {"component": "apiserver", "provider": "kubernetes"}
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": config.port or 443}
    spec = {"clusterIP": first, "ports": [port], "type": "ClusterIP"}
    meta = {"name": "kubernetes", "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def _default_class() -> Json:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": True,
    }
