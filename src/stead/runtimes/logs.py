"""Container logs in CRI's format: written by the shims, read by whoever asks for `kubectl logs`.

A line is `<RFC 3339 with nanoseconds> <stdout|stderr> <F|P> <text>`; P marks a part of a line that goes on. A full
file moves to `<path>.1` and a new one begins, so a container owns at most twice the limit. Standard library only:
shims import this.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PART_BYTES = 16 * 1024
FILE_BYTES = 10 * 1024 * 1024
_CHUNK = 1 << 16


def stamp(nanoseconds: int) -> bytes:
    """A moment as CRI logs write it."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return b"%s.%09dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode(), rest)


def cut(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Bytes as (tag, text) entries, and the open end that waits for its newline."""
    *whole, rest = data.split(b"\n")
    entries = [entry for line in whole for entry in _parts(line)]
    while len(rest) >= PART_BYTES:
        entries.append((b"P", rest[:PART_BYTES]))
        rest = rest[PART_BYTES:]
    return entries, rest


def _parts(line: bytes) -> Iterator[tuple[bytes, bytes]]:
    while len(line) > PART_BYTES:
        yield b"P", line[:PART_BYTES]
        line = line[PART_BYTES:]
    yield b"F", line


class LogWriter:
    """One container's log file. Writing never fails: on a full disk lines are lost, not the container."""

    def __init__(self, path: str, limit_bytes: int = FILE_BYTES):
        self._path = path
        self._limit = limit_bytes
        self._open_ends = {b"stdout": b"", b"stderr": b""}
        self._torn = b""  # a newline, where the last line was cut short: the next one is none of its
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._file).st_size

    def write(self, stream: bytes, data: bytes) -> None:
        entries, self._open_ends[stream] = cut(self._open_ends[stream] + data)
        self._append(stream, entries)

    def close(self) -> None:
        for stream, rest in self._open_ends.items():
            if rest:
                self._append(stream, [(b"P", rest)])
        os.close(self._file)

    def _append(self, stream: bytes, entries: list[tuple[bytes, bytes]]) -> None:
        if not entries:
            return
        moment = stamp(time.time_ns())
        block = b"".join(b"%s %s %s %s\n" % (moment, stream, tag, text) for tag, text in entries)
        with contextlib.suppress(OSError):
            if self._size and self._size + len(block) > self._limit:
                self._turn_over()
            written = os.write(self._file, self._torn + block)
            self._size += written
            self._torn = b"\n" if written < len(self._torn + block) else b""

    def _turn_over(self) -> None:
        """Raises OSError, and goes on with the full file, where no new one can be made."""
        full = self._file
        with contextlib.suppress(FileNotFoundError):  # moved already, when there was no room for the next
            os.replace(self._path, self._path + ".1")
        self._open()
        self._torn = b""
        os.close(full)


LAST_WORDS_BYTES, LAST_WORDS_LINES = 2048, 80  # as the kubelet has them


def last_words(path: str) -> str:
    """The end of a log, for a container that failed without a message of its own; "" where there is no log."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _CHUNK))
            entries = list(filter(None, map(parse, file.read().split(b"\n"))))
    except OSError:
        return ""
    text = b"".join(entry.text + (b"" if entry.is_part else b"\n") for entry in entries)
    lines = b"".join(text.splitlines(keepends=True)[-LAST_WORDS_LINES:])
    return lines[-LAST_WORDS_BYTES:].decode(errors="replace")


MESSAGE_BYTES = 4096


def message_path(directory: str, container: str, attempt: int) -> str:
    """Where the last words of an attempt are kept, below its pod's directory."""
    return os.path.join(directory, "containers", container, str(attempt), "termination-log")


def read_message(path: str) -> str:
    """What a container left as its last words, "" if nothing. No link is followed: the container may have made it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(file, MESSAGE_BYTES).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(file)


class Entry(NamedTuple):
    """One line of a log file, or a part of one."""

    moment: bytes
    stream: bytes
    is_part: bool
    text: bytes


def parse(line: bytes) -> Entry | None:
    """A log file's line (without its newline) as an Entry; None where it is damaged."""
    moment, _, rest = line.partition(b" ")
    stream, _, rest = rest.partition(b" ")
    tag, gap, text = rest.partition(b" ")
    if not gap or stream not in (b"stdout", b"stderr"):
        return None
    return Entry(moment, stream, tag == b"P", text)


class Wanted(NamedTuple):
    """What of a log is asked for. `since` is a moment as `stamp` writes it, b"" from the beginning."""

    tail_lines: int | None = None
    since: bytes = b""
    has_timestamps: bool = False
    limit_bytes: int | None = None


EVERYTHING = Wanted()


class LogReader:
    """Reads a container's log from its older half on, again and again, wherever the writer turns it over.

    `read` answers what has come since the last call, as the bytes that `kubectl logs` prints; call it until the
    container has exited and it answers b"".
    """

    def __init__(self, path: str, wanted: Wanted = EVERYTHING):
        self._path = path
        self._wanted = wanted
        self._left = wanted.limit_bytes
        self._file: int | None = None
        self._rest = b""
        self._is_mid_line = {b"stdout": False, b"stderr": False}
        self._first = b"".join(self._beginning())

    @property
    def is_done(self) -> bool:
        """`limit_bytes` have been read."""
        return self._left is not None and self._left <= 0

    def read(self) -> bytes:
        first, self._first = self._first, b""
        data = first + b"".join(self._shown(entry) for entry in self._news())
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        return data

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _beginning(self) -> Iterator[bytes]:
        old = self._entries_of(self._path + ".1")
        entries: Iterable[Entry] = (entry for part in (old, self._news()) for entry in part)
        if self._wanted.tail_lines is not None:
            entries = _last_lines(entries, self._wanted.tail_lines)
        for entry in entries:
            yield self._shown(entry)

    def _entries_of(self, path: str) -> Iterator[Entry]:
        try:
            with open(path, "rb") as file:
                yield from filter(None, (parse(line.rstrip(b"\n")) for line in file))
        except FileNotFoundError:
            return

    def _news(self) -> Iterator[Entry]:
        while True:
            if self._file is None:
                try:
                    self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    return
            yield from self._rest_of_file(self._file)
            if not self._has_turned_over(self._file):
                return
            yield from self._rest_of_file(self._file)
            self.close()

    def _rest_of_file(self, file: int) -> Iterator[Entry]:
        while chunk := os.read(file, _CHUNK):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            yield from filter(None, map(parse, lines))

    def _has_turned_over(self, file: int) -> bool:
        try:
            return os.stat(self._path).st_ino != os.fstat(file).st_ino
        except FileNotFoundError:
            return False

    def _shown(self, entry: Entry) -> bytes:
        if entry.moment < self._wanted.since:
            return b""
        is_mid_line = self._is_mid_line[entry.stream]
        self._is_mid_line[entry.stream] = entry.is_part
        head = entry.moment + b" " if self._wanted.has_timestamps and not is_mid_line else b""
        return head + entry.text + (b"" if entry.is_part else b"\n")


def _last_lines(entries: Iterable[Entry], count: int) -> deque[Entry]:
    """The entries of the last `count` whole lines, with the parts that belong to them."""
    kept: deque[Entry] = deque()
    lines = 0
    is_mid_line = False
    for entry in entries:
        lines += not is_mid_line
        is_mid_line = entry.is_part
        kept.append(entry)
        while kept and lines > count:
            lines -= not kept.popleft().is_part
    return kept
