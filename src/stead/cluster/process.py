"""This process: its bounds, and itself in numbers, under the names that every exporter of Prometheus uses."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from stead.machinery.metrics import Metric, one

TICKS = os.sysconf("SC_CLK_TCK")


def raise_open_files() -> None:
    """As many sockets as this user may have: a watch is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def metrics() -> Iterator[Metric]:
    """Memory, processor time, files, and when it began."""
    size, resident = (int(pages) for pages in Path("/proc/self/statm").read_text().split()[:2])
    page = resource.getpagesize()
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield one("process_resident_memory_bytes", "Memory in use.", resident * page)
    yield one("process_virtual_memory_bytes", "Address space in use.", size * page)
    yield one("process_cpu_seconds_total", "Processor time, user and system.", used.ru_utime + used.ru_stime, "counter")
    yield one("process_open_fds", "Open files and sockets.", len(os.listdir("/proc/self/fd")))
    yield one("process_max_fds", "As many may be open.", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield one("process_start_time_seconds", "When it began, in seconds since 1970.", _began())


def _began() -> float:
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return int(booted.split()[1]) + ticks / TICKS
