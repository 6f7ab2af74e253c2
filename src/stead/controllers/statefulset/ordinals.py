"""A sorted set of ordinals, for the questions a walk asks: the first, the last, how many, where is a gap.

Ordinals may be anything up to 2^31, so this is a sorted list and not a bit mask; each question costs a bisection.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import islice


class Ordinals:
    """Distinct ordinals in ascending order. Ranges include both ends (ID-4)."""

    __slots__ = ("_sorted",)

    def __init__(self) -> None:
        self._sorted: list[int] = []

    def add(self, ordinal: int) -> None:
        if not self._sorted or ordinal > self._sorted[-1]:
            self._sorted.append(ordinal)
        elif ordinal not in self:
            insort(self._sorted, ordinal)

    def discard(self, ordinal: int) -> None:
        place = bisect_left(self._sorted, ordinal)
        if place < len(self._sorted) and self._sorted[place] == ordinal:
            del self._sorted[place]

    def __contains__(self, ordinal: int) -> bool:
        place = bisect_left(self._sorted, ordinal)
        return place < len(self._sorted) and self._sorted[place] == ordinal

    def __len__(self) -> int:
        return len(self._sorted)

    def __iter__(self) -> Iterator[int]:
        return iter(self._sorted)

    def first(self, low: int, high: int) -> int | None:
        """The lowest of [low, high]."""
        place = bisect_left(self._sorted, low)
        if place < len(self._sorted) and self._sorted[place] <= high:
            return self._sorted[place]
        return None

    def last(self, low: int, high: int) -> int | None:
        """The highest of [low, high]."""
        place = bisect_right(self._sorted, high) - 1
        return self._sorted[place] if place >= 0 and self._sorted[place] >= low else None

    def count(self, low: int, high: int) -> int:
        return max(0, bisect_right(self._sorted, high) - bisect_left(self._sorted, low))

    def between(self, low: int, high: int, limit: int | None = None) -> Iterator[int]:
        """Those of [low, high], ascending; a list is not made of more than is taken."""
        start = bisect_left(self._sorted, low)
        stop = max(start, bisect_right(self._sorted, high))
        return islice(self._sorted, start, min(stop, start + limit) if limit is not None else stop)

    def outside(self, low: int, high: int) -> Iterator[int]:
        """Those beyond [low, high], descending: the order in which condemned replicas go."""
        start, stop = bisect_left(self._sorted, low), bisect_right(self._sorted, high)
        for place in range(len(self._sorted) - 1, max(start, stop) - 1, -1):
            yield self._sorted[place]
        for place in range(start - 1, -1, -1):
            yield self._sorted[place]

    def gaps(self, low: int, high: int) -> Iterator[int]:
        """Every ordinal of [low, high] that is not in here, ascending."""
        ordinal = low
        while (gap := self.first_gap(ordinal, high)) is not None:
            end = self.first(gap, high)
            yield from range(gap, high + 1 if end is None else end)
            if end is None:
                return
            ordinal = end

    def first_gap(self, low: int, high: int) -> int | None:
        """The lowest ordinal of [low, high] that is not in here.

        From `low` on the list counts up by one exactly as far as it has no gap, so the gap is found by bisection.
        """
        start = bisect_left(self._sorted, low)
        stop = max(start, bisect_right(self._sorted, high))
        if start == stop or self._sorted[stop - 1] - low == stop - 1 - start:  # none, or no gap among them
            gap = low + stop - start
            return gap if gap <= high else None
        run = bisect_right(range(start, stop), 0, key=lambda place: self._sorted[place] - low - (place - start))
        gap = low + run
        return gap if gap <= high else None

    def last_gap(self, low: int, high: int) -> int | None:
        """The highest ordinal of [low, high] that is not in here."""
        start = bisect_left(self._sorted, low)
        stop = max(start, bisect_right(self._sorted, high))
        if start == stop or high - self._sorted[start] == stop - 1 - start:
            gap = high - (stop - start)
            return gap if gap >= low else None
        run = bisect_right(range(stop - start), 0, key=lambda back: high - back - self._sorted[stop - 1 - back])
        gap = high - run
        return gap if gap >= low else None
