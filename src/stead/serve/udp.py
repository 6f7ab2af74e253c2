"""Cluster DNS on sockets: packets in, packets out; outside names are asked of the host's resolvers.

UDP is drained with `add_reader`, for asyncio's own datagram transports allocate 256 KB a packet. The sockets are given,
because they may come out of another network namespace.
"""

import asyncio
import ipaddress
import logging
import secrets
import socket
import struct
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from stead.dns.wire import Elsewhere, Responder
from stead.machinery.times import Now

log = logging.getLogger(__name__)

DRAINED_AT_ONCE = 128  # packets a loop turn, so that HTTP is still served under a flood
ASKED_AT_ONCE = 256  # outside questions under way
TCP_CONNECTIONS = 128
TCP_IDLE_SECONDS = 10.0
LARGEST_PACKET = 65535

Address = tuple[Any, ...]


def host_resolvers(path: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The addresses of the host's `nameserver` lines, [] where there are none."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [line[1] for line in words if len(line) > 1 and line[0] == "nameserver" and _is_address(line[1])]


def sockets(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port (port 0: one that is free for both). Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for attempt in range(10):
        tcp = socket.socket(family, socket.SOCK_STREAM)
        udp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((host, port))
            udp.bind(tcp.getsockname())
            return udp, tcp
        except OSError:
            udp.close()
            tcp.close()
            if port or attempt == 9:
                raise
    raise AssertionError("the loop returns or raises")


class DnsServer:
    """Answers on any number of sockets; `resolvers` are asked, in order, for names that are not ours."""

    def __init__(
        self,
        responder: Responder,
        now: Callable[[], Now],
        resolvers: Sequence[str] = (),
        *,
        timeout_seconds: float = 2.0,
        resolver_port: int = 53,
    ) -> None:
        self._responder = responder
        self._now = now
        self._resolvers = list(resolvers)
        self._resolver_port = resolver_port
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._udp: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._tcp_open = 0
        self._asking = 0

    async def serve(self, udp: socket.socket, tcp: socket.socket | None = None) -> None:
        """Answer on these sockets until `close`, which closes them too."""
        udp.setblocking(False)
        self._udp.append(udp)
        self._loop.add_reader(udp.fileno(), self._drain, udp)
        if tcp is not None:
            self._servers.append(await asyncio.start_server(self._converse, sock=tcp))

    def close(self) -> None:
        for udp in self._udp:
            self._loop.remove_reader(udp.fileno())
            udp.close()
        self._udp.clear()
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()

    # UDP

    def _drain(self, udp: socket.socket) -> None:
        for _ in range(DRAINED_AT_ONCE):
            try:
                query, asker = udp.recvfrom(LARGEST_PACKET)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an earlier answer could not be delivered
            self._answer(udp, query, asker)

    def _answer(self, udp: socket.socket, query: bytes, asker: Address) -> None:
        try:
            reply = self._responder.reply(query, self._now())
        except Exception:
            log.exception("a DNS query broke: %s", query.hex())
            return
        if isinstance(reply, bytes):
            _send(udp, reply, asker)
        elif reply is not None:
            self._start(self._relay(udp, reply, asker))

    async def _relay(self, udp: socket.socket, elsewhere: Elsewhere, asker: Address) -> None:
        said = await self._ask_elsewhere(elsewhere.question, self._ask_udp)
        if udp.fileno() >= 0:
            _send(udp, self._responder.relayed(elsewhere, said), asker)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # TCP

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tcp_open += 1
        try:
            while self._tcp_open <= TCP_CONNECTIONS:
                query = await asyncio.wait_for(_framed(reader), TCP_IDLE_SECONDS)
                reply = self._responder.reply(query, self._now(), is_tcp=True)
                if isinstance(reply, Elsewhere):
                    said = await self._ask_elsewhere(reply.question, self._ask_tcp)
                    reply = self._responder.relayed(reply, said, is_tcp=True)
                if reply is None:
                    return
                writer.write(struct.pack("!H", len(reply)) + reply)
                await asyncio.wait_for(writer.drain(), TCP_IDLE_SECONDS)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return
        finally:
            self._tcp_open -= 1
            writer.close()

    # other resolvers

    async def _ask_elsewhere(
        self, question: bytes, ask: Callable[[str, bytes], Coroutine[Any, Any, bytes]]
    ) -> bytes | None:
        """What the first resolver that answers says; None when none does. The id is drawn anew, against forgers."""
        if self._asking >= ASKED_AT_ONCE:
            return None
        fresh = secrets.token_bytes(2) + question[2:]
        self._asking += 1
        try:
            for resolver in self._resolvers:
                try:
                    return await asyncio.wait_for(ask(resolver, fresh), self._timeout_seconds)
                except (OSError, TimeoutError, asyncio.IncompleteReadError):
                    continue
        finally:
            self._asking -= 1
        return None

    async def _ask_udp(self, resolver: str, question: bytes) -> bytes:
        with socket.socket(_family(resolver), socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect((resolver, self._resolver_port))
            await self._loop.sock_sendall(sock, question)
            while True:
                said = await self._loop.sock_recv(sock, LARGEST_PACKET)
                if _is_reply(said, question):
                    return said

    async def _ask_tcp(self, resolver: str, question: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(resolver, self._resolver_port)
        try:
            writer.write(struct.pack("!H", len(question)) + question)
            said = await _framed(reader)
        finally:
            writer.close()
        if not _is_reply(said, question):
            raise ConnectionError("the resolver answered something else")
        return said


async def _framed(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack("!H", await reader.readexactly(2))
    return await reader.readexactly(size)


def _send(udp: socket.socket, reply: bytes, asker: Address) -> None:
    try:
        udp.sendto(reply, asker)
    except OSError:
        log.debug("an answer to %s could not be sent", asker)


def _is_reply(said: bytes, question: bytes) -> bool:
    """Same id, a response, and about the same name (the question stands first in both)."""
    end = question.find(b"\0", 12) + 5
    return (
        said[:2] == question[:2]
        and len(said) >= 12
        and bool(said[2] & 0x80)
        and (said[12:end].lower() == question[12:end].lower() or said[4:6] == b"\0\0")
    )


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
