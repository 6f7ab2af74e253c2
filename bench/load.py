"""Requests in bulk against any Kubernetes API server: 16 clients, objects of 2 KB, over TLS, writes durable.

The server is another process. Every figure is what all clients together got done in a second.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import uvloop

from bench.client import Connection, Target, some_text
from bench.harness import Figures, Measurement, memory_mb, processor_seconds
from bench.living import command
from stead.kube import kubeconfig
from stead.machinery.objects import encode

CLIENTS = 16
WATCHERS = 100
LISTED = 500
SECONDS = 3.0
FANNED_WRITES = 300
KEPT_OBJECTS = 10_000
MERGE = "application/merge-patch+json"

Deed = Callable[[Connection, int], Awaitable[int]]


class Ground:
    """A namespace of our own on the server, and the connections of the clients."""

    def __init__(self, target: Target, name: str, clients: list[Connection]) -> None:
        self.target = target
        self.clients = clients
        self.path = f"/api/v1/namespaces/{name}/configmaps"

    async def per_second(self, deed: Deed, seconds: float = SECONDS) -> float:
        """How often `deed` was done well (answered 2xx) in a second, by all clients at once."""
        serials = itertools.count()
        done, until = 0, time.perf_counter() + seconds

        async def work(client: Connection) -> None:
            nonlocal done
            while time.perf_counter() < until:
                code = await deed(client, next(serials))
                done += 200 <= code < 300
                if code not in (200, 201, 409):
                    raise RuntimeError(f"answered {code}")

        began = time.perf_counter()
        await asyncio.gather(*map(work, self.clients))
        return done / (time.perf_counter() - began)

    async def times(self, deed: Deed, number: int) -> None:
        """`deed` done so often, by all clients at once."""
        serials = iter(range(number))

        async def work(client: Connection) -> None:
            for serial in serials:
                await deed(client, serial)

        await asyncio.gather(*map(work, self.clients))


@contextlib.asynccontextmanager
async def ground(target: Target) -> AsyncIterator[Ground]:
    name = f"bench-{time.time_ns():x}"
    clients = await asyncio.gather(*(target.connect() for _ in range(CLIENTS)))
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    code, said = await clients[0].ask("POST", "/api/v1/namespaces", encode(space))
    if code != 201:
        raise RuntimeError(f"no namespace: {code} {said.decode()}")
    try:
        yield Ground(target, name, clients)
    finally:
        await clients[0].ask("DELETE", f"/api/v1/namespaces/{name}")
        for client in clients:
            client.close()


def an_object(name: str) -> bytes:
    data = {"payload": some_text(1700)}
    return encode({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


async def _create(on: Ground, prefix: str, client: Connection, serial: int) -> int:
    return (await client.ask("POST", on.path, an_object(f"{prefix}-{serial}")))[0]


async def _get(on: Ground, client: Connection, serial: int) -> int:
    return (await client.ask("GET", f"{on.path}/listed-{serial % LISTED}"))[0]


async def _list(on: Ground, client: Connection, serial: int) -> int:
    return (await client.ask("GET", f"{on.path}?limit={LISTED}"))[0]


async def _patch(on: Ground, client: Connection, serial: int) -> int:
    body = encode({"data": {"turn": str(serial)}})
    return (await client.ask("PATCH", f"{on.path}/listed-0", body, MERGE))[0]


async def _fan_out(on: Ground) -> float:
    """Events that arrived at all watchers in a second, from the first write to the last arrival."""
    expected = WATCHERS * FANNED_WRITES
    seen, all_seen = 0, asyncio.Event()

    def count(data: bytes) -> None:
        nonlocal seen
        seen += data.count(b"\n")
        if seen >= expected:
            all_seen.set()

    watchers = await asyncio.gather(*(on.target.connect() for _ in range(WATCHERS)))
    _, said = await on.clients[0].ask("GET", f"{on.path}?limit=1")
    revision = said.partition(b'"resourceVersion":"')[2].partition(b'"')[0].decode()
    for watcher in watchers:
        watcher.watch(f"{on.path}?watch=1&resourceVersion={revision}", count)
    await asyncio.sleep(1)
    began = time.perf_counter()
    await on.times(partial(_create, on, "fanned"), FANNED_WRITES)
    await asyncio.wait_for(all_seen.wait(), 120)
    took = time.perf_counter() - began
    for watcher in watchers:
        watcher.close()
    return expected / took


async def figures(target: Target, processor: Callable[[], float] | None = None) -> Figures:
    """The whole load once. `processor`: seconds that the server has had so far, where they can be known."""
    found: dict[str, float] = {}
    async with ground(target) as on:
        await on.times(partial(_create, on, "listed"), LISTED)
        for name, deed in (
            (f"lists of {LISTED}", partial(_list, on)),
            ("gets", partial(_get, on)),
            ("contended patches", partial(_patch, on)),
            ("creates", partial(_create, on, "made")),
        ):
            before = processor() if processor else 0.0
            found[name] = await on.per_second(deed)
            if processor:
                found[f"{name}, by a second of processor"] = found[name] * SECONDS / (processor() - before)
    async with ground(target) as on:
        found[f"watch events to {WATCHERS} watchers"] = await _fan_out(on)
    return found


def against(target: Target, processor: Callable[[], float] | None = None) -> Figures:
    return uvloop.run(figures(target, processor))


def _on_stead() -> Figures:
    with command("simulated") as (process, data, _):
        return against(Target.of(kubeconfig.read(data / "kubeconfig")), partial(processor_seconds, process.pid))


async def _filled(target: Target, memory: Callable[[], float]) -> float:
    """MB of the server with many objects."""
    async with ground(target) as on:
        await on.times(partial(_create, on, "kept"), KEPT_OBJECTS)
        return memory()


def _memory() -> Figures:
    """What many objects cost, the recent log included, which keeps 16 MB of them a second time."""
    with command("simulated") as (process, data, _):
        target = Target.of(kubeconfig.read(data / "kubeconfig"))
        before = memory_mb(process.pid)
        grown = uvloop.run(_filled(target, partial(memory_mb, process.pid))) - before
        return {f"each of {KEPT_OBJECTS:,} objects of 2 KB": grown * 1024 / KEPT_OBJECTS}


ALL = (Measurement("API load", "/s", _on_stead), Measurement("memory", "KB", _memory))
