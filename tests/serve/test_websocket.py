"""WebSocket messages over a conversation, with any bytes from the client."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping

from stead.api.request import Request
from stead.machinery.errors import BadRequest
from stead.serve.conversation import Conversation
from stead.serve.websocket import MESSAGE_LIMIT, WebSocket, chosen_protocol

HANDSHAKE = {"sec-websocket-version": "13", "sec-websocket-key": "MDEyMzQ1Njc4OWFiY2RlZg=="}


class Line:
    """A connection's half of a conversation that keeps what is written."""

    def __init__(self):
        self.is_blocked = False
        self.written = b""
        self.head = ()

    def switch(self, headers):
        self.head = dict(headers)

    def write_raw(self, data):
        self.written += data

    def hold_reading(self, is_held):
        pass

    def close(self):
        pass


def told(*pieces):
    """Every message the server reads out of these bytes, and what it wrote."""

    async def read():
        line = Line()
        conversation = Conversation(line, Request("GET", "/", headers=HANDSHAKE), is_upgrade=True)
        socket = WebSocket.accept(conversation, "v5.channel.k8s.io")
        for piece in pieces:
            conversation.received(piece)
        asyncio.get_running_loop().call_later(0.01, conversation.lost)
        messages = []
        while (message := await socket.receive()) is not None:
            messages.append(message)
        return messages, line

    return asyncio.run(read())


def test_messages_whole_and_in_fragments():
    client = Connection(ConnectionType.CLIENT)
    wire = client.send(BytesMessage(b"one")) + client.send(BytesMessage(b"t", message_finished=False))
    wire += client.send(Ping(b"?")) + client.send(BytesMessage(b"wo"))
    messages, line = told(wire)
    assert messages == [b"one", b"two"]
    assert line.written == b"\x8a\x01?"
    assert line.head["Sec-WebSocket-Accept"] == "BACScCJPNqyz+UBoqMH89VmURoA="


def test_a_close_is_answered():
    client = Connection(ConnectionType.CLIENT)
    messages, line = told(client.send(CloseConnection(1000)))
    assert (messages, line.written) == ([], b"\x88\x02\x03\xe8")


def test_a_message_too_large_closes():
    client = Connection(ConnectionType.CLIENT)
    _, line = told(client.send(BytesMessage(bytes(MESSAGE_LIMIT + 1))))
    assert line.written == b"\x88\x02" + (1009).to_bytes(2, "big")


@given(st.binary(max_size=100))
def test_any_bytes(data):
    messages, _ = told(data)
    assert all(isinstance(message, bytes) for message in messages)


@pytest.mark.parametrize(
    "offered, chosen",
    [("", ""), ("v4.channel.k8s.io", "v4.channel.k8s.io"), ("x, v4.channel.k8s.io", "v4.channel.k8s.io")],
)
def test_subprotocols(offered, chosen):
    known = ("v5.channel.k8s.io", "v4.channel.k8s.io")
    assert chosen_protocol({"sec-websocket-protocol": offered}, known) == chosen
    with pytest.raises(BadRequest):
        chosen_protocol({"sec-websocket-protocol": "x"}, known)
