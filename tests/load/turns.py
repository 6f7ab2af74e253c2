"""How long the server's loop is busy with one thing: in processor time of its thread, which hardly depends on what
else the machine does. Nobody waits for more than the turn under way and the next.
"""

import asyncio
import sys
import time
from pathlib import Path

import uvloop

from stead.cluster.config import Config
from stead.cluster.live import Live, now
from tests.load.asking import Way

TOLD = (("median", 0.5), ("p99", 0.99), ("worst", 1.0))


async def _turns(seconds: float) -> list[float]:
    """Milliseconds of each turn of this loop, sorted."""
    found: list[float] = []
    end, before = time.monotonic() + seconds, time.thread_time()
    while time.monotonic() < end:
        await asyncio.sleep(0)
        this = time.thread_time()
        found.append(1000 * (this - before))
        before = this
    return sorted(turn for turn in found if turn > 0.05)  # turns that only came to here are none


async def _beside(way: Way, options: list[str], seconds: float) -> tuple[list[float], int]:
    command = ["-m", "tests.load.others", str(way.data), *options]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe)
    assert process.stdin
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    process.stdin.write(b"go\n")
    await process.stdout.readline()
    await asyncio.sleep(0.5)
    turns = await _turns(seconds)
    process.stdin.write(b"rest\n")
    done = int(await process.stdout.readline())
    process.stdin.close()
    await process.wait()
    return turns, done


async def _measured(data: Path, options: list[str], objects: int, seconds: float) -> tuple[list[float], int]:
    live = Live(Config(data=data, port=0, runtime="simulated"))
    await live.start()
    try:
        _fill(live, objects)
        return await _beside(Way(data), options, seconds)
    finally:
        await live.close(stops_pods=False)


def _fill(live: Live, objects: int) -> None:
    """A namespace with many objects of 1 KB, in one commit."""
    many = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "many"}}
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": "x" * 1000}}
    with live.cluster.store.transaction():
        live.cluster.api.create(many, now())
        for number in range(objects):
            live.cluster.api.create({**thing, "metadata": {"name": f"c{number}", "namespace": "many"}}, now())


def measure(data: Path, options: list[str], *, objects: int = 0, seconds: float = 3) -> tuple[list[float], int]:
    """A stead in this process, the others in another; answers the turns and how much the others got done."""
    return uvloop.run(_measured(data, options, objects, seconds))
