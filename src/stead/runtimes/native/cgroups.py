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
_CONTROLLERS = ("memory", "cpu", "pids")
_OF_CONTAINERS = ("pids.max", "memory.oom.group")
MOST_PROCESSES = 4096  # of one container, so that one that only multiplies harms itself alone


Limits = tuple[int | None, int | None]  # memory in bytes, CPU in thousandths; None is none


def has_version_2() -> bool:
    return os.path.exists(f"{_ROOT}/cgroup.controllers")


def try_out() -> None:
    """Make a group with limits and remove it. Raises OSError with the reason where limits cannot be set by us."""
    groups = _groups(f"trial-{os.getpid()}/container")
    try:
        limit(groups, 1 << 30, 1000)
    except OSError as error:
        raise OSError(f"{error}{_crowd() if has_version_2() else ''}") from error
    finally:
        remove(groups)


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


def make(name: str, memory_bytes: int | None, cpu_millis: int | None, *, pod: Limits = (None, None)) -> list[str]:
    """Groups for one container, `<pod>/<container>`; answers their directories, fewer where the machine does not allow
    them. `pod` are the memory and the CPU of all the pod's containers together.
    """
    try:
        groups = _groups(name)
    except OSError:
        return []
    for places, limits, is_pod in ((_above(groups), pod, True), (groups, (memory_bytes, cpu_millis), False)):
        with contextlib.suppress(OSError):
            _set(places, limits, is_pod=is_pod)
    return groups


def most_processes(groups: list[str]) -> int:
    """How many processes our user may have while a container starts, so that one that only multiplies leaves others
    room: as many more than there are. 0 where its groups count them.
    """
    for group in groups:
        with contextlib.suppress(OSError), open(f"{group}/pids.max") as file:
            if file.read().strip() != "max":
                return 0
    return MOST_PROCESSES + _processes_of(os.geteuid())


def _processes_of(user: int) -> int:
    found = 0
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            found += entry.name.isdigit() and entry.stat().st_uid == user
    return found


def hold_pod(name: str, limits: Limits) -> None:
    """The groups of a pod whose containers' are made by others. Raises OSError where the limits cannot be."""
    groups = [f"{group}/{name}" for group in _families()]
    for group in groups:
        os.makedirs(group, exist_ok=True)
    _set(groups, limits, is_pod=True)


def let_go_of_pod(name: str) -> None:
    """Remove its groups, and those that containers left whose shim was killed."""
    everywhere = [] if has_version_2() else [f"{place}/{_FAMILY}" for place in _hierarchies()]  # an engine's containers
    for family in (*_families(), *everywhere):
        with contextlib.suppress(OSError):
            remove([entry.path for entry in os.scandir(f"{family}/{name}") if entry.is_dir()])
            os.rmdir(f"{family}/{name}")


def _families() -> list[str]:
    if has_version_2():
        return [f"{_base()}/{_FAMILY}"]
    return [f"{_ROOT}/{controller}/{_FAMILY}" for controller in _CONTROLLERS]


def _hierarchies() -> list[str]:
    with contextlib.suppress(OSError):
        return [entry.path for entry in os.scandir(_ROOT) if entry.is_dir(follow_symlinks=False)]
    return []


def _above(groups: list[str]) -> list[str]:
    return [os.path.dirname(group) for group in groups]


def _groups(name: str) -> list[str]:
    """Raises OSError."""
    return _groups_2(name) if has_version_2() else _groups_1(name)


def _groups_2(name: str) -> list[str]:
    base = _base()
    family = f"{base}/{_FAMILY}"
    above = f"{family}/{os.path.dirname(name)}"
    os.makedirs(above, exist_ok=True)
    for parent in (base, family, above):
        for controller in _CONTROLLERS:
            with contextlib.suppress(OSError):  # it is not here, or was not delegated
                _write(f"{parent}/cgroup.subtree_control", f"+{controller}")
    os.makedirs(f"{family}/{name}", exist_ok=True)
    return [f"{family}/{name}"]


def _groups_1(name: str) -> list[str]:
    groups = [f"{family}/{name}" for family in _families()]
    for group in groups:
        os.makedirs(group, exist_ok=True)
    return groups


def limit(groups: list[str], memory_bytes: int | None, cpu_millis: int | None) -> None:
    """Set the limits, None: none. Raises OSError, also where memory in use cannot be given back, or no group has it."""
    _set(groups, (memory_bytes, cpu_millis), is_pod=False)


def limit_pod(groups: list[str], memory_bytes: int | None, cpu_millis: int | None) -> None:
    """The same for the pod of a container's groups."""
    _set(_above(groups), (memory_bytes, cpu_millis), is_pod=True)


def _set(groups: list[str], limits: Limits, *, is_pod: bool) -> None:
    """A pod's group bounds memory and CPU alone: what goes beyond is the matter of one container."""
    files = _files_2(*limits) if has_version_2() else _files_1(*limits)
    if is_pod:
        files = [(file, text) for file, text in files if file not in _OF_CONTAINERS]
    found = [(group, file, text) for group in groups for file, text in files if os.path.exists(f"{group}/{file}")]
    for group, file, text in found:
        _write(f"{group}/{file}", text)
    held = {file.partition(".")[0] for _, file, _ in found}
    for wanted, controller in zip(limits, _CONTROLLERS, strict=False):
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
    """A container's, and its pod's with the last of them."""
    for group in (*groups, *_above(groups)):
        with contextlib.suppress(OSError):
            os.rmdir(group)


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
