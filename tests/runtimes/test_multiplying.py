"""A program that only multiplies, where no control group counts processes: others live on, and so does the machine."""

import asyncio

import pytest

from stead.runtimes.logs import LogReader
from stead.runtimes.native import cgroups, linux

from .conftest import Machine, Play

pytestmark = [pytest.mark.shell, pytest.mark.anyone, pytest.mark.alone]

MORE_THAN_MAY_BE = 6000
FORKS = f"""
import os, time
made = 0
try:
    while made < {MORE_THAN_MAY_BE}:
        if not os.fork():
            time.sleep(1000)
        made += 1
except OSError:
    pass
print("made", made, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("tier", ["user", "lent", "plain"])
def test_one_that_only_multiplies_leaves_room_for_others(tier: str, play: Play) -> None:
    """For those that start later; and, where the kernel counts by pod, for those that were there before."""

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("early")
        await machine.start("early", "sleep", "1000")
        await machine.sandbox("bomb")
        await machine.start("bomb", "python3", "-S", "-c", FORKS)
        assert int((await said(machine, "bomb", b"made")).split()[1]) <= cgroups.MOST_PROCESSES + 500
        await machine.sandbox("late")
        await machine.start("late", "sh", "-c", "(true; echo forked); sleep 1000")
        assert await said(machine, "late", b"\n") == b"forked\n"
        for name in ("late", "early") if tier != "plain" and linux.bounds_namespaces() else ("late",):
            assert (await machine.run(name, "sh", "-c", "(true; true); echo here"))[1] == "here\n"
        await machine.remove("bomb")

    play(tier, scenario)


async def said(machine: Machine, name: str, words: bytes) -> bytes:
    found = b""
    while words not in found:
        await asyncio.sleep(0.02)
        found = LogReader(machine.log(name)).read()
    return found
