"""A container's first process never outlives its shim, not even when the shim dies before it can say so."""

import os
import time

import pytest

from stead.runtimes.native import linux

pytestmark = pytest.mark.shell


@pytest.mark.parametrize("late_seconds", [0.0, 0.3])
def test_who_is_born_to_a_dying_parent_dies_with_it(late_seconds: float) -> None:
    """A shim killed between its clone and the child's first words left an orphan (found by `tests.crashes`)."""
    told, tell = os.pipe()
    parent = os.fork()
    if not parent:
        _be_parent(late_seconds, told, tell)
    os.close(tell)
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 5
    os.set_blocking(told, False)
    while time.monotonic() < deadline:
        try:
            said = os.read(told, 10)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        assert said == b"", "it lived on"
        break
    else:
        raise AssertionError("it neither lives nor dies")
    os.close(told)


def _be_parent(late_seconds: float, told: int, tell: int) -> None:
    """Die at once, or once the child has said its wish."""
    own = os.pidfd_open(os.getpid())
    os.close(told)
    if not os.fork():
        time.sleep(late_seconds)
        linux.die_with_parent(own)
        time.sleep(1)
        os.write(tell, b"alive")
        os._exit(0)
    time.sleep(0.1)
    os._exit(0)
