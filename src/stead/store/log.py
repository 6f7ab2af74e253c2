"""The store: every write is a row of a log, and the row's number is the revision of the whole cluster.

The present state and the recent log are kept in memory, as objects and as the bytes of their JSON, so reads never
touch the file (`store/disk`).
Writes become visible in memory at once, are committed when the transaction ends, and are `kept` once they are on the
disk: with the commit, or when somebody has called `flush`. Whoever must not speak of what a power cut could undo (the
shell's answers, the watches, the runtime's orders) waits until it is kept.
"""

import zlib
from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import DecodeError

from stead.machinery.errors import Expired
from stead.machinery.keys import Key
from stead.machinery.objects import Json, decode, encode
from stead.machinery.watch import WatchEvent
from stead.store.disk import ADDED, DELETED, MODIFIED, Disk, Entry, StoreDamaged, Syncs
from stead.store.recent import TYPES, Change, Recent

SLICE = 1000  # revisions read or forgotten in one go


class Row(NamedTuple):
    """The present state of one object. `body` is its JSON, resourceVersion included."""

    key: Key
    obj: Json
    body: bytes
    revision: int


class Store:
    """`disk` is the file behind it, and says how far what is committed is kept.

    `path` is a file or `:memory:`. Raises StoreInUse when another process has the file, StoreDamaged when the file is
    not a whole store, StoreRefuses when it cannot be opened for writing.
    """

    def __init__(self, path: str = ":memory:", *, syncs: Syncs = "commit") -> None:
        self._heads: dict[str, dict[tuple[str, str], Row]] = {}
        self._order: dict[str, list[tuple[str, str]]] = {}  # by namespace and name
        self._sorted: dict[str, dict[str | None, list[Row]]] = {}  # by kind and namespace, until the next write
        self._recent = Recent()
        self._undo: list[tuple[Key, Row | None]] | None = None
        self._pending: list[Entry] = []
        self.disk = Disk(path, syncs)
        self.revision = self.disk.revision
        try:
            for key, revision, body in self.disk.present():
                obj = decode(body)
                told = obj["metadata"]["name"], obj["metadata"].get("namespace", key.namespace)
                if told != (key.name, key.namespace):
                    raise StoreDamaged(f"{path}: the state at revision {revision} is not of {key}")
                self._set_head(key, Row(key, obj, body, revision))
        except (StoreDamaged, DecodeError, ValueError, TypeError, KeyError) as error:
            self.disk.abandon()
            raise StoreDamaged(str(error)) from error

    @property
    def kept(self) -> int:
        """The revision up to which a power cut undoes nothing."""
        return self.disk.kept

    # --- reading

    def get(self, key: Key) -> Row | None:
        return self._heads.get(key.kind, {}).get((key.namespace, key.name))

    def rows(self, kind: str, namespace: str | None = None) -> list[Row]:
        """Every object of a kind, of one namespace or of all, by namespace and name."""
        kept = self._sorted.setdefault(kind, {})
        rows = kept.get(namespace)
        if rows is None:
            heads, order = self._heads.get(kind, {}), self._order.get(kind, [])
            if namespace is not None:
                order = order[bisect_left(order, (namespace, "")) : bisect_left(order, (namespace + "\0", ""))]
            rows = kept[namespace] = [heads[place] for place in order]
        return rows

    def count(self, kind: str) -> int:
        return len(self._heads.get(kind, ()))

    def kinds(self) -> list[str]:
        """Every kind that has objects."""
        return [kind for kind, heads in self._heads.items() if heads]

    def rows_at(self, kind: str, namespace: str | None, revision: int) -> list[Row]:
        """What `rows` would have answered when the store stood at `revision`; raises Expired if that is forgotten."""
        now = self.rows(kind, namespace)
        then: dict[tuple[str, str], Row | None] = {}
        while revision < self.revision:
            for change in self.changes(revision, kind=kind):
                place = change.key[1:]
                if namespace in (None, change.key.namespace) and place not in then:
                    then[place] = _row(change.key, change.before) if change.before is not None else None
            revision += SLICE
        found = [row for row in now if row.key[1:] not in then] if then else now
        returned = [row for row in then.values() if row is not None]
        return sorted(found + returned, key=lambda row: row.key[1:]) if returned else found

    def oldest_of(self, kind: str = "") -> int:
        """The revision from which on a kind's history is whole ("": every kind's that has none of its own)."""
        return max(self.oldest, self.disk.floors.get(kind, 0))

    @property
    def oldest(self) -> int:
        return self.disk.floors.get("", 0)

    def changes(self, after: int, limit: int | None = SLICE, kind: str = "") -> list[Change]:
        """What the log holds of the `limit` revisions past `after`, oldest first, of one kind or ("") of all.

        Raises Expired if part of the history past `after` is forgotten.
        """
        if after < self.oldest_of(kind):
            raise Expired(f"too old resource version: {after} ({self.oldest_of(kind)})")
        until = self.revision if limit is None else min(after + limit, self.revision)
        if until <= after:
            return []
        first = self._recent.first(self.revision)
        found = self._read_log(after, min(until, first - 1), kind) if after + 1 < first else []
        recent = self._recent.between(after, until, self.revision)
        return found + [change for change in recent if not kind or change.key.kind == kind]

    # --- writing

    def put(self, key: Key, obj: Json) -> Row:
        """Create or replace an object; the answer has its new `metadata.resourceVersion`."""
        old = self.get(key)
        row, change = self._changed(key, obj, old, MODIFIED if old else ADDED)
        self._set_head(key, row)
        self._append(change, old)
        return row

    def remove(self, key: Key, obj: Json) -> Row:
        """Remove an object whose last state is `obj`; the answer has the removal's `metadata.resourceVersion`."""
        old = self.get(key)
        assert old is not None, f"{key} is not there"
        row, change = self._changed(key, obj, old, DELETED)
        self._set_head(key, None)
        self._append(change, old)
        return row

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept, or none. Nested, the outermost decides."""
        if self._undo is not None:
            yield
            return
        self._undo = []
        try:
            yield
            self._commit()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._undo = None
            self._pending.clear()

    def forget(self, before: int, *, kind: str = "", most: int = SLICE) -> int:
        """Let the history of a kind ("": of all) begin at `before`, or at most `most` revisions later than it did.

        The present stays, and so do the states before what is kept. Says how many rows went; `oldest_of` how far it
        came. Raises StoreRefuses.
        """
        floor = self.oldest_of(kind)
        to = min(before, self.revision, floor + most)
        if to <= floor:
            return 0
        return self.disk.forget(kind, to)

    def close(self) -> None:
        self.disk.close()

    # --- inside

    def _changed(self, key: Key, obj: Json, old: Row | None, type_: int) -> tuple[Row, Change]:
        revision = self.revision + 1
        key = old.key if old is not None else key  # one key for all that is remembered of an object
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}
        body = encode(obj)
        event = WatchEvent(TYPES[type_], key, obj, old.obj if old else None, revision)
        change = Change(event.type, key, revision, body, old.body if old else None, event)
        return Row(key, obj, body, revision), change

    def _append(self, change: Change, old: Row | None) -> None:
        self.revision = change.revision
        self._recent.append(change)
        place = (change.revision, TYPES.index(change.type), *change.key, old.revision if old else 0)
        entry = (*place, change.body, zlib.crc32(change.body))
        self._pending.append(entry)
        if self._undo is None:
            self._undo = [(change.key, old)]
            try:
                self._commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._undo = None
                self._pending.clear()
        else:
            self._undo.append((change.key, old))

    def _commit(self) -> None:
        if self._pending:
            self.disk.commit(self._pending)
            self._recent.trim(len(self._pending))

    def _roll_back(self) -> None:
        for key, row in reversed(self._undo or []):
            self._set_head(key, row)
            self._recent.pop()
            self.revision -= 1

    def _set_head(self, key: Key, row: Row | None) -> None:
        heads = self._heads.setdefault(key.kind, {})
        self._sorted.pop(key.kind, None)
        place, order = (key.namespace, key.name), self._order.setdefault(key.kind, [])
        if row is None:
            if heads.pop(place, None) is not None:
                del order[bisect_left(order, place)]
        else:
            if place not in heads:
                insort(order, place)
            heads[place] = row

    def _read_log(self, after: int, until: int, kind: str) -> list[Change]:
        """From the file; a past that is damaged there is as good as forgotten."""
        try:
            return self.disk.changes(after, until, kind)
        except ValueError as error:
            raise Expired(f"too old resource version: {after} (what came after it cannot be read: {error})") from error


def _row(key: Key, body: bytes) -> Row:
    obj = decode(body)
    return Row(key, obj, body, int(obj["metadata"]["resourceVersion"]))
