"""The newest part of the log, kept in memory: what nearly every reader asks for."""

from typing import NamedTuple

from stead.machinery.watch import WatchEvent

CHANGES = 10_000  # kept at least, unless they are large
BYTES = 16 * 1024 * 1024  # of their JSON; as objects they take four to five times as much


class Change(NamedTuple):
    """One row of the log, as readers get it. `body` is the JSON of `event.obj`."""

    event: WatchEvent
    body: bytes


class Recent:
    """Changes with consecutive revisions, up to the newest."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._bytes = 0

    def append(self, change: Change) -> None:
        self._changes.append(change)
        self._bytes += len(change.body)

    def pop(self) -> None:
        """The newest was undone."""
        self._bytes -= len(self._changes.pop().body)

    def first(self, newest: int) -> int:
        """The first revision kept, one past `newest` where none is."""
        return newest - len(self._changes) + 1

    def between(self, after: int, until: int, newest: int) -> list[Change]:
        """The changes past `after` up to `until`, as far as they are kept."""
        first = self.first(newest)
        return self._changes[max(after + 1 - first, 0) : max(until + 1 - first, 0)]

    def trim(self) -> None:
        """Drop the older half when there are twice too many. Only between transactions, for they may be undone."""
        if len(self._changes) <= 2 * CHANGES and self._bytes <= 2 * BYTES:
            return
        kept = size = 0
        for change in reversed(self._changes):
            size += len(change.body)
            if kept == CHANGES or (kept and size > BYTES):
                break
            kept += 1
        self._changes = self._changes[-kept:]
        self._bytes = sum(len(change.body) for change in self._changes)
