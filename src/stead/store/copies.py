"""Whole copies of a store: taken, looked at, and put back."""

import os
import sqlite3
import zlib
from pathlib import Path

from stead.machinery.objects import decode, dig
from stead.store import note
from stead.store.disk import FORMAT, StoreDamaged, hold, newest, reading, uri, without_log

PROVISIONED = "pv.kubernetes.io/provisioned-by"
LEAP = 1_000_000  # revisions skipped by a restore, so that none that anyone has seen is given out twice


def examine(path: str) -> str:
    """What is wrong with the store at `path`, "" if nothing (or nothing is there). Reads only."""
    if not Path(path).exists():
        return ""
    try:
        lost = note.lost(path, newest(path))
        if lost:
            return lost
        with reading(path) as db:
            return "; ".join(_troubles(db))
    except (sqlite3.DatabaseError, OSError, ValueError, TypeError) as error:
        return str(error)


def _troubles(db: sqlite3.Connection) -> list[str]:
    told = [str(row[0]) for row in db.execute("PRAGMA quick_check(5)") if row[0] != "ok"]
    if told:
        return told
    (found,) = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone() or ("none",)
    if found != FORMAT:
        return [f"format {found} is not one this stead reads ({FORMAT})"]
    (orphans,) = db.execute("SELECT count(*) FROM head LEFT JOIN log USING (revision) WHERE body IS NULL").fetchone()
    told = [f"{orphans} objects have lost their state"] if orphans else []
    (strays,) = db.execute(_STRAYS).fetchone()
    told += [f"{strays} objects go by another's name"] if strays else []
    changed = [revision for revision, body, sum_ in db.execute(_BODIES) if zlib.crc32(body) != sum_]
    return [*told, f"{len(changed)} states are not as they were written"] if changed else told


_STRAYS = """SELECT count(*) FROM head JOIN log USING (revision)
             WHERE json_extract(CAST(body AS TEXT), '$.metadata.name') IS NOT head.name"""
_BODIES = "SELECT revision, body, sum FROM log ORDER BY revision"


def volume_paths(path: str) -> list[str]:
    """Where the provisioned volumes of the store at `path` say that they lie."""
    with reading(path) as db:
        bodies = db.execute("SELECT body FROM head JOIN log USING (revision) WHERE head.kind = 'PersistentVolume'")
        volumes = [decode(body) for (body,) in bodies]
    made = [volume for volume in volumes if dig(volume, "metadata", "annotations", PROVISIONED) is not None]
    return [str(dig(volume, "spec", "hostPath", "path", default="")) for volume in made]


def take(path: str) -> bytes:
    """A copy of a store that nobody runs on, as the bytes of one file. Raises StoreInUse, StoreDamaged."""
    told = examine(path)
    if told:
        raise StoreDamaged(f"{path}: {told}")
    with hold(path):
        db = sqlite3.connect(uri(path, "vfs=unix-excl"), uri=True)
        try:
            return without_log(db.serialize())
        finally:
            db.close()


def put_back(copy: Path, path: str) -> str:
    """Make the store at `path` what `copy` holds. What was there is moved aside; answers to where, "" if nothing was.

    Revisions go on far beyond the copy's, so that whoever watched before must list again. Raises StoreInUse,
    StoreDamaged for a copy that is not whole, OSError.
    """
    if not copy.is_file():
        raise FileNotFoundError(f"{copy}: No such file")
    told = examine(str(copy))
    if told:
        raise StoreDamaged(f"{copy}: {told}")
    with hold(path):
        fresh = f"{path}.restoring"
        try:
            _write(fresh, copy)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
        aside = _move_aside(path)
        os.replace(fresh, path)
    return aside


def _write(fresh: str, copy: Path) -> None:
    source, target = sqlite3.connect(uri(str(copy), "mode=ro"), uri=True), sqlite3.connect(fresh)
    try:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
        (last,) = target.execute("SELECT max(revision) FROM log").fetchone()
        target.execute("INSERT OR REPLACE INTO meta VALUES ('oldest', ?)", (str((last or 0) + LEAP),))
        target.commit()
    finally:
        source.close()
        target.close()
    os.chmod(fresh, 0o600)


def _move_aside(path: str) -> str:
    """The old files keep each other's company under a name that no one has yet."""
    if not os.path.exists(path):
        return ""
    number = next(n for n in range(1, 1_000_000) if not os.path.exists(f"{path}.before-restore-{n}"))
    aside = f"{path}.before-restore-{number}"
    os.rename(path, aside)
    for ending in ("-wal", "-shm", "-kept"):
        if os.path.exists(path + ending):
            os.rename(path + ending, aside + ending)
    return aside
