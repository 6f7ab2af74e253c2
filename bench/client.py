"""An HTTP/1.1 client that costs less than the servers it measures: one connection, one request at a time."""

import asyncio
import base64
import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httptools
from msgspec import Struct

from stead.kube.kubeconfig import Access


class Target(Struct, frozen=True):
    """Where requests go and with which proof of who asks."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    token: str = ""

    @classmethod
    def of(cls, access: Access) -> "Target":
        """A kubeconfig's access, or a bare URL (then without checking whose certificate it is)."""
        url = urlsplit(access.server)
        tls = _context(access) if url.scheme == "https" else None
        return cls(url.hostname or "127.0.0.1", url.port or (443 if tls else 80), tls, access.token)

    async def connect(self) -> "Connection":
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: Connection(self), self.host, self.port, ssl=self.tls)
        return made


class Connection(asyncio.Protocol):
    """`ask` one thing after another; `watch` is the last thing asked."""

    def __init__(self, target: Target) -> None:
        proof = f"Authorization: Bearer {target.token}\r\n" if target.token else ""
        self._head = f"Host: {target.host}:{target.port}\r\n{proof}Accept: application/json\r\nUser-Agent: bench\r\n"
        self._transport: Any = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser: Any = None
        self._body: list[bytes] = []
        self._on_body: Callable[[bytes], None] = self._body.append

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # what httptools calls

    def on_body(self, data: bytes) -> None:
        self._on_body(data)

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    # what is asked

    async def ask(
        self, method: str, path: str, body: bytes = b"", media: str = "application/json"
    ) -> tuple[int, bytes]:
        """Code and body of the answer."""
        self._body.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._send(method, path, body, media)
        return await self._answer

    def watch(self, path: str, on_data: Callable[[bytes], None]) -> None:
        """Hand every piece of the stream to `on_data`, until `close`."""
        self._on_body = on_data
        self._send("GET", path, b"", "")

    def close(self) -> None:
        self._transport.close()

    def _send(self, method: str, path: str, body: bytes, media: str) -> None:
        self._parser = httptools.HttpResponseParser(self)
        length = f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._transport.write(f"{method} {path} HTTP/1.1\r\n{self._head}{length}\r\n".encode() + body)


def _context(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=access.authority.decode() if access.authority else None)
    context.check_hostname = False
    if not access.authority:
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    if access.client_certificate and access.client_key:
        with tempfile.TemporaryDirectory() as folder:
            pair = Path(folder, "pair.pem")
            pair.touch(0o600)
            pair.write_bytes(access.client_certificate + b"\n" + access.client_key)
            context.load_cert_chain(pair)
    return context


def some_text(size: int) -> str:
    return base64.b64encode(os.urandom(size * 3 // 4)).decode()
