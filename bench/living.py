"""A stead inside the measuring process, or as a command beside it."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from stead.cluster.config import Config
from stead.cluster.live import Live
from stead.cluster.settled import is_settled
from stead.machinery.keys import Key
from stead.machinery.objects import decode

EXAMPLE = Path(__file__).parents[1] / "examples" / "web.yaml"
MAX_PODS = 20_000
SET = Key("StatefulSet", "default", "web")
SETS = "/apis/apps/v1/namespaces/default/statefulsets"
MERGE = "application/merge-patch+json"
ROLL = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}


@asynccontextmanager
async def live(runtime: str) -> AsyncIterator[Live]:
    """A stead on a directory of its own, in this process and loop."""
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as folder:
        made = Live(Config(data=Path(folder), port=0, runtime=runtime, max_pods=MAX_PODS))
        await made.start()
        try:
            yield made
        finally:
            await made.close(stops_pods=True)


async def until(live: Live, is_done: Callable[[], bool]) -> None:
    """Wait for it without looking more often than the kernel steps."""
    if is_done():
        return
    done = asyncio.Event()
    live.watchers.append(lambda rounds: done.set() if is_done() else None)
    await asyncio.wait_for(done.wait(), 600)
    live.watchers.pop()


async def settled(live: Live) -> None:
    def is_done() -> bool:
        found = live.cluster.api.get(SET)  # not the cache: it may not have seen the last edit yet
        return found is not None and is_settled(found)

    await until(live, is_done)


def a_set(replicas: int, policy: str = "OrderedReady", **spec: Any) -> dict[str, Any]:
    """A set without claims, as the figures to be beaten were taken."""
    container = {"name": "c", "image": "registry.example/app:1"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web"},
        "spec": {
            "serviceName": "web",
            "replicas": replicas,
            "podManagementPolicy": policy,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
            **spec,
        },
    }


def ask(live: Live, method: str, path: str, body: Any = None, media: str = "application/json") -> Any:
    answer = live.request(method, path, body, media)
    assert answer.code < 300, answer.body
    return decode(answer.body)


@contextmanager
def command(runtime: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, float]]:
    """`stead up` beside us: the process, its data directory, and the seconds until it said that it was up."""
    place = tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True)
    with place as folder, command_on(Path(folder, "data"), runtime, *options) as started:
        yield started


@contextmanager
def command_on(data: Path, runtime: str, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, float]]:
    """The same on a data directory that may have been used before."""
    words = [sys.executable, "-m", "stead", "up", "--data", str(data), "--port", "0", "--runtime", runtime]
    began = time.perf_counter()
    process = subprocess.Popen([*words, *options], stdout=subprocess.PIPE, env=with_bytecode())
    assert process.stdout is not None
    process.stdout.readline()
    seconds = time.perf_counter() - began
    try:
        yield process, data, seconds
    finally:
        process.send_signal(2)
        process.communicate(timeout=60)


def with_bytecode() -> dict[str, str]:
    """Our environment without the setting that has every process compile every module again."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def state(data: Path) -> Any:
    return json.loads((data / "running.json").read_text())
