"""Directories that others have filled: taken away whatever they did to them."""

import contextlib
import os

_BLOCK_BYTES = 512  # whatever the disk's own are


def disk_usage(*paths: str) -> int:
    """Bytes that these directories take on disk; what cannot be looked at counts nothing."""
    total = 0
    for path in paths:
        for directory, names, files in os.walk(path):
            for name in (*names, *files):
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(directory, name)).st_blocks * _BLOCK_BYTES
    return total


def remove_tree(path: str) -> None:
    """Delete a directory whatever its permission bits say; links are not followed."""
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
