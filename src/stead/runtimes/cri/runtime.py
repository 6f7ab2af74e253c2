"""The CRI runtime: a mailbox outside, asyncio inside, an engine below.

What happens to one pod happens in order; pods do not wait for each other. stead may die at any moment: pods live on,
and the next `start` reports them before anything else. CRI does not call back, so a watch looks at the engine again
and again; what the kernel tells of a process' end makes it look at once.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from msgspec import Struct

from stead.machinery.keys import Key
from stead.machinery.runtime import RuntimeAction, StopContainer
from stead.machinery.times import Now
from stead.runtimes.cri import attaching, client, containerd, deeds, sessions, spaces, watching
from stead.runtimes.cri.client import Engine, EngineTrouble
from stead.runtimes.cri.containerd import Containerd, ContainerdTrouble
from stead.runtimes.cri.feeding import Feeder
from stead.runtimes.cri.node import Node, unmount
from stead.runtimes.cri.reach import Reach
from stead.runtimes.images import Aliases, ImageStore
from stead.runtimes.mailbox import Mailbox, silent
from stead.runtimes.native import probe, starting
from stead.runtimes.native.addresses import Addresses
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.sessions import ExecSession, Size

log = logging.getLogger(__name__)

_READY_SECONDS = 5.0
_HOST = "host:"
NEVER = Now(0.0, 0.0)


class Settings(Struct, frozen=True):
    """`endpoint` is an engine's socket, "" starts a containerd of our own. `images` is the store's directory, which all
    nodes share; `cluster_cidr` is the range of the pods of all of them; `profiles` is where seccomp profiles are.
    """

    images: Path
    endpoint: str = ""
    pod_cidr: str = "10.244.0.0/24"
    cluster_cidr: str = ""
    is_pulling: bool = True
    profiles: str = ""


class CriTrouble(Exception):
    """The runtime cannot start; the message says why and what to do."""


def _without_hosts(aliases: Aliases) -> Aliases:
    """An engine runs images and nothing of the host."""
    always, unreachable = (
        {name: target for name, target in table.items() if not target.startswith(_HOST)}
        for table in (aliases.always, aliases.unreachable)
    )
    return Aliases(always, unreachable)


class CriRuntime(Mailbox):
    """Implements `machinery.runtime.Runtime`."""

    name = "cri"

    def __init__(self, directory: Path, settings: Settings, bell: Callable[[], None] = silent):
        super().__init__(bell)
        self.tier = ""
        self._settings = settings
        aliases = _without_hosts(Aliases.shipped())
        store = ImageStore(settings.images, aliases, is_pulling=settings.is_pulling)
        self._node = Node(directory, store, self._report, profiles=settings.profiles)
        self._own: Containerd | None = None
        self._reviving = asyncio.Lock()
        self._feeder: Feeder | None = None
        self._served: dict[str, None] = {}  # addresses on the node's bridge beside its own
        self._is_cut = False

    def _deed(self, action: RuntimeAction) -> Coroutine[Any, Any, None]:
        return deeds.DEEDS[type(action)](self._node, action)

    # beginning and end

    async def start(self) -> None:
        """Reach the engine, adopt what lives, then begin. Raises CriTrouble with nothing left open."""
        try:
            path = await self._engine_path()
            self._node.engine = Engine(path, self._revive)
            try:
                await self._greet(path)
                await self._node.recover()
            except BaseException:
                await self._hang_up()
                raise
        except (OSError, ValueError, EngineTrouble, ContainerdTrouble) as error:
            raise CriTrouble(str(error)) from error
        self._begin()

    def _begin(self) -> None:
        watch = watching.Watch(self._node)
        self._node.stir = watch.stir
        self._spawn(watch.run())
        self._open()

    async def _engine_path(self) -> str:
        """The engine's socket; one of our own is started, with the network that its pods will have."""
        if self._settings.endpoint:
            path = client.socket_path(self._settings.endpoint)
            if not os.path.exists(path):
                raise CriTrouble(f"nothing is at {path}; is the engine running?")
            self._node.own_address = probe.host_address()
            return path
        addresses = Addresses(self._settings.pod_cidr, self._settings.cluster_cidr)
        directory = Path(self._node.directory)
        self._own = Containerd(directory / "engine", directory / "pods", addresses)
        self._node.network = await self._own.start()
        self._node.addresses = addresses
        self._node.own_address = addresses.gateway
        return self._own.socket_path

    async def _revive(self) -> None:
        if self._own is None:
            return
        async with self._reviving:
            try:
                await self._own.start()
            except (OSError, ContainerdTrouble) as error:
                log.error("the engine cannot be started again: %s", error)

    async def _greet(self, path: str) -> None:
        """Learn whom we speak with, and open the images to it."""
        try:
            told = await self._node.engine.ask("Version", {"version": "v1"}, away_seconds=_READY_SECONDS)
        except EngineTrouble as error:
            raise CriTrouble(f"the engine at {path} does not speak CRI v1: {error}") from error
        self._node.engine_name = told["runtime_name"]
        self.tier = f"{told['runtime_name']} {told['runtime_version'].partition('~')[0].partition('+')[0]}"
        port = containerd.REGISTRY_PORT if self._own is not None else 0
        listener = spaces.bound(self._node.network, socket.SOCK_STREAM, "127.0.0.1", port)
        self._feeder = Feeder(self._node.images, listener)
        await self._feeder.start()
        self._node.registry = self._feeder.address

    async def close(self) -> None:
        """Let go; pods and engine live on."""
        await self._shut()
        for pod in self._node.pods.values():
            for held in pod.containers.values():
                self._node.unwatch(held)
        await self._hang_up()

    async def _hang_up(self) -> None:
        if self._feeder is not None:
            await self._feeder.close()
        self._node.engine.close()
        if self._own is not None:
            self._own.let_go()

    async def stop_all(self, grace_seconds: float) -> None:
        """Stop every container with this grace, then the sandboxes and an engine of our own; directories stay."""
        pods = [pod for pod in self._node.pods.values() if pod.is_alive]
        stops = [StopContainer(pod.pod, pod.uid, name, grace_seconds) for pod in pods for name in pod.containers]
        await asyncio.gather(*(deeds.stop_container(self._node, stop) for stop in stops))
        results = await asyncio.gather(*(self._stop_sandbox(pod.sandbox_id) for pod in pods), return_exceptions=True)
        for pod, result in zip(pods, results, strict=True):
            pod.is_alive = False
            if isinstance(result, BaseException):
                log.warning("the sandbox of %s stays: %s", pod.pod.name, result)
            else:
                unmount(pod.directory)
        if self._own is not None:
            await self._own.stop()

    async def _stop_sandbox(self, sandbox_id: str) -> None:
        await self._node.ask_gone("StopPodSandbox", {"pod_sandbox_id": sandbox_id})

    # one node of several: its engine is one of our own

    async def join(self, first: "CriRuntime") -> None:
        """Lay the cable to the switch of this machine, if it is not there yet. Raises OSError."""
        if self._own is not None and first._own is not None:
            self._own.join(first._own)

    async def cut(self) -> None:
        """Pull the node's cable: its pods have each other, and nothing else. Raises OSError."""
        if self._own is not None:
            self._is_cut = True
            self._own.pull_cable(self._served)

    async def heal(self) -> None:
        """Raises OSError."""
        if self._own is not None:
            self._is_cut = False
            self._own.restore_cable(self._served)

    async def power_off(self) -> None:
        """The machine is switched off: pods and engine are killed. Its network stays, for it is only a cable."""
        await self._shut()
        pods = [pod for pod in self._node.pods.values() if pod.is_alive]
        self._node.pods = {}
        for pod in pods:
            for held in pod.containers.values():
                self._node.unwatch(held)
        await asyncio.gather(*(self._stop_sandbox(pod.sandbox_id) for pod in pods), return_exceptions=True)
        for pod in pods:
            unmount(pod.directory)
        self._node.engine.close()
        if self._own is not None:
            await self._own.stop()
        self.take(NEVER)

    async def power_on(self) -> None:
        """The machine starts again: of every pod that was there the end is told. Raises OSError."""
        if self._own is None:
            return
        try:
            await self._own.start()
            self._node.engine = Engine(self._own.socket_path, self._revive)
            await self._node.recover()
        except (EngineTrouble, ContainerdTrouble) as error:
            raise OSError(f"the engine does not start: {error}") from error
        self._begin()
        self.bell()

    # the side door

    @property
    def has_network(self) -> bool:
        """Whether the node has a network of its own: where the engine is ours."""
        return self._own is not None

    @property
    def images(self) -> ImageStore:
        return self._node.images

    @property
    def dns_address(self) -> str:
        """Where pods expect the cluster's DNS: the node's bridge, or this host's address."""
        return self._node.own_address

    def log_path(self, uid: str, pod: Key, container: str, attempt: int) -> str:
        """The log of one attempt, for `runtimes.logs.LogReader`; it may not be there (yet, or any more)."""
        return starting.log_path(self._node.pod_directory(uid), container, attempt)

    async def exec(
        self,
        uid: str,
        container: str,
        argv: list[str],
        *,
        has_tty: bool = False,
        has_stdin: bool = False,
        size: Size | None = None,
    ) -> ExecSession:
        """Run a program in a container, with the container's environment. Raises Refusal where it does not run."""
        return await sessions.run(self._node, uid, container, argv, size=size, has_tty=has_tty, has_stdin=has_stdin)

    async def attach(self, uid: str, container: str, *, has_stdin: bool = False) -> ExecSession:
        """Follow a running container's output, and feed its input. Raises Refusal where it does not run."""
        return await attaching.attach(self._node, uid, container, has_stdin=has_stdin)

    async def dial(self, uid: str, port: int) -> socket.socket:
        """A connection to a port of the pod, from inside its network. Raises OSError or Refusal."""
        return await Reach(self._node).dial(uid, port)

    async def bind_udp(self, port: int, address: str = "") -> socket.socket:
        """A datagram socket on `dns_address`, or on another that the node gets. Raises OSError."""
        return self._bound(socket.SOCK_DGRAM, port, address)

    async def bind_tcp(self, port: int, address: str = "") -> socket.socket:
        """A listening socket on `dns_address`, or on another that the node gets. Raises OSError."""
        return self._bound(socket.SOCK_STREAM, port, address)

    def _bound(self, kind: socket.SocketKind, port: int, address: str) -> socket.socket:
        if address and self._own is not None:
            self._served[address] = None
            if not self._is_cut:
                self._own.have_address(address)
        return spaces.bound(self._node.network, kind, address or self.dns_address, port)

    async def dial_address(self, address: str, port: int) -> socket.socket:
        """A connection from the node's network. Raises OSError."""
        return await spaces.connected(self._node.network, address, port)


__all__ = ["CriRuntime", "CriTrouble", "ExecSession", "Refusal", "Settings"]
