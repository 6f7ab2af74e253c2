"""The image store as a registry on loopback, by which an engine gets its images: only reading, only by digest.

So one store, one chain of aliases and one set of credentials serve every runtime, and the engine itself never speaks to
the outside. The pause image, which holds a pod's sandbox, is made here.
"""

import asyncio
import hashlib
import io
import json
import os
import re
import socket
import tarfile
from collections.abc import Iterator
from functools import cache
from typing import cast

from stead.runtimes.blobs import BadBlob
from stead.runtimes.images import ImageStore, architecture

PAUSE = "stead/pause:1"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_PATH = re.compile(r"/v2/(.+)/(manifests|blobs)/([^/]+)")
_HEAD_BYTES = 16 * 1024
_CHUNK = 1 << 18

# A program that sleeps for ever, in two or three instructions: pause(), or ppoll() of nothing, in a loop.
_PAUSE_PROGRAMS = {
    "amd64": (62, bytes.fromhex("b8220000000f05ebf7")),
    "arm64": (183, bytes.fromhex("000080d2010080d2020080d2030080d2280980d2010000d4faffff17")),
}


class Feeder:
    """Answers GET and HEAD of `/v2/`. `address` is where, host and port."""

    def __init__(self, store: ImageStore, listener: socket.socket):
        self._store = store
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self.address = f"{host}:{port}"
        self._server: asyncio.Server | None = None
        self._talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._converse, sock=self._listener, limit=_HEAD_BYTES)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._talks.values():
            writer.transport.abort()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests one after the other, until the engine hangs up."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._talks[task] = writer
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
                await self._answer(writer, method, target.partition("?")[0])
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            del self._talks[task]
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, method: str, path: str) -> None:
        if path in ("/v2", "/v2/"):
            return await _tell(writer, 200, "application/json", [b"{}"], 2)
        match = _PATH.fullmatch(path)
        found = None if match is None else self._found(*match.groups())
        if found is None:
            body = b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'
            return await _tell(writer, 404, "application/json", [body], len(body))
        media, digest, content = found
        size = len(content) if isinstance(content, bytes) else os.stat(content).st_size
        chunks = _chunks(content) if method == "GET" else iter(())
        return await _tell(writer, 200, media, chunks, size, digest)

    def _found(self, name: str, sort: str, which: str) -> tuple[str, str, bytes | str] | None:
        """Media type, digest, and the bytes or the file of a manifest or a blob."""
        media = _MANIFEST if sort == "manifests" else "application/octet-stream"
        made = pause_image()
        if f"{name}:{which}" == PAUSE:
            which = next(reversed(made))
        if which in made:
            return media, which, made[which]
        try:
            path = str(self._store.blob(which))
        except BadBlob:
            return None
        if sort == "manifests":
            with open(path, "rb") as file:
                media = json.loads(file.read()).get("mediaType", _MANIFEST)
        return media, which, path


async def _tell(
    writer: asyncio.StreamWriter,
    code: int,
    media: str,
    chunks: "Iterator[bytes] | list[bytes]",
    size: int,
    digest: str = "",
) -> None:
    words = {200: "OK", 404: "Not Found"}[code]
    head = f"HTTP/1.1 {code} {words}\r\nContent-Type: {media}\r\nContent-Length: {size}\r\n"
    head += f"Docker-Content-Digest: {digest}\r\n" if digest else ""
    writer.write(f"{head}\r\n".encode())
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()


def _chunks(content: bytes | str) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with open(content, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


# the pause image


@cache
def pause_image() -> dict[str, bytes]:
    """Its blobs by digest, the manifest last."""
    layer = _layer(_program())
    body = {
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    config = json.dumps(body).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _described(config, _CONFIG),
        "layers": [_described(layer, _LAYER)],
    }
    return {_digest(data): data for data in (layer, config, json.dumps(manifest).encode())}


def _described(data: bytes, media: str) -> dict[str, str | int]:
    return {"mediaType": media, "digest": _digest(data), "size": len(data)}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _layer(program: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    return buffer.getvalue()


def _program() -> bytes:
    """An ELF file of one segment. Raises OSError on machines whose instructions are not known here."""
    if architecture() not in _PAUSE_PROGRAMS:
        raise OSError(f"no pause program is known for {architecture()}")
    machine, code = _PAUSE_PROGRAMS[architecture()]
    base, head = 0x400000, 64 + 56
    size = (head + len(code)).to_bytes(8, "little")
    numbers = [(machine, 2), (1, 4), (base + head, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2), (1, 2)]
    numbers += [(64, 2), (0, 2), (0, 2)]
    segment = [(1, 4), (5, 4), (0, 8), (base, 8), (base, 8)]
    packed = b"".join(value.to_bytes(width, "little") for value, width in numbers)
    program = b"".join(value.to_bytes(width, "little") for value, width in segment)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9) + (2).to_bytes(2, "little")
    return ident + packed + program + size + size + (0x1000).to_bytes(8, "little") + code
