"""What this machine is: read once at the start, told in the Node objects."""

import os
import platform
from uuid import NAMESPACE_OID, uuid5

from stead import __version__
from stead.cluster.config import Config
from stead.controllers.nodes import Facts

KUBERNETES = "v1.36.2"


def facts(config: Config, name: str, address: str, engine: str = "") -> Facts:
    """Of one node. Several on one machine each have all of it unless `config` says less; their machine ids differ.

    `address` is the node's own, `engine` what runs the containers where stead does not do it itself.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    capacity = {"cpu": str(os.cpu_count() or 1), "ephemeral-storage": f"{_disk_bytes(config) // 1024}Ki"}
    capacity |= {"memory": f"{memory // 1024}Ki", "pods": str(config.max_pods)}
    capacity |= config.capacity_of(name)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    own = uuid5(NAMESPACE_OID, _line("/etc/machine-id") + name).hex
    info = {
        "architecture": machine,
        "bootID": _line("/proc/sys/kernel/random/boot_id"),
        "containerRuntimeVersion": engine or f"stead://{__version__}",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": f"{KUBERNETES}+stead",
        "machineID": own if name != config.node else _line("/etc/machine-id"),
        "operatingSystem": "linux",
        "osImage": _os_name(),
        "systemUUID": "" if name == config.node else own,
    }
    labels = {"kubernetes.io/arch": machine, "stead.dev/runtime": config.runtime, **config.labels_of(name)}
    return Facts(name, address, capacity, info, labels, pod_cidr=config.pod_cidr_of(name))


def _disk_bytes(config: Config) -> int:
    """Of the disk that pods' volumes and layers are on."""
    found = os.statvfs(config.data)
    return found.f_blocks * found.f_frsize


def _line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return ""


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
