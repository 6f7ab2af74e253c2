"""Datagrams to a service's own address, or to a pod's port of the host, go where they should, and answers come back.

UDP has no end that anybody could see. What one sender says to one front is a flow, which keeps its target and is
forgotten when nothing has passed for a while, as any router does; there are so many at most, and the one that has been
silent longest goes first.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeAlias

from stead.cluster.routes import Front, Target
from stead.runtimes.native.channel import Refusal

ANSWERED_SECONDS = 120.0  # both, as long as Linux remembers a flow that it translates
UNANSWERED_SECONDS = 30.0
LOOK_SECONDS = 10.0
MOST_FLOWS = 1024
MOST_WAITING = 16
LARGEST = 65535
AT_ONCE = 64

Sender: TypeAlias = Any  # as the socket tells it
Dial: TypeAlias = Callable[[Target], Awaitable[socket.socket]]


class Flow:
    """`waiting` is what was said before there was a way to the target."""

    def __init__(self, target: Target, now: float) -> None:
        self.target = target
        self.last = now
        self.is_answered = False
        self.waiting: list[bytes] = []
        self.far: socket.socket | None = None

    def is_stale(self, now: float) -> bool:
        return now - self.last > (ANSWERED_SECONDS if self.is_answered else UNANSWERED_SECONDS)


class Door:
    """An open front."""

    def __init__(self, datagrams: "Datagrams", front: Front, near: socket.socket) -> None:
        self._datagrams = datagrams
        self._front = front
        self._near = near

    def close(self) -> None:
        self._datagrams.shut(self._front, self._near)


class Datagrams:
    """One node's. `choose` is asked once a flow whom it goes to, `dial` makes a datagram socket that is connected to
    that target; it may raise OSError or Refusal.
    """

    def __init__(self, choose: Callable[[Front], Target | None], dial: Dial) -> None:
        self._choose = choose
        self._dial = dial
        self._flows: dict[tuple[Front, Sender], Flow] = {}  # the longest silent first
        self._look: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._flows)

    def open(self, front: Front, near: socket.socket) -> Door:
        """Serve a front at this socket, which is ours from now on."""
        near.setblocking(False)
        asyncio.get_running_loop().add_reader(near.fileno(), self._hear, front, near)
        return Door(self, front, near)

    def shut(self, front: Front, near: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(near.fileno())
        near.close()
        self.keep(front, ())

    def keep(self, front: Front, targets: Collection[Target]) -> None:
        """End what goes to anybody but these."""
        for key in [key for key, flow in self._flows.items() if key[0] == front and flow.target not in targets]:
            self._end(key)

    # there

    def _hear(self, front: Front, near: socket.socket) -> None:
        """Not more at once than others can wait for."""
        for _ in range(AT_ONCE):
            try:
                said, sender = near.recvfrom(LARGEST)
            except OSError:
                return
            self._take(front, near, said, sender)

    def _take(self, front: Front, near: socket.socket, said: bytes, sender: Sender) -> None:
        key, now = (front, sender), asyncio.get_running_loop().time()
        flow = self._flows.pop(key, None) or self._begun(key, near, now)
        if flow is None:
            return
        self._flows[key] = flow
        flow.last = now
        if flow.far is not None:
            self._say(key, flow.far, said)
        elif len(flow.waiting) < MOST_WAITING:
            flow.waiting.append(said)

    def _begun(self, key: tuple[Front, Sender], near: socket.socket, now: float) -> Flow | None:
        target = self._choose(key[0])
        if target is None:
            return None
        if len(self._flows) >= MOST_FLOWS:
            self._end(next(iter(self._flows)))
        flow, loop = Flow(target, now), asyncio.get_running_loop()
        task = loop.create_task(self._reach(key, flow, near))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._look = self._look or loop.call_later(LOOK_SECONDS, self._forget)
        return flow

    async def _reach(self, key: tuple[Front, Sender], flow: Flow, near: socket.socket) -> None:
        try:
            far = await self._dial(flow.target)
        except (OSError, Refusal):
            self._end(key, flow)
            return
        if self._flows.get(key) is not flow:  # it was ended meanwhile
            far.close()
            return
        flow.far = far
        asyncio.get_running_loop().add_reader(far.fileno(), self._answer, key, flow, near)
        for said in flow.waiting:
            self._say(key, far, said)
        flow.waiting = []

    def _say(self, key: tuple[Front, Sender], far: socket.socket, said: bytes) -> None:
        """What there is no room for is lost, as in any network. Where nobody listens, the next word looks anew."""
        try:
            far.send(said)
        except BlockingIOError:
            pass
        except OSError:
            self._end(key)

    # and back

    def _answer(self, key: tuple[Front, Sender], flow: Flow, near: socket.socket) -> None:
        assert flow.far is not None
        for _ in range(AT_ONCE):
            try:
                said = flow.far.recv(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                self._end(key)
                return
            flow.last, flow.is_answered = asyncio.get_running_loop().time(), True
            self._flows[key] = self._flows.pop(key)
            with contextlib.suppress(OSError):
                near.sendto(said, key[1])

    # the end

    def _forget(self) -> None:
        loop = asyncio.get_running_loop()
        for key in [key for key, flow in self._flows.items() if flow.is_stale(loop.time())]:
            self._end(key)
        self._look = loop.call_later(LOOK_SECONDS, self._forget) if self._flows else None

    def _end(self, key: tuple[Front, Sender], flow: Flow | None = None) -> None:
        """`flow` is named where another may have taken its place."""
        if flow is not None and self._flows.get(key) is not flow:
            return
        flow = self._flows.pop(key, None)
        if flow is not None and flow.far is not None:
            asyncio.get_running_loop().remove_reader(flow.far.fileno())
            flow.far.close()
