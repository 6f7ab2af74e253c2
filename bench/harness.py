"""Runs a measurement several times and keeps median and spread of every figure it gives."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Figures = Mapping[str, float]
RESULTS = Path(".bench")


@dataclass(frozen=True, slots=True)
class Measurement:
    """`measure` is one whole run; it answers figures by name. `unit` is theirs all."""

    name: str
    unit: str
    measure: Callable[[], Figures]
    runs: int = 3


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def spread(self) -> str:
        return f"{shown(min(self.values))}–{shown(max(self.values))}"


Kept = Mapping[str, Figure]


def run(measurement: Measurement, runs: int | None = None) -> list[Figure]:
    """Every figure over the runs, in the order the first run gave them."""
    found = [measurement.measure() for _ in range(runs or measurement.runs)]
    return [
        Figure(f"{measurement.name}: {name}", measurement.unit, tuple(one[name] for one in found if name in one))
        for name in found[0]
    ]


def shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> dict[str, str]:
    """The facts without which a figure says nothing."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": " ".join(f"{one:.2f}" for one in os.getloadavg()),
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }


def keep(figures: list[Figure]) -> Path:
    """Write the results where they can be compared later; answers the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    kept = {figure.name: {"unit": figure.unit, "values": figure.values} for figure in figures}
    path.write_text(json.dumps({"machine": machine(), "figures": kept}, indent=1))
    return path


def read(path: Path) -> Kept:
    """Figures kept earlier, by name."""
    kept = json.loads(path.read_text())["figures"]
    return {name: Figure(name, figure["unit"], tuple(figure["values"])) for name, figure in kept.items()}


@contextmanager
def timed(figures: dict[str, float], name: str, scale: float = 1.0) -> Iterator[None]:
    """Put the seconds that the block takes, times `scale`, under `name`."""
    began = time.perf_counter()
    yield
    figures[name] = (time.perf_counter() - began) * scale


@contextmanager
def spent(figures: dict[str, float], name: str) -> Iterator[None]:
    """As `timed`, and the seconds of processor that this process spent: those stay the same on a busy machine."""
    began = time.process_time()
    with timed(figures, name):
        yield
    figures[f"{name}, processor"] = time.process_time() - began


def processor_seconds(pid: int) -> float:
    """What another process has had of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """What a process has of the machine's memory (PSS), in MB."""
    lines = _lines(f"/proc/{pid}/smaps_rollup")
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
