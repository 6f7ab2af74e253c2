"""Clients for load: plain HTTP/1.1 over TLS on asyncio, as many as one likes."""

import asyncio
import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


class Way:
    """How to reach one stead: its port and its credentials."""

    def __init__(self, data: Path) -> None:
        state = json.loads((data / "running.json").read_text())
        self.data = data
        self.pid = int(state["pid"])
        self.port = int(state["port"])
        self.token = (data / "token").read_text().strip()
        self.tls = ssl.create_default_context(cafile=str(data / "pki" / "ca.crt"))

    async def connect(self) -> "Connection":
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname="localhost", limit=CHUNK
        )
        return Connection(self, reader, writer)

    def resident_bytes(self) -> int:
        """Memory of the server process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4096


class Connection:
    def __init__(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.way, self.reader, self.writer = way, reader, writer

    def say(self, method: str, path: str, body: Any = None, media: str = "application/json") -> None:
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.way.token}\r\n"
        head += f"Content-Type: {media}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.writer.write(head.encode() + data)

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}

    async def answer(self) -> tuple[int, bytes]:
        code, headers = await self.head()
        if headers.get("transfer-encoding") == "chunked":
            return code, await self._chunks()
        return code, await self.reader.readexactly(int(headers.get("content-length", 0)))

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readline(), 16):
            parts.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return b"".join(parts)

    async def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, bytes]:
        self.say(method, path, body, media)
        return await self.answer()

    async def listed(self, path: str) -> tuple[int, Any]:
        code, body = await self.ask("GET", path)
        return code, json.loads(body)

    async def watch(self, path: str) -> None:
        """Read a watch to its end, event by event."""
        self.say("GET", path)
        await self.head()
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self.reader.read(65536):
                pass

    def close(self) -> None:
        self.writer.close()
