"""Cells that many tables share: names, ages, and the words for what is not there (2.7 in api.md)."""

from collections.abc import Callable, Iterable
from typing import Any

from stead.kinds.kind import Column
from stead.machinery import meta, times
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

Cell = Callable[[Json, Now], Any]


def at(*path: str, default: Any = "") -> Cell:
    """A cell that shows the value at `path`, or `default`."""
    return lambda obj, now: dig(obj, *path, default=default)


def since(timestamp: Any, now: Now) -> str:
    """How long ago a moment was: `5d3h`; `<unknown>` for none, `<invalid>` for one in the future."""
    if not timestamp:
        return "<unknown>"
    seconds = now.wall - times.from_text(str(timestamp))
    return "<invalid>" if int(seconds) < -1 else times.short_duration(seconds)


def age_of(obj: Json, now: Now) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def name_of(obj: Json, now: Now) -> str:
    return meta.name(obj)


def joined(words: Iterable[str]) -> str:
    return ",".join(words)


def access_modes(modes: Iterable[str]) -> str:
    """Access modes in their short form, each once: `RWO,RWX`."""
    return joined(_MODES[mode] for mode in _MODES if mode in set(modes))


def labels_text(labels: Json) -> str:
    """Labels as `a=b,c=d`, keys sorted; `<none>` for none."""
    return joined(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}

NAME = Column("Name", name_of, format="name", description="The object's name, unique among its kind in a namespace.")
AGE = Column("Age", age_of, description="Time since the object was created.")
