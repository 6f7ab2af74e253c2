"""A shim's loop: descriptors, timers and ended children, without asyncio, which would cost every pod megabytes."""

import heapq
import os
import select
import signal
import sys
import time
from collections.abc import Callable

Callback = Callable[[], None]


def _call(callback: Callback) -> None:
    """One broken conversation must not take a pod down: what the system refuses is told on stderr."""
    try:
        callback()
    except OSError:
        sys.excepthook(*sys.exc_info())


def _never() -> bool:
    return False


class Loop:
    """Calls back when a descriptor can be read (or written), a moment has come or a child has ended."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callback] = {}
        self._timers: list[tuple[float, int, Callback]] = []
        self._count = 0
        self.is_ending: Callable[[], bool] = _never

    def watch(self, fd: int, callback: Callback, event: int = select.POLLIN) -> None:
        self._callbacks[fd] = callback
        self._poll.register(fd, event)

    def forget(self, fd: int) -> None:
        if self._callbacks.pop(fd, None):
            self._poll.unregister(fd)

    def after(self, seconds: float, callback: Callback) -> None:
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, callback))

    def on_child(self, callback: Callback) -> None:
        """Call back whenever a child may have ended."""
        reader, writer = os.pipe()
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def wake() -> None:
            os.read(reader, 512)
            callback()

        self.watch(reader, wake)

    def run(self) -> None:
        """Until `is_ending` says so."""
        while not self.is_ending():
            for fd, _ in self._poll.poll(self._patience()):
                callback = self._callbacks.get(fd)
                if callback is not None:
                    _call(callback)
            while self._timers and self._timers[0][0] <= time.monotonic():
                _call(heapq.heappop(self._timers)[2])

    def _patience(self) -> float | None:
        """Milliseconds until the next timer, None for ever."""
        return max(0.0, (self._timers[0][0] - time.monotonic()) * 1000 + 0.5) if self._timers else None
