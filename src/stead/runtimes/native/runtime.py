"""The native runtime: a mailbox outside, asyncio inside, a keeper and shims below.

What happens to one pod happens in order; pods do not wait for each other. stead may die at any moment: pods live on,
and the next `start` reports them before anything else.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from stead.machinery.keys import Key
from stead.machinery.runtime import RuntimeAction, StopContainer
from stead.machinery.times import Now
from stead.runtimes.images import ImageStore
from stead.runtimes.mailbox import Mailbox, silent
from stead.runtimes.native import deeds, handlers, probe, sessions, starting
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.node import Node, Settings
from stead.runtimes.native.sessions import ExecSession, Size

_DEFAULT = Settings()
_LAST_SECONDS = 2.0
NEVER = Now(0.0, 0.0)


class NativeRuntime(Mailbox):
    """Implements `machinery.runtime.Runtime`."""

    name = "native"

    def __init__(self, directory: Path, bell: Callable[[], None] = silent, settings: Settings = _DEFAULT):
        super().__init__(bell)
        self._node = Node(directory, self._report, settings)
        self._served: dict[str, None] = {}  # addresses on the node's bridge beside its own

    def _deed(self, action: RuntimeAction) -> Coroutine[Any, Any, None]:
        return deeds.DEEDS[type(action)](self._node, action)

    # beginning and end

    async def start(self) -> None:
        """Adopt what lives, then begin. Raises KeeperTrouble where this machine refuses the tier."""
        await self._node.settle()
        await self._node.recover()
        self._open()

    async def close(self) -> None:
        """Let go; pods, shims and keeper live on."""
        await self._shut()
        self._node.hang_up()

    async def stop_all(self, grace_seconds: float) -> None:
        """Stop every container with this grace, then shims and keeper; the pods' directories stay."""
        pods = list(self._node.pods.values())
        for pod in pods:
            for name in pod.containers:
                await deeds.stop_container(self._node, StopContainer(pod.pod, pod.uid, name, grace_seconds))
        deadline = asyncio.get_running_loop().time() + grace_seconds + _LAST_SECONDS
        while asyncio.get_running_loop().time() < deadline and any(pod.has_running for pod in pods if pod.is_alive):
            await asyncio.sleep(0.01)
        await asyncio.gather(*(self._node.end(pod) for pod in pods))
        await self._node.dismiss_keeper()

    # one node of several

    async def power_off(self) -> None:
        """The machine is switched off: everything that runs is killed. Its network stays, for it is only a cable."""
        await self._shut()
        await self._node.power_off()
        self.take(NEVER)

    async def power_on(self) -> None:
        """The machine starts again: of every pod that was there the end is told."""
        await self._node.recover()
        self._open()
        self.bell()

    async def join(self, first: "NativeRuntime") -> None:
        """Lay the cable to the switch of this machine, which is in the first node's network, if it is not there yet.

        Raises KeeperTrouble, OSError or Refusal.
        """
        if not self.has_network:
            return
        ours, switch = await self._node.keeper(), await first._node.keeper()
        await switch.ask("switch")
        if (await ours.ask("has cable"))["answer"]:
            return
        port = "p" + self.dns_address.replace(".", "")[-12:]
        await switch.ask("forget", port=port)
        descriptor = await switch.ask_file("network")
        try:
            await ours.ask("lay", (descriptor,), port=port)
        finally:
            os.close(descriptor)
        await switch.ask("plug", port=port)

    async def cut(self) -> None:
        """Pull the node's cable: its pods have each other, and nothing else. Not in the plain tier. Raises Refusal."""
        if self.has_network:
            await (await self._node.keeper()).ask("cut", addresses=list(self._served))

    async def heal(self) -> None:
        if self.has_network:
            await (await self._node.keeper()).ask("heal", addresses=list(self._served))

    # the side door

    @property
    def tier(self) -> str:
        return self._node.tier

    @property
    def has_network(self) -> bool:
        """Whether the node has a network of its own: not in the plain tier."""
        return self._node.tier != "plain"

    @property
    def images(self) -> ImageStore:
        return self._node.images

    @property
    def dns_address(self) -> str:
        """Where pods expect the cluster's DNS: the node's bridge."""
        return self._node.addresses.gateway

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
        shim = await self._node.shim_of(uid)
        spec = {"arguments": argv, "has_tty": has_tty}
        return await sessions.run(shim, container, spec, has_stdin=has_stdin, size=size)

    async def attach(self, uid: str, container: str, *, has_stdin: bool = False) -> ExecSession:
        """Follow a running container's output, and feed its input. Raises Refusal where it does not run."""
        shim = await self._node.shim_of(uid)
        return await sessions.attach(shim, container, has_stdin, self._exit_code(uid, container))

    async def _exit_code(self, uid: str, container: str) -> int:
        pod = self._node.pods[uid]
        while pod.is_alive and pod.containers[container]["is_running"]:
            await pod.changed.wait()
        return int(pod.containers[container].get("exit_code", 0))

    async def dial(self, uid: str, port: int) -> socket.socket:
        """A connection to a port of the pod, from inside its network. Raises OSError or Refusal."""
        return await handlers.dial(self._node, uid, port)

    async def dial_address(self, address: str, port: int) -> socket.socket:
        """A connection from the node's network. Raises OSError or Refusal."""
        keeper = await self._node.keeper()
        made = socket.socket(fileno=await keeper.ask_file("socket"))
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, (address, port))
        except BaseException:
            made.close()
            raise
        return made

    async def bind_udp(self, port: int, address: str = "") -> socket.socket:
        """A datagram socket on the node's bridge address, or on another that the bridge gets. Raises OSError."""
        return await self._bind("udp", port, address)

    async def bind_tcp(self, port: int, address: str = "") -> socket.socket:
        """A listening socket on the node's bridge address, or on another that the bridge gets. Raises OSError."""
        return await self._bind("tcp", port, address)

    async def _bind(self, kind: str, port: int, address: str = "") -> socket.socket:
        keeper = await self._node.keeper()
        if address:
            self._served[address] = None
        address = address or self.dns_address
        try:
            descriptor = await keeper.ask_file("bind", kind=kind, port=port, address=address)
        except Refusal as error:
            raise OSError(str(error)) from error
        bound = socket.socket(fileno=descriptor)
        bound.setblocking(False)
        return bound

    def node_facts(self) -> list[probe.Fact]:
        """What this machine allows, for `stead doctor` and the node's annotations."""
        return probe.facts()


__all__ = ["ExecSession", "NativeRuntime", "Refusal", "Settings"]
