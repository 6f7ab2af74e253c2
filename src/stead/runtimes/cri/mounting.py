"""What an engine mounts into a container: its volumes, the pod's files, its last words; and volumes in memory."""

import os
from collections.abc import Iterator

from stead.machinery.runtime import RunSandbox, StartContainer
from stead.runtimes.cri import mapping
from stead.runtimes.cri.messages import Body
from stead.runtimes.cri.node import Pod
from stead.runtimes.logs import message_path
from stead.runtimes.native import linux, volumes

_ETC = ("hosts", "resolv.conf", "hostname")


def mount_memory(pod: Pod, order: RunSandbox) -> None:
    """The pod's volumes that live in memory. Raises OSError."""
    os.makedirs(pod.home.volumes, exist_ok=True)
    for inside, options in volumes.in_memory(pod.home.volumes, order, volumes.ALL_GROUPS):
        os.makedirs(inside, exist_ok=True)
        if not os.path.ismount(inside):
            linux.mount("tmpfs", inside, "tmpfs", options=options)


def mounts(pod: Pod, order: StartContainer) -> list[Body]:
    """CRI's mounts of a container, outer targets first: its own, then the pod's files where it has none of its own.

    Raises VolumeTrouble, OSError.
    """
    place = pod.home.volumes
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
        yield message_path(pod.directory, order.container, order.attempt), order.termination_message_path
