"""The file behind the store: what is committed there, and how far it is known to be on the disk.

One SQLite file and one connection (SQLite below 3.51.3 can damage a WAL that two connections share).
"""

import fcntl
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Literal, TypeAlias

from stead.machinery.keys import Key
from stead.store import note
from stead.store.note import Note
from stead.store.recent import Change, from_log

ADDED, MODIFIED, DELETED = 0, 1, 2
CHECKPOINT_ROWS = 1000
WAL_BYTES = 16 * 1024 * 1024  # what the write-ahead log may keep of the disk between checkpoints
ROOM = 1 << 20  # that SQLite's index of its log may take
MEMORY = "/dev/shm"
SCHEMA = Path(__file__).with_name("schema.sql")
FORMAT = "2"
# What nobody can ask for once a kind's (or "", every kind's) history begins at ?2 instead of ?1.
_FORGET = (
    """DELETE FROM log WHERE revision IN (
           SELECT previous FROM log WHERE revision > ?1 AND revision <= ?2 AND ?3 IN ('', kind))""",
    "DELETE FROM log WHERE revision > ?1 AND revision <= ?2 AND type = 2 AND ?3 IN ('', kind)",
)

Syncs: TypeAlias = Literal["commit", "later", "never"]
Entry: TypeAlias = tuple[int, int, str, str, str, int, bytes, int]  # a row of the log, as the schema has it


class StoreDamaged(Exception):
    """The file cannot be trusted; it is left as it was found."""


class StoreInUse(Exception):
    """Another process holds this store."""


class StoreRefuses(Exception):
    """Nothing can be written now (a full disk, most likely). What was to be written is undone, all else holds."""


class Disk:
    """`path` is a file or `:memory:`. What is committed survives a crash, and what is synced a power cut: `syncs` says
    whether that is with each commit, later by `flush`, or left to the operating system ("never").

    revision  of the last commit
    kept      up to where it is on the disk
    is_busy   somebody has the file in hand (see `checkpoint`): writes had better wait
    floors    from which revision on each kind's ("": every kind's) history is whole
    log_file  the write-ahead log: who puts it on the disk has put there all that was committed before
    """

    def __init__(self, path: str, syncs: Syncs) -> None:
        self._path = path
        self._syncs = syncs if path != ":memory:" else "never"
        self._note: Note | None = None
        self.log_file = -1
        self._uncheckpointed = 0
        self._failure = ""
        self.floors: dict[str, int] = {}
        self.is_busy = False
        self.revision = self.kept = 0
        self._lock = None if path == ":memory:" else hold(path)
        self._db = sqlite3.connect(":memory:")  # until it is opened
        try:
            self._open()
        except BaseException:
            self.abandon()
            raise

    def _open(self) -> None:
        path = self._path
        try:
            if path != ":memory:":
                lost = note.lost(path, newest(path))
                if lost:
                    raise StoreDamaged(f"{path}: {lost}")
                _keep_private(Path(path))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare()
            self._attend()
        except (sqlite3.OperationalError, OSError) as error:
            raise StoreRefuses(f"{path}: {error}{_what_helps(error)}") from error
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"{path}: {error}") from error

    def close(self) -> None:
        with suppress(sqlite3.OperationalError):  # no room for it: what is in the write-ahead log is as durable there
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with suppress(OSError):
            self._sync()
        self.abandon()

    def abandon(self) -> None:
        """Let go of all that is held, as it is."""
        self._db.close()
        if self._note is not None:
            self._note.close()
        if self.log_file >= 0:
            os.close(self.log_file)
        if self._lock is not None:
            self._lock.close()

    # --- what is there

    def present(self) -> Iterator[tuple[Key, int, bytes]]:
        """Every object's key, revision and JSON, oldest first. Raises StoreDamaged."""
        present = """SELECT head.kind, head.namespace, head.name, head.revision, log.body, log.sum
                     FROM head LEFT JOIN log USING (revision) ORDER BY head.revision"""
        try:
            for kind, namespace, name, revision, body, sum_ in self._db.execute(present):
                if body is None or zlib.crc32(body) != sum_:
                    what = "missing" if body is None else "not as it was written"
                    raise StoreDamaged(f"the state of {kind} {namespace}/{name} at revision {revision} is {what}")
                yield Key(kind, namespace, name), revision, body
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"{self._path}: {error}") from error

    def changes(self, after: int, until: int, kind: str) -> list[Change]:
        """What the log holds of these revisions, of a kind or ("") of all. Raises ValueError where it is damaged."""
        past = f"""SELECT log.revision, log.type, log.kind, log.namespace, log.name, log.body, log.sum,
                          before.body, before.sum
                   FROM log LEFT JOIN log AS before ON before.revision = log.previous
                   WHERE log.revision > ? AND log.revision <= ? {"AND log.kind = ?" if kind else ""}
                   ORDER BY log.revision"""
        span = (after, until, kind) if kind else (after, until)
        try:
            return [from_log(*row) for row in self._db.execute(past, span)]
        except sqlite3.DatabaseError as error:
            raise ValueError(str(error)) from error

    def image(self) -> bytes:
        """The whole file, as of the last commit."""
        return without_log(self._db.serialize())

    # --- writing

    def commit(self, entries: Sequence[Entry]) -> None:
        """New rows of the log, and what they make the present. Raises StoreRefuses, with nothing written."""
        with self._writing():
            self._db.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entries)
            heads = {entry[2:5]: entry for entry in entries}  # of each object, what came last
            gone = [place for place, entry in heads.items() if entry[1] == DELETED]
            here = [(*place, entry[0]) for place, entry in heads.items() if entry[1] != DELETED]
            if gone:
                self._db.executemany("DELETE FROM head WHERE kind = ? AND namespace = ? AND name = ?", gone)
            self._db.executemany("INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?)", here)
        self._uncheckpointed += len(entries)
        self.revision = entries[-1][0]
        if self._syncs != "later":
            self.keep(self.revision)
            if self.wants_checkpoint:
                self.checkpoint()

    def forget(self, kind: str, before: int) -> int:
        """Let a kind's ("": every kind's) history begin at `before`; says how many rows went. Raises StoreRefuses."""
        span = (self.floors.get(kind, 0), before, kind)
        with self._writing():
            gone = sum(self._db.execute(sql, span).rowcount for sql in _FORGET)
            name = f"oldest:{kind}" if kind else "oldest"
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(before)))
        self.floors[kind] = before
        return gone

    # --- keeping

    @property
    def is_kept(self) -> bool:
        """Whether all that is committed is on the disk."""
        return self.kept >= self.revision

    @property
    def wants_checkpoint(self) -> bool:
        return self._uncheckpointed >= CHECKPOINT_ROWS

    def flush(self) -> int:
        """Put on the disk what is committed, and answer up to which revision that is: for `keep`.

        Raises OSError: then nobody knows what is on the disk, for the next call could succeed without having written
        anything (see `fail`).
        """
        until = self.revision
        os.fdatasync(self.log_file)
        return until

    def keep(self, revision: int) -> None:
        """Note that all up to `revision` is on the disk."""
        if revision > self.kept:
            self.kept = revision
            if self._note is not None:
                with suppress(OSError):  # no room: it claims too little
                    self._note.write(revision)

    def fail(self, told: str) -> None:
        """From now on nothing is written, and nobody waits for what will not come."""
        self._failure = told
        self.kept = self.revision

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file. On a full disk it waits where it is: all in it is committed.

        May be called by another thread, while `is_busy`.
        """
        with suppress(sqlite3.OperationalError, OSError):
            self._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._uncheckpointed = 0
            if self._note is not None:
                self._note.sync()

    # --- inside

    def _sync(self) -> None:
        if self._note is not None and self._syncs != "never":
            self.keep(self.flush())
            self._note.sync()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA page_size=8192")
        # One connection needs no index of its log in a shared file, which ends the process where the disk is full.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if self._syncs == 'commit' else 'NORMAL'}")
        self._db.execute("PRAGMA wal_autocheckpoint=0")
        self._db.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
        self._db.executescript(SCHEMA.read_text())
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        if found.setdefault("format", FORMAT) != FORMAT:
            raise StoreDamaged(f"format {found['format']} is not one this stead reads ({FORMAT})")
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (FORMAT,))
        for name, value in found.items():
            if name.startswith("oldest"):
                self.floors[name.removeprefix("oldest").removeprefix(":")] = int(value)

    def _attend(self) -> None:
        """What is found in the file is on the disk from now on."""
        (last,) = self._db.execute("SELECT max(revision) FROM log").fetchone()
        self.revision = max(last or 0, self.floors.get("", 0))
        if self._path != ":memory:":
            with suppress(OSError):  # no room for it
                self._note = Note(self._path)
            self.log_file = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            if self._syncs != "never":
                os.fsync(self.log_file)
                _sync_directory(Path(self._path).parent)
        self.keep(self.revision)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction of SQLite's; raises StoreRefuses where it cannot be written."""
        if self._failure:
            raise StoreRefuses(self._failure)
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


def uri(path: str, options: str) -> str:
    """How SQLite is told of a file with `options`, whatever its name has in it."""
    return f"{Path(path).absolute().as_uri()}?{options}"


def _what_helps(error: Exception) -> str:
    is_full = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_FULL
    return "; make room on the disk of the data directory (stead doctor says how much there is)" if is_full else ""


def _keep_private(path: Path) -> None:
    """Secrets are in it: its owner alone may read it, and what SQLite puts beside it takes after it."""
    path.touch(mode=0o600)
    path.chmod(0o600)


def newest(path: str) -> int:
    """The last revision that SQLite finds in the store at `path`, 0 where there is none; it is only read."""
    if not os.path.exists(path):
        return 0
    with reading(path) as db:
        try:
            (last,) = db.execute("SELECT max(revision) FROM log").fetchone()
            (oldest,) = db.execute("SELECT max(CAST(value AS INTEGER)) FROM meta WHERE name = 'oldest'").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            return 0  # none of our tables are there (yet, or because their making is lost)
        return max(last or 0, oldest or 0)


@contextmanager
def reading(path: str) -> Iterator[sqlite3.Connection]:
    """A store that is only read. Raises OSError where it cannot be.

    SQLite makes an index beside its log, in a file that is written through memory: where the disk has no room for that,
    the process ends. So there a copy is read that lies in memory.
    """
    with ExitStack() as stack:
        found = os.statvfs(os.path.dirname(path) or ".")
        if found.f_bavail * found.f_frsize < ROOM:
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="stead-", dir=MEMORY))
            for ending in ("", "-wal"):
                if os.path.exists(path + ending):
                    shutil.copyfile(path + ending, f"{place}/store.db{ending}")
            path = f"{place}/store.db"
        db = stack.enter_context(closing(sqlite3.connect(uri(path, "mode=ro"), uri=True)))
        yield db


def without_log(image: bytes) -> bytes:
    """A serialized store as a file that needs no log beside it: the header's two bytes say which sort it is."""
    return image[:18] + b"\1\1" + image[20:]


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def hold(path: str) -> IO[str]:
    """Hold the store at `path` until this is closed, or the process ends, however it does. Raises StoreInUse."""
    lock = Path(path + ".lock").open("a+")  # noqa: SIM115  held until the store is closed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreInUse(f"{path} is in use by another stead") from error
    return lock
