"""The data directory: ours alone, for whoever may put files into it is obeyed by the next `stead up`."""

import os
from contextlib import suppress
from pathlib import Path

from stead.cluster.machines import StartError


def make_ours(data: Path) -> None:
    """Nobody else may put files into the data directory. Raises StartError where one of them is somebody else's."""
    for path in (data, *data.iterdir(), *(data / "pki").glob("*")):
        with suppress(FileNotFoundError):
            owner = path.lstat().st_uid
            if owner != os.geteuid():
                remedy = "choose another with --data, or make it yours with chown"
                raise StartError(f"{path} belongs to another user (uid {owner}): {remedy}")
    mode = data.stat().st_mode & 0o7777
    if mode & 0o022:
        data.chmod(mode & ~0o022)
