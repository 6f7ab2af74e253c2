"""Directories that others have filled: taken away whatever they did to them."""

import contextlib
import errno
import itertools
import os
import stat
from collections.abc import Iterator

from stead.runtimes import lending
from stead.runtimes.native import linux

_BLOCK_BYTES = 512  # whatever the disk's own are


def disk_usage(*paths: str) -> int:
    """Bytes that these directories take on disk; what cannot be looked at counts nothing."""
    closed: list[OSError] = []
    total = sum(_usage(path, closed) for path in paths)
    if any(map(_is_of_others, closed)) and lending.lent():
        with contextlib.suppress(OSError):
            total = int(lending.ask("usage", *paths))
    return total


def _is_of_others(error: OSError) -> bool:
    """Not the working directories of overlays, which are ours and closed to everybody."""
    with contextlib.suppress(OSError):
        return error.errno == errno.EACCES and os.lstat(error.filename).st_uid != os.geteuid()
    return False


def _usage(path: str, closed: list[OSError]) -> int:
    total = 0
    for directory, names, files in os.walk(path, onerror=closed.append):
        for name in (*names, *files):
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(directory, name)).st_blocks * _BLOCK_BYTES
    return total


def remove_tree(path: str) -> None:
    """Delete a directory whatever its permission bits say, and where users that are lent to us own what is there.

    Links are not followed, and where something is mounted nothing is deleted. Raises OSError.
    """
    try:
        _remove(path)
    except OSError:
        if not lending.lent():
            raise
        lending.ask("remove", path)


def _remove(path: str) -> None:
    """All by handle, so that no link put in a directory's place meanwhile leads out; and each directory is moved to the
    top before it is emptied, so that none is too deep, nor its name too long.
    """
    for place in mounted_below(path):
        raise OSError(errno.EBUSY, "something is mounted there, and would be emptied", place)
    numbers = itertools.count()
    with _opened(path) as top:
        while entries := _entries(top):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _empty(entry.name, top, numbers)
                    os.rmdir(entry.name, dir_fd=top)
                else:
                    os.unlink(entry.name, dir_fd=top)
    os.rmdir(path)


def _empty(name: str, top: int, numbers: Iterator[int]) -> None:
    with _opened(name, top) as directory:
        for entry in _entries(directory):
            if entry.is_dir(follow_symlinks=False):
                with _opened(entry.name, directory):
                    _lift(entry.name, directory, top, numbers)
            else:
                os.unlink(entry.name, dir_fd=directory)


def _lift(name: str, directory: int, top: int, numbers: Iterator[int]) -> None:
    """Move a directory to the top, under a name that nothing has there."""
    for number in numbers:
        try:
            os.rename(name, f".{number}", src_dir_fd=directory, dst_dir_fd=top)
            return
        except (FileExistsError, NotADirectoryError):
            continue
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise


@contextlib.contextmanager
def _opened(name: str, within: int | None = None) -> Iterator[int]:
    """A directory of ours, opened for us whatever its permission bits say; a link is refused."""
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=within)
    try:
        place = f"/proc/self/fd/{found}"
        with contextlib.suppress(OSError):
            os.chmod(place, 0o700)
        opened = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    finally:
        os.close(found)
    try:
        yield opened
    finally:
        os.close(opened)


def _entries(directory: int) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        return list(found)


def mounted_below(path: str) -> list[str]:
    """The mount points at or below `path` that this process sees."""
    real = os.path.realpath(path)
    return [place for place in linux.mount_points() if place == real or place.startswith(f"{real}/")]


def give_to_group(place: str, group: int) -> None:
    """fsGroup: the group owns what is there and may write; best effort, an ordinary user has only his own groups and
    those that are lent to him.

    Other pods may be at work in there, so nothing is asked twice by name: a link put in the place of a file after the
    first question would lead us out.
    """
    if lending.lent():
        with contextlib.suppress(OSError):
            lending.ask("group", place, group)
        return
    for _, names, files, directory in os.fwalk(place):
        for name in (".", *names, *files):
            with contextlib.suppress(OSError):
                _give(name, directory, group)


def _give(name: str, directory: int, group: int) -> None:
    entry = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
    try:
        mode = os.fstat(entry).st_mode
        if not stat.S_ISLNK(mode):
            ours = f"/proc/self/fd/{entry}"
            os.chown(ours, -1, group)
            os.chmod(ours, stat.S_IMODE(mode) | 0o060 | (0o2010 if stat.S_ISDIR(mode) else 0))
    finally:
        os.close(entry)
