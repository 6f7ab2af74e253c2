"""The same life of a set with its controller in a process of its own: list and watch in front, HTTP over TLS behind.

Beside the rows of `replicas`, where the controller is in stead's own process, they tell what the way costs.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from bench.harness import Figures, Measurement, processor_seconds
from bench.living import MERGE, ROLL, SETS, a_set, command, with_bytecode
from stead.cluster.config import CONTROLLERS
from stead.cluster.settled import is_settled
from stead.kube import kubeconfig
from stead.kube.client import Client

OTHERS = ",".join(name for name in CONTROLLERS if name != "statefulset")
UNLIMITED = ("--qps", "1000000", "--burst", "1000000", "--lease", "", "--listen", "")
LOOK_SECONDS = 0.02
SPACE = "/api/v1/namespaces/default"
PODS, TURNS = 200, 20


@contextmanager
def _controller(data: Path) -> Iterator[int]:
    """`stead controller` beside us; answers its pid, once its first two seconds of looking are over."""
    words = [sys.executable, "-m", "stead", "controller", "--kubeconfig", str(data / "kubeconfig"), *UNLIMITED]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=with_bytecode())
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _until(is_done: Callable[[], bool], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(LOOK_SECONDS)


def _life(replicas: int, policy: str) -> Figures:
    figures: dict[str, float] = {}
    options = ("--controllers", OTHERS, "--max-pods", "20000")
    with command("simulated", *options) as (stead, data, _), _controller(data) as afar:
        client = Client(kubeconfig.read(data / "kubeconfig"))

        def found(name: str = "web") -> Any:
            return client.get(f"{SETS}/{name}")

        @contextmanager
        def spent(step: str) -> Iterator[None]:
            before, began = [processor_seconds(pid) for pid in (stead.pid, afar)], time.perf_counter()
            yield
            figures[step] = time.perf_counter() - began
            after = [processor_seconds(pid) for pid in (stead.pid, afar)]
            figures[f"{step}, processor of the server"] = after[0] - before[0]
            figures[f"{step}, processor of the controller"] = after[1] - before[1]

        warm = a_set(1)
        client.ask("POST", SETS, {**warm, "metadata": {"name": "warm"}})
        _until(lambda: is_settled(found("warm")))
        with spent("up"):
            client.ask("POST", SETS, a_set(replicas, policy))
            _until(lambda: is_settled(found()))
        with spent("roll"):
            client.ask("PATCH", f"{SETS}/web", ROLL, MERGE)
            _until(lambda: is_settled(found()))
        with spent("down"):
            client.ask("PATCH", f"{SETS}/web", {"spec": {"replicas": 0}}, MERGE)
            _until(lambda: is_settled(found()))
    return figures


def _events() -> Figures:
    """What a controller pays for a change that concerns nobody: TLS, HTTP, JSON, cache and index."""
    options = ("--controllers", "serviceaccount")
    with command("simulated", *options) as (_, data, _), _controller(data) as afar:
        client = Client(kubeconfig.read(data / "kubeconfig"))
        container = {"name": "c", "image": "registry.example/app:1"}
        for at in range(PODS):
            meta = {"name": f"pod-{at}", "labels": {"app": "web"}}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}
            client.ask("POST", f"{SPACE}/pods", pod)
        time.sleep(1)
        figures = {}
        for name, is_asleep in (("an event that comes alone", False), ("one of many that come together", True)):
            before = processor_seconds(afar)
            if is_asleep:
                os.kill(afar, signal.SIGSTOP)
            for turn, at in product(range(TURNS), range(PODS)):
                change = {"metadata": {"annotations": {"turn": f"{name}-{turn}".replace(" ", "-")}}}
                client.ask("PATCH", f"{SPACE}/pods/pod-{at}", change, MERGE)
            os.kill(afar, signal.SIGCONT)
            time.sleep(2)
            figures[name] = (processor_seconds(afar) - before) / (PODS * TURNS) * 1e6
        return figures


ALL = (
    *(
        Measurement(f"100 replicas from afar, {policy}", "s", partial(_life, 100, policy), 3)
        for policy in ("OrderedReady", "Parallel")
    ),
    Measurement("events from afar", "us", _events, 3),
)
