"""Limits of memory, CPU and processes through control groups, version 1 or 2, where this machine lets us write them.

Limits are best effort: where no group can be made, containers run without, and `probe.facts` says so. Standard library
only.
"""

import contextlib
import os
import signal

_ROOT = "/sys/fs/cgroup"
_FAMILY = "stead"
_PERIOD = 100_000
_LEAST_QUOTA = 1000
MOST_PROCESSES = 4096  # of one container, so that one that only multiplies harms itself alone


def has_version_2() -> bool:
    return os.path.exists(f"{_ROOT}/cgroup.controllers")


def is_writable() -> bool:
    """Whether limits can be set on this machine by us."""
    parents = [_base()] if has_version_2() else [f"{_ROOT}/memory", f"{_ROOT}/cpu"]
    return all(os.access(parent, os.W_OK) for parent in parents)


def _base() -> str:
    """Version 2: the highest group that we may write, from our own upwards: the root, or what was delegated to us."""
    if os.access(_ROOT, os.W_OK):
        return _ROOT
    with open("/proc/self/cgroup") as file:
        own = next((line.strip().partition("::")[2] for line in file if line.startswith("0::")), "/")
    place = found = os.path.normpath(_ROOT + own)
    while place != _ROOT and os.access(place, os.W_OK):
        found, place = place, os.path.dirname(place)
    return found


def make(name: str, memory_bytes: int | None, cpu_millis: int | None) -> list[str]:
    """Groups for one container; answers their directories, fewer where the machine does not allow them."""
    try:
        groups = _groups_2(name) if has_version_2() else _groups_1(name)
        limit(groups, memory_bytes, cpu_millis)
    except OSError:
        return []
    return groups


def _groups_2(name: str) -> list[str]:
    base = _base()
    family = f"{base}/{_FAMILY}"
    os.makedirs(family, exist_ok=True)
    for parent in (base, family):
        with contextlib.suppress(OSError):  # of controllers that are not here
            _write(f"{parent}/cgroup.subtree_control", "+memory +cpu +pids")
    os.makedirs(f"{family}/{name}", exist_ok=True)
    return [f"{family}/{name}"]


def _groups_1(name: str) -> list[str]:
    groups = [f"{_ROOT}/{controller}/{_FAMILY}/{name}" for controller in ("memory", "cpu", "pids")]
    for group in groups:
        os.makedirs(group, exist_ok=True)
    return groups


def limit(groups: list[str], memory_bytes: int | None, cpu_millis: int | None) -> None:
    """Set the limits, None: none. Raises OSError, also where memory in use cannot be given back."""
    files = _files_2(memory_bytes, cpu_millis) if has_version_2() else _files_1(memory_bytes, cpu_millis)
    for group in groups:
        for file, text in files:
            if os.path.exists(f"{group}/{file}"):
                _write(f"{group}/{file}", text)


def _files_2(memory_bytes: int | None, cpu_millis: int | None) -> list[tuple[str, str]]:
    quota = "max" if cpu_millis is None else str(_quota(cpu_millis))
    memory = "max" if memory_bytes is None else str(memory_bytes)
    swap = "max" if memory_bytes is None else "0"
    return [
        ("memory.max", memory),
        ("memory.swap.max", swap),
        ("cpu.max", f"{quota} {_PERIOD}"),
        ("pids.max", str(MOST_PROCESSES)),
    ]


def _files_1(memory_bytes: int | None, cpu_millis: int | None) -> list[tuple[str, str]]:
    return [
        ("memory.limit_in_bytes", str(-1 if memory_bytes is None else memory_bytes)),
        ("cpu.cfs_quota_us", str(-1 if cpu_millis is None else _quota(cpu_millis))),
        ("pids.max", str(MOST_PROCESSES)),
    ]


def _quota(cpu_millis: int) -> int:
    return max(_LEAST_QUOTA, cpu_millis * _PERIOD // 1000)


def was_out_of_memory(groups: list[str]) -> bool:
    """Whether the kernel has killed something in these groups for want of memory."""
    return any(_kills(f"{group}/{file}") for group in groups for file in ("memory.events", "memory.oom_control"))


def _kills(path: str) -> bool:
    try:
        with open(path) as file:
            counts = dict(line.split() for line in file)
    except OSError:
        return False
    return int(counts.get("oom_kill", 0)) > 0


def kill(groups: list[str]) -> None:
    """Everything that is left in these groups, whatever session or parent it has given itself."""
    for group in groups:
        with contextlib.suppress(OSError), open(f"{group}/cgroup.procs") as file:
            for pid in file.read().split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)


def remove(groups: list[str]) -> None:
    for group in groups:
        with contextlib.suppress(OSError):
            os.rmdir(group)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
