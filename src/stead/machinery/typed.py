"""Whether an applied object fits its kind: unknown fields, wrong types, items that cannot be told apart.

Apply must know before it merges, for an unknown field could not be owned. The words are those of the real server.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stead.machinery.errors import Nameless
from stead.machinery.fieldsets import step_text
from stead.machinery.goprint import printed, quoted
from stead.machinery.objects import Json, dig
from stead.machinery.owned import items_of
from stead.machinery.shapes import ANYTHING, Shape

_GO_SORTS = {str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}"}
_NUMBERS = frozenset({"int32", "int64", "float64"})


def require_typed(applied: Json, shape: Shape) -> None:
    """Raises an error that names every field of `applied` that does not fit; upstream's has no reason and code 500."""
    wrong = list(problems(applied, shape))
    if wrong:
        told = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        raise Nameless(f"failed to create typed patch object ({name_of(applied)}): {told}")


def name_of(applied: Json) -> str:
    """What was applied, as messages name it: its namespace where it says one, its name, its kind."""
    metadata = dig(applied, "metadata", default={})
    version = applied.get("apiVersion", "")
    kind = f"{version if '/' in version else '/' + version}, Kind={applied.get('kind', '')}"
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {kind}"


def problems(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Every misfit as `.path: why`. Null fits everywhere."""
    if value is not None and shape.sort in _CHECKS:
        yield from _CHECKS[shape.sort](value, shape, path)


def _in_map(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{path}: expected map, got &{{{printed(value)}}}"
        return
    for name, item in value.items():
        if shape.sort == "map" or name in shape.fields:
            yield from problems(item, shape.at(name), f"{path}.{name}")
        elif shape.element is None and (path or name not in ("apiVersion", "kind", "metadata")):
            yield f"{path}.{name}: field not declared in schema"


def _in_list(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{printed(value)}}}"
        return
    element = shape.element or ANYTHING
    items = items_of(value, shape)
    if items is None:
        for place, item in enumerate(value):
            yield from problems(item, element, f"{path}[{place}]")
        return
    seen: set[str] = set()
    for place, (step, item) in enumerate(items):
        why = _why_not_told_apart(item, step, shape)
        if why:  # and nothing more is said of this list
            yield f"{path}: element {place}: {why}"
            return
        if step in seen:
            yield f"{path}: duplicate entries for key {step_text(step)}"
        seen.add(step)
        yield from problems(item, element, f"{path}{step_text(step)}")


def _why_not_told_apart(item: Any, step: str, shape: Shape) -> str:
    """Why an item has no place of its own in a list with keys or in a set, "" where it has."""
    if shape.list_type != "map":
        return _OF_SETS.get(type(item), "")
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, Mapping):
        return "associative list with keys may not have non-map elements"
    if step != "k:{}":
        return ""
    keys = " ".join(f'"{key}"' for key in shape.map_keys)
    why = f"associative list with keys has an element that omits all key fields [{keys}]"
    return f"{why} (and doesn't have default values for any key fields)"


_OF_SETS: Mapping[type, str] = {
    dict: "associative list without keys has an element that's a map type",
    list: "not supported: associative list with lists as elements",
}


def _in_scalar(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if shape.type == "string" and not isinstance(value, str):
        yield f"{path}: expected string, got &value.valueUnstructured{{Value:{_in_go(value)}}}"
    if shape.type == "bool" and not isinstance(value, bool):
        yield f"{path}: expected boolean, got &{{{printed(value)}}}"
    if shape.type in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        sort = _GO_SORTS.get(type(value), "map[string]interface {}")
        yield f"{path}: expected numeric (int or float), got {sort}"


def _in_go(value: Any) -> str:
    """A value as `%#v` prints it."""
    if isinstance(value, Mapping):
        members = ", ".join(f"{quoted(name)}:{_in_go(value[name])}" for name in sorted(value))
        return f"map[string]interface {{}}{{{members}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_in_go, value))}}}"
    return quoted(value) if isinstance(value, str) else printed(value)


_CHECKS: Mapping[str, Callable[[Any, Shape, str], Iterator[str]]] = {
    "struct": _in_map,
    "map": _in_map,
    "list": _in_list,
    "scalar": _in_scalar,
}
