"""The write-ahead log, looked at before it is opened for writing.

SQLite takes a damaged frame for the end of the log: commits behind it are gone, and nobody is told. A torn last
write looks the same, but behind it lies at most the end of one commit that was never acknowledged. So whoever finds
two commits or more behind SQLite's end has lost something, and must say so.
"""

import sqlite3
import struct
from pathlib import Path

_HEADER, _FRAME_HEADER = 32, 24
_MOST_FRAMES_AT = 16  # in the header of the WAL's index, where SQLite writes how far it reads


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
    order = ">" if header[3] & 1 else "<"
    words = struct.unpack(f"{order}6I", header[:24])
    one = two = 0
    for place in range(0, 6, 2):
        one = (one + words[place] + two) & 0xFFFFFFFF
        two = (two + words[place + 1] + one) & 0xFFFFFFFF
    return struct.pack(">II", one, two) == header[24:]


def _last_frame(path: str) -> int:
    """The last frame that SQLite takes for whole: it reads the log once and notes that in the index beside it."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        index = Path(f"{path}-shm").read_bytes()[: _MOST_FRAMES_AT + 4]
    finally:
        db.close()
    return int(struct.unpack("=I", index[_MOST_FRAMES_AT:])[0]) if len(index) == _MOST_FRAMES_AT + 4 else 0
