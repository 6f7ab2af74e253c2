"""The mailbox that stands in front of real containers: orders go in and never wait, what happened comes out later.

Every order becomes a task on the loop; who keeps what happens to one pod in order is whoever carries the order out.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from stead.machinery.runtime import RuntimeAction, RuntimeEvent
from stead.machinery.times import Now


def silent() -> None:
    """A bell that nobody hears."""


class Mailbox:
    """The port's half of a real runtime: `send`, `take`, `next_wake`. `bell` is rung on the loop's thread when `take`
    has something. What is sent before `_open` waits for it.
    """

    def __init__(self, bell: Callable[[], None]):
        self.bell = bell
        self._inbox: deque[RuntimeAction] = deque()
        self._events: deque[RuntimeEvent] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def _deed(self, action: RuntimeAction) -> Coroutine[Any, Any, None]:
        """What carries the order out."""
        raise NotImplementedError

    def send(self, action: RuntimeAction, now: Now) -> None:
        self._inbox.append(action)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._empty)

    def take(self, now: Now) -> list[RuntimeEvent]:
        return [self._events.popleft() for _ in range(len(self._events))]

    def next_wake(self) -> float | None:
        return None

    def _report(self, event: RuntimeEvent) -> None:
        self._events.append(event)
        if self._loop is not None:  # what was found at the start waits for the first `take`
            self.bell()

    def _open(self) -> None:
        """Begin with the orders, on this loop."""
        self._loop = asyncio.get_running_loop()
        self._empty()

    async def _shut(self) -> None:
        """Take no more orders, and let go of those that are being carried out."""
        self._loop = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _empty(self) -> None:
        while self._inbox:
            self._spawn(self._deed(self._inbox.popleft()))

    def _spawn(self, deed: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(deed)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
