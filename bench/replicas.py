"""Sets that come up, roll and go down: simulated containers in real time, durable writes."""

import asyncio
import time
from functools import partial

from bench.harness import Figures, Measurement, spent
from bench.living import a_set, ask, live, settled, until
from stead.machinery.objects import with_value
from stead.simulation.shell import Simulation

SETS = "/apis/apps/v1/namespaces/default/statefulsets"
MERGE = "application/merge-patch+json"


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
            change = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}
            ask(stead, "PATCH", f"{SETS}/web", change, MERGE)
            await settled(stead)
        with spent(figures, "down"):
            ask(stead, "PATCH", f"{SETS}/web", {"spec": {"replicas": 0}}, MERGE)
            await until(stead, lambda: not any(stead.cluster.cache.all("Pod", "default")))
    return figures


def _virtual(replicas: int) -> Figures:
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    began, steps = time.perf_counter(), simulation.steps
    simulation.apply(a_set(replicas, "Parallel"))
    simulation.settle()
    up = time.perf_counter() - began
    template = a_set(replicas)["spec"]["template"]
    changed = with_value(template, ("metadata", "annotations"), {"roll": "1"})
    simulation.patch("StatefulSet", "web", {"spec": {"template": changed}})
    simulation.settle(360_000)
    simulation.scale("web", 0)
    simulation.run_until(lambda: not simulation.pods(), seconds=360_000)
    whole = time.perf_counter() - began
    return {
        f"{replicas} parallel, cost of a pod coming up (ms)": up / replicas * 1000,
        f"{replicas} parallel, a whole life (s)": whole,
        f"{replicas} parallel, steps a second": (simulation.steps - steps) / whole,
    }


ALL = (
    *(
        Measurement(f"{replicas} replicas, {policy}", "s", partial(_life, replicas, policy), runs)
        for replicas, policy, runs in (
            (3, "OrderedReady", 5),
            (100, "OrderedReady", 3),
            (100, "Parallel", 3),
            (1000, "OrderedReady", 1),
            (1000, "Parallel", 1),
        )
    ),
    *(Measurement("virtual time", "", partial(_virtual, replicas), 1) for replicas in (100, 1000, 10_000)),
)
