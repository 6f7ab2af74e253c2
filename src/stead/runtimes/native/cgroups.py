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


def try_out() -> None:
    """Make a group with limits and remove it. Raises OSError with the reason where limits cannot be set by us."""
    name = f"trial-{os.getpid()}"
    groups = _groups_2(name) if has_version_2() else _groups_1(name)
    try:
        limit(groups, 1 << 30, 1000)
    except OSError as error:
        raise OSError(f"{error}{_crowd() if has_version_2() else ''}") from error
    finally:
        remove([*groups, *(os.path.dirname(group) for group in groups)])  # the family stays where it has others


def _crowd() -> str:
    """Version 2 gives no controllers to the children of a group with processes, unless it is the machine's own root."""
    base = _base()
    with open(f"{base}/cgroup.procs") as file:
        is_crowded = os.path.exists(f"{base}/cgroup.type") and bool(file.read(1))
    return f" ({base} has processes of its own: move them to a group below it)" if is_crowded else ""


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
    except OSError:
        return []
    with contextlib.suppress(OSError):
        limit(groups, memory_bytes, cpu_millis)
    return groups


def _groups_2(name: str) -> list[str]:
    base = _base()
    family = f"{base}/{_FAMILY}"
    os.makedirs(family, exist_ok=True)
    for parent in (base, family):
        for controller in ("memory", "cpu", "pids"):
            with contextlib.suppress(OSError):  # it is not here, or was not delegated
                _write(f"{parent}/cgroup.subtree_control", f"+{controller}")
    os.makedirs(f"{family}/{name}", exist_ok=True)
    return [f"{family}/{name}"]


def _groups_1(name: str) -> list[str]:
    groups = [f"{_ROOT}/{controller}/{_FAMILY}/{name}" for controller in ("memory", "cpu", "pids")]
    for group in groups:
        os.makedirs(group, exist_ok=True)
    return groups


def limit(groups: list[str], memory_bytes: int | None, cpu_millis: int | None) -> None:
    """Set the limits, None: none. Raises OSError, also where memory in use cannot be given back, or no group has it."""
    files = _files_2(memory_bytes, cpu_millis) if has_version_2() else _files_1(memory_bytes, cpu_millis)
    found = [(group, file, text) for group in groups for file, text in files if os.path.exists(f"{group}/{file}")]
    for group, file, text in found:
        _write(f"{group}/{file}", text)
    held = {file.partition(".")[0] for _, file, _ in found}
    for wanted, controller in ((memory_bytes, "memory"), (cpu_millis, "cpu")):
        if wanted is not None and controller not in held:
            raise OSError(f"control groups do not limit {controller} here")


def _files_2(memory_bytes: int | None, cpu_millis: int | None) -> list[tuple[str, str]]:
    quota = "max" if cpu_millis is None else str(_quota(cpu_millis))
    memory = "max" if memory_bytes is None else str(memory_bytes)
    swap = "max" if memory_bytes is None else "0"
    return [
        ("memory.max", memory),
        ("memory.swap.max", swap),
        ("memory.oom.group", "1"),  # a container is killed as a whole
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
