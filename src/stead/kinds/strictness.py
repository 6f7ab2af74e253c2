"""What a body says that nobody reads: fields unknown at their place and fields given twice.

Asked for by `fieldValidation`: Strict refuses them, Warn (the default) tells them in warnings. Reading by shape, it
serves built-in and custom kinds alike; opaque values are not looked into.
"""

import json
from collections.abc import Iterator
from typing import Any

from stead.kinds import types
from stead.machinery.fields import shown
from stead.machinery.shapes import Shape

_TOLD_AT_MOST = 100


def unknown_and_duplicate(place: str | Shape, data: bytes) -> list[str]:
    """`unknown field "spec.nope"`, `duplicate field "data.k"`: in the order of the JSON text, each once.

    `place` is a type's name (KeyError if nobody knows it) or a custom kind's shape. Text that is no JSON tells nothing
    here, for decoding it has told already.
    """
    shape = types.shape_of(place) if isinstance(place, str) else place
    try:
        pairs = json.loads(data, object_pairs_hook=tuple)
        return list(dict.fromkeys(_told(shape, pairs, "")))[:_TOLD_AT_MOST]
    except (ValueError, RecursionError):
        return []


def of_patch(data: bytes, given: Any, *, is_operations: bool) -> list[str]:
    """The same of a patch, of which only what a JSON patch's operations may say is known beforehand.

    `given` is what was read of `data`: where that has a key for each colon, none was given twice.
    """
    if not is_operations and data.count(b":") == _keys_in(given):
        return []
    try:
        pairs = json.loads(data, object_pairs_hook=tuple)
        found = list(dict.fromkeys(_of_operations(pairs) if is_operations else _repeated(pairs, "")))
    except (ValueError, RecursionError):
        return []
    return [f"json patch {text}" for text in found][:_TOLD_AT_MOST] if is_operations else found[:_TOLD_AT_MOST]


def _keys_in(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_keys_in, value.values()))
    return sum(map(_keys_in, value)) if isinstance(value, list) else 0


_OPERATION = ("op", "from", "path", "value")


def _of_operations(operations: Any) -> Iterator[str]:
    for index, operation in enumerate(operations if isinstance(operations, list) else ()):
        pairs = operation if isinstance(operation, tuple) else ()
        known = tuple((key, item) for key, item in pairs if key in _OPERATION)
        for key, _ in pairs:
            if key not in _OPERATION:
                yield f"unknown field {shown(f'[{index}].{key}')}"
        yield from _repeated(known, f"[{index}]")


def _repeated(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, tuple):
        seen: set[str] = set()
        for key, item in value:
            place = f"{path}.{key}" if path else key
            if key in seen:
                yield f"duplicate field {shown(place)}"
            seen.add(key)
            yield from _repeated(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _repeated(item, f"{path}[{index}]")


def place_in_custom(text: str) -> tuple[int, str]:
    """Where a text comes among those of a custom object: repeats, what metadata do not know, the rest sorted."""
    if text.startswith("duplicate"):
        return 0, ""
    return (1, "") if text.startswith('unknown field "metadata.') else (2, text)


def refusal(told: list[str]) -> str:
    """All that is told, as Strict refuses it."""
    return f"strict decoding error: {', '.join(told)}"


def _told(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """JSON objects come as tuples of pairs, so that what is given twice can be seen."""
    if isinstance(value, tuple):
        if shape.sort in ("struct", "map"):
            yield from _told_of_object(shape, value, path)
    elif isinstance(value, list) and shape.sort == "list" and shape.element:
        for index, item in enumerate(value):
            yield from _told(shape.element, item, f"{path}[{index}]")


def _told_of_object(shape: Shape, pairs: tuple[tuple[str, Any], ...], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for key, item in pairs:
        place = f"{path}.{key}" if path else key
        inner = shape.fields.get(key) if shape.sort == "struct" else shape.element
        if inner is None:
            yield f"unknown field {shown(place)}"
            continue
        if key in seen:
            yield f"duplicate field {shown(place)}"
        seen.add(key)
        yield from _told(inner, item, place)
