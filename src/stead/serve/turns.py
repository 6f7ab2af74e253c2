"""What the server does in one turn of the loop: a little, so that who has just come does not wait for the rest.

All that can wait (readers in line, writes, looks at watches, answers whose disk has come, long lists) is a job. In each
turn some of them have a piece of their work done, one after the other; the loop then hears who has come meanwhile.
"""

import asyncio
import time
from collections.abc import Callable

TURN_SECONDS = 0.0004  # of what has just come, and then at least half as long of what waits
PIECE_SECONDS = 0.0002  # of one job, until the next has its turn

Job = Callable[[], None]


class Turns:
    """`first` is a job that comes before all others in each turn; it is called even when there is nothing to do."""

    def __init__(self, loop: asyncio.AbstractEventLoop, first: Job) -> None:
        self._loop = loop
        self._first = first
        self._jobs: dict[Job, None] = {}
        self._end = 0.0  # of this turn
        self._is_due = False

    def has_time(self) -> bool:
        """Whether this turn has time left for what has just come."""
        now = time.monotonic()
        if not self._is_due:
            self._begin(now)
        return now < self._end

    def soon(self, job: Job) -> None:
        """One piece of `job` in this turn or a later one; a job that waits already is not done twice."""
        self._jobs[job] = None
        if not self._is_due:
            self._begin(time.monotonic())

    def _begin(self, now: float) -> None:
        self._is_due = True
        self._end = now + TURN_SECONDS
        self._loop.call_soon(self._work)

    def _work(self) -> None:
        end = max(self._end, time.monotonic() + TURN_SECONDS / 2)
        try:
            self._jobs.pop(self._first, None)
            self._first()
            while self._jobs and time.monotonic() < end:
                job = next(iter(self._jobs))
                del self._jobs[job]
                job()
        finally:
            self._is_due = False
            if self._jobs:
                self._begin(time.monotonic())


def piece(seconds: float = PIECE_SECONDS) -> Callable[[], bool]:
    """Says, until the time of one piece is over, that there is more."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end
