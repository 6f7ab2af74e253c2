"""The plain tier, where namespaces are refused: what stands in for process namespaces and for mounts.

A session holds a container's processes together; a mount's target in arguments and environment is written as its
source.
"""

import contextlib
import glob
import os
import re
import signal
from collections.abc import Sequence

_NAMES = "libnss_wrapper.so"  # its own package: resolves names by a file that a variable names
_LIBRARIES = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
_PATH_ENDS = r"(?=$|[/:;,\s\"'])"
_SESSION_FIELD = 3  # after the name: state, parent, group, session


def name_library() -> str:
    """The library by which a process of the host finds names of ours, "" where it is not installed."""
    asked = [place for place in os.environ.get("LD_LIBRARY_PATH", "").split(":") if place]
    places = (*asked, *(place for pattern in _LIBRARIES for place in sorted(glob.glob(pattern))))
    return next((path for place in places if os.path.isfile(path := os.path.join(place, _NAMES))), "")


def names_by(library: str, file: str) -> dict[str, str]:
    """The variables of a process that finds its names in a hosts file."""
    return {"LD_PRELOAD": library, "NSS_WRAPPER_HOSTS": file}


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
