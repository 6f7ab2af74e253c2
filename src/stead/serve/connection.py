"""One HTTP connection: requests in, answers out, one at a time and in order, each phase with its deadline.

An `asyncio.Protocol` of our own, because a request costs a third of what the leanest ASGI server takes, an idle watch
costs kilobytes, and peer certificates and upgrades are simply there (stack study, section 1).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, Protocol

from stead.api.request import Request, Response, Stream, User
from stead.serve import message
from stead.serve.conversation import Conversation
from stead.serve.gone import GONE
from stead.serve.incoming import Incoming, Turn
from stead.serve.limits import Limits
from stead.serve.watches import Watch, Watches


class Phase(Enum):
    """What the connection is busy with. HEAD and BODY have a deadline, IDLE a long one, the others none of ours."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    ANSWERING = 3
    WATCH = 4
    CONVERSATION = 5
    CLOSING = 6


PIECE_BYTES = 64 * 1024  # a big answer stays in the processor's cache on its way through TLS
PIECES_A_TURN = 4
HEAD_PIECE_BYTES = 8 * 1024  # of what has come, read in one turn; bodies are read whole
UNREAD_BYTES = 64 * 1024  # that may wait until the client is asked to wait
NO_TURN = Turn(Response(500, b""))


class House(Protocol):
    """What a connection asks of its server."""

    limits: Limits
    watches: Watches

    def wall(self) -> float: ...

    def time(self) -> float: ...

    def joined(self, connection: "Connection") -> bool: ...

    def left(self, connection: "Connection") -> None: ...

    def identify(self, headers: Mapping[str, str], certificate: Mapping[str, Any] | None) -> User | None: ...

    def come(self, connection: "Connection") -> None: ...

    def stand(self, connection: "Connection") -> None: ...

    def submit(self, connection: "Connection", request: Request) -> None: ...

    def converse(self, connection: "Connection", request: Request, is_upgrade: bool) -> Conversation | None: ...

    def soon(self, call: Callable[[], None]) -> None: ...

    def expect_by(self, deadline: float) -> None: ...


class Connection(asyncio.Protocol):
    """See the module. `deadline` is loop time, None: may wait for ever."""

    __slots__ = (
        "_certificate",
        "_conversation",
        "_has_ended",
        "_house",
        "_incoming",
        "_is_chunked",
        "_is_held",
        "_is_in_line",
        "_ready",
        "_rest",
        "_transport",
        "_turn",
        "_unread",
        "_was_refused",
        "_watch",
        "deadline",
        "is_blocked",
        "phase",
        "served",
    )

    def __init__(self, house: House) -> None:
        self._house = house
        self._transport: Any = None
        self._incoming = Incoming(self, house.limits)
        self._certificate: Mapping[str, Any] | None = None
        self._ready: deque[Turn] = deque()
        self._rest: Iterator[bytes | memoryview] | None = None  # of a long answer
        self._turn = NO_TURN
        self._watch: Watch | None = None
        self._conversation: Conversation | None = None
        self._is_chunked = False
        self._is_held = False  # reading is paused
        self._is_in_line = False  # or has its turn now
        self._unread = b""
        self._was_refused = False  # the client may still be sending what nobody reads
        self._has_ended = False  # the client has said its last
        self.is_blocked = False
        self.served = 0.0  # the line's
        self.deadline: float | None = None
        self.phase = Phase.IDLE

    # the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not self._house.joined(self):
            self._transport.abort()
            return
        tls = transport.get_extra_info("ssl_object")
        self._certificate = (tls.getpeercert() or None) if tls is not None else None
        self._enter(Phase.IDLE, self._house.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._house.left(self)
        self.deadline = None
        self.phase = Phase.CLOSING
        self._transport = GONE
        self._incoming.forget()
        del self._incoming
        self._ready.clear()
        self._unread = b""
        self._rest = None
        if self._watch is not None:
            self._house.watches.forget(self._watch)
            self._watch = None
        if self._conversation is not None:
            self._conversation.lost()
            self._conversation = None

    def eof_received(self) -> bool:
        """A half-closed client still gets the answers it waits for; a watch or a conversation ends."""
        self._has_ended = True
        return self.phase is Phase.ANSWERING or self.has_more

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
        if self._rest is not None:
            self._pour()
        elif self._conversation is not None:
            self._conversation.unblocked()
        elif self._watch is not None:
            self._house.watches.pump(self._watch)
        else:
            if self.phase is Phase.IDLE:
                self._enter(Phase.IDLE, self._house.limits.idle_seconds)
            self._stand()

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None and self._conversation.is_raw:
            self._conversation.received(data)
            return
        if self.phase is Phase.CLOSING:
            return
        self._unread = self._unread + data if self._unread else data
        if not self._is_in_line and not self._is_busy():
            self._is_in_line = True
            self._house.come(self)
        if len(self._unread) > UNREAD_BYTES:
            self.hold_reading(True)

    # its turn

    def go_on(self) -> None:
        """Read on, and take up one request. Who has more to do then stands in line again."""
        if self.phase is Phase.CLOSING:
            return
        if not self._ready and self._unread and not self._is_busy():
            self._read()
        self._next()
        self._is_in_line = False
        self._stand()
        if self._has_ended and not self.has_more and not self._is_busy():
            self.close()

    def _stand(self) -> None:
        if self.has_more and not self._is_in_line and not self._is_busy() and not self.is_blocked:
            self._is_in_line = True
            self._house.stand(self)

    @property
    def has_more(self) -> bool:
        """Whether it has asked for something that is not yet in hand."""
        return bool(self._ready or self._unread)

    def _read(self) -> None:
        """A piece of what has come: others have theirs between, and the next request may be of another sort."""
        size = len(self._unread) if self.phase is Phase.BODY else HEAD_PIECE_BYTES
        data, self._unread = self._unread[:size], self._unread[size:]
        self._unread = self._incoming.feed(data) + self._unread
        if not self._unread:
            self.hold_reading(False)
        if not self._ready and self.phase is Phase.IDLE:
            self._enter(Phase.HEAD, self._house.limits.head_seconds)

    # what has been read

    def identify(self, headers: Mapping[str, str]) -> User | None:
        return self._house.identify(headers, self._certificate)

    def expects_body(self, *, awaits_word: bool) -> None:
        if not self._is_busy() and not self._ready:
            self._enter(Phase.BODY, self._house.limits.body_seconds)
            if awaits_word:
                self.write_raw(message.CONTINUE)

    def takes(self, turn: Turn) -> None:
        if self.phase is Phase.CLOSING:
            return
        self._ready.append(turn)

    def gives_up(self, response: Response) -> None:
        """Answer what cannot be read further, after the answers before it, and close."""
        self._was_refused = True
        self._ready.append(Turn(response))
        if not self._is_busy():
            self._enter(Phase.IDLE, self._house.limits.stalled_seconds)
            self._stand()

    # answers

    def answer(self, outcome: Response | Stream) -> None:
        """The outcome of the request last submitted."""
        if self.phase is not Phase.ANSWERING:
            return  # the client has gone meanwhile
        if isinstance(outcome, Response):
            self._respond(outcome)
            return
        self._enter(Phase.WATCH)
        self.start_chunks(Response(200, b"", outcome.media, outcome.warnings))
        self._watch = self._house.watches.open(outcome, self)
        if self._is_at_rest():
            self._watch = None  # it ended at once

    def start_chunks(self, response: Response) -> None:
        """The head of an answer whose body comes in pieces; HTTP/1.0 knows no pieces, only the connection's end."""
        self._is_chunked = not self._turn.is_old
        if not self._is_chunked:
            self._turn = self._turn._replace(keeps_alive=False)
        head = message.head(response, None, self._house.wall(), self._turn.keeps_alive)
        self.write_raw(head if self._is_chunked else head.replace(b"Transfer-Encoding: chunked\r\n", b""))

    def send_chunk(self, data: bytes) -> None:
        if data:
            self.write_raw(message.chunk(data) if self._is_chunked else data)

    def end_chunks(self) -> None:
        """The body is whole; the connection may serve again."""
        self._watch = None
        self._conversation = None
        if self._is_chunked:
            self.write_raw(message.LAST_CHUNK)
        self._after_answer()

    def switch(self, headers: message.Headers) -> None:
        """Answer 101: from now on all bytes belong to the conversation."""
        self.write_raw(message.switching_head(headers))

    def respond_in_conversation(self, response: Response) -> None:
        """A plain answer after all, from a side door."""
        self._conversation = None
        self._respond(response)

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
        if not self._is_busy() and not self.has_more:
            self.close()

    def hold_reading(self, is_held: bool) -> None:
        if is_held != self._is_held and not self._transport.is_closing():
            self._is_held = is_held
            self._transport.pause_reading() if is_held else self._transport.resume_reading()

    def overdue(self) -> None:
        """The deadline has passed."""
        if self.phase in (Phase.HEAD, Phase.BODY) and not self.is_blocked:
            self.gives_up(message.refusal(message.TooSlow("the request did not arrive in time")))
        else:
            self.break_off()

    # inside

    def _is_busy(self) -> bool:
        """Does an earlier request of this connection still wait for its answer?"""
        return self.phase in (Phase.ANSWERING, Phase.WATCH, Phase.CONVERSATION)

    def _is_at_rest(self) -> bool:
        return self.phase in (Phase.IDLE, Phase.CLOSING)

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
        if self._conversation is None:
            self._house.submit(self, request)
            return
        self._enter(Phase.CONVERSATION)
        if self._conversation.is_raw and self._unread:
            self._conversation.received(self._unread)
            self._unread = b""

    def _respond(self, response: Response) -> None:
        length = len(response.content)
        head = message.head(response, length, self._house.wall(), self._turn.keeps_alive)
        if self._turn.is_head or length < PIECE_BYTES:
            self.write_raw(head if self._turn.is_head else head + response.body)
            self._after_answer()
        else:
            self.write_raw(head)
            self._enter(Phase.ANSWERING)
            self._rest = response.cut(PIECE_BYTES)
            self._pour()

    def _pour(self) -> None:
        """What a long answer may write in this loop turn, as far as the client takes it; others have theirs between."""
        for _ in range(PIECES_A_TURN):
            if self._rest is None or self.is_blocked:
                return
            piece = next(self._rest, None)
            if piece is None:
                self._rest = None
                self._after_answer()
                return
            self.write_raw(piece)
        self._house.soon(self._pour)

    def _after_answer(self) -> None:
        if not self._turn.keeps_alive or (self._has_ended and not self.has_more):
            self._linger()
            return
        self._enter(Phase.IDLE, self._house.limits.idle_seconds)
        self._stand()
        self.hold_reading(len(self._unread) > UNREAD_BYTES)

    def _linger(self) -> None:
        """Close; where the client may still be sending, read on for a moment, for a reset would eat the answer."""
        if not self._was_refused or self._has_ended:
            self.close()
            return
        self._enter(Phase.CLOSING, self._house.limits.linger_seconds)
        self.hold_reading(False)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _enter(self, phase: Phase, within_seconds: float | None = None) -> None:
        self.phase = phase
        self.deadline = None
        if within_seconds is not None:
            self._expect_within(within_seconds)

    def _expect_within(self, seconds: float) -> None:
        self.deadline = self._house.time() + seconds
        self._house.expect_by(self.deadline)

    def write_raw(self, data: bytes | memoryview) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
