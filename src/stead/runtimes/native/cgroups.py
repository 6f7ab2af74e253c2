"""Memory and CPU limits through control groups, version 1 or 2, where this machine lets us write them.

Limits are best effort: where no group can be made, containers run without, and `probe.facts` says so.
"""

import contextlib
import os

_ROOT = "/sys/fs/cgroup"
_FAMILY = "stead"
_PERIOD = 100_000


def has_version_2() -> bool:
    return os.path.exists(f"{_ROOT}/cgroup.controllers")


def is_writable() -> bool:
    """Whether limits can be set on this machine by us."""
    parents = [_ROOT] if has_version_2() else [f"{_ROOT}/memory", f"{_ROOT}/cpu"]
    return all(os.access(parent, os.W_OK) for parent in parents)


def make(name: str, memory_bytes: int | None, cpu_millis: int | None) -> list[str]:
    """Groups for one container; answers their directories, fewer where the machine does not allow them."""
    try:
        if has_version_2():
            return _version_2(name, memory_bytes, cpu_millis)
        return _version_1(name, memory_bytes, cpu_millis)
    except OSError:
        return []


def _version_2(name: str, memory_bytes: int | None, cpu_millis: int | None) -> list[str]:
    family = f"{_ROOT}/{_FAMILY}"
    os.makedirs(family, exist_ok=True)
    for parent in (_ROOT, family):
        _write(f"{parent}/cgroup.subtree_control", "+memory +cpu")
    group = f"{family}/{name}"
    os.makedirs(group, exist_ok=True)
    if memory_bytes is not None:
        _write(f"{group}/memory.max", str(memory_bytes))
        with contextlib.suppress(OSError):
            _write(f"{group}/memory.swap.max", "0")
    if cpu_millis is not None:
        _write(f"{group}/cpu.max", f"{_quota(cpu_millis)} {_PERIOD}")
    return [group]


def _version_1(name: str, memory_bytes: int | None, cpu_millis: int | None) -> list[str]:
    settings = (
        ("memory", "memory.limit_in_bytes", memory_bytes),
        ("cpu", "cpu.cfs_quota_us", None if cpu_millis is None else _quota(cpu_millis)),
    )
    made = []
    for controller, file, value in settings:
        group = f"{_ROOT}/{controller}/{_FAMILY}/{name}"
        if value is not None:
            os.makedirs(group, exist_ok=True)
            _write(f"{group}/{file}", str(value))
            made.append(group)
    return made


def _quota(cpu_millis: int) -> int:
    return max(1000, cpu_millis * _PERIOD // 1000)


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


def remove(groups: list[str]) -> None:
    for group in groups:
        with contextlib.suppress(OSError):
            os.rmdir(group)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
