"""A pod's directory, filled: its files for /etc, its volumes, its containers' last words; and the mounts of each."""

import contextlib
import os
from collections.abc import Iterator

from stead.machinery.runtime import EmptyDir, RunSandbox, StartContainer, VolumeFiles
from stead.runtimes.cri import mapping
from stead.runtimes.cri.messages import Body
from stead.runtimes.cri.node import Pod, message_path
from stead.runtimes.native import files, linux, starting, volumes
from stead.runtimes.trees import remove_tree

_KEPT_ATTEMPTS = 1
_ETC = ("hosts", "resolv.conf", "hostname")


def write(path: str, text: str) -> None:
    """All at once, and readable by every user in a pod."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


def furnish(order: RunSandbox, pod: Pod, cluster_dns: str) -> None:
    """What the pod's containers will find. Raises OSError."""
    etc = os.path.join(pod.directory, "etc")
    os.makedirs(etc, exist_ok=True)
    resolving = _host_file("/etc/resolv.conf") if order.uses_host_dns else files.resolv_conf(order, cluster_dns)
    names = _host_file("/etc/hosts") if order.is_host_network else ""
    texts = {"hosts": files.hosts(order, pod.ip, names), "resolv.conf": resolving, "hostname": order.hostname + "\n"}
    for name, text in texts.items():
        write(os.path.join(etc, name), text)
    place = os.path.join(pod.directory, "volumes")
    os.makedirs(place, exist_ok=True)
    for inside, options in volumes.in_memory(place, order):
        os.makedirs(inside, exist_ok=True)
        if not os.path.ismount(inside):
            linux.mount("tmpfs", inside, "tmpfs", options=options)
    for volume in order.volumes:
        furnish_volume(pod, volume)


def furnish_volume(pod: Pod, volume: VolumeFiles | EmptyDir) -> None:
    volumes.make(os.path.join(pod.directory, "volumes"), volume, pod.group)


def _host_file(path: str) -> str:
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()
    return ""


def make_room(pod: Pod, order: StartContainer) -> None:
    """Directories for this attempt; of earlier ones only the last log stays."""
    home = starting.container_directory(pod.directory, order.container)
    log = starting.log_path(pod.directory, order.container, order.attempt)
    os.makedirs(os.path.join(home, str(order.attempt)), exist_ok=True)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    for name in os.listdir(home):
        if name.isdigit() and int(name) < order.attempt:
            remove_tree(os.path.join(home, name))
    for name in os.listdir(os.path.dirname(log)):
        number = name.partition(".")[0]
        if number.isdigit() and int(number) < order.attempt - _KEPT_ATTEMPTS:
            os.unlink(os.path.join(os.path.dirname(log), name))


def mounts(pod: Pod, order: StartContainer) -> list[Body]:
    """CRI's mounts of a container, outer targets first: its own, then the pod's files where it has none of its own.

    Raises VolumeTrouble, OSError.
    """
    place = os.path.join(pod.directory, "volumes")
    wanted = sorted(order.mounts, key=lambda mount: mount.target.rstrip("/").count("/"))
    own = [(volumes.source_of(mount, place), mount.target, mount.is_read_only) for mount in wanted]
    volumes.make_places(own)
    for mount, (source, _, is_read_only) in zip(wanted, own, strict=True):
        if pod.group is not None and mount.is_grouped and not is_read_only:
            volumes.give_to_group_once(source, pod.group)
    taken = {target for _, target, _ in own}
    extra = [(source, target, False) for source, target in _pod_files(pod, order) if target not in taken]
    return [mapping.mount(*mount) for mount in (*own, *extra)]


def _pod_files(pod: Pod, order: StartContainer) -> Iterator[tuple[str, str]]:
    for name in _ETC:
        yield os.path.join(pod.directory, "etc", name), f"/etc/{name}"
    if order.termination_message_path:
        path = message_path(pod.directory, order.container, order.attempt)
        with open(path, "w"):
            os.chmod(path, 0o666)
        yield path, order.termination_message_path
