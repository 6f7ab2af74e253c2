"""A program that only multiplies, where no control group counts processes: others live on, and so does the machine."""

import asyncio

import pytest

from stead.runtimes.logs import LogReader
from stead.runtimes.native import cgroups

from .conftest import Machine, Play

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

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


@pytest.mark.parametrize("tier", ["user", "plain"])
def test_one_that_only_multiplies_leaves_room_for_others(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("bomb")
        await machine.start("bomb", "python3", "-S", "-c", FORKS)
        said = b""
        while b"made" not in said:
            await asyncio.sleep(0.05)
            said = LogReader(machine.log("bomb")).read()
        assert int(said.split()[1]) <= cgroups.MOST_PROCESSES + 500, said
        await machine.sandbox("other")
        await machine.start("other", "sh", "-c", "(true; echo forked); sleep 1000")
        while b"forked" not in (said := LogReader(machine.log("other")).read()):
            assert not said, said
            await asyncio.sleep(0.02)
        assert (await machine.run("other", "sh", "-c", "(true; true); echo here"))[1] == "here\n"
        await machine.remove("bomb")

    play(tier, scenario)
