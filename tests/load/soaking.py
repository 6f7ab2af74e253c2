"""Everything at once for a long time, and one question: does the server grow once all that it keeps has filled up?"""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load import story
from tests.load.asking import Way
from tests.load.story import PLACE, Load

SETS = "/apis/apps/v1/namespaces/default/statefulsets"
MERGE = "application/merge-patch+json"
ALLOWED_MB = 3.0  # between the middle of a soak and its end


@dataclass(frozen=True)
class Minute:
    """What the server held at one moment, and the worst that a patient client waited in the minute before."""

    at: float
    memory: float
    files: int
    revision: int
    store: float
    p99: float

    def __str__(self) -> str:
        return (
            f"{self.at:5.1f} min {self.memory:6.1f} MB, {self.files} files, revision {self.revision}, "
            f"store {self.store:.0f} MB, patient p99 {self.p99:.1f} ms"
        )


async def soak(way: Way, minutes: float, tell: Callable[[Any], None]) -> list[Minute]:
    """Twenty watchers, ten that come and go, two that flood, one that churns, a set that is scaled and rolled."""
    began, told = time.monotonic(), []
    every = min(60.0, minutes * 60 / 10)
    async with story.load(way) as others:
        await others.watchers(20)
        await others.flood(2)
        for number in range(10):
            others.go(_come_and_go(way, number))
        others.go(_churn(way))
        others.go(_roll(way))
        while (now := time.monotonic() - began) < minutes * 60:
            figures = await story.patient(way, "", min(every, minutes * 60 - now))
            told.append(_minute(way, (time.monotonic() - began) / 60, await _revision(way), figures.p99))
            tell(told[-1])
            _check(others)
    return told


def grown(told: list[Minute]) -> float:
    """MB between the middle third and the last: the first third is for all that is kept to fill up."""
    third = len(told) // 3
    middle, last = told[third : 2 * third], told[2 * third :]
    return max(minute.memory for minute in last) - max(minute.memory for minute in middle)


def _minute(way: Way, at: float, revision: int, p99: float) -> Minute:
    files = len(list(Path(f"/proc/{way.pid}/fd").iterdir()))
    store = sum(path.stat().st_size for path in way.data.glob("store.db*")) / 1e6
    return Minute(at, way.resident_bytes() / 1e6, files, revision, store, p99)


async def _revision(way: Way) -> int:
    connection = await way.connect()
    _, listed = await connection.listed(f"{PLACE}?limit=1")
    connection.close()
    return int(listed["metadata"]["resourceVersion"])


def _check(others: Load) -> None:
    for task in others.tasks:
        if task.done():
            task.result()


async def _come_and_go(way: Way, number: int) -> None:
    """A new connection each time: list, watch a while from there, leave in the middle."""
    while True:
        connection = await way.connect()
        _, listed = await connection.listed(PLACE)
        from_ = listed["metadata"]["resourceVersion"]
        watching = asyncio.ensure_future(connection.watch(f"{PLACE}?watch=1&resourceVersion={from_}"))
        await asyncio.wait([watching], timeout=1 + number / 3)
        watching.cancel()
        connection.close()


async def _churn(way: Way) -> None:
    """Objects with ever new names are made and removed; every fiftieth time by a new connection."""
    for number in itertools.count():
        connection = await way.connect()
        for part in range(50):
            name = f"churn-{number}-{part}"
            await connection.ask("POST", PLACE, {"metadata": {"name": name}, "data": {"pad": "y" * 200}})
            code, _ = await connection.ask("DELETE", f"{PLACE}/{name}")
            assert code == 200, code
            await asyncio.sleep(0.01)
        connection.close()


async def _roll(way: Way) -> None:
    """Pods, claims and events come and go, too."""
    labels = {"app": "soak"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": 3, "serviceName": "soak", "selector": {"matchLabels": labels}, "template": template}
    connection = await way.connect()
    await connection.ask(
        "POST", SETS, {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "soak"}, "spec": spec}
    )
    for number in itertools.count():
        change = {"replicas": 1 + number % 6, "template": {"metadata": {"annotations": {"n": str(number // 3)}}}}
        code, _ = await connection.ask("PATCH", f"{SETS}/soak", {"spec": change}, MERGE)
        assert code == 200, code
        await asyncio.sleep(2)
