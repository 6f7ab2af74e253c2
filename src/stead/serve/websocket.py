"""A WebSocket over a conversation: the handshake by hand, framing by wsproto.

Only what Kubernetes' clients use: binary messages under a subprotocol, pings answered, a regular close at the end.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from stead.machinery.errors import BadRequest
from stead.machinery.late import Late
from stead.serve.conversation import Conversation

connection: Any = Late("wsproto.connection")
events: Any = Late("wsproto.events")
utilities: Any = Late("wsproto.utilities")

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_LIMIT = 4 * 1024 * 1024
CLOSING_SECONDS = 2.0
NORMAL_CLOSURE, MESSAGE_TOO_BIG = 1000, 1009


def is_asked(headers: Mapping[str, str]) -> bool:
    return headers.get("upgrade", "").lower() == "websocket"


def chosen_protocol(headers: Mapping[str, str], known: Sequence[str]) -> str:
    """The first protocol the client offers that is known here, "" where it offers none. Raises BadRequest."""
    offered = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",") if word.strip()]
    chosen = next((word for word in offered if word in known), "")
    if offered and not chosen:
        raise BadRequest(f"none of the WebSocket subprotocols {', '.join(offered)} is known here")
    return chosen


class WebSocket:
    """An accepted connection. One task receives, any number send."""

    def __init__(self, conversation: Conversation, protocol: str) -> None:
        self.protocol = protocol
        self._conversation = conversation
        self._wire = connection.Connection(connection.ConnectionType.SERVER)
        self._pieces: list[bytes] = []
        self._messages: list[bytes] = []

    @classmethod
    def accept(cls, conversation: Conversation, protocol: str) -> "WebSocket":
        """Answer the handshake. Raises BadRequest where it is not one."""
        headers = conversation.request.headers
        key = headers.get("sec-websocket-key", "")
        if headers.get("sec-websocket-version") != "13" or not _is_key(key):
            raise BadRequest("a WebSocket handshake of version 13 is needed")
        accepted = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        answer = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accepted)]
        conversation.switch((*answer, *([("Sec-WebSocket-Protocol", protocol)] if protocol else [])))
        return cls(conversation, protocol)

    async def send(self, data: bytes) -> None:
        """One binary message. Raises ConnectionError when the client has gone or is closing."""
        try:
            frame = self._wire.send(events.BytesMessage(data))
        except utilities.LocalProtocolError as error:
            raise ConnectionResetError("the WebSocket is closing") from error
        await self._conversation.send(frame)

    async def receive(self) -> bytes | None:
        """The next whole message, None when the client closes or has gone."""
        while not self._messages:
            if self._wire.state is not connection.ConnectionState.OPEN:
                return None
            data = await self._conversation.receive()
            if not data:
                return None
            await self._take_in(data)
        return self._messages.pop(0)

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close as the protocol wants it: say so, and give the client a moment to agree."""
        if self._wire.state is connection.ConnectionState.OPEN:
            await self._conversation.send(self._wire.send(events.CloseConnection(code, reason)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._until_closed(), CLOSING_SECONDS)
        self._conversation.close()

    async def _until_closed(self) -> None:
        while self._wire.state is not connection.ConnectionState.CLOSED:
            data = await self._conversation.receive()
            if not data:
                return
            self._wire.receive_data(data)
            for _ in self._wire.events():
                pass

    async def _take_in(self, data: bytes) -> None:
        self._wire.receive_data(data)
        for event in self._wire.events():
            if isinstance(event, events.BytesMessage):
                await self._add(bytes(event.data), event.message_finished)
            elif isinstance(event, events.TextMessage):
                await self._add(event.data.encode(), event.message_finished)
            elif isinstance(event, events.Ping):
                await self._conversation.send(self._wire.send(event.response()))
            elif isinstance(event, events.CloseConnection):
                await self._agree_to_close(event)

    async def _add(self, piece: bytes, is_last: bool) -> None:
        self._pieces.append(piece)
        if sum(map(len, self._pieces)) > MESSAGE_LIMIT:
            self._pieces.clear()
            await self._conversation.send(self._wire.send(events.CloseConnection(MESSAGE_TOO_BIG)))
        elif is_last:
            self._messages.append(b"".join(self._pieces))
            self._pieces.clear()

    async def _agree_to_close(self, event: Any) -> None:
        """Answer a close frame, or what could not be read, with a close frame."""
        try:
            await self._conversation.send(self._wire.send(event.response()))
        except utilities.LocalProtocolError:
            return  # it answered ours


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
