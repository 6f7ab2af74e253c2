"""How long it takes to be there, and what it costs to be there."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import waking
from bench.harness import Figures, Measurement, memory_mb, processor_seconds, timed
from bench.living import EXAMPLE, command, command_on, with_bytecode

SETTLING_SECONDS, IDLE_SECONDS = 8.0, 20.0


def _start() -> Figures:
    figures: dict[str, float] = {}
    for runtime in ("simulated", "native"):
        with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as folder:
            for name in ("first", "next"):
                with command_on(Path(folder, "data"), runtime) as (process, _, seconds):
                    figures[f"{name} start to ready, {runtime}"] = seconds
                    figures[f"{name} start to ready, {runtime}, processor"] = processor_seconds(process.pid)
    return figures


def _words() -> Figures:
    figures: dict[str, float] = {}
    for name, words in (("import stead", ["-c", "import stead"]), ("stead --help", ["-m", "stead", "--help"])):
        with timed(figures, name, 1000):
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=with_bytecode())
    return figures


def _idle() -> Figures:
    with command("native") as (process, _, _):
        time.sleep(3)
        return {"memory of an idle stead": memory_mb(process.pid)}


def _wakeups() -> Figures:
    """How often the processes of an idle stead begin to run again: each time the machine cannot sleep."""
    figures: dict[str, float] = {}
    for name, files in (("alone", ()), ("three pods", ("-f", str(EXAMPLE)))):
        with command("native", *files) as (process, data, _):
            time.sleep(SETTLING_SECONDS)
            counted = waking.counted([process.pid, *waking.servants(data)], IDLE_SECONDS)
            figures[f"wakeups of an idle stead, {name}"] = counted.pop(process.pid)
            figures[f"wakeups of keeper, shims and pods, {name}"] = sum(counted.values())
    return figures


ALL = (
    Measurement("start", "s", _start, runs=5),
    Measurement("words", "ms", _words, runs=5),
    Measurement("idle", "MB", _idle),
    Measurement("idle wakeups", "/s", _wakeups),
)
