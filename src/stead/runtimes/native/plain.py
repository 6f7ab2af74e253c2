"""The plain tier, where namespaces are refused: what stands in for process namespaces and for mounts.

A session holds a container's processes together; a mount's target in arguments and environment is written as its
source.
"""

import contextlib
import os
import re
import signal
from collections.abc import Sequence

_PATH_ENDS = r"(?=$|[/:;,\s\"'])"
_SESSION_FIELD = 3  # after the name: state, parent, group, session


def members(leader: int) -> list[int]:
    """Pids of the processes in the session that `leader` opened."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            if int(file.read().rpartition(")")[2].split()[_SESSION_FIELD]) == leader:
                found.append(int(name))
    return found


def kill(leader: int) -> None:
    for pid in members(leader):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def rewritten(text: str, mounts: Sequence[tuple[str, str, bool]]) -> str:
    """Without mounts, a path under a mount's target is written as the path that is really there."""
    for source, target, _ in reversed(mounts):
        text = re.sub(re.escape(target.rstrip("/")) + _PATH_ENDS, source.replace("\\", r"\\"), text)
    return text
