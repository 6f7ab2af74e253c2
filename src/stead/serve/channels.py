"""exec and attach over WebSocket: each binary message begins with its channel (wire.md 3.8, v5 and v4).

Older subprotocols frame alike; before v4 the error channel is plain text, and only of errors.
"""

import msgspec

from stead.machinery.objects import Json, encode
from stead.serve.remotecommand import FromClient, Input, InputEnd, Resize
from stead.serve.websocket import WebSocket

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
PROTOCOLS = (V5, V4, "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE = 255
NUMBERS = {"stdout": STDOUT, "stderr": STDERR}


class ChannelClient:
    """A `remotecommand.Client` over a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def greet(self) -> None:
        """An empty message on stdout comes first: clients wait for it."""
        await self._socket.send(bytes((STDOUT,)))

    async def receive(self) -> FromClient | None:
        while (message := await self._socket.receive()) is not None:
            event = _read(message)
            if event is not None:
                return event
        return None

    async def send(self, stream: str, data: bytes) -> None:
        await self._socket.send(bytes((NUMBERS[stream],)) + data)

    async def finish(self, status: Json) -> None:
        if self._socket.protocol in (V5, V4):
            await self._socket.send(bytes((ERROR,)) + encode(status))
        elif status["status"] != "Success":
            await self._socket.send(bytes((ERROR,)) + str(status["message"]).encode())
        await self._socket.close()


def _read(message: bytes) -> FromClient | None:
    """What a message says; None for what says nothing."""
    channel, data = message[:1], message[1:]
    if channel == bytes((STDIN,)):
        return Input(data) if data else None
    if channel == bytes((CLOSE,)):
        return InputEnd() if data == bytes((STDIN,)) else None
    return read_size(data) if channel == bytes((RESIZE,)) else None


class _Size(msgspec.Struct):
    Width: int = 0
    Height: int = 0


def read_size(data: bytes) -> Resize | None:
    """A terminal's size as clients write it."""
    try:
        size = msgspec.json.decode(data, type=_Size)
    except msgspec.DecodeError:
        return None
    is_sane = 0 < size.Width < 65536 and 0 < size.Height < 65536
    return Resize(size.Width, size.Height) if is_sane else None
