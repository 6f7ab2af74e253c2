"""Small files beside the store, by which people and commands find what runs: written whole, and on a full disk too."""

import contextlib
import errno
import os
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def write(path: Path, data: bytes) -> None:
    """Whole or not at all, readable by its owner alone; where there is no room for a second file, over the old one.

    A file that says the same already is left alone. Raises OSError.
    """
    if _is(path, data):
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        _put(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), data)
        fresh.replace(path)
    except OSError as error:
        if error.errno not in NO_ROOM or not path.is_file():
            raise
        _put(os.open(path, os.O_WRONLY), data)  # its blocks are ours already
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def _is(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _put(file: int, data: bytes) -> None:
    try:
        written = os.pwrite(file, data, 0)
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.ftruncate(file, len(data))
    finally:
        os.close(file)
