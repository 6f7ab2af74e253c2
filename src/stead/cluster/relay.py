"""Connections to a service's own address, or to a pod's port of the host, go where they should: what kube-proxy is
elsewhere.

Bytes pass through this process, in the node's network. A front is open only while somebody stands behind it, so that a
service without endpoints refuses at once. TCP and UDP; ports of the host are opened on the
API's own address, or on that which a pod names (`hostIP`).
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Iterable
from random import Random
from typing import Protocol

from stead.cluster.datagrams import Datagrams
from stead.cluster.routes import Front, Routes, Target
from stead.machinery.keys import Key
from stead.runtimes.native.runtime import Refusal
from stead.runtimes.real import RealRuntime, datagrams_to

log = logging.getLogger(__name__)

CHUNK = 1 << 16
CONNECT_SECONDS = 5.0
NOT_HERE = {
    "native": "in the plain tier the ports of the host are the pods' own: let the program listen there, on $POD_IP",
    "cri": "the engine at --cri-endpoint has its own network; a containerd of our own (without it) opens them",
}
UNKNOWN = "stead carries TCP and UDP, not {}: use one of these, or reach the pod at its own address"
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door(Protocol):
    """An open front."""

    def close(self) -> None: ...


class Relay:
    """One node's. `look` after every step; `host` is where its ports are opened on this machine. `complain` is told
    which service or pod has a port that cannot be opened, and why.
    """

    def __init__(
        self,
        routes: Routes,
        runtime: RealRuntime,
        host: str,
        chance: Random,
        *,
        node: str = "",
        complain: Callable[[Key, str], None] = lambda key, told: None,
    ) -> None:
        self._routes = routes
        self._runtime = runtime
        self._host = host
        self._node = node
        self._chance = chance
        self._complain = complain
        self._targets: dict[Front, tuple[Target, ...]] = {}
        self._of: dict[Key, set[Front]] = {}
        self._open: dict[Front, Door] = {}
        self._told: dict[Front, str] = {}
        self._datagrams = Datagrams(self._chosen, lambda target: datagrams_to(runtime, *target))
        self._tasks: dict[Front, asyncio.Task[None]] = {}

    def look(self, changed: Iterable[Key]) -> None:
        """Have the fronts that these services want now. What is under way goes on to its end."""
        for service in sorted(changed):
            fronts = self._wanted(service)
            for front in self._of.pop(service, set()) - set(fronts):
                self._targets.pop(front, None)
                self._told.pop(front, None)
                self._settle(front)
            self._of[service] = set(fronts)
            self._targets.update(fronts)
            for front, targets in fronts.items():
                self._datagrams.keep(front, targets)
                self._settle(front)

    def _wanted(self, service: Key) -> dict[Front, tuple[Target, ...]]:
        """Addresses of services are where nodes have networks of their own."""
        fronts = self._routes.fronts(service, self._node)
        return {front: found for front, found in fronts.items() if self._runtime.has_network or not front.address}

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        for server in self._open.values():
            server.close()

    # fronts

    def _settle(self, front: Front) -> None:
        if front not in self._tasks and (front in self._targets) != (front in self._open):
            task = asyncio.get_running_loop().create_task(self._open_or_close(front))
            self._tasks[front] = task
            task.add_done_callback(lambda _: self._settled(front))

    def _settled(self, front: Front) -> None:
        del self._tasks[front]

    async def _open_or_close(self, front: Front) -> None:
        while (front in self._targets) != (front in self._open):
            if front in self._open:
                self._open.pop(front).close()
                continue
            try:
                bound = await self._bound(front)
            except (OSError, Refusal) as error:
                place = front.address or front.host or self._host
                self._tell(front, f"port {_named(front)} cannot be opened on {place}: {_why(error)}")
                return
            if front.protocol == "UDP":
                self._open[front] = self._datagrams.open(front, bound)
            else:
                self._open[front] = await asyncio.start_server(lambda *ends: self._relay(front, ends), sock=bound)

    def _tell(self, front: Front, told: str) -> None:
        """Once; at a service's own address only what will never be."""
        if self._told.get(front) == told:
            return
        self._told[front] = told
        log.warning("%s", told)
        is_told = not front.address or front.protocol not in ("TCP", "UDP")
        for key, fronts in sorted(self._of.items()) if is_told else ():
            if front in fronts:
                self._complain(key, told)

    async def _bound(self, front: Front) -> socket.socket:
        if not self._runtime.has_network:
            raise OSError(errno.EOPNOTSUPP, NOT_HERE[self._runtime.name])
        if front.protocol not in ("TCP", "UDP"):
            raise OSError(errno.EPROTONOSUPPORT, UNKNOWN.format(front.protocol))
        if front.address:
            bind = self._runtime.bind_udp if front.protocol == "UDP" else self._runtime.bind_tcp
            return await bind(front.port, front.address)
        place = (front.host or self._host, front.port)
        return _datagram_socket(place) if front.protocol == "UDP" else socket.create_server(place)

    def _chosen(self, front: Front) -> Target | None:
        targets = self._targets.get(front, ())
        return self._chance.choice(targets) if targets else None

    # connections

    async def _relay(self, front: Front, near: Ends) -> None:
        far = await self._connected(self._targets.get(front, ()))
        if far is None:
            near[1].transport.abort()
            return
        try:
            await asyncio.gather(_pump(near[0], far[1]), _pump(far[0], near[1]))
        except OSError:
            near[1].transport.abort()
            far[1].transport.abort()
        finally:
            for _, writer in (near, far):
                writer.close()

    async def _connected(self, targets: Iterable[Target]) -> Ends | None:
        """One of them by chance; where it does not answer, another."""
        left = list(targets)
        self._chance.shuffle(left)
        for target in left:
            with contextlib.suppress(OSError, Refusal, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(sock=await self._runtime.dial_address(*target))
        return None


def _datagram_socket(place: tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made


def _named(front: Front) -> str:
    return str(front.port) if front.protocol == "TCP" else f"{front.port}/{front.protocol}"


def _why(error: Exception) -> str:
    """Of the ports of a host one is taken by a program that people can look for."""
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return "another program of this machine has it (ss -lntup shows which)"
    return error.strerror or str(error)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that one side says, and that it has ended."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
