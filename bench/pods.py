"""Real pods on each runtime that this machine has: from the decision to an answer, and a program run inside.

An engine needs a real image: nginx from Debian's package, as `tools/images` builds it.
"""

import asyncio
import os
import shutil
import time
from functools import partial
from pathlib import Path

from bench.harness import Figures, Measurement
from bench.living import MERGE, SET, SETS, a_set, ask, live, until
from stead.cluster.live import Live, StartError
from stead.kinds.pod import PodView
from stead.machinery.objects import with_value
from stead.runtimes.images import ImageStore
from stead.runtimes.real import RealRuntime
from stead.runtimes.simulated import SimulatedRuntime

HOST_IMAGE = "k8s.gcr.io/nginx-slim:0.8"
LAYOUT = Path(__file__).parents[1] / ".tools" / "images" / "nginx"
PODS, PROGRAMS = 5, 11
TIERS = ("root", "user", "plain")  # of the native runtime


def _pods(runtime: str) -> Figures:
    """Nothing where this machine does not let the runtime run."""
    try:
        return asyncio.run(_answering(runtime))
    except StartError:
        return {}


async def _answering(name: str) -> Figures:
    async with live(name) as stead:
        runtime = stead.machines.first
        assert not isinstance(runtime, SimulatedRuntime)
        image = _imported(stead) if name == "cri" else HOST_IMAGE
        container = {"name": "nginx", "image": image, "ports": [{"containerPort": 80}]}
        ask(stead, "POST", SETS, with_value(a_set(0), ("spec", "template", "spec", "containers"), [container]))
        await until(stead, lambda: stead.cluster.cache.get(SET) is not None)
        await asyncio.sleep(0.2)
        took = []
        for ordinal in range(PODS):
            ask(stead, "PATCH", f"{SETS}/web", {"spec": {"replicas": ordinal + 1}}, MERGE)
            took.append(await _first_answer(stead, runtime, f"web-{ordinal}"))
        programs = [await _program(stead, runtime) for _ in range(PROGRAMS)]
        return {
            "from its decision to HTTP answered": sorted(took)[PODS // 2] * 1000,
            "a program run in it (exec)": sorted(programs)[PROGRAMS // 2] * 1000,
        }


def _imported(stead: Live) -> str:
    """The reference of the real image, now in the store."""
    return ImageStore(stead.config.data / "node" / "images").import_file(LAYOUT)[0]


def _pod(stead: Live, name: str) -> PodView | None:
    found = next((p for p in stead.cluster.cache.all("Pod", "default") if p["metadata"]["name"] == name), None)
    return PodView(found) if found else None


async def _first_answer(stead: Live, runtime: RealRuntime, name: str) -> float:
    await until(stead, lambda: _pod(stead, name) is not None)
    began = time.perf_counter()
    await until(stead, lambda: bool((view := _pod(stead, name)) and view.phase == "Running"))
    view = _pod(stead, name)
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


async def _program(stead: Live, runtime: RealRuntime) -> float:
    view = _pod(stead, "web-0")
    assert view is not None
    began = time.perf_counter()
    session = await runtime.exec(view.uid, "nginx", ["true"])
    await session.wait()
    session.close()
    return time.perf_counter() - began


def _has_engine() -> bool:
    return os.geteuid() == 0 and all(map(shutil.which, ("containerd", "runc"))) and LAYOUT.exists()


ALL = (
    *(Measurement(f"a real pod, {tier}", "ms", partial(_pods, tier)) for tier in TIERS),
    *((Measurement("a real pod, cri", "ms", partial(_pods, "cri")),) if _has_engine() else ()),
)
