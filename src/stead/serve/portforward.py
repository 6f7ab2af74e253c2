"""Port-forward over WebSocket, v4 framing: for the i-th port channel 2i carries bytes and 2i+1 errors (wire.md 3.8)."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable

from stead.api.request import Request
from stead.machinery.errors import BadRequest
from stead.serve.websocket import WebSocket

Dial = Callable[[int], Awaitable[socket.socket]]

READ_BYTES = 64 * 1024
MOST_PORTS = 64


def ports_of(request: Request) -> list[int]:
    """The ports asked for. Raises BadRequest."""
    words = [word for name, value in request.query if name == "ports" for word in value.split(",")]
    if not words or len(words) > MOST_PORTS:
        raise BadRequest("query parameter `ports` is needed: one to 64 port numbers")
    for word in words:
        if not word.isascii() or not word.isdigit() or not 0 < int(word) < 65536:
            raise BadRequest(f'"{word}" is not a port number')
    return [int(word) for word in words]


def words_of(error: Exception, port: int | str) -> str:
    """Why a port of the pod cannot be reached."""
    if not isinstance(error, OSError) or not error.errno:
        return str(error)
    return f"failed to connect to localhost:{port} inside the pod: {os.strerror(error.errno).lower()}"


class Forwarded:
    """One port: a connection into the pod, behind two channels."""

    def __init__(self, channel: int, port: int, client: WebSocket) -> None:
        self.channel = channel
        self._port = port
        self._client = client
        self._pod: socket.socket | None = None
        self._is_dialled = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self, dial: Dial) -> None:
        """Dial, and carry what the pod says until it has ended."""
        number = struct.pack("<H", self._port)
        await self._client.send(bytes((self.channel,)) + number)
        await self._client.send(bytes((self.channel + 1,)) + number)
        try:
            self._pod = await self._dialled(dial)
            while data := await self._loop.sock_recv(self._pod, READ_BYTES):
                await self._client.send(bytes((self.channel,)) + data)
        except ConnectionResetError:
            return
        except Exception as error:
            told = f"error forwarding port {self._port}: {words_of(error, self._port)}"
            await self._client.send(bytes((self.channel + 1,)) + told.encode())

    async def _dialled(self, dial: Dial) -> socket.socket:
        try:
            connection = await dial(self._port)
            connection.setblocking(False)
            return connection
        finally:
            self._loop.call_soon(self._is_dialled.set)

    async def write(self, data: bytes) -> None:
        """To the pod, once it is dialled; bytes for a connection that is gone are dropped."""
        await self._is_dialled.wait()
        try:
            if self._pod is not None:
                await self._loop.sock_sendall(self._pod, data)
        except OSError:
            return

    def close(self) -> None:
        if self._pod is not None:
            self._pod.close()


async def converse(client: WebSocket, ports: list[int], dial: Dial) -> None:
    """Carry bytes for every port until all connections have ended or the client has gone."""
    forwarded = [Forwarded(2 * at, port, client) for at, port in enumerate(ports)]
    from_pods = [asyncio.ensure_future(port.run(dial)) for port in forwarded]
    from_client = asyncio.ensure_future(_feed(client, forwarded))
    all_ended = asyncio.ensure_future(asyncio.wait(from_pods))
    try:
        await asyncio.wait([all_ended, from_client], return_when=asyncio.FIRST_COMPLETED)
        if all_ended.done():
            from_client.cancel()
            await asyncio.gather(from_client, return_exceptions=True)
            await client.close()
    finally:
        for task in (*from_pods, from_client, all_ended):
            task.cancel()
        await asyncio.gather(*from_pods, from_client, all_ended, return_exceptions=True)
        for port in forwarded:
            port.close()


async def _feed(client: WebSocket, forwarded: list[Forwarded]) -> None:
    by_channel = {port.channel: port for port in forwarded}
    while (message := await client.receive()) is not None:
        port = by_channel.get(message[0]) if message else None
        if port is not None:
            await port.write(message[1:])
