"""Work on files of lent users, from outside their namespace: this user is their root there, and a stranger here.

Where the native runtime's user tier has several users (`native/subordinates`), layers, volumes and writable layers
hold files of theirs. What this user may not do to them by himself is done by a short process in a namespace of theirs.
"""

import functools
import json
import os
from typing import Any

from stead.machinery.late import Late
from stead.runtimes.native import booting, subordinates
from stead.runtimes.native.subordinates import Lent

subprocess: Any = Late("subprocess")


class DeedFailed(Exception):
    """The deed itself said no to what it was given (a damaged layer); the message says why."""


@functools.cache
def lent() -> Lent | None:
    """What is lent to us, once it was tried; None for root, who needs none, and where there is nothing or no way."""
    found = None if os.geteuid() == 0 else subordinates.ranges()
    try:
        if found is not None:
            ask("nothing")
    except OSError:
        return None
    return found


def ask(deed: str, *arguments: Any) -> Any:
    """What came of a deed of `native/within`. Blocks: call it on a thread. Raises OSError or DeedFailed."""
    command = booting.command("within", json.dumps([deed, *arguments]))
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL, check=False)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise OSError(done.stderr.strip().rpartition("\n")[2] or "the namespace of the lent users ended") from None
    if "error" not in told:
        return told["result"]
    if told["kind"] != "system":
        raise DeedFailed(told["error"])
    raise OSError(told["number"], told["error"], told["path"]) if told["number"] else OSError(told["error"])


def outer_group(group: int) -> int:
    """The number outside of a group of the namespace."""
    found = lent()
    return group if found is None or not 0 < group <= found.groups.size else found.groups.first + group - 1
