"""Whether an applied object fits its kind: unknown fields, wrong types, items that cannot be told apart.

Apply must know before it merges, for an unknown field could not be owned. The words are those of the real server.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stead.machinery.errors import BadRequest
from stead.machinery.fieldsets import step_text
from stead.machinery.objects import Json, dig
from stead.machinery.owned import items_of
from stead.machinery.shapes import ANYTHING, Shape

_GO_SORTS = {str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}"}
_NUMBERS = frozenset({"int32", "int64", "float64"})


def require_typed(applied: Json, shape: Shape) -> None:
    """Raises BadRequest that names every field of `applied` that does not fit."""
    wrong = list(problems(applied, shape))
    if wrong:
        metadata = dig(applied, "metadata", default={})
        name = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
        version = applied.get("apiVersion", "")
        kind = f"{version if '/' in version else '/' + version}, Kind={applied.get('kind', '')}"
        told = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        raise BadRequest(f"failed to create typed patch object ({name}; {kind}): {told}")


def problems(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """Every misfit as `.path: why`."""
    if value is None or shape.sort == "any":
        return
    if shape.sort == "scalar":
        why = _wrong_scalar(value, shape.type)
        yield from [f"{path}: {why}"] if why else []
    elif shape.sort == "list":
        yield from _in_list(value, shape, path)
    elif not isinstance(value, Mapping):
        yield f"{path}: expected map, got &{{{value}}}"
    elif shape.sort == "map":
        for name, item in value.items():
            yield from problems(item, shape.element or ANYTHING, f"{path}.{name}")
    else:
        yield from _in_struct(value, shape, path)


def _in_struct(value: Json, shape: Shape, path: str) -> Iterator[str]:
    for name, item in value.items():
        if name in shape.fields:
            yield from problems(item, shape.fields[name], f"{path}.{name}")
        elif shape.element is None and (path or name not in ("apiVersion", "kind", "metadata")):
            yield f"{path}.{name}: field not declared in schema"


def _in_list(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{value}}}"
        return
    element = shape.element or ANYTHING
    items = items_of(value, shape)
    if items is None:
        for place, item in enumerate(value):
            yield from problems(item, element, f"{path}[{place}]")
        return
    seen: set[str] = set()
    for place, (step, item) in enumerate(items):
        if step == "k:{}":
            keys = " ".join(f'"{key}"' for key in shape.map_keys)
            why = f"associative list with keys has an element that omits all key fields [{keys}]"
            yield f"{path}: element {place}: {why} (and doesn't have default values for any key fields)"
        elif step in seen:
            yield f"{path}: duplicate entries for key {step_text(step)}"
        seen.add(step)
        yield from problems(item, element, f"{path}{step_text(step)}")


def _wrong_scalar(value: Any, go_type: str) -> str:
    if go_type == "string" and not isinstance(value, str):
        shown = str(value).lower() if isinstance(value, bool) else value
        return f"expected string, got &value.valueUnstructured{{Value:{shown}}}"
    if go_type == "bool" and not isinstance(value, bool):
        return f"expected boolean, got &{{{value}}}"
    if go_type in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"expected numeric (int or float), got {_GO_SORTS.get(type(value), 'map[string]interface {}')}"
    return ""
