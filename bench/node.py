"""Forty real pods of the native runtime at once: how fast they come, what they cost, how fast they are found again."""

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from bench.harness import Figures, Measurement, memory_mb, timed
from bench.living import MAX_PODS, SETS, a_set, ask, settled, until
from bench.pods import HOST_IMAGE, TIERS
from stead.cluster.config import Config
from stead.cluster.live import Live, StartError
from stead.controllers.kubelet import sandbox
from stead.machinery.objects import with_value

PODS = 40


def _forty(tier: str) -> Figures:
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(_measured(tier, Path(folder)))


async def _measured(tier: str, folder: Path) -> Figures:
    """Nothing where this machine does not let the tier run."""
    config = Config(data=folder, port=0, runtime=tier, max_pods=MAX_PODS)
    figures: dict[str, float] = {}
    stead = Live(config)
    try:
        await stead.start()
    except StartError:
        return figures
    try:
        container = {"name": "nginx", "image": HOST_IMAGE, "ports": [{"containerPort": 80}]}
        wanted = with_value(a_set(PODS, "Parallel"), ("spec", "template", "spec", "containers"), [container])
        with timed(figures, f"{PODS} pods up, s"):
            ask(stead, "POST", SETS, wanted)
            await settled(stead)
        held = sum(memory_mb(pid) for pid in _processes(folder))
        figures["memory of keeper and shims, MB a pod"] = held / PODS
        await stead.close(stops_pods=False)
        with timed(figures, f"stead again, {PODS} pods found running, s"):
            stead = Live(config)
            await stead.start()
            await until(stead, lambda: _found(stead) == PODS)
    finally:
        await stead.close(stops_pods=True)
    return figures


def _found(stead: Live) -> int:
    """How many sandboxes are known to run, with all that ran in them."""
    return sum(record["state"] == "running" and _runs(record) for record in stead.cluster.cache.all(sandbox.KIND))


def _runs(record: sandbox.Record) -> bool:
    entries = record["containers"].values()
    return bool(entries) and all(entry["state"] == "running" for entry in entries)


def _processes(folder: Path) -> list[int]:
    """The keeper and its shims: their command names the directory they serve."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in place.read_bytes():
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


ALL = tuple(Measurement(f"{PODS} real pods, {tier}", "", partial(_forty, tier)) for tier in TIERS)
