"""How often processes wake: the kernel counts how often each of their threads began to wait."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def counted(pids: Sequence[int], seconds: float) -> dict[int, float]:
    """Wakeups a second of each process that lives all the while."""
    before = {pid: _waits(pid) for pid in pids}
    time.sleep(seconds)
    return {pid: (_waits(pid) - count) / seconds for pid, count in before.items()}


def servants(data: Path) -> list[int]:
    """Keeper, shims and what is forked from them, of a data directory."""
    mark = f'"{data}/node'.encode()
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if mark in _command_line(pid)]


def _waits(pid: int) -> int:
    count = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        lines = (task / "status").read_text().splitlines()
        count += next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))
    return count


def _command_line(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
