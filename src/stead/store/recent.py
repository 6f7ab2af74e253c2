"""The newest part of the log, kept in memory: what nearly every reader asks for.

The very newest changes are kept as objects, for controllers and watches read them within moments. Behind them only
their JSON stays, a fifth of the memory; whoever comes late and wants objects has them made anew.
"""

import zlib

from msgspec import Struct

from stead.machinery.keys import Key
from stead.machinery.objects import decode
from stead.machinery.watch import EventType, WatchEvent

TYPES: tuple[EventType, ...] = ("ADDED", "MODIFIED", "DELETED")  # by their numbers in the log
CHANGES = 10_000  # kept at least, unless they are large; a quarter more at most
BYTES = 16 * 1024 * 1024  # of their JSON
WARM_CHANGES = 1_000  # of them kept as objects, too, which take four to five times as much
WARM_BYTES = 1024 * 1024


class Change(Struct, eq=False):
    """One row of the log, as readers get it. `body` is the JSON of the object, `before` of the state it had."""

    type: EventType
    key: Key
    revision: int
    body: bytes
    before: bytes | None
    warm: WatchEvent | None = None

    @property
    def event(self) -> WatchEvent:
        """With objects. Ask once: of a change that has cooled they are made by each asking."""
        if self.warm is not None:
            return self.warm
        old = decode(self.before) if self.before is not None else None
        return WatchEvent(self.type, self.key, decode(self.body), old, self.revision)


def from_log(
    revision: int,
    type_: int,
    kind: str,
    namespace: str,
    name: str,
    body: bytes,
    sum_: int,
    before: bytes | None,
    then: int,
) -> Change:
    """A row of the log with the state before it, and both their sums; raises ValueError where one is not right."""
    if zlib.crc32(body) != sum_ or (before is not None and zlib.crc32(before) != then):
        raise ValueError(f"revision {revision} or the state before it is not as it was written")
    return Change(TYPES[type_], Key(kind, namespace, name), revision, body, before)


class Recent:
    """Changes with consecutive revisions, up to the newest."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._bytes = 0
        self._cold = 0  # so many of the oldest have cooled
        self._warm_bytes = 0

    def append(self, change: Change) -> None:
        self._changes.append(change)
        self._bytes += len(change.body)
        self._warm_bytes += len(change.body)

    def pop(self) -> None:
        """The newest was undone."""
        size = len(self._changes.pop().body)
        self._bytes -= size
        self._warm_bytes -= size

    def first(self, newest: int) -> int:
        """The first revision kept, one past `newest` where none is."""
        return newest - len(self._changes) + 1

    def between(self, after: int, until: int, newest: int) -> list[Change]:
        """The changes past `after` up to `until`, as far as they are kept."""
        first = self.first(newest)
        return self._changes[max(after + 1 - first, 0) : max(until + 1 - first, 0)]

    def trim(self, fresh: int) -> None:
        """Keep within bounds. Only between transactions, for changes may be undone.

        The `fresh` newest, those of the transaction that has just ended, stay warm: controllers have not read them.
        """
        self._cool(fresh)
        if len(self._changes) > CHANGES + CHANGES // 4 or self._bytes > BYTES + BYTES // 4:
            self._drop()

    def _cool(self, fresh: int) -> None:
        if len(self._changes) - self._cold <= 2 * WARM_CHANGES and self._warm_bytes <= 2 * WARM_BYTES:
            return
        warm = len(self._changes) - self._cold
        while warm > fresh and (warm > WARM_CHANGES or self._warm_bytes > WARM_BYTES):
            change = self._changes[self._cold]
            change.warm = None
            self._warm_bytes -= len(change.body)
            self._cold += 1
            warm -= 1

    def _drop(self) -> None:
        """A fifth in one go, for going through all costs a millisecond."""
        gone, most = 0, len(self._changes) - 1  # the newest stays, however large
        while gone < most and (most + 1 - gone > CHANGES or self._bytes > BYTES):
            change = self._changes[gone]
            self._bytes -= len(change.body)
            self._warm_bytes -= len(change.body) if gone >= self._cold else 0
            gone += 1
        self._cold = max(self._cold - gone, 0)
        del self._changes[:gone]
