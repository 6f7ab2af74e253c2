"""One HTTP connection: bytes in become requests, answers become bytes out. One request at a time, in order.

Written on httptools (llhttp, strict) and an `asyncio.Protocol`, because a request costs a third of what the leanest
ASGI server takes, an idle watch costs kilobytes, and peer certificates and upgrades are simply there
(docs/decisions: the HTTP server).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple, Protocol

import httptools

from stead.api.request import Request, Response, Stream, User
from stead.machinery.errors import ApiError
from stead.serve import message
from stead.serve.conversation import Conversation
from stead.serve.limits import Limits
from stead.serve.watches import Watch, Watches

log = logging.getLogger(__name__)


class Phase(Enum):
    """What the connection is busy with. HEAD and BODY have a deadline, IDLE a long one, the others none of ours."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    ANSWERING = 3
    WATCH = 4
    CONVERSATION = 5
    CLOSING = 6


class Turn(NamedTuple):
    """A whole request, or the answer that refuses it, and what its answer must know of it."""

    item: Request | Response
    keeps_alive: bool
    is_head: bool = False
    is_upgrade: bool = False


NO_TURN = Turn(Response(500, b""), False)


class House(Protocol):
    """What a connection asks of its server."""

    limits: Limits
    watches: Watches

    def wall(self) -> float: ...

    def time(self) -> float: ...

    def joined(self, connection: "Connection") -> bool: ...

    def left(self, connection: "Connection") -> None: ...

    def identify(self, headers: Mapping[str, str], certificate: Mapping[str, Any] | None) -> User | None: ...

    def submit(self, connection: "Connection", request: Request) -> None: ...

    def converse(self, connection: "Connection", request: Request, is_upgrade: bool) -> Conversation | None: ...

    def soon(self, call: Callable[[], None]) -> None: ...

    def expect_by(self, deadline: float) -> None: ...


class Connection(asyncio.Protocol):
    """See the module. `deadline` is loop time, None: may wait for ever."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_certificate",
        "_conversation",
        "_has_ended",
        "_head_bytes",
        "_headers",
        "_house",
        "_is_chunked",
        "_is_deaf",
        "_is_held",
        "_is_in_head",
        "_parser",
        "_ready",
        "_refused",
        "_target",
        "_transport",
        "_turn",
        "_user",
        "_watch",
        "deadline",
        "is_blocked",
        "phase",
    )

    def __init__(self, house: House) -> None:
        self._house = house
        self._transport: Any = None
        self._parser: Any = None
        self._certificate: Mapping[str, Any] | None = None
        self._ready: deque[Turn] = deque()
        self._turn = NO_TURN
        self._watch: Watch | None = None
        self._conversation: Conversation | None = None
        self._is_chunked = False
        self._is_deaf = False  # nothing more can be read from this client
        self._is_held = False  # reading is paused
        self._has_ended = False  # the client has said its last
        self._is_in_head = False
        self._head_bytes = 0
        self.is_blocked = False
        self.deadline: float | None = None
        self.phase = Phase.IDLE
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._refused: Response | None = None
        self._user: User | None = None

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._house.joined(self):
            self._transport.abort()
            return
        tls = transport.get_extra_info("ssl_object")
        self._certificate = (tls.getpeercert() or None) if tls is not None else None
        self._parser = httptools.HttpRequestParser(self)
        self._enter(Phase.IDLE, self._house.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.left(self)
        self.deadline = None
        self.phase = Phase.CLOSING
        self._parser = None
        self._ready.clear()
        if self._watch is not None:
            self._house.watches.forget(self._watch)
            self._watch = None
        if self._conversation is not None:
            self._conversation.lost()
            self._conversation = None

    def eof_received(self) -> bool:
        """A half-closed client still gets the answers it waits for; a watch or a conversation ends."""
        self._has_ended = True
        return self.phase is Phase.ANSWERING or bool(self._ready)

    def pause_writing(self) -> None:
        self.is_blocked = True
        if self._conversation is not None:
            self._conversation.blocked()
        elif self.phase is Phase.WATCH:
            self._expect_within(self._house.limits.unread_watch_seconds)
        else:
            self._expect_within(self._house.limits.stalled_seconds)

    def resume_writing(self) -> None:
        self.is_blocked = False
        self.deadline = None
        if self._conversation is not None:
            self._conversation.unblocked()
        elif self._watch is not None:
            self._house.watches.pump(self._watch)
        elif self.phase is Phase.IDLE:
            self._enter(Phase.IDLE, self._house.limits.idle_seconds)
            self._next()

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None and self._conversation.is_raw:
            self._conversation.received(data)
            return
        if self._is_deaf or self.phase is Phase.CLOSING:
            return
        if self.phase is Phase.IDLE and not self._ready:
            self._enter(Phase.HEAD, self._house.limits.head_seconds)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            log.exception("a request could not be read")
            self._refuse(message.broken_inside())
        except httptools.HttpParserError as error:
            self._refuse(message.not_http(str(error)))
        else:
            self._count_head(len(data))

    # the parser's calls

    def on_message_begin(self) -> None:
        self._begin_message()
        self._is_in_head = True

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """Who asks is settled before the body is read, so that strangers cannot fill memory."""
        self._is_in_head = False
        limit = self._house.limits.body_bytes
        self._user = self._house.identify(self._headers, self._certificate)
        declared = self._headers.get("content-length", "0")
        if self._user is None:
            self._refused = message.unauthorized()
        elif declared.isdigit() and int(declared) > limit:
            self._refused = message.body_too_large(limit)
        if self._is_busy():
            return
        self._enter(Phase.BODY, self._house.limits.body_seconds)
        awaits_word = self._headers.get("expect", "").lower() == "100-continue"
        if self._refused is not None and (awaits_word or self._refused.code != 401):
            self._refuse(self._refused)
        elif awaits_word:
            self._write(message.CONTINUE)

    def on_body(self, part: bytes) -> None:
        self._body_bytes += len(part)
        if self._body_bytes <= self._house.limits.body_bytes:
            if self._refused is None:
                self._body.append(part)
            return
        self._body.clear()
        if not self._is_deaf:
            self._refuse(message.body_too_large(self._house.limits.body_bytes))

    def on_message_complete(self) -> None:
        if self.phase is Phase.CLOSING:
            return
        parser = self._parser
        method = parser.get_method().decode()
        is_upgrade = parser.should_upgrade()
        keeps_alive = (
            parser.should_keep_alive() and not is_upgrade and self._body_bytes <= self._house.limits.body_bytes
        )
        item = self._refused or self._complete_request(method)
        self._ready.append(Turn(item, keeps_alive, method == "HEAD", is_upgrade))
        if not self._is_busy():
            self._next()
        if len(self._ready) >= self._house.limits.pipelined:
            self.hold_reading(True)

    # answers

    def answer(self, outcome: Response | Stream) -> None:
        """The outcome of the request last submitted."""
        if self.phase is not Phase.ANSWERING:
            return  # the client has gone meanwhile
        if isinstance(outcome, Response):
            self._respond(outcome)
            return
        self._enter(Phase.WATCH)
        self.start_chunks(Response(200, b"", outcome.media))
        self._watch = self._house.watches.open(outcome, self)
        if self._is_at_rest():
            self._watch = None  # it ended at once

    def start_chunks(self, response: Response) -> None:
        """The head of an answer whose body comes in pieces; HTTP/1.0 knows no pieces, only the connection's end."""
        self._is_chunked = self._parser.get_http_version() != "1.0"
        if not self._is_chunked:
            self._turn = self._turn._replace(keeps_alive=False)
        head = message.head(response, None, self._house.wall(), self._turn.keeps_alive)
        self._write(head if self._is_chunked else head.replace(b"Transfer-Encoding: chunked\r\n", b""))

    def send_chunk(self, data: bytes) -> None:
        if data:
            self._write(message.chunk(data) if self._is_chunked else data)

    def end_chunks(self) -> None:
        """The body is whole; the connection may serve again."""
        self._watch = None
        self._conversation = None
        if self._is_chunked:
            self._write(message.LAST_CHUNK)
        self._after_answer()

    def switch(self, headers: message.Headers) -> None:
        """Answer 101: from now on all bytes belong to the conversation."""
        self._write(message.switching_head(headers))

    def respond_in_conversation(self, response: Response) -> None:
        """A plain answer after all, from a side door."""
        self._conversation = None
        self._respond(response)

    def write_raw(self, data: bytes) -> None:
        self._write(data)

    def break_off(self) -> None:
        """Cut: the peer must notice that this is not a regular end."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close once all that was written has left."""
        self._conversation = None
        self._enter(Phase.CLOSING, self._house.limits.stalled_seconds)
        if not self._transport.is_closing():
            self._transport.close()

    def close_if_idle(self) -> None:
        """The server goes away: whoever waits for nothing is closed, the others after their answer."""
        self._has_ended = True
        if not self._is_busy() and not self._ready:
            self.close()

    def hold_reading(self, is_held: bool) -> None:
        if is_held != self._is_held and not self._transport.is_closing():
            self._is_held = is_held
            self._transport.pause_reading() if is_held else self._transport.resume_reading()

    def overdue(self) -> None:
        """The deadline has passed."""
        if self.phase in (Phase.HEAD, Phase.BODY) and not self.is_blocked:
            self._refuse(message.refusal(message.TooSlow("the request did not arrive in time")))
        else:
            self.break_off()

    # inside

    def _begin_message(self) -> None:
        self._target = b""
        self._headers = {}
        self._body = []
        self._body_bytes = 0
        self._refused = None
        self._user = None

    def _is_busy(self) -> bool:
        """Does an earlier request of this connection still wait for its answer?"""
        return self.phase in (Phase.ANSWERING, Phase.WATCH, Phase.CONVERSATION)

    def _is_at_rest(self) -> bool:
        return self.phase in (Phase.IDLE, Phase.CLOSING)

    def _complete_request(self, method: str) -> Request | Response:
        """The request as it came, or the answer that refuses it before any verb sees it."""
        try:
            path, query = message.split_target(self._target)
        except ApiError as error:
            return message.refusal(error)
        assert self._user is not None, "settled when the headers were whole"
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Request(method, path, query, self._headers, body, self._user)

    def _next(self) -> None:
        """Take up the next whole request, if there is one and the client reads its answers."""
        if not self._ready or self.is_blocked or self._is_busy() or self.phase is Phase.CLOSING:
            return
        self._turn = self._ready.popleft()
        self._enter(Phase.ANSWERING)
        request = self._turn.item
        if isinstance(request, Response):
            self._respond(request)
            return
        self._conversation = self._house.converse(self, request, self._turn.is_upgrade)
        if self._conversation is not None:
            self._enter(Phase.CONVERSATION)
        else:
            self._house.submit(self, request)

    def _respond(self, response: Response) -> None:
        head = message.head(response, len(response.body), self._house.wall(), self._turn.keeps_alive)
        self._write(head if self._turn.is_head else head + response.body)
        self._after_answer()

    def _after_answer(self) -> None:
        if not self._turn.keeps_alive or (self._has_ended and not self._ready):
            self._linger()
            return
        self._enter(Phase.IDLE, self._house.limits.idle_seconds)
        if self._ready:
            self._house.soon(self._next)
        else:
            self.hold_reading(False)

    def _linger(self) -> None:
        """Close; where the client may still be sending, read on for a moment, for a reset would eat the answer."""
        if self._refused is None or self._has_ended:
            self.close()
            return
        self._enter(Phase.CLOSING, self._house.limits.linger_seconds)
        self.hold_reading(False)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _refuse(self, response: Response) -> None:
        """Answer what cannot be read further, after the answers before it, and close."""
        self._is_deaf = True
        self._refused = response
        self._ready.append(Turn(response, keeps_alive=False))
        if not self._is_busy():
            self._enter(Phase.IDLE, self._house.limits.stalled_seconds)
            self._next()

    def _after_upgrade(self, rest: bytes) -> None:
        """An upgrade nobody took up is answered as a plain request; more cannot be read from this client."""
        if self._conversation is None:
            self._is_deaf = True
        elif rest:
            self._conversation.received(rest)

    def _count_head(self, arrived: int) -> None:
        """A head is counted by what arrives, for the parser keeps an unfinished header to itself."""
        self._head_bytes = self._head_bytes + arrived if self._is_in_head else 0
        if self._head_bytes > self._house.limits.head_bytes:
            self._refuse(message.refusal(message.HeadersTooLarge("the request's headers are too large")))

    def _enter(self, phase: Phase, within_seconds: float | None = None) -> None:
        self.phase = phase
        self.deadline = None
        if within_seconds is not None:
            self._expect_within(within_seconds)

    def _expect_within(self, seconds: float) -> None:
        self.deadline = self._house.time() + seconds
        self._house.expect_by(self.deadline)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
