"""The write-ahead log, looked at before it is opened for writing.

SQLite takes a damaged frame for the end of the log: commits behind it are gone, and nobody is told. A torn last
write looks the same, but behind it lies at most the end of one commit that was never acknowledged. So whoever finds
two commits or more behind SQLite's end has lost something, and must say so.
"""

import os
import sqlite3
import struct
import sys
from array import array
from pathlib import Path

_HEADER, _FRAME_HEADER = 32, 24
_MOST_FRAMES_AT = 16  # in the header of the WAL's index, where SQLite writes how far it reads

_ROOM = 1 << 20


def uri(path: str, options: str) -> str:
    """How SQLite is told of a file with `options`, whatever its name has in it."""
    return f"{Path(path).absolute().as_uri()}?{options}"


def lost_commits(path: str) -> int:
    """How many acknowledged commits SQLite will not see in the store at `path`. Only reads; raises DatabaseError."""
    ends = _ends_of_commits(Path(f"{path}-wal"))
    if not ends:
        return 0
    last = _last_frame(path)
    behind = sum(1 for frame in ends if frame > last)
    return behind if behind > 1 else 0


def without_log(image: bytes) -> bytes:
    """A serialized store as a file that needs no log beside it: the header's two bytes say which sort it is."""
    return image[:18] + b"\1\1" + image[20:]


def _ends_of_commits(log: Path) -> list[int]:
    """The frames (counted from 1) that end a commit of the log's present life, by their headers alone."""
    try:
        with log.open("rb") as file:
            header = file.read(_HEADER)
            if len(header) < _HEADER:
                return []
            (size,) = struct.unpack(">I", header[8:12])
            salts = header[16:24] if _is_whole(header) else b""
            if not 512 <= size <= 65536:
                size = 8192
            found, number = [], 0
            while len(frame := file.read(_FRAME_HEADER)) == _FRAME_HEADER:
                number += 1
                file.seek(size, 1)
                salts = salts or frame[8:16]
                if frame[8:16] == salts and frame[4:8] != b"\0\0\0\0":
                    found.append(number)
            return found
    except OSError:
        return []


def _is_whole(header: bytes) -> bool:
    """The header's own checksum, which SQLite asks first."""
    if len(header) < _HEADER:
        return False
    one, two = _sums(header[:24], "big" if header[3] & 1 else "little", 0, 0)
    return struct.pack(">II", one, two) == header[24:]


def _last_frame(path: str) -> int:
    """The last frame that SQLite takes for whole: it reads the log once and notes that in the index beside it.

    The index is a file that is written through memory: where the disk has no room for it, that ends the process.
    """
    if not _has_room(path):
        return _whole_frames(Path(f"{path}-wal").read_bytes())
    db = sqlite3.connect(uri(path, "mode=ro"), uri=True)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        index = Path(f"{path}-shm").read_bytes()[: _MOST_FRAMES_AT + 4]
    finally:
        db.close()
    return int(struct.unpack("=I", index[_MOST_FRAMES_AT:])[0]) if len(index) == _MOST_FRAMES_AT + 4 else 0


def _has_room(path: str) -> bool:
    found = os.statvfs(os.path.dirname(path) or ".")
    return found.f_bavail * found.f_frsize >= _ROOM


def _whole_frames(log: bytes) -> int:
    """The last frame that ends a commit in an unbroken chain of checksums, by our own reckoning (slower by far)."""
    if not _is_whole(log[:_HEADER]):
        return 0
    order = "big" if log[3] & 1 else "little"
    (size,) = struct.unpack(">I", log[8:12])
    whole, one, two = 0, *struct.unpack(">2I", log[24:32])
    for number, place in enumerate(range(_HEADER, len(log) - _FRAME_HEADER - size + 1, _FRAME_HEADER + size), 1):
        head, page = log[place : place + _FRAME_HEADER], log[place + _FRAME_HEADER : place + _FRAME_HEADER + size]
        one, two = _sums(head[:8] + page, order, one, two)
        if head[8:16] != log[16:24] or head[16:24] != struct.pack(">2I", one, two):
            break
        whole = number if head[4:8] != b"\0\0\0\0" else whole
    return whole


def _sums(data: bytes, order: str, one: int, two: int) -> tuple[int, int]:
    words = array("I", data)
    if order != sys.byteorder:
        words.byteswap()
    for this, next_ in zip(words[::2], words[1::2], strict=True):
        one = (one + this + two) & 0xFFFFFFFF
        two = (two + next_ + one) & 0xFFFFFFFF
    return one, two
