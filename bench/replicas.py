"""Sets that come up, roll and go down: simulated containers in real time, durable writes."""

import asyncio
from functools import partial

from bench.harness import Figures, Measurement, spent
from bench.living import MERGE, ROLL, SETS, a_set, ask, live, settled, until


def _life(replicas: int, policy: str) -> Figures:
    return asyncio.run(_live_through(replicas, policy))


async def _live_through(replicas: int, policy: str) -> Figures:
    figures: dict[str, float] = {}
    async with live("simulated") as stead:
        await asyncio.sleep(0.2)
        with spent(figures, "up"):
            ask(stead, "POST", SETS, a_set(replicas, policy))
            await settled(stead)
        with spent(figures, "roll"):
            ask(stead, "PATCH", f"{SETS}/web", ROLL, MERGE)
            await settled(stead)
        with spent(figures, "down"):
            ask(stead, "PATCH", f"{SETS}/web", {"spec": {"replicas": 0}}, MERGE)
            await until(stead, lambda: not any(stead.cluster.cache.all("Pod", "default")))
    return figures


ALL = tuple(
    Measurement(f"{replicas} replicas, {policy}", "s", partial(_life, replicas, policy), runs)
    for replicas, policy, runs in (
        (3, "OrderedReady", 5),
        (100, "OrderedReady", 3),
        (100, "Parallel", 3),
        (1000, "OrderedReady", 1),
        (1000, "Parallel", 1),
    )
)
