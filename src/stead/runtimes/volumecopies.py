"""All volumes of a data directory as one tar: taken while pods may be writing, looked at whole, and put back.

A plain tar (PAX): owners by number, modes, times, links, FIFOs, extended attributes (as `tar --xattrs` writes them) and
holes (as `tar --sparse` does), so GNU tar reads it too. Its last entry says that it is whole. What is in a volume was
made by pods: no link is followed, neither on the way in nor on the way out.
"""

import contextlib
import errno
import io
import json
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from msgspec import Struct, field

from stead.runtimes.trees import remove_tree

LAST = "stead-volumes.json"
_XATTR, _SPARSE = "SCHILY.xattr.", "GNU.sparse."
_KEPT_ATTRIBUTES = ("user.", "security.capability", "system.posix_acl_")
_BLOCK, _CHUNK = 512, 1 << 20
_GONE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO)  # it became something else while we looked
_FAITHFUL: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}

Segments = list[tuple[int, int]]


class BadArchive(Exception):
    """It is not put back; the message says why."""


class Told(Struct):
    """What was copied or put back: `changed` meanwhile, `left_out` as no file, `not_kept` of owners and attributes."""

    volumes: int = 0
    files: int = 0
    changed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    not_kept: list[str] = field(default_factory=list)


# --- taking


def take(volumes: Path, target: BinaryIO) -> Told:
    """Write what lies below `volumes`. Raises OSError where something of it cannot be read."""
    counted, told = _Counted(target), Told()
    with tarfile.open(fileobj=cast(BinaryIO, counted), mode="w", format=tarfile.PAX_FORMAT, **_NAMES) as tar:
        taking = _Taking(tar, told)
        if volumes.is_dir():
            taking.all_below(str(volumes))
        _add_last(tar, counted.sum)
    return told


_NAMES: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape"}


def _add_last(tar: tarfile.TarFile, sum_: int) -> None:
    said = json.dumps({"format": 1, "crc32": sum_}).encode()
    entry = tarfile.TarInfo(LAST)
    entry.size = len(said)
    tar.addfile(entry, io.BytesIO(said))


class _Counted:
    """A file that knows the sum of what was written to it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._place = 0
        self.sum = 0

    def write(self, data: bytes) -> int:
        self.sum = zlib.crc32(data, self.sum)
        self._place += len(data)
        return self._target.write(data)

    def tell(self) -> int:
        return self._place


class _Taking:
    def __init__(self, tar: tarfile.TarFile, told: Told) -> None:
        self._tar = tar
        self._told = told
        self._links: dict[tuple[int, int], str] = {}

    def all_below(self, top: str) -> None:
        """Every entry is looked up in the directory that is held open, so nobody can lead us elsewhere."""
        for place, names, files, directory in os.fwalk(top, onerror=self._on_error):
            below = os.path.relpath(place, top)
            if below == ".":  # volumes are directories, and nothing else is one
                self._told.left_out += files
                files.clear()
                names[:] = [name for name in names if not os.path.islink(os.path.join(place, name))]
                self._told.volumes = len(names)
            prefix = "" if below == "." else f"{below}/"
            for name in sorted(files):
                self._one(directory, name, prefix + name)
            names[:] = [name for name in sorted(names) if self._one(directory, name, prefix + name)]

    def _on_error(self, error: OSError) -> None:
        if error.errno not in _GONE:
            raise error
        self._told.changed.append(str(error.filename))

    def _one(self, directory: int, name: str, path: str) -> bool:
        """Whether it was a directory, whose entries are to follow."""
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
                return self._opened(directory, name, path)
            if stat.S_ISLNK(found.st_mode):
                entry = _entry(path, found, tarfile.SYMTYPE)
                entry.linkname = os.readlink(name, dir_fd=directory)
                self._tar.addfile(entry)
            elif stat.S_ISFIFO(found.st_mode):
                self._tar.addfile(_entry(path, found, tarfile.FIFOTYPE))
            else:
                self._told.left_out.append(path)
        except OSError as error:
            if error.errno not in _GONE:
                raise OSError(error.errno, f"{path}: {error.strerror}") from error
            self._told.changed.append(path)
        return False

    def _opened(self, directory: int, name: str, path: str) -> bool:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=directory)
        try:
            found = os.fstat(file)
            if stat.S_ISDIR(found.st_mode):
                self._tar.addfile(_with_attributes(_entry(path, found, tarfile.DIRTYPE), file))
            elif stat.S_ISREG(found.st_mode):
                self._file(file, found, path)
            return stat.S_ISDIR(found.st_mode)
        finally:
            os.close(file)

    def _file(self, file: int, found: os.stat_result, path: str) -> None:
        self._told.files += 1
        first = self._links.setdefault((found.st_dev, found.st_ino), path) if found.st_nlink > 1 else path
        entry = _entry(path, found, tarfile.REGTYPE if first == path else tarfile.LNKTYPE)
        if first != path:
            entry.linkname = first
            self._tar.addfile(entry)
            return
        _with_attributes(entry, file)
        head, segments = b"", [(0, found.st_size)]
        if found.st_blocks * _BLOCK < found.st_size:
            segments = [*_segments(file, found.st_size), (found.st_size, 0)]  # its end, as GNU tar wants to be told it
            head = _make_sparse(entry, segments, found.st_size)
        entry.size = len(head) + sum(length for _, length in segments)
        reading = _Reading(file, segments, head)
        self._tar.addfile(entry, cast(BinaryIO, reading))
        after = os.fstat(file)
        if reading.was_short or (after.st_size, after.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
            self._told.changed.append(path)


def _entry(path: str, found: os.stat_result, type_: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.mtime = type_, stat.S_IMODE(found.st_mode), found.st_mtime
    entry.uid, entry.gid = found.st_uid, found.st_gid
    return entry


def _with_attributes(entry: tarfile.TarInfo, file: int) -> tarfile.TarInfo:
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):  # a file system without them
        for name in os.listxattr(file):
            if name.startswith(_KEPT_ATTRIBUTES):
                value = os.getxattr(file, name)
                found[_XATTR + name] = value.decode("utf-8", "surrogateescape")
    entry.pax_headers = found
    return entry


def _segments(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Where there is data between the holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:
            return
        end = min(os.lseek(file, start, os.SEEK_HOLE), size)
        if start < end:
            yield start, end - start


def _make_sparse(entry: tarfile.TarInfo, segments: Segments, size: int) -> bytes:
    """PAX sparse format 1.0: the map stands before the data."""
    told = {"major": "1", "minor": "0", "name": entry.name, "realsize": str(size)}
    entry.pax_headers = {**entry.pax_headers, **{_SPARSE + name: value for name, value in told.items()}}
    folder, _, name = entry.name.rpartition("/")
    entry.name = f"{folder}/GNUSparseFile.0/{name}"
    table = "".join(f"{number}\n" for number in (len(segments), *(part for pair in segments for part in pair)))
    return table.encode() + b"\0" * (-len(table) % _BLOCK)


class _Reading:
    """A map and pieces of a file as one stream; where the file has become shorter, zeros."""

    def __init__(self, file: int, segments: Segments, head: bytes) -> None:
        self._file = file
        self._head = head
        self._segments = list(segments)
        self.was_short = False

    def read(self, wanted: int) -> bytes:
        """Exactly as much as is asked for, which tar asks of nothing beyond the end."""
        found, self._head = self._head[:wanted], self._head[wanted:]
        while len(found) < wanted:
            (start, length), rest = self._segments[0], self._segments[1:]
            size = min(length, wanted - len(found))
            data = os.pread(self._file, size, start)
            self.was_short |= len(data) < size and not data
            data = data or bytes(size)
            found += data
            left = [(start + len(data), length - len(data))] if len(data) < length else []
            self._segments = [*left, *rest] if left else rest
        return found


# --- putting back


class Unpacked(Struct):
    told: Told
    fresh: Path
    volumes: Path

    def put_in_place(self) -> str:
        """What was there is moved aside; answers where, "" if nothing was."""
        aside = _move_aside(self.volumes)
        self.fresh.rename(self.volumes)
        return aside


@contextmanager
def unpacked(archive: Path, volumes: Path) -> Iterator[Unpacked]:
    """What an archive holds, beside `volumes` until it is put in place. Raises BadArchive where it is none, OSError."""
    fresh = volumes.with_name(f"{volumes.name}.restoring")
    with archive.open("rb") as file:
        members = checked(file)
        _clear(fresh)
        fresh.mkdir(mode=0o700, parents=True)
        try:
            yield Unpacked(_unpack(file, members, fresh), fresh, volumes)
        finally:
            _clear(fresh)


def checked(file: BinaryIO) -> list[tarfile.TarInfo]:
    """The entries of a whole archive, of which none leads out of its volume. Raises BadArchive, OSError."""
    try:
        with tarfile.open(fileobj=file, mode="r:", **_NAMES) as tar:
            members = list(tar)
            if not members or members[-1].name != LAST:
                raise BadArchive("it is no archive of volumes, or its end is missing")
            last = tar.extractfile(members[-1])
            said = json.loads(last.read(_BLOCK)) if last is not None else {}
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
        raise BadArchive(f"it cannot be read: {error}") from error
    if not isinstance(said, dict) or said.get("format") != 1:
        raise BadArchive(f"format {said} is not one this stead reads")
    if _sum(file, members[-1].offset) != said.get("crc32"):
        raise BadArchive("it is not as it was written")
    _refuse_strays(members[:-1])
    return members[:-1]


def _sum(file: BinaryIO, until: int) -> int:
    file.seek(0)
    sum_ = 0
    while until and (data := file.read(min(_CHUNK, until))):
        sum_, until = zlib.crc32(data, sum_), until - len(data)
    return sum_


def _refuse_strays(members: list[tarfile.TarInfo]) -> None:
    """Each entry lies in a directory that came before it, under a name of its own. Raises BadArchive."""
    known: dict[str, tarfile.TarInfo] = {}
    for member in members:
        name = member.name
        parent = name.rpartition("/")[0]
        if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
            raise BadArchive(f"{name!r} leads out of its volume")
        if name in known:
            raise BadArchive(f"{name!r} is there twice")
        if (parent not in known or not known[parent].isdir()) if parent else not member.isdir():
            raise BadArchive(f"{name!r} lies in no directory of the archive")
        if not (member.isreg() or member.isdir() or member.issym() or member.islnk() or member.isfifo()):
            raise BadArchive(f"{name!r} is a device, or something else that no volume has")
        if member.islnk() and not (member.linkname in known and known[member.linkname].isreg()):
            raise BadArchive(f"{name!r} is a link to {member.linkname!r}, which is no file of the archive before it")
        known[name] = member


def _unpack(file: BinaryIO, members: list[tarfile.TarInfo], place: Path) -> Told:
    told = Told(volumes=sum("/" not in member.name for member in members))
    told.files = sum(member.isreg() or member.islnk() for member in members)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:", errorlevel=1, **_NAMES) as tar:
        tar.extractall(place, members, numeric_owner=True, **_FAITHFUL)
    for member in members:
        path = place / member.name
        _give_attributes(member, path, told)
        found = path.lstat()
        if (found.st_uid, found.st_gid) != (member.uid, member.gid):
            told.not_kept.append(member.name)
    place.chmod(0o711)
    return told


def _give_attributes(member: tarfile.TarInfo, path: Path, told: Told) -> None:
    for name, value in member.pax_headers.items():
        attribute = name.removeprefix(_XATTR)
        if attribute != name and attribute.startswith(_KEPT_ATTRIBUTES):
            try:
                os.setxattr(path, attribute, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
            except OSError:
                told.not_kept.append(f"{member.name} ({attribute})")


def _clear(place: Path) -> None:
    if place.exists():
        remove_tree(str(place))


def _move_aside(volumes: Path) -> str:
    if not volumes.exists() or not any(volumes.iterdir()):
        _clear(volumes)
        return ""
    number = next(n for n in range(1, 1_000_000) if not os.path.lexists(f"{volumes}.before-restore-{n}"))
    aside = f"{volumes}.before-restore-{number}"
    volumes.rename(aside)
    return aside
