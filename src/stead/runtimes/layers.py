"""Unpacking an image layer: whiteouts become overlayfs's own, and no hostile layer gets out of its directory."""

import contextlib
import errno
import gzip
import hashlib
import os
import stat
import tarfile
from typing import IO, BinaryIO, cast

from stead.runtimes import inside
from stead.runtimes.native import subordinates
from stead.runtimes.trees import remove_tree

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_OPAQUE_MARKS = ("trusted.overlay.opaque", "user.overlay.opaque")
_ENTRY_LIMIT = 1_000_000
_SMALL_BYTES, _RATIO, _LARGE_BYTES = 256 << 20, 100, 32 << 30
_COPY_BYTES = 1 << 20
_GZIP_MAGIC, _ZSTD_MAGIC = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class BadLayer(Exception):
    """A layer that is damaged or hostile; the message says how."""


class _Measured:
    """Hashes what is read of a stream, and refuses to read more than the layer may hold."""

    def __init__(self, stream: IO[bytes], limit: int):
        self._stream = stream
        self._left = limit
        self._sha = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size if size >= 0 else _COPY_BYTES)
        self._left -= len(data)
        if self._left < 0:
            raise BadLayer("the layer unpacks to more than its size allows")
        self._sha.update(data)
        return data

    def digest(self) -> str:
        """Of the whole stream: what tar left unread (its padding) is read first."""
        while self.read(_COPY_BYTES):
            pass
        return f"sha256:{self._sha.hexdigest()}"


def _open(file: BinaryIO) -> IO[bytes]:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(_GZIP_MAGIC):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if magic == _ZSTD_MAGIC:
        raise BadLayer("layers compressed with zstd are not supported")
    return file


def unpack(blob: str, diff_id: str, place: str) -> None:
    """Unpack the layer file `blob` into the new directory `place`. Raises BadLayer; what was made stays behind then."""
    size = os.stat(blob).st_size
    limit = min(max(_SMALL_BYTES, size * _RATIO), _LARGE_BYTES)
    os.makedirs(place)
    os.chmod(place, 0o755)  # the `/` of containers, whatever our umask
    try:
        with open(blob, "rb") as file:
            stream = _Measured(_open(file), limit)
            with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", errorlevel=2) as layer:
                _Unpacking(place).all_of(layer)
            found = stream.digest()
    except (OSError, EOFError, tarfile.TarError, ValueError) as error:
        raise BadLayer(f"cannot unpack the layer: {error}") from error
    if found != diff_id:
        raise BadLayer(f"the layer is not what its image says: {found} instead of {diff_id}")


class _Unpacking:
    """One layer on its way into `root`."""

    def __init__(self, root: str):
        self._root = root
        self._is_root = subordinates.is_root()
        self._directories: list[tuple[str, tarfile.TarInfo]] = []

    def all_of(self, layer: tarfile.TarFile) -> None:
        for count, member in enumerate(layer):
            if count >= _ENTRY_LIMIT:
                raise BadLayer(f"the layer has more than {_ENTRY_LIMIT} entries")
            self._one(layer, member)
        for place, member in reversed(self._directories):
            self._finish(place, member)

    def _one(self, layer: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise BadLayer(f"the layer climbs out of its root: {member.name}")
        if not parts:
            return
        parent = inside.follow(self._root, "/".join(parts[:-1]))
        self._make_parents(parent)
        place, name = os.path.join(parent, parts[-1]), parts[-1]
        if name == _OPAQUE:
            _mark_opaque(parent)
        elif name.startswith(_WHITEOUT):
            _clear(os.path.join(parent, name.removeprefix(_WHITEOUT)))
            os.mknod(os.path.join(parent, name.removeprefix(_WHITEOUT)), stat.S_IFCHR, 0)
        elif member.isdir():
            self._directory(place, member)
        else:
            self._leaf(layer, member, place)

    def _make_parents(self, parent: str) -> None:
        if not os.path.isdir(parent):
            os.makedirs(parent, exist_ok=True)

    def _directory(self, place: str, member: tarfile.TarInfo) -> None:
        if os.path.islink(place) or not os.path.isdir(place):
            _clear(place)
            os.mkdir(place, 0o700)
        self._directories.append((place, member))  # its mode comes last: it may forbid writing

    def _leaf(self, layer: tarfile.TarFile, member: tarfile.TarInfo, place: str) -> None:
        if not (member.isreg() or member.issym() or member.islnk() or member.isfifo()):
            return  # devices: a container gets its own
        _clear(place)
        if member.issym():
            os.symlink(member.linkname, place)
        elif member.islnk():
            self._hard_link(member, place)
            return
        elif member.isfifo():
            os.mkfifo(place)
        else:
            _write(layer, member, place)
        self._finish(place, member)

    def _hard_link(self, member: tarfile.TarInfo, place: str) -> None:
        directory, _, name = member.linkname.strip("/").rpartition("/")
        if name in ("", ".", "..") or ".." in directory.split("/"):
            raise BadLayer(f"a link climbs out of the layer: {member.linkname}")
        os.link(os.path.join(inside.follow(self._root, directory), name), place, follow_symlinks=False)

    def _finish(self, place: str, member: tarfile.TarInfo) -> None:
        if self._is_root:
            _give(place, member)
        if not member.issym():
            os.chmod(place, member.mode & 0o7777)
        os.utime(place, (member.mtime, member.mtime), follow_symlinks=False)


def _give(place: str, member: tarfile.TarInfo) -> None:
    try:
        os.lchown(place, member.uid, member.gid)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a number beyond those lent to us stays root's
            raise


def _write(layer: tarfile.TarFile, member: tarfile.TarInfo, place: str) -> None:
    source = layer.extractfile(member)
    assert source is not None
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as target:
        while data := source.read(_COPY_BYTES):
            target.write(data)


def _mark_opaque(directory: str) -> None:
    for mark in _OPAQUE_MARKS:
        with contextlib.suppress(PermissionError):
            os.setxattr(directory, mark, b"y")


def _clear(place: str) -> None:
    """Make room for an entry that the same layer names twice."""
    if not os.path.lexists(place):
        return
    if os.path.isdir(place) and not os.path.islink(place):
        remove_tree(place)
    else:
        os.unlink(place)
