"""Where the time goes: the functions of one kind of load, by their own time and by all that they call."""

import asyncio
import cProfile
import pstats
import time
from collections.abc import Callable, Coroutine

from bench.living import ROLL, SETS, a_set, ask, live, settled
from stead.machinery.objects import with_value

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": ""}, "data": {"payload": "x" * 1700}}
MAPS = "/api/v1/namespaces/default/configmaps"
REQUESTS = 3000


def show(what: str) -> None:
    """Run `what` under the profiler, print the forty functions that cost most."""
    profile = cProfile.Profile()
    began = time.perf_counter()
    asyncio.run(WHATS[what](profile))
    stats = pstats.Stats(profile)
    for order in ("tottime", "cumtime"):
        stats.sort_stats(order).print_stats(r"stead|sqlite|msgspec|built-in", 40)
    print(f"{what}: {time.perf_counter() - began:.1f} s under the profiler")


async def _ordered(profile: cProfile.Profile) -> None:
    await _up(profile, "OrderedReady")


async def _parallel(profile: cProfile.Profile) -> None:
    await _up(profile, "Parallel")


async def _up(profile: cProfile.Profile, policy: str) -> None:
    async with live("simulated") as stead:
        await asyncio.sleep(0.2)
        profile.enable()
        ask(stead, "POST", SETS, a_set(300, policy))
        await settled(stead)
        profile.disable()


async def _roll(profile: cProfile.Profile) -> None:
    async with live("simulated") as stead:
        ask(stead, "POST", SETS, a_set(300, "Parallel"))
        await settled(stead)
        profile.enable()
        ask(stead, "PATCH", f"{SETS}/web", ROLL, "application/merge-patch+json")
        await settled(stead)
        profile.disable()


async def _requests(profile: cProfile.Profile) -> None:
    """Creates, gets and lists through the door of the API, without sockets."""
    async with live("simulated") as stead:
        await asyncio.sleep(0.2)
        profile.enable()
        for serial in range(REQUESTS):
            ask(stead, "POST", MAPS, with_value(OBJECT, ("metadata", "name"), f"made-{serial}"))
            ask(stead, "GET", f"{MAPS}/made-{serial}")
        profile.disable()


WHATS: dict[str, Callable[[cProfile.Profile], Coroutine[None, None, None]]] = {
    "ordered": _ordered,
    "parallel": _parallel,
    "roll": _roll,
    "requests": _requests,
}
