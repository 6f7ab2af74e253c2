"""How far the store is known to be on disk, noted in a small file beside it.

SQLite takes a damaged frame of its write-ahead log for the log's end: what was acknowledged behind it is gone, and
nobody is told. The note tells. It is written after what it speaks of is on the disk, so it never claims too much; after
a power cut it may claim too little, by what was written since it was itself last put on the disk.
"""

import os
import struct
import zlib
from pathlib import Path

FORM = struct.Struct(">QI")  # the revision, and its CRC-32


class Note:
    """Beside the store at `path`. Raises OSError."""

    def __init__(self, path: str) -> None:
        self._file = os.open(place(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, revision: int) -> None:
        """Up to here all is on disk."""
        os.pwrite(self._file, FORM.pack(revision, _sum(revision)), 0)

    def sync(self) -> None:
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


def read(path: str) -> int:
    """The revision up to which the store at `path` was on disk; 0 where nobody noted it, or not legibly."""
    try:
        revision, sum_ = FORM.unpack(Path(place(path)).read_bytes())
    except (OSError, struct.error):
        return 0
    return int(revision) if _sum(revision) == sum_ else 0


def place(path: str) -> str:
    return f"{path}-kept"


def lost(path: str, revision: int) -> str:
    """What a store at `path` that ends at `revision` has lost, in words; "" if nothing."""
    noted = read(path)
    if noted <= revision:
        return ""
    told = f"it ends at revision {revision}, and {noted - revision} that came after were acknowledged"
    return f"{told}; its write-ahead log is damaged or missing"


def _sum(revision: int) -> int:
    return zlib.crc32(revision.to_bytes(8))
