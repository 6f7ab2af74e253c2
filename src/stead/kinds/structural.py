"""Which schemas are structural: every field has its type once, at its place, and the rest only narrows values.

The words are those of a real server; a schema that is not structural is refused with the place and the remedy.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stead.kinds.cel.patterns import fault as pattern_fault
from stead.kinds.schema import EMBEDDED, INT_OR_STRING, LIST_TYPE, MAP_KEYS, MAP_TYPE, PRESERVES, RULES
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json

Errors = Iterator[FieldError]

_EITHER = [{"type": "integer"}, {"type": "string"}]
_UNREADABLE = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_NO_TYPE = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
# What may only stand at a field's own place, and what to say of it elsewhere.
_NOT_NESTED = (
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    ("externalDocs", "must be undefined to be structural"),
    (PRESERVES, "must be false to be structural"),
    (EMBEDDED, "must be false to be structural"),
    (INT_OR_STRING, "must be false to be structural"),
    (MAP_KEYS, "must be empty to be structural"),
    (LIST_TYPE, "must be undefined to be structural"),
    (MAP_TYPE, "must be undefined to be structural"),
    (RULES, "must be empty to be structural"),
)


def errors(schema: Json, path: str) -> list[FieldError]:
    """Why a schema is not structural, sorted as they are told; empty where it is."""
    return sorted([*_invariants(schema, "root", path), *_completeness(schema, path)], key=str)


def is_readable(schema: Any) -> bool:
    """Whether every word of a schema is one that a structural schema may have; the others are refused elsewhere."""
    if not isinstance(schema, Mapping):
        return True
    if any(schema.get(word) for word in _UNREADABLE) or isinstance(schema.get("items"), list):
        return False
    return all(is_readable(below) for _, below in parts(schema, ""))


def parts(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    """Every schema directly below one, with its path."""
    for word in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(word), Mapping):
            yield f"{path}.{word}", schema[word]
    for name, below in (schema.get("properties") or {}).items():
        yield f"{path}.properties[{name}]", below
    for word in ("allOf", "anyOf", "oneOf"):
        for index, below in enumerate(schema.get(word) or ()):
            yield f"{path}.{word}[{index}]", below


# --- invariants


def _invariants(schema: Json, level: str, path: str) -> Errors:
    items, others = schema.get("items"), schema.get("additionalProperties")
    if schema.get("type") == "array" and items is None:
        yield fields.required(f"{path}.items", "must be specified")
    if isinstance(items, Mapping):
        yield from _invariants(items, "item", f"{path}.items")
    for name, below in (schema.get("properties") or {}).items():
        yield from _invariants(below, "field", f"{path}.properties[{name}]")
    if others is not None and level == "root":
        yield fields.forbidden(f"{path}.additionalProperties", "must not be used at the root")
    if isinstance(others, Mapping):
        yield from _invariants(others, "field", f"{path}.additionalProperties")
    yield from _extensions(schema, path)
    yield from _values(schema, path, _skips(schema))
    yield from _type(schema, level, path)
    yield from _members(schema, level, path)


def _extensions(schema: Json, path: str) -> Errors:
    if not schema.get(INT_OR_STRING):
        return
    for word in (PRESERVES, EMBEDDED):
        if schema.get(word):
            yield fields.invalid(f"{path}.{word}", True, f"must be false if {INT_OR_STRING} is true")


def _type(schema: Json, level: str, path: str) -> Errors:
    sort = schema.get("type") or ""
    is_embedded = bool(schema.get(EMBEDDED))
    where = f"{path}.type"
    if is_embedded and sort != "object":
        told = f"must be object if {EMBEDDED} is true"
        yield fields.invalid(where, sort, told) if sort else fields.required(where, told)
    elif not sort and not schema.get(INT_OR_STRING) and not schema.get(PRESERVES):
        yield fields.required(where, _NO_TYPE[level])
    if is_embedded and schema.get("additionalProperties") is not None:
        yield fields.forbidden(f"{path}.additionalProperties", f"must not be used if {EMBEDDED} is set")
    if level == "root" and sort and sort != "object":
        yield fields.invalid(where, sort, "must be object at the root")


def _members(schema: Json, level: str, path: str) -> Errors:
    """What a whole object, embedded or not, may say of the fields that every object has."""
    properties: Json = schema.get("properties") or {}
    is_object = level == "root" or bool(schema.get(EMBEDDED))
    for name in ("kind", "apiVersion"):
        sort = (properties.get(name) or {}).get("type") or ""
        if is_object and name in properties and sort != "string":
            yield fields.invalid(f"{path}.properties[{name}].type", sort, "must be string")
    metadata = properties.get("metadata")
    if metadata is not None:
        yield from _metadata(metadata, is_object, level, f"{path}.properties[metadata]")
    if schema.get(EMBEDDED) and not schema.get(PRESERVES) and not properties:
        told = f"must not be empty if {EMBEDDED} is true without {PRESERVES}"
        yield fields.required(f"{path}.properties", told)


def _metadata(metadata: Json, is_object: bool, level: str, path: str) -> Errors:
    sort = metadata.get("type") or ""
    if is_object and sort != "object":
        yield fields.invalid(f"{path}.type", sort, "must be object")
    if level != "root":
        return
    others = {word for word, value in metadata.items() if value and word not in ("type", "properties", "default")}
    names = set(metadata.get("properties") or {})
    if others or names - {"name", "generateName"}:
        told = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield fields.forbidden(path, told)


# --- what narrows values


def _skips(schema: Json) -> frozenset[str]:
    """The two ways to write that a value may be a number or a text."""
    skipped = {"anyOf"} if schema.get("anyOf") == _EITHER else set()
    first: Json = next(iter(schema.get("allOf") or ()), {})
    return frozenset(skipped | ({"allOf[0].anyOf"} if first.get("anyOf") == _EITHER else set()))


def _values(schema: Json, path: str, skips: frozenset[str] = frozenset()) -> Errors:
    for word in ("anyOf", "allOf", "oneOf"):
        for index, below in enumerate(schema.get(word) or () if word not in skips else ()):
            inner = frozenset({"anyOf"}) if index == 0 and f"{word}[0].anyOf" in skips else frozenset[str]()
            yield from _nested(below, f"{path}.{word}[{index}]", inner)
    if isinstance(schema.get("not"), Mapping):
        yield from _nested(schema["not"], f"{path}.not")
    wrong = pattern_fault(schema["pattern"]) if schema.get("pattern") else ""
    if wrong:
        told = f"must be a valid regular expression, but isn't: {wrong}"
        yield fields.invalid(f"{path}.pattern", schema["pattern"], told)


def _nested(schema: Json, path: str, skips: frozenset[str] = frozenset()) -> Errors:
    yield from _values(schema, path, skips)
    if isinstance(schema.get("items"), Mapping):
        yield from _nested(schema["items"], f"{path}.items")
    for name, below in (schema.get("properties") or {}).items():
        yield from _nested(below, f"{path}.properties[{name}]")
    for word, told in _NOT_NESTED:
        is_said = schema.get(word) is not None if word in ("default", "additionalProperties") else schema.get(word)
        if is_said:
            yield fields.forbidden(f"{path}.{word}", told)
    if "metadata" in (schema.get("properties") or {}):
        yield fields.forbidden(f"{path}.properties[metadata]", "must not be specified in a nested context")


# --- completeness


def _completeness(schema: Json, path: str) -> Errors:
    """What is narrowed must be there."""
    for where, below in _junctions(schema, path):
        yield from _known(below, schema, path, where)
    items, others = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, Mapping):
        yield from _completeness(items, f"{path}.items")
    if isinstance(others, Mapping):
        yield from _completeness(others, f"{path}.additionalProperties")
    for name, below in (schema.get("properties") or {}).items():
        yield from _completeness(below, f"{path}.properties[{name}]")


def _junctions(schema: Json, path: str) -> Iterator[tuple[str, Json]]:
    words: Sequence[str] = ("allOf", "anyOf", "oneOf")
    for word in words:
        yield from ((f"{path}.{word}[{index}]", below) for index, below in enumerate(schema.get(word) or ()))
    if isinstance(schema.get("not"), Mapping):
        yield f"{path}.not", schema["not"]


def _known(nested: Json, schema: Json | None, path: str, where: str) -> Errors:
    if schema is None:
        yield fields.required(path, f"because it is defined in {where}")
        return
    for inner, below in _junctions(nested, where):
        yield from _known(below, schema, path, inner)
    if isinstance(nested.get("items"), Mapping):
        items = schema.get("items")
        known = items if isinstance(items, Mapping) else None
        yield from _known(nested["items"], known, f"{path}.items", f"{where}.items")
    for name, below in (nested.get("properties") or {}).items():
        own = (schema.get("properties") or {}).get(name)
        yield from _known(below, own, f"{path}.properties[{name}]", f"{where}.properties[{name}]")
