"""Directories that others have filled: taken away whatever they did to them."""

import contextlib
import os


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
