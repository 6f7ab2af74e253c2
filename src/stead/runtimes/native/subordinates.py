"""The users and groups an ordinary user may lend to his namespaces: /etc/subuid, /etc/subgid and their two tools.

With them a user namespace has a root (who is this user outside) and as many more users as were given to him; without
them it has one. Standard library only: the keeper imports this.
"""

import contextlib
import os
import pwd
import shutil
import signal
from typing import NamedTuple

from stead.runtimes.native import linux

_FILES = ("/etc/subuid", "/etc/subgid")
_TOOLS = ("newgidmap", "newuidmap")
_ENOUGH = 1000  # fewer do not hold the system users of an image
_DONE = b"ok"


class Range(NamedTuple):
    """`size` numbers from `first` on; inside a namespace they are 1, 2, 3 ..."""

    first: int
    size: int


class Lent(NamedTuple):
    """The users and the groups that are lent to us."""

    users: Range
    groups: Range


def ranges() -> Lent | None:
    """What the system's files give to us; None where they give nothing, or the tools are missing."""
    return None if lacking() else Lent(*(_largest(path) for path in _FILES))


def lacking() -> str:
    """What has to be done before anything is lent, as a command or a line of a file; "" where nothing is missing."""
    if any(shutil.which(tool) is None for tool in _TOOLS):
        return "install newuidmap and newgidmap (Debian, Ubuntu: apt-get install uidmap)"
    poor = [path for path in _FILES if _largest(path).size < _ENOUGH]
    return f"add the line {_name() or os.getuid()}:100000:65536 to {' and to '.join(poor)}" if poor else ""


def _largest(path: str) -> Range:
    """The largest range that the file gives to us, by name or by number."""
    found = [Range(0, 0)]
    with contextlib.suppress(OSError), open(path) as file:
        for line in file:
            name, _, numbers = line.strip().partition(":")
            first, _, count = numbers.partition(":")
            if name in (_name(), str(os.getuid())) and first.isdigit() and count.isdigit():
                found.append(Range(int(first), int(count)))
    return max(found, key=lambda one: one.size)


def _name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def become_root(namespaces: int) -> None:
    """Unshare a user namespace (and `namespaces` owned by it) of which we are root, with all users that are lent to us.

    Raises OSError where nothing is lent.
    """
    lent = ranges()
    if lent is None:
        raise OSError(lacking())
    (ready, go), (answered, answer) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(go)
        _lend_from_outside(os.getppid(), lent, ready, answer)
    for fd in (ready, answer):
        os.close(fd)
    try:
        linux.unshare(linux.NEW_USER | namespaces)
        os.write(go, b"!")
        told = os.read(answered, len(_DONE))
    finally:
        for fd in (go, answered):
            os.close(fd)
        with contextlib.suppress(ChildProcessError):  # the keeper has its children reaped unseen
            os.waitpid(child, 0)
    if told != _DONE:
        raise OSError("newuidmap and newgidmap refuse to lend the users of /etc/subuid and /etc/subgid")


def _lend_from_outside(process: int, lent: Lent, ready: int, answer: int) -> None:
    """Wait for the process to be in its namespace, then map its users; only who is outside may. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        owns = (os.getgid(), os.getuid())
        is_there = bool(os.read(ready, 1))
        given = zip(_TOOLS, owns, (lent.groups, lent.users), strict=True)
        if is_there and all(_runs(tool, process, own, range_) for tool, own, range_ in given):
            os.write(answer, _DONE)
    finally:
        os._exit(0)


def _runs(tool: str, process: int, own: int, given: Range) -> bool:
    path = shutil.which(tool) or tool
    words = [tool, str(process), "0", str(own), "1", "1", str(given.first), str(given.size)]
    child = os.posix_spawn(path, words, {})
    return os.waitpid(child, 0)[1] == 0


def is_root() -> bool:
    """Whether we are root with users to be root of: in a namespace of one user (`unshare -r`) root is an ordinary user
    by another name.
    """
    return os.geteuid() == 0 and users_here() > 1


def users_here() -> int:
    """How many users the namespace has that we are in: one more than the highest number."""
    with open("/proc/self/uid_map") as file:
        return max(int(first) + int(count) for first, _, count in map(str.split, file))
