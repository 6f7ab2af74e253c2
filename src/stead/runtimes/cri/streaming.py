"""A container's streams as an engine serves them: its `Attach` answers an address, and there a WebSocket speaks.

Each binary message begins with its channel (v4.channel.k8s.io). That protocol cannot tell that the input has ended, so
the connection is closed then; the engine closes the container's input where it was made for one visitor (`stdinOnce`).
"""

import asyncio
import json
import socket
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, RejectConnection, Request
from wsproto.utilities import ProtocolError

from stead.runtimes.cri import spaces
from stead.runtimes.native.channel import Refusal

_PROTOCOL = "v4.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE = range(5)
_CHUNK = 1 << 16


class Line:
    """One conversation; output comes by `receive`, input goes by `send`."""

    def __init__(self, link: socket.socket):
        self._link = link
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._is_closed = False

    async def greet(self, host: str, target: str) -> None:
        """Raises Refusal, with what the engine says."""
        await self._say(Request(host=host, target=target, subprotocols=[_PROTOCOL]))
        match await self._events():
            case [AcceptConnection(), *_]:
                return
            case [RejectConnection(status_code=code), *_]:
                raise Refusal(f"the engine refused its streams: HTTP {code}")
        raise Refusal("the engine closed its streams")

    async def send(self, data: bytes) -> None:
        await self._say(BytesMessage(data=bytes((_STDIN,)) + data))

    async def resize(self, width: int, height: int) -> None:
        size = json.dumps({"Width": width, "Height": height}).encode()
        await self._say(BytesMessage(data=bytes((_RESIZE,)) + size))

    async def receive(self) -> bytes:
        """More output of a terminal, b"" when the line is closed."""
        while events := await self._events():
            found = b"".join([await self._heard(event) for event in events])
            if found:
                return found
            if self._is_closed:
                break
        return b""

    async def _heard(self, event: Event) -> bytes:
        if isinstance(event, Ping):
            await self._say(event.response())
        if isinstance(event, CloseConnection):
            self._is_closed = True
        if isinstance(event, BytesMessage) and event.data[:1] in (bytes((_STDOUT,)), bytes((_STDERR,))):
            return bytes(event.data[1:])
        return b""

    async def _say(self, event: Event) -> None:
        if not self._is_closed:
            await asyncio.get_running_loop().sock_sendall(self._link, self._protocol.send(event))

    async def _events(self) -> list[Event]:
        """The next events, [] at the end."""
        while True:
            data = await asyncio.get_running_loop().sock_recv(self._link, _CHUNK)
            try:
                self._protocol.receive_data(data or None)
                events = list(self._protocol.events())
            except ProtocolError:
                return []
            if events or not data:
                return events

    async def hang_up(self) -> None:
        try:
            await self._say(CloseConnection(code=1000))
        except (OSError, ProtocolError):
            pass
        finally:
            self._is_closed = True

    def close(self) -> None:
        self._link.close()


async def line(namespace: str, url: str) -> Line:
    """A conversation with what an engine serves at `url`, in that network. Raises Refusal."""
    place = urlsplit(url)
    host, port = place.hostname or "127.0.0.1", place.port or 80
    try:
        made = Line(await spaces.connected(namespace, host, port))
    except OSError as error:
        raise Refusal(f"the engine's streams at {place.netloc} do not answer: {error.strerror}") from error
    try:
        await made.greet(place.netloc, place.path)
    except BaseException as error:
        made.close()
        if isinstance(error, OSError):
            raise Refusal(f"the engine's streams at {place.netloc} broke off") from error
        raise
    return made
