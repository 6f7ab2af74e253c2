"""Whose turn it is: keys that are due, keys that wait for a moment, and how long a failing key must wait.

A key is in the ready set at most once, and served in the order it came. The order is kept beside the set: the first of
a large dict that is being emptied from the front would be found ever more slowly. Back-off is Kubernetes' own (Q-1 in
controller.md): 5 ms doubled per failure, at most 1000 s, and all failures together no faster than ten a second after a
burst of a hundred.
"""

import heapq
from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

BASE_SECONDS, MOST_SECONDS = 0.005, 1000.0
RETRIES_PER_SECOND, BURST = 10.0, 100

ItemT = TypeVar("ItemT", bound=Hashable)


class Queue(Generic[ItemT]):
    def __init__(self) -> None:
        self._ready: dict[ItemT, None] = {}
        self._order: deque[ItemT] = deque()
        self._due: dict[ItemT, float] = {}
        self._heap: list[tuple[float, int, ItemT]] = []
        self._failures: dict[ItemT, int] = {}
        self._ticket = 0
        self._next_retry = float("-inf")

    def add(self, item: ItemT) -> None:
        """`item` is due now."""
        if item not in self._ready:
            self._ready[item] = None
            self._order.append(item)

    def add_at(self, item: ItemT, mono: float) -> None:
        """`item` is due at `mono`, or sooner if that was promised before."""
        if mono < self._due.get(item, float("inf")):
            self._due[item] = mono
            self._ticket += 1
            heapq.heappush(self._heap, (mono, self._ticket, item))

    def fail(self, item: ItemT, mono: float, *, at_least: float = 0.0) -> float:
        """`item` failed: it is due again after its back-off, or `at_least` so long. Answers that wait in seconds."""
        failures = self._failures[item] = self._failures.get(item, 0) + 1
        wait = min(BASE_SECONDS * 2.0 ** min(failures - 1, 30), MOST_SECONDS)
        self._next_retry = max(self._next_retry, mono - BURST / RETRIES_PER_SECOND) + 1 / RETRIES_PER_SECOND
        wait = max(wait, self._next_retry - mono, at_least)
        self.add_at(item, mono + wait)
        return wait

    def succeed(self, item: ItemT) -> None:
        """`item` starts again from the shortest back-off."""
        self._failures.pop(item, None)

    def failures(self, item: ItemT) -> int:
        return self._failures.get(item, 0)

    def take(self, mono: float) -> ItemT | None:
        """The item that has been due longest, or None."""
        while self._heap and self._heap[0][0] <= mono:
            due, _, item = heapq.heappop(self._heap)
            if self._due.get(item) == due:
                del self._due[item]
                self.add(item)
        if not self._order:
            return None
        item = self._order.popleft()
        del self._ready[item]
        return item

    def next_wake(self) -> float | None:
        """When `take` will answer something: minus infinity for now, None for not before something is added."""
        if self._ready:
            return float("-inf")
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def waiting(self) -> list[ItemT]:
        """Everything that is due or will be, in the order in which it will be served."""
        return [*self._order, *sorted(self._due, key=self._due.__getitem__)]

    def __len__(self) -> int:
        return len(self._ready)

    def __iter__(self) -> Iterator[ItemT]:
        """What is due now, in the order of its turn."""
        return iter(self._order)
