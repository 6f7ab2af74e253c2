"""Whose request is next: each connection has its share of the time, whatever the others ask for.

Fair queueing by start times: a request may begin where its connection's last one ended, on a clock that goes with the
time given to each. Who has asked for little stands before all who flood, however many of their requests wait. Reads
are in a line of their own, for they need not wait for a disk.
"""

import heapq
from itertools import count
from typing import Protocol

from stead.api.request import Request, Response, Stream

READS = ("GET", "HEAD")


class Waiter(Protocol):
    """Who asks. `served` is where its last request ended, in seconds of the line's clock."""

    served: float

    def answer(self, outcome: Response | Stream) -> None: ...


Place = tuple[Waiter, Request]


class Line:
    """Requests that wait, of connections that have one in hand each."""

    def __init__(self) -> None:
        self._reads: list[tuple[float, int, Place]] = []
        self._writes: list[tuple[float, int, Place]] = []
        self._clock = 0.0
        self._serial = count()

    def __len__(self) -> int:
        return len(self._reads) + len(self._writes)

    @property
    def has_reads(self) -> bool:
        return bool(self._reads)

    @property
    def has_writes(self) -> bool:
        return bool(self._writes)

    def add(self, who: Waiter, request: Request) -> None:
        who.served = max(who.served, self._clock)
        line = self._reads if request.method in READS else self._writes
        heapq.heappush(line, (who.served, next(self._serial), (who, request)))

    def next_read(self) -> Place:
        return self._take(self._reads)

    def next_writes(self, most: int) -> list[Place]:
        """What may go into one commit."""
        return [self._take(self._writes) for _ in range(min(most, len(self._writes)))]

    def charge(self, who: Waiter, seconds: float) -> None:
        """What its request has cost."""
        who.served += seconds

    def _take(self, line: list[tuple[float, int, Place]]) -> Place:
        start, _, place = heapq.heappop(line)
        self._clock = max(self._clock, start)
        return place
