"""The HTTP server: who is connected, which requests arrived together, which watches are open.

Reads are answered one by one, in their connection's turn; writes that wait together are handed over as one batch.
Answers leave when what they rest on is on the disk (architecture, section 10: group commit). Nothing here knows a verb
or a kind.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from stead.api.request import READS, Request, Response, Stream, User
from stead.machinery.errors import ApiError, Timeout
from stead.machinery.times import Now
from stead.serve import message
from stead.serve.accepting import Doorway
from stead.serve.connection import Connection
from stead.serve.conversation import Conversation
from stead.serve.limits import Limits
from stead.serve.line import Line, Place, Waiter
from stead.serve.turns import Job, Turns, piece
from stead.serve.watches import Watches

log = logging.getLogger(__name__)

LATELY_SECONDS = 0.1

HandleBatch = Callable[[list[Request]], Sequence[Response | Stream]]
Authenticate = Callable[[Mapping[str, str], Mapping[str, Any] | None], User | None]


class SideDoor(Protocol):
    """Requests whose bytes go straight to a runtime (`serve/streams`)."""

    def opens_for(self, request: Request) -> bool: ...

    async def serve(self, conversation: Conversation) -> None:
        """Speak with the client until one of both ends it. An ApiError before the first byte is answered as it is."""


class Disk(Protocol):
    """Where what is written goes. `kept` is the revision up to which it is there; `is_busy`: writes had better wait."""

    revision: int
    kept: int
    is_busy: bool


class NoDisk:
    """Nothing is written, or it is of no account."""

    revision = kept = 0
    is_busy = False


class HttpServer:
    """Serves until `close`.

    handle_batch  synchronous: requests that arrived together in, as many outcomes out
    authenticate  (headers with lower-case names, `ssl.getpeercert()` of a verified client or None) -> who, None: 401
    side_door     log, exec, attach, port-forward, or None
    now           wall and monotonic seconds
    disk          whoever moves its `kept` or `is_busy` calls `kept`
    """

    def __init__(
        self,
        handle_batch: HandleBatch,
        authenticate: Authenticate,
        side_door: SideDoor | None,
        now: Callable[[], Now],
        *,
        limits: Limits | None = None,
        disk: Disk | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.identify = authenticate
        self._handle_batch = handle_batch
        self._side_door = side_door
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(self._loop, self._first)
        self.soon: Callable[[Job], None] = self._turns.soon
        self.watches = Watches(self._turns, now)
        self.time = self._loop.time
        self._connections: dict[Connection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._line = Line()
        self._disk = disk or NoDisk()
        self._held: deque[tuple[int, Waiter, Response | Stream]] = deque()  # by the revision they rest on
        self._read_at = 0.0  # when somebody last read
        self._is_closed = False  # who still asks is cut off
        self._sweep: asyncio.TimerHandle | None = None
        self._sweep_at = 0.0
        self._doorways: list[Doorway] = []

    async def listen(self, tls: ssl.SSLContext | None, host: str, port: int) -> int:
        """Listen on one address; answers the port (the one chosen, for port 0). Raises OSError where it is taken."""
        return await self.listen_on(tls, socket.create_server((host, port)))

    async def listen_on(self, tls: ssl.SSLContext | None, bound: socket.socket) -> int:
        """Listen on a socket that is bound already, wherever it was made; answers its port. It is ours from now on."""
        doorway = Doorway(bound, tls, lambda: Connection(self), self.limits)
        doorway.open()
        self._doorways.append(doorway)
        return doorway.port

    def ring(self) -> None:
        """The log has moved: open watches are asked in this loop turn."""
        self.watches.ring()

    def kept(self) -> None:
        """More is on the disk: who waited for it is answered, and watches are told."""
        if self._held:
            self._turns.soon(self._first)
        self.watches.ring()
        if self._line.has_writes:
            self._turns.soon(self._write)

    def lost(self, told: str) -> None:
        """The disk has failed: nobody knows what has become of what was written last."""
        for _, who, _ in self._held:
            who.answer(message.refusal(Timeout(told)))
        self._held.clear()

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def close(self, grace_seconds: float = 2.0) -> None:
        """Take no more; end the watches; let answers leave; after `grace_seconds` cut what is left."""
        for doorway in self._doorways:
            doorway.close()
        self.watches.end_all()
        for task in tuple(self._tasks):
            task.cancel()
        for connection in tuple(self._connections):
            connection.close_if_idle()
        deadline = self._loop.time() + grace_seconds
        while self._connections and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        for connection in tuple(self._connections):
            connection.break_off()
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()

    # what connections ask of their house

    def wall(self) -> float:
        return self._now().wall

    def joined(self, connection: Connection) -> bool:
        if len(self._connections) >= self.limits.connections:
            return False
        self._connections[connection] = None
        return True

    def left(self, connection: Connection) -> None:
        self._connections.pop(connection, None)

    def come(self, connection: Connection) -> None:
        """It has something to do: at once where this turn has time for it, and nobody waits who has had less."""
        if self._turns.has_time() and self._line.passes(connection):
            self._go_on(connection)
        else:
            self._line.add(connection)

    def stand(self, connection: Connection) -> None:
        """It has had its turn, and has more to do."""
        self._line.add(connection, comes_again=True)
        self._turns.soon(self._first)

    def submit(self, connection: Connection, request: Request) -> None:
        """A read is answered at once, for it is its connection's turn; a write waits for the others of its commit."""
        if request.method in READS:
            self._read_at = time.monotonic()
            self._answer([(connection, request)])
        else:
            self._line.add_write(connection, request)
            self._turns.soon(self._write)

    def converse(self, connection: Connection, request: Request, is_upgrade: bool) -> Conversation | None:
        """Hand the request to the side door, if it is one for it."""
        door = self._side_door
        if door is None or not door.opens_for(request):
            return None
        conversation = Conversation(connection, request, is_upgrade)
        task = self._loop.create_task(_speak(door, conversation))
        conversation.run(task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return conversation

    def expect_by(self, deadline: float) -> None:
        """Look at the deadlines no later than this. Deadlines mostly move on, so that the alarm is rarely set anew."""
        if self._sweep is not None and self._sweep_at <= deadline:
            return
        if self._sweep is not None:
            self._sweep.cancel()
        self._sweep_at = deadline
        self._sweep = self._loop.call_at(deadline, self._look_at_deadlines)

    # inside

    def _go_on(self, connection: Waiter) -> None:
        if self._is_closed:
            return
        began = time.monotonic()
        connection.go_on()
        self._line.charge(connection, time.monotonic() - began)

    def _first(self) -> None:
        """What comes before all else in a turn: who waited for the disk is answered, and who waits in line goes on."""
        has_time = piece()
        while self._has_free() and has_time():
            _, who, outcome = self._held.popleft()
            who.answer(outcome)
        has_time = piece()
        while self._line.has_comers and has_time():
            self._go_on(self._line.next())
        if self._line.has_comers or self._has_free():
            self._turns.soon(self._first)

    def _has_free(self) -> bool:
        """Whether somebody waits for the disk no longer."""
        return bool(self._held) and self._held[0][0] <= self._disk.kept

    def _write(self) -> None:
        """One commit."""
        if not self._line.has_writes or self._disk.is_busy or self._is_closed:
            return
        began = time.monotonic()
        is_alone = began > self._read_at + LATELY_SECONDS
        taken = self._line.next_writes(self.limits.batch if is_alone else self.limits.batch_beside_readers)
        self._answer(taken)
        share = (time.monotonic() - began) / len(taken)
        for who, _ in taken:
            self._line.charge(who, share)
        if self._line.has_writes:
            self._turns.soon(self._write)

    def _answer(self, taken: list[Place]) -> None:
        requests = [request for _, request in taken]
        try:
            outcomes = self._handle_batch(requests)
        except Exception:
            log.exception("a batch of %d requests broke", len(requests))
            outcomes = [message.broken_inside()] * len(requests)
        for (who, _), outcome in zip(taken, outcomes, strict=True):
            self._tell(who, outcome)

    def _tell(self, who: Waiter, outcome: Response | Stream) -> None:
        """Now, or when what it rests on is on the disk."""
        own = outcome.rests_on if isinstance(outcome, Response) else None
        revision = self._disk.revision if own is None else own
        if revision > self._disk.kept:
            self._held.append((revision, who, outcome))
        else:
            who.answer(outcome)

    def _look_at_deadlines(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for connection in tuple(self._connections):
            if connection.deadline is not None and connection.deadline <= now:
                connection.overdue()
        waiting = [connection.deadline for connection in self._connections if connection.deadline is not None]
        if waiting:
            self.expect_by(max(min(waiting), now + 0.05))


async def _speak(door: SideDoor, conversation: Conversation) -> None:
    try:
        await door.serve(conversation)
    except ApiError as error:
        _refuse(conversation, message.refusal(error))
    except ConnectionError:
        conversation.break_off()
    except Exception:
        log.exception("a conversation broke: %s %s", conversation.request.method, conversation.request.path)
        _refuse(conversation, message.broken_inside())
    finally:
        conversation.break_off()


def _refuse(conversation: Conversation, response: Response) -> None:
    if conversation.is_begun:
        conversation.break_off()
    else:
        conversation.answer(response)
