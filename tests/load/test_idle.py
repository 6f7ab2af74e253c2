"""An idle stead lets the machine sleep, and its commands are there at once. Counted, not timed by the clock."""

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from bench import waking
from tests.shells.cluster import EXAMPLE, a_cluster

pytestmark = [pytest.mark.shell]

SECONDS = 10.0
MOST_WAKEUPS = 4.0  # a second, of all processes together; 1 is usual: leases, statuses, looks at the past
MOST_MEGABYTES = 60.0
MOST_SECONDS = 0.100  # of the processor


def test_an_idle_stead_wakes_rarely_and_is_small() -> None:
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name, a_cluster(Path(name)) as one:
        one.up(EXAMPLE)
        one.wait_ready("web-0", "web-1", "web-2")
        assert one.process is not None
        time.sleep(5)  # what the start has left to do
        pids = [one.process.pid, *waking.servants(one.data)]
        assert len(pids) >= 8, "stead, its keeper, three shims and three servers"
        woken = waking.counted(pids, SECONDS)
        assert sum(woken.values()) <= MOST_WAKEUPS, woken
        lines = Path(f"/proc/{one.process.pid}/smaps_rollup").read_text().splitlines()
        (size,) = (int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
        assert size <= MOST_MEGABYTES


@pytest.mark.parametrize("words", [["-c", "import stead"], ["-m", "stead", "--help"]])
def test_words_are_instant(words: list[str]) -> None:
    """The best of several: what others do to our caches is not ours."""
    assert min(_seconds(words) for _ in range(7)) <= MOST_SECONDS


def _seconds(words: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    null = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(sys.executable, [sys.executable, *words], environment, file_actions=null)
    _, status, used = os.wait4(pid, 0)
    assert status == 0
    return used.ru_utime + used.ru_stime
