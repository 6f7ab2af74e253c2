"""exec, attach and port-forward over SPDY: which streams a client opens for what (wire.md 3.8)."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping

from stead.api.options import is_true
from stead.api.request import Request
from stead.machinery.errors import BadRequest
from stead.machinery.objects import Json, encode
from stead.serve.channels import read_size
from stead.serve.conversation import Conversation
from stead.serve.portforward import READ_BYTES, Dial, words_of
from stead.serve.remotecommand import FromClient, Input, InputEnd
from stead.serve.spdyconnection import SpdyConnection, SpdyStream

COMMAND_PROTOCOLS = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io")
FORWARD_PROTOCOL = "portforward.k8s.io"
OPENING_SECONDS = 30.0
CLOSING_SECONDS = 2.0
MOST_FORWARDED = 200


def is_asked(headers: Mapping[str, str]) -> bool:
    return headers.get("upgrade", "").lower() == "spdy/3.1"


def chosen_protocol(headers: Mapping[str, str], known: tuple[str, ...]) -> str:
    """The first known one, in our order, that the client offers. Raises BadRequest."""
    offered = [word.strip() for word in headers.get("x-stream-protocol-version", "").split(",")]
    chosen = next((word for word in known if word in offered), "")
    if not chosen:
        raise BadRequest(f"none of the stream protocols {', '.join(offered)} is known here")
    return chosen


def switch(conversation: Conversation, protocol: str) -> None:
    """Answer the upgrade."""
    head = (("Upgrade", "SPDY/3.1"), ("Connection", "Upgrade"), ("X-Stream-Protocol-Version", protocol))
    conversation.switch(head)


class SpdyClient:
    """A `remotecommand.Client` over the streams of one connection."""

    def __init__(self, connection: SpdyConnection, protocol: str) -> None:
        self._connection = connection
        self._protocol = protocol
        self._streams: dict[str, SpdyStream] = {}
        self._events: asyncio.Queue[FromClient | None] = asyncio.Queue(16)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, request: Request) -> bool:
        """Wait for every stream the request speaks of; False where they do not come."""
        self._tasks.append(asyncio.create_task(self._run()))
        has_tty = is_true(request, "tty")
        wanted = {"error", *(name for name in ("stdin", "stdout", "stderr") if is_true(request, name))}
        wanted = (wanted - {"stderr"}) | {"resize"} if has_tty and self._protocol[:2] > "v2" else wanted
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._collect(wanted), OPENING_SECONDS)
        for name, feed in (("stdin", self._feed_input), ("resize", self._feed_sizes)):
            if name in self._streams:
                self._tasks.append(asyncio.create_task(feed(self._streams[name])))
        return wanted <= set(self._streams)

    async def receive(self) -> FromClient | None:
        return await self._events.get()

    async def send(self, stream: str, data: bytes) -> None:
        await self._streams[stream].send(data)

    async def finish(self, status: Json) -> None:
        """End the outputs, then say how it ended, and give the client a moment to go first."""
        for name in ("stdout", "stderr"):
            if name in self._streams:
                await self._streams[name].finish()
        error = self._streams["error"]
        if self._protocol[:2] == "v4":
            await error.send(encode(status))
        elif status["status"] != "Success":
            await error.send(str(status["message"]).encode())
        await error.finish()
        await asyncio.wait(self._tasks[:1], timeout=CLOSING_SECONDS)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.carrier.close()

    async def _run(self) -> None:
        await self._connection.run()
        if not self._events.full():
            self._events.put_nowait(None)

    async def _collect(self, wanted: set[str]) -> None:
        while not wanted <= set(self._streams):
            stream = await self._connection.accept()
            if stream is None:
                return
            self._streams[stream.sort] = stream

    async def _feed_input(self, stream: SpdyStream) -> None:
        while data := await stream.receive():
            await self._events.put(Input(data))
        await self._events.put(InputEnd())

    async def _feed_sizes(self, stream: SpdyStream) -> None:
        while data := await stream.receive():
            size = read_size(data.splitlines()[-1]) if data.strip() else None
            if size is not None:
                await self._events.put(size)


async def forward(connection: SpdyConnection, dial: Dial) -> None:
    """Port-forward: each pair of an error and a data stream with one request id is one connection into the pod."""
    running = asyncio.create_task(connection.run())
    waiting: dict[str, SpdyStream] = {}
    pairs: set[asyncio.Task[None]] = set()
    try:
        while (stream := await connection.accept()) is not None:
            other = waiting.pop(stream.headers.get("requestid", ""), None)
            if other is None:
                waiting[stream.headers.get("requestid", "")] = stream
                continue
            error, data = (other, stream) if stream.sort == "data" else (stream, other)
            if len(pairs) < MOST_FORWARDED:
                pair = asyncio.create_task(_pair(connection, error, data, dial))
                pairs.add(pair)
                pair.add_done_callback(pairs.discard)
    finally:
        for task in (*pairs, running):
            task.cancel()
        await asyncio.gather(*pairs, running, return_exceptions=True)
        await connection.carrier.close()


async def _pair(connection: SpdyConnection, error: SpdyStream, data: SpdyStream, dial: Dial) -> None:
    port = data.headers.get("port", "")
    try:
        with await dial(int(port)) as pod:
            pod.setblocking(False)
            await _carry(pod, data)
        await data.finish()
    except ConnectionResetError:
        pass
    except Exception as trouble:
        await error.send(f"error forwarding port {port}: {words_of(trouble, port)}".encode())
    finally:
        with contextlib.suppress(ConnectionError):
            await error.finish()
            await data.finish()
        connection.forget(error)
        connection.forget(data)


async def _carry(pod: socket.socket, data: SpdyStream) -> None:
    """Both ways until the pod has ended; the client's end is passed on, for some wait for it before they answer."""
    loop = asyncio.get_running_loop()

    async def to_pod() -> None:
        with contextlib.suppress(OSError):
            while said := await data.receive():
                await loop.sock_sendall(pod, said)
            pod.shutdown(socket.SHUT_WR)

    sending = asyncio.create_task(to_pod())
    try:
        while said := await loop.sock_recv(pod, READ_BYTES):
            await data.send(said)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
