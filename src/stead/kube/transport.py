"""HTTP to a real API server on asyncio: requests on kept connections, watches on connections of their own.

HTTP/1.1 over TLS, parsed by httptools. A request is sent once: whoever asks decides whether to ask again.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools
from msgspec import DecodeError, Struct

from stead import __version__
from stead.kube.credentials import Credentials
from stead.kube.kubeconfig import Access
from stead.machinery.objects import decode, dig
from stead.machinery.times import Now

CONNECT_SECONDS = 10.0
CHUNK = 1 << 18
KEPT = 8  # idle connections
MOST_BYTES = 1 << 30  # of one answer: a list of 100,000 large objects
ALIVE = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))


class Unreachable(Exception):
    """No answer. `is_sent`: the request may have arrived, and nobody knows what became of it."""

    def __init__(self, why: str, *, is_sent: bool) -> None:
        super().__init__(why)
        self.is_sent = is_sent


class Silent(Unreachable):
    """A watch on which nothing was heard for too long."""


class Reply(Struct, frozen=True):
    """`headers` has lower-case names."""

    code: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def message(self) -> str:
        """Why it is no success: a Status' own words, else how the answer begins."""
        try:
            found = decode(self.body)
        except (DecodeError, UnicodeDecodeError):
            found = None
        told = dig(found, "message", default="")
        return str(told) or self.body[:200].decode(errors="replace") or f"code {self.code}"

    @property
    def retry_after(self) -> float:
        """Seconds that the server asked to be left alone."""
        told = self.headers.get("retry-after", "")
        return float(told) if told.isdecimal() else 0.0


class Transport:
    """Speaks to the server of `access` with `credentials`. `clock` says when those are due again."""

    def __init__(self, access: Access, credentials: Credentials, clock: Any) -> None:
        url = urlsplit(access.server)
        self._host = url.hostname or "127.0.0.1"
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._base = url.path.rstrip("/")
        self._server_name = access.server_name
        self._for_whom = access.headers
        self._credentials = credentials
        self._clock = clock
        self._tls: ssl.SSLContext | None = None
        self._tls_version = -1
        self._idle: list[_Connection] = []

    async def ask(
        self, method: str, path: str, body: bytes = b"", media: str = "application/json", *, seconds: float = 30.0
    ) -> Reply:
        """One request, one answer, whatever its code. Raises Unreachable, KubeconfigError."""
        reply = await self._ask(method, path, body, media, seconds)
        if reply.code == 401 and self._credentials.refuse():
            reply = await self._ask(method, path, body, media, seconds)
        return reply

    async def lines(self, path: str, *, patience: Callable[[], float]) -> AsyncIterator[bytes]:
        """A watch: its lines as they come, whole ones in blocks, until the server ends it; the first block is empty.

        Raises Refusal where the answer is not 200, Unreachable where it breaks off, and Silent where it says nothing
        for as long as `patience` gives it.
        """
        connection = await self._fresh()
        try:
            await self._send(connection, "GET", path, b"", "")
            await connection.until_head(CONNECT_SECONDS + 20)
            if connection.code != 200:
                body = await connection.until_end(CONNECT_SECONDS)
                if connection.code == 401:
                    self._credentials.refuse()
                raise Refusal(Reply(connection.code, body, connection.headers))
            yield b""
            rest = b""
            async for block in connection.blocks(patience):
                whole, end, tail = block.rpartition(b"\n")
                if not end:
                    rest += block
                    continue
                yield rest + whole
                rest = tail
        finally:
            connection.close()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    # inside

    async def _ask(self, method: str, path: str, body: bytes, media: str, seconds: float) -> Reply:
        connection = await self._kept() or await self._fresh()
        is_whole = False
        try:
            await self._send(connection, method, path, body, media)
            answer = await connection.until_end(seconds)
            is_whole = connection.can_be_kept
            return Reply(connection.code, answer, connection.headers)
        finally:
            if is_whole and len(self._idle) < KEPT:
                connection.reset()
                self._idle.append(connection)
            else:
                connection.close()

    async def _kept(self) -> "_Connection | None":
        await self._renew()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.version == self._credentials.version:
                return connection
            connection.close()
        return None

    async def _fresh(self) -> "_Connection":
        await self._renew()
        if self._tls_version != self._credentials.version:
            self._tls, self._tls_version = self._credentials.tls(), self._credentials.version
        name = (self._server_name or self._host) if self._tls else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                ends = await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls, server_hostname=name, limit=CHUNK
                )
        except TimeoutError as error:
            raise Unreachable(f"{self._place}: no connection in {CONNECT_SECONDS:g} s", is_sent=False) from error
        except OSError as error:
            raise Unreachable(f"{self._place}: {_why(error)}", is_sent=False) from error
        connection = _Connection(self._place, *ends, version=self._credentials.version)
        connection.keep_alive()
        return connection

    async def _renew(self) -> None:
        now: Now = self._clock()
        if self._credentials.is_due(now.wall):
            await asyncio.to_thread(self._credentials.renew, now.wall)

    async def _send(self, connection: "_Connection", method: str, path: str, body: bytes, media: str) -> None:
        head = [
            f"{method} {self._base}{path} HTTP/1.1",
            f"Host: {self._place}",
            f"User-Agent: stead/{__version__}",
            "Accept: application/json",
            *(f"{name}: {value}" for name, value in self._credentials.headers().items()),
            *(f"{name}: {value}" for name, value in self._for_whom),
        ]
        if body:
            head += [f"Content-Type: {media}", f"Content-Length: {len(body)}"]
        await connection.send("\r\n".join([*head, "", ""]).encode() + body)

    @property
    def _place(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"


class Refusal(Exception):
    """A watch was answered with something else than events."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.code}")
        self.reply = reply


class _Connection:
    """One connection and the answer that is being read on it."""

    def __init__(self, place: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, version: int) -> None:
        self.version = version
        self._place = place
        self._reader = reader
        self._writer = writer
        self.reset()

    def reset(self) -> None:
        """Ready for the next answer."""
        self.code = 0
        self.headers: dict[str, str] = {}
        self.can_be_kept = False
        self._has_head = self._has_end = False
        self._blocks: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    # what the parser tells

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.code = self._parser.get_status_code()
        self._has_head = self.code >= 200

    def on_body(self, body: bytes) -> None:
        self._blocks.append(body)

    def on_message_complete(self) -> None:
        self._has_end = True
        self.can_be_kept = self._parser.should_keep_alive()

    # what the transport does

    @property
    def is_open(self) -> bool:
        return not self._reader.at_eof() and not self._writer.is_closing()

    def keep_alive(self) -> None:
        """A server that is gone without a word is noticed within half a minute."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

    async def send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, RuntimeError) as error:
            raise Unreachable(f"{self._place}: {_why(error)}", is_sent=True) from error

    async def until_head(self, seconds: float) -> None:
        while not self._has_head:
            await self._read(seconds)

    async def until_end(self, seconds: float) -> bytes:
        size = 0
        try:
            async with asyncio.timeout(seconds):
                while not self._has_end:
                    size += await self._read(None)
                    if size > MOST_BYTES:
                        raise Unreachable(f"{self._place}: an answer of more than {MOST_BYTES} bytes", is_sent=True)
        except TimeoutError as error:
            raise Unreachable(f"{self._place}: no answer in {seconds:g} s", is_sent=True) from error
        return b"".join(self._blocks)

    async def blocks(self, patience: Callable[[], float]) -> AsyncIterator[bytes]:
        """The body as it comes."""
        while True:
            if self._blocks:
                block, self._blocks = b"".join(self._blocks), []
                yield block
            if self._has_end:
                return
            await self._read(patience())

    async def _read(self, seconds: float | None) -> int:
        try:
            async with asyncio.timeout(seconds):
                data = await self._reader.read(CHUNK)
            if not data:
                raise Unreachable(f"{self._place}: the server ended the connection", is_sent=True)
            self._parser.feed_data(data)
        except TimeoutError as error:
            raise Silent(f"{self._place}: nothing heard for {seconds:g} s", is_sent=True) from error
        except OSError as error:
            raise Unreachable(f"{self._place}: {_why(error)}", is_sent=True) from error
        except httptools.HttpParserError as error:
            raise Unreachable(f"{self._place}: this is no HTTP: {error}", is_sent=True) from error
        return len(data)

    def close(self) -> None:
        self._writer.close()


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
