"""What a runtime with real processes offers beside the port: a life, addresses to listen on, and ways into its pods."""

import socket
from typing import Any, Protocol

from stead.machinery.keys import Key
from stead.machinery.runtime import Runtime
from stead.runtimes.native.sessions import ExecSession, Size


class RealRuntime(Runtime, Protocol):
    """Two real plugs: `runtimes/native` and `runtimes/cri`."""

    @property
    def tier(self) -> str:
        """How it runs pods here, for people: `user`, `containerd 1.6.20`."""

    @property
    def has_network(self) -> bool:
        """Whether the node has a network of its own, in which any address can be one of its."""

    @property
    def dns_address(self) -> str:
        """Where pods expect the cluster's DNS."""

    async def start(self) -> None:
        """Adopt what lives, then begin."""

    async def close(self) -> None:
        """Let go; pods live on."""

    async def stop_all(self, grace_seconds: float) -> None:
        """Stop every container with this grace, then what holds the pods."""

    async def join(self, first: Any) -> None:
        """Put the node's network on one wire with that of `first`, a runtime of the same sort."""

    async def power_off(self) -> None:
        """The node's machine is switched off: what runs is killed, and nobody is told."""

    async def power_on(self) -> None:
        """It starts again: of every pod that was there the end is told."""

    async def cut(self) -> None:
        """The node is taken from the network."""

    async def heal(self) -> None:
        """The node is on the network again."""

    def log_path(self, uid: str, pod: Key, container: str, attempt: int) -> str: ...

    async def exec(
        self,
        uid: str,
        container: str,
        argv: list[str],
        *,
        has_tty: bool = False,
        has_stdin: bool = False,
        size: Size | None = None,
    ) -> ExecSession: ...

    async def attach(self, uid: str, container: str, *, has_stdin: bool = False) -> ExecSession: ...

    async def dial(self, uid: str, port: int) -> socket.socket: ...

    async def bind_udp(self, port: int, address: str = "") -> socket.socket:
        """A datagram socket on `dns_address`, or on another that the node's network gets. Raises OSError."""

    async def bind_tcp(self, port: int, address: str = "") -> socket.socket:
        """A listening socket on `dns_address`, or on another that the node's network gets. Raises OSError."""

    async def dial_address(self, address: str, port: int) -> socket.socket:
        """A connection from the node's network. Raises OSError or Refusal."""


async def datagrams_to(runtime: RealRuntime, address: str, port: int) -> socket.socket:
    """A datagram socket of the node's network, connected. Raises OSError or Refusal."""
    made = await runtime.bind_udp(0)
    try:
        made.connect((address, port))
    except OSError:
        made.close()
        raise
    return made
