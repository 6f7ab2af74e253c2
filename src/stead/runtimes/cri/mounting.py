"""What an engine mounts into a container: its volumes, the pod's files, its last words; and volumes in memory."""

import os
import stat
from collections.abc import Iterator
from typing import TypeAlias

from stead.machinery.runtime import Mount, RunSandbox, StartContainer
from stead.runtimes import inside
from stead.runtimes.cri import mapping
from stead.runtimes.cri.messages import Body
from stead.runtimes.cri.node import Pod, unmount
from stead.runtimes.logs import message_path
from stead.runtimes.native import linux, volumes
from stead.runtimes.trees import remove_tree

_ETC = ("hosts", "resolv.conf", "hostname")
_Place: TypeAlias = tuple[str, str, bool]  # source, target, is_read_only


def mount_memory(pod: Pod, order: RunSandbox) -> None:
    """The pod's volumes that live in memory. Raises OSError."""
    os.makedirs(pod.home.volumes, exist_ok=True)
    for place, options in volumes.in_memory(pod.home.volumes, order, volumes.ALL_GROUPS):
        os.makedirs(place, exist_ok=True)
        if not os.path.ismount(place):
            linux.mount("tmpfs", place, "tmpfs", options=options)


def mounts(pod: Pod, order: StartContainer) -> list[Body]:
    """CRI's mounts of a container, outer targets first: its own, then the pod's files where it has none of its own.

    Raises VolumeTrouble, OSError.
    """
    place = pod.home.volumes
    wanted = sorted(order.mounts, key=lambda mount: mount.target.rstrip("/").count("/"))
    own = [(volumes.source_of(mount, place), mount.target, mount.is_read_only) for mount in wanted]
    volumes.make_places(own)
    for mount in wanted:
        if pod.group is not None and mount.is_grouped and not mount.is_read_only:
            volumes.give_to_group_once(volumes.volume_of(mount, place), pod.group)
    own = _held(pod, order, wanted, own)
    taken = {target for _, target, _ in own}
    extra = [(source, target, False) for source, target in _pod_files(pod, order) if target not in taken]
    return [mapping.mount(*mount) for mount in (*own, *extra)]


def _held(pod: Pod, order: StartContainer, wanted: list[Mount], found: list[_Place]) -> list[_Place]:
    """An engine mounts by path, and who lives in a volume may put a link there at any time. So a part of a volume is
    bound, by descriptor, to a place that nobody else can change, and the engine is told that place.
    """
    directory = os.path.join(pod.directory, "subpaths", order.container)
    unmount(directory)  # of the attempt before
    if os.path.isdir(directory):
        remove_tree(directory)
    return [
        (_bound(directory, number, volumes.volume_of(mount, pod.home.volumes), source), target, is_read_only)
        if mount.within
        else (source, target, is_read_only)
        for number, (mount, (source, target, is_read_only)) in enumerate(zip(wanted, found, strict=True))
    ]


def _bound(directory: str, number: int, volume: str, source: str) -> str:
    part = inside.held(volume, os.path.relpath(source, volume))
    try:
        place = os.path.join(directory, str(number))
        os.makedirs(place if stat.S_ISDIR(os.fstat(part).st_mode) else directory, mode=0o700, exist_ok=True)
        if not os.path.isdir(place):
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        linux.mount(f"/proc/self/fd/{part}", place, None, linux.BIND | linux.RECURSIVE)
    finally:
        os.close(part)
    return place


def _pod_files(pod: Pod, order: StartContainer) -> Iterator[tuple[str, str]]:
    for name in _ETC:
        yield os.path.join(pod.directory, "etc", name), f"/etc/{name}"
    if order.termination_message_path:
        yield message_path(pod.directory, order.container, order.attempt), order.termination_message_path
