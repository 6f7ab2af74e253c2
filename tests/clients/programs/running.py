"""Runs a program of this folder: `python running.py with_kr8s NAMESPACE`.

A program is a module of functions `can_...`, plain or async, each a piece of a client's real work; they run in the
order in which they are written. What becomes of each is told as a line of JSON. This runs in the clients' own
environment.
"""

import asyncio
import importlib
import importlib.metadata
import inspect
import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

MANIFESTS = Path(__file__).parents[1] / "db.yaml"


class Space:
    """Where a program works: a namespace of its own, and the objects that all clients make."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.service, self.set = yaml.safe_load_all(MANIFESTS.read_text())

    def a_set(self, name: str, **spec: Any) -> dict[str, Any]:
        """The set under another name."""
        text = json.dumps(self.set).replace('"db"', json.dumps(name))
        made: dict[str, Any] = json.loads(text)
        made["spec"].update(spec)
        return made

    def config_map(self, name: str, **data: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"by": "test"}},
            "data": data,
        }


def until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Ask again until the answer is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not after {seconds:g} s: {inspect.getsource(what).strip()}"
        time.sleep(0.05)
    return found


def features(module: Any) -> list[Callable[..., Any]]:
    return [value for name, value in vars(module).items() if name.startswith("can_")]


async def run(module: Any, space: Space) -> None:
    for feature in features(module):
        try:
            done = feature(space)
            if inspect.isawaitable(done):
                await asyncio.wait_for(done, 60)
            told = "ok"
        except Exception:
            told = traceback.format_exc(limit=-4)
        print(json.dumps({"feature": feature.__name__, "told": told}), flush=True)


def main() -> None:
    name, namespace = sys.argv[1:]
    module = importlib.import_module(name)
    version = importlib.metadata.version(module.CLIENT)
    print(json.dumps({"client": f"{module.CLIENT} {version}"}), flush=True)
    asyncio.run(run(module, Space(namespace)))


if __name__ == "__main__":
    main()
