"""The store: every write is a row of a log, and the row's number is the revision of the whole cluster.

One SQLite file and one connection (SQLite below 3.51.3 can damage a WAL that two connections share). The present
state and the recent log are kept in memory, as objects and as the bytes of their JSON, so reads never touch the file.
Writes become visible in memory at once and durable when the transaction ends; whoever must not speak before a commit
(the shell's answers, the watches) waits for the end of the transaction.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO, NamedTuple

from stead.machinery.errors import Expired
from stead.machinery.keys import Key
from stead.machinery.objects import Json, decode, encode, with_value
from stead.machinery.watch import EventType, WatchEvent

ADDED, MODIFIED, DELETED = 0, 1, 2
TYPES: tuple[EventType, ...] = ("ADDED", "MODIFIED", "DELETED")
RECENT = 10_000  # changes kept in memory, at least; older ones are read from the file
CHECKPOINT_ROWS = 500
FORMAT = "1"


class StoreDamaged(Exception):
    """The file cannot be trusted; it is left as it was found."""


class StoreInUse(Exception):
    """Another process holds this store."""


class Row(NamedTuple):
    """The present state of one object. `body` is its JSON, resourceVersion included."""

    key: Key
    obj: Json
    body: bytes
    revision: int


class Change(NamedTuple):
    """One row of the log, as readers get it. `body` is the JSON of `event.obj`."""

    event: WatchEvent
    body: bytes


class Store:
    """`path` is a file or `:memory:`. With `is_durable` a commit survives a power cut (fsync), else only a crash.

    Raises StoreInUse when another process has the file, StoreDamaged when the file is not a whole store.
    """

    def __init__(self, path: str = ":memory:", *, is_durable: bool = True) -> None:
        self._lock = _lock(path)
        self._heads: dict[str, dict[tuple[str, str], Row]] = {}
        self._sorted: dict[str, list[Row]] = {}
        self._recent: list[Change] = []
        self._undo: list[tuple[Key, Row | None]] | None = None
        self._pending: list[tuple[int, int, str, str, str, int, bytes]] = []
        self._uncheckpointed = 0
        self.revision = 0
        self.oldest = 0
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare(is_durable)
            self._load()
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"{path}: {error}") from error

    # --- reading

    def get(self, key: Key) -> Row | None:
        return self._heads.get(key.kind, {}).get((key.namespace, key.name))

    def rows(self, kind: str, namespace: str | None = None) -> list[Row]:
        """Every object of a kind, of one namespace or of all, by namespace and name."""
        rows = self._sorted.get(kind)
        if rows is None:
            heads = self._heads.get(kind, {})
            rows = self._sorted[kind] = [heads[place] for place in sorted(heads)]
        return rows if namespace is None else [row for row in rows if row.key.namespace == namespace]

    def kinds(self) -> list[str]:
        """Every kind that has objects."""
        return [kind for kind, heads in self._heads.items() if heads]

    def rows_at(self, kind: str, namespace: str | None, revision: int) -> list[Row]:
        """What `rows` would have answered when the store stood at `revision`; raises Expired if that is forgotten."""
        self._require(revision)
        then = {(row.key.namespace, row.key.name): row for row in self.rows(kind, namespace)}
        for change in reversed(self.changes(revision, limit=None)):
            event = change.event
            if event.key.kind != kind or namespace not in (None, event.key.namespace):
                continue
            place = (event.key.namespace, event.key.name)
            if event.old is None:
                then.pop(place, None)
            else:
                then[place] = _row(event.key, event.old)
        return [then[place] for place in sorted(then)]

    def changes(self, after: int, limit: int | None = 1000) -> list[Change]:
        """The log past `after`, oldest first; raises Expired if part of that is forgotten."""
        self._require(after)
        missing = self.revision - after
        if missing <= 0:
            return []
        if missing <= len(self._recent):
            recent = self._recent[-missing:]
            return recent if limit is None else recent[:limit]
        return self._read_log(after, limit)

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

    def forget(self, before: int, *, most: int = 2000) -> int:
        """Drop up to `most` superseded rows at or below revision `before`; `oldest` moves to it. Says how many went."""
        before = min(before, self.revision)
        if before > self.oldest:
            self.oldest = before
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('oldest', ?)", (str(before),))
        superseded = """
            DELETE FROM log WHERE revision IN (
                SELECT log.revision FROM log LEFT JOIN head USING (revision)
                WHERE log.revision <= ? AND head.revision IS NULL
                  AND log.revision NOT IN (SELECT previous FROM log WHERE revision > ?)
                LIMIT ?)"""
        return self._db.execute(superseded, (before, before, most)).rowcount

    def backup(self, path: str) -> None:
        """A whole copy of the store at `path`, taken while it is in use."""
        with sqlite3.connect(path) as target:
            self._db.backup(target)

    def close(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        if self._lock:
            self._lock.close()

    # --- inside

    def _prepare(self, is_durable: bool) -> None:
        self._db.execute("PRAGMA page_size=8192")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        self._db.executescript(files(__package__).joinpath("schema.sql").read_text())
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        if found.setdefault("format", FORMAT) != FORMAT:
            raise StoreDamaged(f"format {found['format']} is not one this stead reads ({FORMAT})")
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
        self.oldest = int(found.get("oldest", 0))

    def _load(self) -> None:
        present = """SELECT head.kind, head.namespace, head.name, head.revision, log.body
                     FROM head LEFT JOIN log USING (revision) ORDER BY head.revision"""
        for kind, namespace, name, revision, body in self._db.execute(present):
            if body is None:
                raise StoreDamaged(f"the state of {kind} {namespace}/{name} at revision {revision} is missing")
            key = Key(kind, namespace, name)
            self._set_head(key, Row(key, decode(body), body, revision))
        (newest,) = self._db.execute("SELECT max(revision) FROM log").fetchone()
        self.revision = max(newest or 0, self.oldest)

    def _require(self, revision: int) -> None:
        if revision < self.oldest:
            raise Expired(f"too old resource version: {revision} ({self.oldest})")

    def _changed(self, key: Key, obj: Json, old: Row | None, type_: int) -> tuple[Row, Change]:
        revision = self.revision + 1
        obj = with_value(obj, ("metadata", "resourceVersion"), str(revision))
        body = encode(obj)
        event = WatchEvent(TYPES[type_], key, obj, old.obj if old else None, revision)
        return Row(key, obj, body, revision), Change(event, body)

    def _append(self, change: Change, old: Row | None) -> None:
        event = change.event
        self.revision = event.revision
        self._recent.append(change)
        if len(self._recent) > 2 * RECENT:
            del self._recent[:RECENT]
        entry = (event.revision, TYPES.index(event.type), *event.key, old.revision if old else 0, change.body)
        self._pending.append(entry)
        if self._undo is None:
            self._undo = [(event.key, old)]
            try:
                self._commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._undo = None
                self._pending.clear()
        else:
            self._undo.append((event.key, old))

    def _commit(self) -> None:
        if not self._pending:
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", self._pending)
            self._db.executemany("DELETE FROM head WHERE kind = ? AND namespace = ? AND name = ?", self._removed())
            self._db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)", self._present())
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._uncheckpointed += len(self._pending)
        if self._uncheckpointed >= CHECKPOINT_ROWS:
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._uncheckpointed = 0

    def _present(self) -> list[tuple[str, str, str, int]]:
        return [(e[2], e[3], e[4], e[0]) for e in self._pending if self._is_head(e)]

    def _removed(self) -> list[tuple[str, str, str]]:
        return [(e[2], e[3], e[4]) for e in self._pending if e[1] == DELETED]

    def _is_head(self, entry: tuple[int, int, str, str, str, int, bytes]) -> bool:
        row = self.get(Key(entry[2], entry[3], entry[4]))
        return row is not None and row.revision == entry[0]

    def _roll_back(self) -> None:
        for key, row in reversed(self._undo or []):
            self._set_head(key, row)
            self._recent.pop()
            self.revision -= 1

    def _set_head(self, key: Key, row: Row | None) -> None:
        heads = self._heads.setdefault(key.kind, {})
        self._sorted.pop(key.kind, None)
        if row is None:
            heads.pop((key.namespace, key.name), None)
        else:
            heads[key.namespace, key.name] = row

    def _read_log(self, after: int, limit: int | None) -> list[Change]:
        past = """SELECT log.revision, log.type, log.kind, log.namespace, log.name, log.body, before.body
                  FROM log LEFT JOIN log AS before ON before.revision = log.previous
                  WHERE log.revision > ? ORDER BY log.revision LIMIT ?"""
        rows = self._db.execute(past, (after, -1 if limit is None else limit))
        return [_change(*row) for row in rows]


def examine(path: str) -> str:
    """What is wrong with the store at `path`, "" if nothing (or nothing is there). Reads only."""
    if not Path(path).exists():
        return ""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            told = [str(row[0]) for row in db.execute("PRAGMA quick_check(5)")]
            (orphans,) = db.execute(
                "SELECT count(*) FROM head LEFT JOIN log USING (revision) WHERE body IS NULL"
            ).fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    if orphans:
        told.append(f"{orphans} objects have lost their state")
    return "; ".join(word for word in told if word != "ok")


def _change(revision: int, type_: int, kind: str, namespace: str, name: str, body: bytes, old: bytes | None) -> Change:
    before = decode(old) if old is not None else None
    return Change(WatchEvent(TYPES[type_], Key(kind, namespace, name), decode(body), before, revision), body)


def _row(key: Key, obj: Json) -> Row:
    return Row(key, obj, encode(obj), int(obj["metadata"]["resourceVersion"]))


def _lock(path: str) -> IO[str] | None:
    """Hold the store for this process alone; the lock goes with the process, however it ends."""
    if path == ":memory:":
        return None
    lock = Path(path + ".lock").open("a+")  # noqa: SIM115  held until the store is closed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreInUse(f"{path} is in use by another stead") from error
    return lock
