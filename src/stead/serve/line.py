"""Whose turn is next: each connection has its share of the time, whatever the others ask for.

Fair queueing by start times: a request may begin where its connection's last one ended, on a clock that goes with the
time given to each. Who has asked for little stands before all who flood, however many of their requests wait, and who
asks for one thing at a time before who asks for many. Writes are in a line of their own, for they need the disk, and
some of them together are one commit.
"""

import heapq
from itertools import count
from typing import Protocol

from stead.api.request import Request, Response, Stream


class Waiter(Protocol):
    """Who asks. `served` is where its last request ended, in seconds of the line's clock."""

    served: float

    @property
    def has_more(self) -> bool:
        """Whether it has asked for more than what is in hand."""

    def go_on(self) -> None: ...

    def answer(self, outcome: Response | Stream) -> None: ...


Place = tuple[Waiter, Request]

AHEAD_SECONDS = 0.005  # of its share that who asks for one thing at a time may have had before it stands behind others


class Line:
    """Connections that have something to say, and writes that wait; a connection stands here once."""

    def __init__(self) -> None:
        self._comers: list[tuple[float, int, Waiter]] = []
        self._writes: list[tuple[float, int, Place]] = []
        self._clock = 0.0
        self._serial = count()

    @property
    def has_comers(self) -> bool:
        return bool(self._comers)

    @property
    def has_writes(self) -> bool:
        return bool(self._writes)

    def passes(self, who: Waiter) -> bool:
        """Whether nobody who waits has had less than `who` comes now; then its turn begins."""
        start = self._start(who, goes_ahead=True)
        if self._comers and self._comers[0][0] < start:
            return False
        self._clock = max(self._clock, start)
        return True

    def add(self, who: Waiter, *, comes_again: bool = False) -> None:
        """`comes_again`: it has had a turn, and there is more of what it asked for then."""
        start = self._start(who, goes_ahead=not comes_again)
        heapq.heappush(self._comers, (start, next(self._serial), who))

    def add_write(self, who: Waiter, request: Request) -> None:
        start = self._start(who, goes_ahead=not who.has_more)
        heapq.heappush(self._writes, (start, next(self._serial), (who, request)))

    def next(self) -> Waiter:
        start, _, who = heapq.heappop(self._comers)
        self._clock = max(self._clock, start)
        return who

    def next_writes(self, most: int) -> list[Place]:
        """What may go into one commit."""
        taken = [heapq.heappop(self._writes) for _ in range(min(most, len(self._writes)))]
        self._clock = max(self._clock, *(start for start, _, _ in taken))
        return [place for _, _, place in taken]

    def charge(self, who: Waiter, seconds: float) -> None:
        """What its turn has cost."""
        who.served += seconds

    def _start(self, who: Waiter, *, goes_ahead: bool) -> float:
        who.served = max(who.served, self._clock)
        return who.served - AHEAD_SECONDS if goes_ahead else who.served
