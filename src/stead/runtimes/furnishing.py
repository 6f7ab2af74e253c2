"""A pod's directory on disk, whatever runs its containers: files for /etc, volumes, room for attempts, and its end."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping

from msgspec import Struct

from stead.machinery.runtime import (
    ContainerExited,
    ContainerNotCreated,
    EmptyDir,
    MeasureStorage,
    NotCreated,
    RemoveVolume,
    RunSandbox,
    RuntimeEvent,
    StartContainer,
    StorageMeasured,
    VolumeFiles,
    VolumeRemoved,
)
from stead.runtimes.logs import message_path
from stead.runtimes.native import files, starting, volumes
from stead.runtimes.trees import disk_usage, remove_tree

_KEPT_ATTEMPTS = 1
_START_FAILED = 128

_WAITS: Mapping[type, NotCreated] = {
    volumes.VolumeTrouble: "ContainerCreating",
    volumes.PartTrouble: "CreateContainerConfigError",
}

Report = Callable[[RuntimeEvent], None]


class Home(Struct, frozen=True):
    """Where a pod's files are, at which address it lives, and the group (fsGroup) that owns its volumes."""

    directory: str
    ip: str
    group: int | None

    @property
    def volumes(self) -> str:
        return os.path.join(self.directory, "volumes")


def write(path: str, text: str) -> None:
    """All at once, and readable by every user in a pod."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)


def furnish_etc(home: Home, order: RunSandbox, cluster_dns: str) -> None:
    """The pod's hosts, resolv.conf and hostname. Raises OSError."""
    etc = os.path.join(home.directory, "etc")
    os.makedirs(etc, exist_ok=True)
    resolving = _host_file("/etc/resolv.conf") if order.uses_host_dns else files.resolv_conf(order, cluster_dns)
    names = _host_file("/etc/hosts") if order.is_host_network else ""
    texts = {"hosts": files.hosts(order, home.ip, names), "resolv.conf": resolving, "hostname": order.hostname + "\n"}
    for name, text in texts.items():
        write(os.path.join(etc, name), text)


def furnish_volumes(home: Home, order: RunSandbox) -> None:
    """The pod's own volumes. Raises OSError."""
    os.makedirs(home.volumes, exist_ok=True)
    for volume in order.volumes:
        furnish_volume(home, volume)


def furnish_volume(home: Home, volume: VolumeFiles | EmptyDir) -> None:
    volumes.make(home.volumes, volume, home.group)


def _host_file(path: str) -> str:
    with contextlib.suppress(OSError), open(path) as file:
        return file.read()
    return ""


def make_room(directory: str, order: StartContainer) -> None:
    """Directories for this attempt; of earlier ones only the last log stays."""
    home = starting.container_directory(directory, order.container)
    log = starting.log_path(directory, order.container, order.attempt)
    os.makedirs(os.path.join(home, str(order.attempt)), exist_ok=True)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    if order.termination_message_path:
        path = message_path(directory, order.container, order.attempt)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC))
        os.chmod(path, 0o666)
    for name in os.listdir(home):
        if name.isdigit() and int(name) < order.attempt:
            remove_tree(os.path.join(home, name))
    for name in os.listdir(os.path.dirname(log)):
        number = name.partition(".")[0]
        if number.isdigit() and int(number) < order.attempt - _KEPT_ATTEMPTS:
            os.unlink(os.path.join(os.path.dirname(log), name))


def not_started(action: StartContainer, message: str, container_id: str = "") -> ContainerExited:
    """The end of an attempt that never began; of a container, where one was made."""
    now = time.time()
    identity = (action.pod, action.uid, action.container, action.attempt)
    return ContainerExited(*identity, container_id, _START_FAILED, "StartError", now, now, message=message)


def not_created(action: StartContainer, error: Exception) -> ContainerNotCreated:
    """What cannot even be begun as it was asked for; a volume that is not there is waited for."""
    reason = _WAITS.get(type(error), "CreateContainerError")
    return ContainerNotCreated(action.pod, action.uid, action.container, action.attempt, reason, str(error))


async def discard(directory: str, do: Callable[[str], None]) -> None:
    """Take a pod's directory away, on a thread; what cannot go now, the next start of stead takes."""
    with contextlib.suppress(OSError):
        await asyncio.to_thread(do, directory)


async def measured(home: Home, action: MeasureStorage) -> StorageMeasured:
    """What is below the pod's directory; a container's layer is there where the runtime is native."""

    def look() -> StorageMeasured:
        volumes = {name: disk_usage(os.path.join(home.volumes, name)) for name in action.volumes}
        containers = {name: disk_usage(*_places(home.directory, name)) for name in action.containers}
        return StorageMeasured(action.pod, action.uid, volumes, containers)

    return await asyncio.to_thread(look)


def _places(directory: str, container: str) -> tuple[str, str]:
    return starting.container_directory(directory, container), os.path.join(directory, "logs", container)


async def remove_volume(report: Report, action: RemoveVolume) -> None:
    """Delete a provisioned volume for good, and say so."""
    error = ""
    try:
        if os.path.lexists(action.path):
            await asyncio.to_thread(remove_tree, action.path)
    except OSError as trouble:
        error = str(trouble)
    report(VolumeRemoved(action.volume, error))
