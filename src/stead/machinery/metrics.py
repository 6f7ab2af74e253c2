"""Numbers for operators, as values, and their text as Prometheus reads it (exposition format 0.0.4)."""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


class Metric(Struct, frozen=True):
    """One number, or one for each set of labels. A counter only grows; a gauge is how it is now."""

    name: str
    told: str
    type: Literal["counter", "gauge"]
    samples: Sequence[tuple[Labels, float]]


def one(name: str, told: str, value: float, type: Literal["counter", "gauge"] = "gauge") -> Metric:
    """A metric without labels."""
    return Metric(name, told, type, [((), value)])


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The text of all metrics that have a sample."""
    lines: list[str] = []
    for metric in metrics:
        if metric.samples:
            lines += [f"# HELP {metric.name} {metric.told}", f"# TYPE {metric.name} {metric.type}"]
            lines += [f"{metric.name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    return "".join(f"{line}\n" for line in lines).encode()


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
