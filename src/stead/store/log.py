"""The store: every write is a row of a log, and the row's number is the revision of the whole cluster.

One SQLite file and one connection (SQLite below 3.51.3 can damage a WAL that two connections share). The present
state and the recent log are kept in memory, as objects and as the bytes of their JSON, so reads never touch the file.
Writes become visible in memory at once and durable when the transaction ends; whoever must not speak before a commit
(the shell's answers, the watches) waits for the end of the transaction.
"""

import fcntl
import sqlite3
import zlib
from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

from msgspec import DecodeError

from stead.machinery.errors import Expired
from stead.machinery.keys import Key
from stead.machinery.objects import Json, decode, encode
from stead.machinery.watch import WatchEvent
from stead.store import wal
from stead.store.recent import TYPES, Change, Recent, from_log

ADDED, MODIFIED, DELETED = 0, 1, 2
CHECKPOINT_ROWS = 500
WAL_BYTES = 16 * 1024 * 1024  # what the write-ahead log may keep of the disk between checkpoints
SLICE = 1000  # revisions read or forgotten in one go
SCHEMA = Path(__file__).with_name("schema.sql")
FORMAT = "2"
# What nobody can ask for once a kind's (or "", every kind's) history begins at ?2 instead of ?1.
_FORGET = (
    """DELETE FROM log WHERE revision IN (
           SELECT previous FROM log WHERE revision > ?1 AND revision <= ?2 AND ?3 IN ('', kind))""",
    "DELETE FROM log WHERE revision > ?1 AND revision <= ?2 AND type = 2 AND ?3 IN ('', kind)",
)


_Entry: TypeAlias = tuple[int, int, str, str, str, int, bytes, int]


class StoreDamaged(Exception):
    """The file cannot be trusted; it is left as it was found."""


class StoreInUse(Exception):
    """Another process holds this store."""


class StoreRefuses(Exception):
    """Nothing can be written now (a full disk, most likely). What was to be written is undone, all else holds."""


class Row(NamedTuple):
    """The present state of one object. `body` is its JSON, resourceVersion included."""

    key: Key
    obj: Json
    body: bytes
    revision: int


class Store:
    """`path` is a file or `:memory:`. With `is_durable` a commit survives a power cut (fsync), else only a crash.

    Raises StoreInUse when another process has the file, StoreDamaged when the file is not a whole store, StoreRefuses
    when it cannot be opened for writing.
    """

    def __init__(self, path: str = ":memory:", *, is_durable: bool = True) -> None:
        self._lock = None if path == ":memory:" else hold(path)
        self._db = sqlite3.connect(":memory:")  # until it is opened
        self._heads: dict[str, dict[tuple[str, str], Row]] = {}
        self._order: dict[str, list[tuple[str, str]]] = {}  # by namespace and name
        self._sorted: dict[str, dict[str | None, list[Row]]] = {}  # by kind and namespace, until the next write
        self._recent = Recent()
        self._undo: list[tuple[Key, Row | None]] | None = None
        self._pending: list[_Entry] = []
        self._uncheckpointed = 0
        self._floors: dict[str, int] = {}
        self.revision = 0
        try:
            self._open(path, is_durable)
        except BaseException:
            if self._lock is not None:
                self._lock.close()
            self._db.close()
            raise

    def _open(self, path: str, is_durable: bool) -> None:
        try:
            lost = wal.lost_commits(path)
            if lost:
                raise StoreDamaged(f"{path}: its write-ahead log is damaged: {lost} commits are lost")
            if path != ":memory:":
                _keep_private(Path(path))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare(is_durable)
            self._load()
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreRefuses(f"{path}: {error}{_what_helps(error)}") from error
        except (sqlite3.DatabaseError, DecodeError) as error:
            raise StoreDamaged(f"{path}: {error}") from error

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
        return max(self.oldest, self._floors.get(kind, 0))

    @property
    def oldest(self) -> int:
        return self._floors.get("", 0)

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
        span = (floor, to, kind)
        with self._writing():
            gone = sum(self._db.execute(sql, span).rowcount for sql in _FORGET)
            name = f"oldest:{kind}" if kind else "oldest"
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(to)))
        self._floors[kind] = to
        return gone

    def image(self) -> bytes:
        """The whole store as the bytes of one file, as of the last commit."""
        return wal.without_log(self._db.serialize())

    def close(self) -> None:
        with suppress(sqlite3.OperationalError):  # no room for it: what is in the write-ahead log is as durable there
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()
        if self._lock:
            self._lock.close()

    # --- inside

    def _prepare(self, is_durable: bool) -> None:
        self._db.execute("PRAGMA page_size=8192")
        # One connection needs no index of its log in a shared file, which ends the process where the disk is full.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        self._db.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
        self._db.executescript(SCHEMA.read_text())
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        if found.setdefault("format", FORMAT) != FORMAT:
            raise StoreDamaged(f"format {found['format']} is not one this stead reads ({FORMAT})")
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
        for name, value in found.items():
            if name.startswith("oldest"):
                self._floors[name.removeprefix("oldest").removeprefix(":")] = int(value)

    def _load(self) -> None:
        present = """SELECT head.kind, head.namespace, head.name, head.revision, log.body, log.sum
                     FROM head LEFT JOIN log USING (revision) ORDER BY head.revision"""
        for kind, namespace, name, revision, body, sum_ in self._db.execute(present):
            if body is None or zlib.crc32(body) != sum_:
                what = "missing" if body is None else "not as it was written"
                raise StoreDamaged(f"the state of {kind} {namespace}/{name} at revision {revision} is {what}")
            key = Key(kind, namespace, name)
            self._set_head(key, Row(key, decode(body), body, revision))
        (newest,) = self._db.execute("SELECT max(revision) FROM log").fetchone()
        self.revision = max(newest or 0, self.oldest)

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
        if not self._pending:
            return
        with self._writing():
            self._db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._pending)
            heads = {entry[2:5]: entry for entry in self._pending}  # of each object, what came last
            gone = [place for place, entry in heads.items() if entry[1] == DELETED]
            here = [(*place, entry[0]) for place, entry in heads.items() if entry[1] != DELETED]
            if gone:
                self._db.executemany("DELETE FROM head WHERE kind = ? AND namespace = ? AND name = ?", gone)
            self._db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)", here)
        self._recent.trim(len(self._pending))
        self._uncheckpointed += len(self._pending)
        if self._uncheckpointed >= CHECKPOINT_ROWS:
            self._checkpoint()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction of SQLite's; raises StoreRefuses where it cannot be written."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise StoreRefuses(f"the store cannot be written: {error}{_what_helps(error)}") from error
            raise

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the file. On a full disk it waits where it is: all in it is durable."""
        with suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._uncheckpointed = 0

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
        past = f"""SELECT log.revision, log.type, log.kind, log.namespace, log.name, log.body, log.sum,
                          before.body, before.sum
                   FROM log LEFT JOIN log AS before ON before.revision = log.previous
                   WHERE log.revision > ? AND log.revision <= ? {"AND log.kind = ?" if kind else ""}
                   ORDER BY log.revision"""
        span = (after, until, kind) if kind else (after, until)
        try:
            return [from_log(*row) for row in self._db.execute(past, span)]
        except (sqlite3.DatabaseError, ValueError) as error:
            raise Expired(f"too old resource version: {after} (what came after it cannot be read: {error})") from error


def _row(key: Key, body: bytes) -> Row:
    obj = decode(body)
    return Row(key, obj, body, int(obj["metadata"]["resourceVersion"]))


def _what_helps(error: Exception) -> str:
    is_full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return "; make room on the disk of the data directory (stead doctor says how much there is)" if is_full else ""


def _keep_private(path: Path) -> None:
    """Secrets are in it: its owner alone may read it, and what SQLite puts beside it takes after it."""
    path.touch(mode=0o600)
    path.chmod(0o600)


def hold(path: str) -> IO[str]:
    """Hold the store at `path` until this is closed, or the process ends, however it does. Raises StoreInUse."""
    lock = Path(path + ".lock").open("a+")  # noqa: SIM115  held until the store is closed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreInUse(f"{path} is in use by another stead") from error
    return lock
