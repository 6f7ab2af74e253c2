"""A container's first process never outlives its shim, not even when the shim dies before it can say so.

`tests.crashes` once found an orphan beside its successor. Here is how it came about: a shim is stopped by a kill -9
at one chosen point of a start, once with the wish to die with one's parent as it was, which leaves an orphan every
time, and once as it is.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from stead.runtimes.native import cgroups, container, linux
from stead.runtimes.native.job import Job
from stead.runtimes.native.loop import Loop

pytestmark = pytest.mark.shell

POD = f"test-parents-{os.getpid()}"
TRIES = 40 * (25 if os.environ.get("STEAD_LONG") else 1)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """No shim that is killed removes its control groups."""
    yield tmp_path
    cgroups.let_go_of_pod(POD)


def order(directory: Path) -> dict:
    """A start in the plain tier: a shell that tells its pid and sleeps."""
    program = f"echo $$ > {directory}/started; exec sleep 60"
    spec = {
        "tier": "plain",
        "has_mounts": False,
        "processes": "host",
        "arguments": ["/bin/sh", "-c", program],
        "environment": {"PATH": "/usr/bin:/bin"},
        "directory_inside": "/",
        "has_tty": False,
        "has_stdin": False,
        "is_stdin_once": False,
        "is_static_server": False,
        "memory_bytes": None,
        "cpu_millis": None,
        "seccomp": "",
        "cgroup": f"{POD}/{directory.name}",
        "pod_limits": (None, None),
        "may_gain_privileges": True,
    }
    names = {"container": "c", "attempt": 0, "container_id": "x", "image_id": "y", "stop_signal": signal.SIGTERM}
    return {**names, "log": str(directory / "log"), "spec": spec}


class Pause:
    """A point in another process at which it says its pid and waits until it is let go."""

    def __init__(self) -> None:
        self._heard, self._says = os.pipe()
        self._let, self._go = os.pipe()

    def here(self) -> None:
        os.write(self._says, b"%16d" % os.getpid())
        os.read(self._let, 1)

    def reached(self) -> int:
        """The pid of who waits there."""
        assert select.select([self._heard], [], [], 30)[0], "nobody has come here"
        return int(os.read(self._heard, 16))

    def go_on(self) -> None:
        os.write(self._go, b"x")


def shim(directory: Path, pause: Pause | None, wish: Callable[[int], None]) -> int:
    """A process that starts a container as a shim does; its child waits at `pause` before it says its `wish`."""
    pid = os.fork()
    if pid:
        return pid

    def late(parent: int) -> None:
        if pause is not None:
            pause.here()
        wish(parent)

    try:
        container.linux.die_with_parent = late  # type: ignore[attr-defined]
        Job(order(directory)).start(Loop())
        signal.pause()
    finally:
        os._exit(1)


def as_it_was(parent: int) -> None:
    """The wish alone, which a parent that has died already never fulfils."""
    linux._checked(linux._libc.prctl(linux._SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "prctl")


def lives_on(pid: int, seconds: float) -> bool:
    """Whether a process still lives after so long."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        return not ended.poll(1000 * seconds)
    finally:
        os.close(handle)


def killed_while_its_child_is_born(directory: Path, wish: Callable[[int], None]) -> int:
    """Kill -9 the shim between its clone and its child's wish; answers the child's pid."""
    pause = Pause()
    parent = shim(directory, pause, wish)
    child = pause.reached()
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    pause.go_on()
    with contextlib.suppress(OSError):
        pause.go_on()  # the wish is said twice
    return child


def test_a_shim_that_nobody_kills_starts_its_program(place: Path) -> None:
    """Without this the tests below would pass where nothing starts at all."""
    parent = shim(place, None, linux.die_with_parent)
    deadline = time.monotonic() + 10
    while not (place / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (place / "started").exists()
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)


def test_the_cause_of_the_orphan(place: Path) -> None:
    """Without the look at the parent, the program runs although its shim has gone: what was found."""
    child = killed_while_its_child_is_born(place, as_it_was)
    try:
        assert lives_on(child, 0.5)
        assert (place / "started").read_text().strip() == str(child), "the container's program runs"
    finally:
        os.kill(child, signal.SIGKILL)


def test_who_is_born_to_a_dying_shim_dies_with_it(place: Path) -> None:
    child = killed_while_its_child_is_born(place, linux.die_with_parent)
    assert not lives_on(child, 5)
    assert not (place / "started").exists(), "its program never ran"


def test_a_shim_killed_at_any_moment_of_a_start_leaves_nobody(place: Path) -> None:
    """Moments drawn from a seed; in the long form (STEAD_LONG=1) a thousand."""
    chance = Random(5)
    for number in range(TRIES):
        directory = place / str(number)
        directory.mkdir()
        parent = shim(directory, None, linux.die_with_parent)
        time.sleep(chance.random() * 0.03)
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
    time.sleep(0.3)
    started = [int(path.read_text() or 0) for path in place.glob("*/started")]
    alive = [pid for pid in started if pid and lives_on(pid, 1)]
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert alive == []
