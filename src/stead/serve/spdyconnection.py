"""A SPDY connection of a client: the streams it opens, read and written. Carried by a raw connection or a WebSocket."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from stead.serve import spdy
from stead.serve.conversation import Conversation
from stead.serve.websocket import WebSocket

HELD_BYTES = 1024 * 1024  # of one stream that nobody reads, before the whole connection waits
MOST_STREAMS = 512


class Carrier(Protocol):
    """Bytes both ways."""

    async def send(self, data: bytes) -> None: ...

    async def receive(self) -> bytes:
        """b"" when the client has gone."""

    async def close(self) -> None: ...


class RawCarrier:
    """A connection switched to SPDY itself."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.send = conversation.send
        self.receive = conversation.receive

    async def close(self) -> None:
        self._conversation.close()


class TunnelCarrier:
    """SPDY inside a WebSocket's messages, as kubectl's port-forward does since 1.31."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.send = socket.send
        self.close = socket.close

    async def receive(self) -> bytes:
        while (message := await self._socket.receive()) is not None:
            if message:
                return message
        return b""


class SpdyStream:
    """One stream, opened by the client. Either half ends on its own."""

    def __init__(self, connection: "SpdyConnection", number: int, headers: Mapping[str, str]) -> None:
        self.headers = headers
        self.number = number
        self._connection = connection
        self._held = bytearray()
        self._has_ended = False
        self._is_finished = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def sort(self) -> str:
        return self.headers.get("streamtype", "")

    async def receive(self) -> bytes:
        """What has come, b"" after the client's end."""
        while not self._held and not self._has_ended:
            self._news.clear()
            await self._news.wait()
        data = bytes(self._held)
        self._held.clear()
        self._room.set()
        return data

    async def send(self, data: bytes) -> None:
        """Raises ConnectionError when the client has gone, or ended this stream."""
        if self._is_finished:
            raise ConnectionResetError("the stream has ended")
        for frame in spdy.data_frames(self.number, data):
            await self._connection.carrier.send(frame)

    async def finish(self) -> None:
        """Nothing more comes from us."""
        if not self._is_finished:
            self._is_finished = True
            await self._connection.carrier.send(spdy.last_frame(self.number))

    async def arrived(self, data: bytes, is_last: bool) -> None:
        self._held += data
        self._has_ended = self._has_ended or is_last
        self._news.set()
        if len(self._held) > HELD_BYTES and not self._has_ended:
            self._room.clear()
            await self._room.wait()

    def was_reset(self) -> None:
        self._is_finished = True
        self.was_lost()

    def was_lost(self) -> None:
        self._has_ended = True
        self._news.set()
        self._room.set()


class SpdyConnection:
    """`run` reads until the client has gone; `accept` answers the streams it opens, one after the other."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self._reader = spdy.Reader()
        self._writer = spdy.Writer()
        self._streams: dict[int, SpdyStream] = {}
        self._opened: asyncio.Queue[SpdyStream | None] = asyncio.Queue()

    async def accept(self) -> SpdyStream | None:
        """The next stream, None when the client has gone."""
        return await self._opened.get()

    async def run(self) -> None:
        try:
            while data := await self.carrier.receive():
                for frame in self._reader.feed(data):
                    if isinstance(frame, spdy.GoAway):
                        return
                    await self._take(frame)
        except (spdy.SpdyError, ConnectionError):
            return
        finally:
            for stream in self._streams.values():
                stream.was_lost()
            self._opened.put_nowait(None)

    def forget(self, stream: SpdyStream) -> None:
        """The stream is over on both sides."""
        self._streams.pop(stream.number, None)

    async def _take(self, frame: spdy.Frame) -> None:
        if isinstance(frame, spdy.Opened):
            await self._open(frame)
        elif isinstance(frame, spdy.Ping):
            if frame.number % 2:  # odd numbers are the client's; an even one would be an answer
                await self.carrier.send(spdy.pong(frame.number))
        elif isinstance(frame, spdy.Data):
            stream = self._streams.get(frame.stream)
            if stream is not None:
                await stream.arrived(frame.data, frame.is_last)
        elif isinstance(frame, spdy.Reset):
            stream = self._streams.pop(frame.stream, None)
            if stream is not None:
                stream.was_reset()

    async def _open(self, frame: spdy.Opened) -> None:
        if frame.stream in self._streams or len(self._streams) >= MOST_STREAMS:
            await self.carrier.send(spdy.reset(frame.stream))
            return
        stream = self._streams[frame.stream] = SpdyStream(self, frame.stream, frame.headers)
        if frame.is_last:
            stream.was_lost()
        await self.carrier.send(self._writer.reply(frame.stream))
        self._opened.put_nowait(stream)
