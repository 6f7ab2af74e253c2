"""A schedule: the life of one or several StatefulSets as data, from their shapes to the last thing that goes wrong.

It can be drawn from a seed (`drawing`), written by hand, printed, read back, shrunk and lived (`stories`):

    seed: 7
    sets:
    - {name: web, replicas: 3, claims: [www]}
    steps:
    - {at: 4, do: scale, set: web, replicas: 1}
    - {at: 4.5, do: die, after: 2}
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct
from msgspec.structs import replace

from stead.simulation import fields
from stead.simulation.fields import REQUIRED, Field, Fields
from stead.simulation.verbs import VERBS

STRATEGIES = ("default", "RollingUpdate", "OnDelete", "bare")
KEEP = fields.choice("Retain", "Delete")

SET: Fields = {
    "name": Field(fields.name),
    "replicas": Field(fields.whole(0, 20_000), 1),
    "policy": Field(fields.choice("OrderedReady", "Parallel"), "OrderedReady"),
    "strategy": Field(fields.choice(*STRATEGIES), "default"),
    "partition": Field(fields.whole(0, 20_000), 0),
    "maxUnavailable": Field(fields.or_none(fields.amount), None),
    "minReadySeconds": Field(fields.whole(0, 3600), 0),
    "whenDeleted": Field(KEEP, "Retain"),
    "whenScaled": Field(KEEP, "Retain"),
    "start": Field(fields.whole(0, 10_000), 0),
    "historyLimit": Field(fields.whole(-1, 100), 10),
    "claims": Field(fields.names, ()),
    "grace": Field(fields.whole(0, 3600), 2),
    "readyAfter": Field(fields.seconds(), 0),
    "startAfter": Field(fields.seconds(), 0),
    "stopAfter": Field(fields.seconds(), 0),
    "exitAfter": Field(fields.or_none(fields.seconds()), None),
}
TOP: Fields = {
    "seed": Field(fields.whole(0, 2**63), 0),
    "profile": Field(fields.choice("v1_36", "v1_37"), "v1_36"),
    "distant": Field(fields.flag, False),
    "lag": Field(fields.seconds(600), 0),
    "piece": Field(fields.whole(0, 500), 0),
    "nodes": Field(fields.whole(1, 100), 1),
    "zones": Field(fields.names, ()),
}


class ScheduleError(Exception):
    """One mistake: file, line, field, and what is wanted there."""


class Step(Struct, frozen=True):
    """At `at` virtual seconds after the start, `verb` happens (see `verbs.VERBS`)."""

    at: float
    verb: str
    said: Mapping[str, Any]

    def __str__(self) -> str:
        return _flow({"at": self.at, "do": self.verb, **_told(VERBS[self.verb], self.said)})


class Schedule(Struct, frozen=True):
    """`lag`: how old, in seconds, a distant controller's cache may be. `piece`: how many actions of a round are done
    before others have their turn, 0 is all. `sets` have every field of SET. `zones` are given to the nodes in turn.
    """

    sets: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Step, ...] = ()
    seed: int = 0
    profile: str = "v1_36"
    distant: bool = False
    lag: float = 0
    piece: int = 0
    nodes: int = 1
    zones: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The schedule as YAML that `parse` reads back."""
        top = {name: getattr(self, name) for name, field in TOP.items() if getattr(self, name) != field.default}
        lines = [f"{name}: {_plain(value)}" for name, value in top.items()]
        lines += ["sets:", *(f"- {_flow(_told(SET, one))}" for one in self.sets)] if self.sets else []
        lines += ["steps:", *(f"- {step}" for step in self.steps)] if self.steps else []
        return "\n".join(lines) + "\n"

    def without(self, *places: int) -> "Schedule":
        """The same without some of its steps."""
        return replace(self, steps=tuple(step for i, step in enumerate(self.steps) if i not in places))


def a_set(**said: Any) -> Mapping[str, Any]:
    """A set's shape with every field that is not said."""
    return {name: said.get(name, field.default) for name, field in SET.items()}


def a_step(at: float, verb: str, **said: Any) -> Step:
    defaults = {name: field.default for name, field in VERBS[verb].items() if field.default is not REQUIRED}
    return Step(at, verb, {**defaults, **said})


def read(path: str) -> Schedule:
    """A schedule from a YAML or JSON file; raises ScheduleError."""
    try:
        return parse(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ScheduleError(f"{path}: {reason}") from error


def parse(text: str, source: str = "schedule") -> Schedule:
    """A schedule from YAML or JSON; raises ScheduleError with the line and field of the first mistake."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return _Reader(source, loader).schedule(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ScheduleError(f"{source}{line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScheduleError(f"{source}: not valid YAML: {error}") from error


class _Reader:
    """Walks the YAML nodes, which know their lines."""

    def __init__(self, source: str, loader: yaml.SafeLoader) -> None:
        self._source = source
        self._loader = loader

    def schedule(self, node: Any) -> Schedule:
        if node is None:
            raise ScheduleError(f"{self._source}: empty; a mapping with `sets` and `steps` is wanted")
        entries = self._entries(node, "")
        sets, steps = entries.pop("sets", None), entries.pop("steps", None)
        top = self._values(entries, TOP, "", node)
        shapes = tuple(self._set(one, f"sets[{i}]") for i, one in enumerate(self._items(sets, "sets")))
        self._refuse_twins(shapes, sets)
        told = [self._step(one, f"steps[{i}]") for i, one in enumerate(self._items(steps, "steps"))]
        return Schedule(shapes, tuple(sorted(told, key=lambda step: step.at)), **top)

    def _refuse_twins(self, shapes: tuple[Mapping[str, Any], ...], node: Any) -> None:
        names = [shape["name"] for shape in shapes]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise self._wrong(node.value[place], f"sets[{place}].name", f"there is a set {name} already")

    def _set(self, node: Any, place: str) -> Mapping[str, Any]:
        return self._values(self._entries(node, place), SET, f"{place}.", node)

    def _step(self, node: Any, place: str) -> Step:
        entries = self._entries(node, place)
        at = self._value(entries.pop("at", None), Field(fields.seconds(10_000_000)), f"{place}.at", node)
        verb_node = entries.pop("do", None)
        verb = self._value(verb_node, Field(fields.choice(*VERBS)), f"{place}.do", node)
        return Step(at, verb, self._values(entries, VERBS[verb], f"{place}.", node))

    def _values(self, entries: dict[str, Any], wanted: Fields, place: str, node: Any) -> dict[str, Any]:
        for name, found in entries.items():
            if name not in wanted:
                known = ", ".join(wanted) or "none"
                raise self._wrong(found, f"{place}{name}", f"no such field here; there are {known}")
        return {name: self._value(entries.get(name), field, place + name, node) for name, field in wanted.items()}

    def _value(self, node: Any, field: Field, place: str, parent: Any) -> Any:
        if node is None:
            if field.default is REQUIRED:
                raise self._wrong(parent, place, f"missing; {_wanted(field)} is wanted")
            return field.default
        value = self._loader.construct_object(node, deep=True)
        try:
            return field.read(value)
        except ValueError as error:
            raise self._wrong(node, place, f"{error} is wanted, this is {value!r}") from error

    def _entries(self, node: Any, place: str) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, place or "the schedule", "a mapping is wanted")
        entries: dict[str, Any] = {}
        for key, value in node.value:
            if str(key.value) in entries:
                raise self._wrong(key, f"{place}.{key.value}".lstrip("."), "said twice")
            entries[str(key.value)] = value
        return entries

    def _items(self, node: Any, place: str) -> list[Any]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, place, "a list is wanted")
        return list(node.value)

    def _wrong(self, node: Any, place: str, told: str) -> ScheduleError:
        return ScheduleError(f"{self._source}, line {node.start_mark.line + 1}: {place}: {told}")


def _wanted(field: Field) -> str:
    try:
        field.read(None)
    except ValueError as error:
        return str(error)
    return "a value"


def _told(wanted: Fields, said: Mapping[str, Any]) -> dict[str, Any]:
    """What is not as it would be anyway."""
    return {name: said[name] for name, field in wanted.items() if said[name] != field.default}


def _flow(entries: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_plain(value)}" for name, value in entries.items()) + "}"


def _plain(value: Any) -> str:
    """A value as YAML reads it back."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    is_bare = isinstance(value, str) and bool(fields.NAME.match(value)) and yaml.safe_load(value) == value
    return str(value) if is_bare else json.dumps(value)
