"""One patient client among others that watch, flood, list and do not read: what it notices, and what it costs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.load.asking import Connection, Way

PLACE = "/api/v1/namespaces/default/configmaps"
PERIOD_SECONDS = 0.005
Crowd = Callable[[Way], Awaitable[None]]


@dataclass
class Figures:
    """Milliseconds that the patient client waited for its answers, and the server's memory in MB."""

    name: str
    median: float
    p99: float
    worst: float
    memory: float
    asked: int

    def __str__(self) -> str:
        times = f"median {self.median:6.2f} ms, p99 {self.p99:7.2f} ms, worst {self.worst:7.2f} ms"
        return f"{self.name:<34} {times}, {self.memory:6.1f} MB, {self.asked} asked"


@dataclass
class Load:
    """Others at work beside the patient one. `done` counts what they got through."""

    way: Way
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    idle: list[Connection] = field(default_factory=list)
    done: int = 0
    may_work: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_work.set()

    async def watchers(self, count: int) -> None:
        for _ in range(count):
            self.go(self._watch())

    async def deaf(self, count: int) -> None:
        """Watchers that ask and never read."""
        for _ in range(count):
            connection = await self.way.connect()
            connection.reader._transport.pause_reading()  # type: ignore[attr-defined]
            connection.say("GET", f"{PLACE}?watch=1&resourceVersion=0")
            self.idle.append(connection)

    async def flood(self, connections: int) -> None:
        """Writes without a pause, several at once on each connection."""
        for number in range(connections):
            self.go(self._flood(number))

    async def list_all(self) -> None:
        self.go(self._list())

    async def _watch(self) -> None:
        connection = await self.way.connect()
        try:
            await connection.watch(f"{PLACE}?watch=1")
        finally:
            connection.close()

    async def _flood(self, number: int) -> None:
        connection = await self.way.connect()
        name = f"flood-{number}"
        await connection.ask("POST", PLACE, {"metadata": {"name": name}, "data": {"v": "0"}})
        value = 0  # each write says something new: one that changes nothing is no write
        while await self.may_work.wait():
            for _ in range(6):
                value += 1
                body = {"metadata": {"name": name}, "data": {"v": str(value), "pad": "x" * 500}}
                connection.say("PUT", f"{PLACE}/{name}", body)
            for _ in range(6):
                code, _ = await connection.answer()
                assert code == 200, code
                self.done += 1

    async def _list(self) -> None:
        connection = await self.way.connect()
        while await self.may_work.wait():
            await connection.ask("GET", "/api/v1/namespaces/many/configmaps")
            self.done += 1

    listed: int = 0

    def go(self, work: Awaitable[None]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                raise outcome
        for connection in self.idle:
            connection.close()


async def patient(way: Way, name: str, seconds: float) -> Figures:
    """Read one small object again and again, a little while apart."""
    connection = await way.connect()
    await connection.ask("POST", PLACE, {"metadata": {"name": "patient"}, "data": {"v": "1"}})
    waits: list[float] = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        began = time.perf_counter()
        code, _ = await connection.ask("GET", f"{PLACE}/patient")
        waits.append(time.perf_counter() - began)
        assert code == 200
        await asyncio.sleep(PERIOD_SECONDS)
    connection.close()
    waits.sort()
    memory = way.resident_bytes() / 1e6
    at = lambda share: 1000 * waits[min(int(len(waits) * share), len(waits) - 1)]  # noqa: E731
    return Figures(name, at(0.5), at(0.99), at(1.0), memory, len(waits))


@asynccontextmanager
async def load(way: Way) -> AsyncIterator[Load]:
    made = Load(way)
    try:
        yield made
    finally:
        await made.end()


async def fill(way: Way, count: int, size: int) -> None:
    """A namespace with many objects."""
    connection = await way.connect()
    await connection.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "many"}})
    for start in range(0, count, 8):
        for number in range(start, min(start + 8, count)):
            body = {"metadata": {"name": f"c{number}"}, "data": {"k": "x" * size}}
            connection.say("POST", "/api/v1/namespaces/many/configmaps", body)
        for _ in range(start, min(start + 8, count)):
            code, _ = await connection.answer()
            assert code in (201, 409), code
    connection.close()


async def listed_bytes(way: Way) -> int:
    connection = await way.connect()
    code, body = await connection.ask("GET", "/api/v1/namespaces/many/configmaps")
    assert code == 200
    connection.close()
    return len(body)
