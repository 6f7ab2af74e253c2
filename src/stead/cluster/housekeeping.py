"""What a cluster forgets: old revisions, and events an hour after they were last told (as upstream's TTL has it).

Done in small slices after a step, so that file and memory stay bounded and nobody waits.
"""

from stead.api.server import Api
from stead.kinds import event
from stead.machinery import times
from stead.machinery.errors import ApiError
from stead.machinery.objects import Json
from stead.machinery.times import Now
from stead.store.compaction import KEPT, MARK_SECONDS, History
from stead.store.log import Store

EVENT_SECONDS = 3600.0
EVENTS_A_SLICE = 200
SLICE_SECONDS = 0.2  # between slices, while there is more to forget


class Housekeeping:
    """`step` after each step of the kernel; most of the time it has nothing to do, and says so at once."""

    def __init__(self, store: Store, api: Api) -> None:
        self._store = store
        self._api = api
        self._history = History()
        self._next = float("-inf")

    def step(self, now: Now) -> None:
        """Forget a slice of what is due. Raises StoreRefuses."""
        if now.mono < self._next:
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
        old = times.to_text(now.wall - EVENT_SECONDS)
        due = [row.key for row in self._store.rows("Event") if _is_over(row.obj, old, now.text)]
        with self._store.transaction():
            for key in due[:EVENTS_A_SLICE]:
                try:
                    self._api.delete(key, now)
                except ApiError:
                    continue
        return len(due) > EVENTS_A_SLICE


def _is_over(obj: Json, old: str, now: str) -> bool:
    return event.last_told(obj, now) <= old and "deletionTimestamp" not in obj["metadata"]
