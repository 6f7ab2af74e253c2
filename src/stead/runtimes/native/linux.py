"""The system calls that Python 3.11 does not offer, through ctypes; for single-threaded programs.

Everything here raises OSError with the errno of the call.
"""

import ctypes
import fcntl
import os
import re
import select
import signal
import termios

NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NET = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
SAME_PARENT = 0x8000  # clone: the child becomes a child of our own parent

READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC, REMOUNT, BIND, RECURSIVE = 1, 2, 4, 8, 32, 4096, 16384
PRIVATE, SLAVE = 1 << 18, 1 << 19
_DETACH = 2

_SET_PARENT_DEATH_SIGNAL, _SET_DUMPABLE, _SET_NAME, _DROP_BOUNDING, _SET_SUBREAPER = 1, 4, 15, 24, 36
_KEEP_CAPABILITIES = 8
_NO_NEW_PRIVILEGES = 38
_NUMBERS = {"x86_64": (56, 155), "aarch64": (220, 41), "riscv64": (220, 41)}

_CAPABILITIES = 41
_CAPABILITY_VERSION = 0x20080522
_SET_SECCOMP, _FILTER, _INSTRUCTION_BYTES = 22, 2, 8


class _Filters(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("filters", ctypes.c_void_p))


_libc = ctypes.PyDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _number(index: int) -> int:
    machine = os.uname().machine
    if machine not in _NUMBERS:
        raise OSError(f"native pods are not known on {machine}")
    return _NUMBERS[machine][index]


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def bounds_namespaces() -> bool:
    """Whether a namespace of processes has a highest number (kernel.pid_max) of its own, from Linux 6.14 on."""
    numbers = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (6, 14)


def mount_points() -> list[str]:
    """Every mount point that this process sees, in the order they were mounted in."""
    with open("/proc/self/mountinfo", "rb") as file:
        return [_unescaped(line.split(b" ", 5)[4]) for line in file]


def _unescaped(field: bytes) -> str:
    """The kernel writes spaces, line ends and backslashes as a backslash and three octal digits."""
    first, *others = field.split(b"\\")
    return os.fsdecode(first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in others))


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, *, options: str | None = None
) -> None:
    result = _libc.mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), _bytes(options))
    _checked(result, f"mount {source or kind} on {target}")


def unmount(target: str) -> None:
    """Detach what is mounted on `target`, even while it is in use."""
    _checked(_libc.umount2(_bytes(target), _DETACH), f"unmount {target}")


def unshare(namespaces: int) -> None:
    _checked(_libc.unshare(namespaces), "unshare")


def join(namespace_fd: int, namespaces: int) -> None:
    """Enter the namespaces behind a namespace file or a pidfd."""
    _checked(_libc.setns(namespace_fd, namespaces), "setns")


def fork_into(flags: int) -> int:
    """`os.fork`, the child in new namespaces (or with SAME_PARENT). No fork hooks run."""
    zero = ctypes.c_ulong(0)
    number = ctypes.c_long(_number(0))
    return _checked(_libc.syscall(number, ctypes.c_ulong(flags | signal.SIGCHLD), zero, zero, zero, zero), "clone")


def pivot_here() -> None:
    """Make the current directory the root and let the old root go."""
    _checked(_libc.syscall(ctypes.c_long(_number(1)), b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def die_with_parent(parent: int) -> None:
    """Be killed when our parent ends. `parent` is its pidfd: it may have ended before the kernel knew of our wish."""
    _checked(_libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "prctl")
    ended = select.poll()
    ended.register(parent, select.POLLIN)
    if ended.poll(0):
        os._exit(1)


def adopt_orphans() -> None:
    """Descendants whose parent dies become our children."""
    _checked(_libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0), "prctl")


def be_readable() -> None:
    """Let processes of the same user look into our /proc entry, although our credentials changed."""
    _checked(_libc.prctl(_SET_DUMPABLE, 1, 0, 0, 0), "prctl")


def set_process_name(name: str) -> None:
    _libc.prctl(_SET_NAME, name.encode()[:15], 0, 0, 0)


def keep_capabilities(kept: list[int]) -> None:
    """Leave these alone in the bounding set; where we may not, nothing is dropped."""
    for capability in range(_CAPABILITIES):
        if capability not in kept:
            _libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0)


def filter_calls(program: bytes) -> None:
    """From here on the kernel asks this BPF program about every system call, also of all our children."""
    kept = ctypes.create_string_buffer(program, len(program))
    count = len(program) // _INSTRUCTION_BYTES
    filters = _Filters(count, ctypes.cast(kept, ctypes.c_void_p))
    _checked(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(filters), 0, 0), "prctl")


def keep_rights_as_another() -> None:
    """Be able to `have_all_rights` again after a change of user, until a program is executed."""
    _checked(_libc.prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0), "prctl")


def have_all_rights() -> None:
    """Every capability that we may have."""
    drop_capabilities(list(range(_CAPABILITIES)))


def drop_capabilities(kept: list[int]) -> None:
    """Have none but these from here on: what a program gets from the bounding set when it is executed."""
    mask = sum(1 << capability for capability in kept)
    with open("/proc/self/status") as file:
        mask &= next(int(line.split()[1], 16) for line in file if line.startswith("CapPrm:"))
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    halves = [half for part in (mask & 0xFFFFFFFF, mask >> 32) for half in (part, part, 0)]
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)(*halves)), "capset")


def renounce_new_privileges() -> None:
    """From here on no program that is started may have more rights than its starter."""
    _checked(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "prctl")


def become_root_of_new_user_namespace(namespaces: int, uid: int = 0, gid: int = 0) -> None:
    """Unshare a user namespace (and `namespaces` owned by it) in which we, alone, are `uid` and `gid`."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    unshare(NEW_USER | namespaces)
    maps = (("setgroups", "deny"), ("uid_map", f"{uid} {outer_uid} 1"), ("gid_map", f"{gid} {outer_gid} 1"))
    for name, text in maps:
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def start_time(pid: int) -> int:
    """When a living process started, in ticks since boot: with its pid, a name for ever. OSError if gone."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(f"process {pid} has ended")
    return int(fields[19])


def take_terminal(terminal: int) -> None:
    """Make an open terminal the one that controls our session."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
