"""What a cluster forgets: old revisions, and events an hour after they were last told (as upstream's TTL has it), or
sooner where there are too many of them: they live in memory, and a busy hour has a hundred thousand.

Done in small slices after a step, so that file and memory stay bounded and nobody waits.
"""

from collections import deque
from contextlib import suppress

from stead.api.server import Api
from stead.kinds import event
from stead.machinery import times
from stead.machinery.errors import ApiError
from stead.machinery.times import Now
from stead.store.compaction import KEPT, MARK_SECONDS, History
from stead.store.log import Row, Store

EVENT_SECONDS = 3600.0
EVENTS = 5_000  # the newest; 3.4 KB of memory each, and a process of 60 MB should not be mostly of the past
EVENTS_A_SLICE = 200
SLICE_SECONDS = 0.2  # between slices, while there is more to forget


class Housekeeping:
    """`step` after each step of the kernel; most of the time it has nothing to do, and says so at once."""

    def __init__(self, store: Store, api: Api) -> None:
        self._store = store
        self._api = api
        self._history = History()
        self._going: deque[Row] = deque()  # events that are to go, as they were when that was found
        self._next = float("-inf")

    def step(self, now: Now) -> None:
        """Forget a slice of what is due. Raises StoreRefuses."""
        if now.mono < self._next and self._store.count("Event") <= EVENTS + EVENTS // 10:
            return
        self._next = now.mono + MARK_SECONDS
        self._history.note(now.mono, self._store.revision)
        has_more = self._expire_events(now)
        for kind in KEPT:
            has_more |= self._forget(kind, now)
        if has_more:
            self._next = now.mono + SLICE_SECONDS

    def _forget(self, kind: str, now: Now) -> bool:
        """One slice of a kind's history; True where more of it may go."""
        before = self._history.forgettable(kind, now.mono, self._store.revision)
        if before > self._store.oldest_of(kind):
            self._store.forget(before, kind=kind)
        return before > self._store.oldest_of(kind)

    def _expire_events(self, now: Now) -> bool:
        """One slice of the events whose time is over; True where more of them may go."""
        if not self._going:
            self._going.extend(_events_over(self._store.rows("Event"), now))
        with self._store.transaction():
            for _ in range(min(len(self._going), EVENTS_A_SLICE)):
                row = self._going.popleft()
                if self._store.get(row.key) is row:  # nobody has told it again
                    self._delete(row, now)
        return bool(self._going)

    def _delete(self, row: Row, now: Now) -> None:
        with suppress(ApiError):
            self._api.delete(row.key, now)


def _events_over(rows: list[Row], now: Now) -> list[Row]:
    """Those last told an hour ago, and of the others the oldest where they are too many."""
    old = times.to_text(now.wall - EVENT_SECONDS)
    told = sorted(
        (event.last_told(row.obj, now.text), number)
        for number, row in enumerate(rows)
        if "deletionTimestamp" not in row.obj["metadata"]
    )
    too_many = max(len(told) - EVENTS, 0)
    return [rows[number] for place, (last, number) in enumerate(told) if place < too_many or last <= old]
