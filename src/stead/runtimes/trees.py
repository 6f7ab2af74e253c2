"""Directories that others have filled: taken away whatever they did to them."""

import contextlib
import errno
import os
import stat

from stead.runtimes import lending

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
    """Delete a directory whatever its permission bits say, and where users that are lent to us own what is there;
    links are not followed. Raises OSError.
    """
    try:
        _remove(path)
    except OSError:
        if not lending.lent():
            raise
        lending.ask("remove", path)


def _remove(path: str) -> None:
    for directory, names, _ in os.walk(path):
        for name in names:
            place = os.path.join(directory, name)
            if not os.path.islink(place):
                with contextlib.suppress(OSError):
                    os.chmod(place, 0o700)
    for directory, names, files in os.walk(path, topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        for name in names:
            place = os.path.join(directory, name)
            (os.unlink if os.path.islink(place) else os.rmdir)(place)
    os.rmdir(path)


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
