"""Sets that come up, roll and go down: simulated containers in real time, durable writes; and one real pod."""

import asyncio
import time
from functools import partial

from bench.harness import Figures, Measurement, timed
from bench.living import SET, a_set, ask, live, settled, until
from stead.cluster.live import Live
from stead.cluster.simulated import Simulation
from stead.kinds.pod import PodView
from stead.machinery.objects import with_value
from stead.runtimes.native.runtime import NativeRuntime

SETS = "/apis/apps/v1/namespaces/default/statefulsets"
MERGE = "application/merge-patch+json"


def _life(replicas: int, policy: str) -> Figures:
    return asyncio.run(_live_through(replicas, policy))


async def _live_through(replicas: int, policy: str) -> Figures:
    figures: dict[str, float] = {}
    async with live("simulated") as stead:
        await asyncio.sleep(0.2)
        with timed(figures, "up"):
            ask(stead, "POST", SETS, a_set(replicas, policy))
            await settled(stead)
        with timed(figures, "roll"):
            change = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}
            ask(stead, "PATCH", f"{SETS}/web", change, MERGE)
            await settled(stead)
        with timed(figures, "down"):
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


def _real_pod() -> Figures:
    return asyncio.run(_real_pod_answers())


async def _real_pod_answers() -> Figures:
    """From the pod's creation in the log to the first byte of its web server."""
    async with live("native") as stead:
        assert isinstance(stead.runtime, NativeRuntime)
        wanted = with_value(a_set(0), ("spec", "template", "spec", "containers"), [_web_container()])
        ask(stead, "POST", SETS, wanted)
        await until(stead, lambda: stead.cluster.cache.get(SET) is not None)
        await asyncio.sleep(0.2)
        took = []
        for ordinal in range(5):
            ask(stead, "PATCH", f"{SETS}/web", {"spec": {"replicas": ordinal + 1}}, MERGE)
            took.append(await _first_answer(stead, stead.runtime, f"web-{ordinal}"))
        return {"from its decision to HTTP answered": sorted(took)[2] * 1000}


def _web_container() -> dict[str, object]:
    return {"name": "nginx", "image": "k8s.gcr.io/nginx-slim:0.8", "ports": [{"containerPort": 80}]}


async def _first_answer(stead: Live, runtime: NativeRuntime, name: str) -> float:
    def pod() -> PodView | None:
        found = next((p for p in stead.cluster.cache.all("Pod", "default") if p["metadata"]["name"] == name), None)
        return PodView(found) if found else None

    await until(stead, lambda: pod() is not None)
    began = time.perf_counter()
    await until(stead, lambda: bool((view := pod()) and view.phase == "Running"))
    view = pod()
    assert view is not None
    while True:
        try:
            connection = await runtime.dial(view.uid, 80)
        except OSError:
            await asyncio.sleep(0.001)
            continue
        with connection:
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, b"GET / HTTP/1.0\r\n\r\n")
            await loop.sock_recv(connection, 1)
        return time.perf_counter() - began


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
    Measurement("a real pod", "ms", _real_pod),
)
