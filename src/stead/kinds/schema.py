"""The structural schema of a custom kind: prune what it does not know, fill in its defaults, check what is there.

Pure walks over schema and value together; a schema is what a definition holds (`apiextensions.v1.JSONSchemaProps`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from stead.machinery.objects import Json
from stead.machinery.shapes import ANYTHING, Shape

PRESERVES = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
EMBEDDED = "x-kubernetes-embedded-resource"
LIST_TYPE, MAP_KEYS = "x-kubernetes-list-type", "x-kubernetes-list-map-keys"
MAP_TYPE = "x-kubernetes-map-type"
RULES = "x-kubernetes-validations"
OF_EVERY_OBJECT = frozenset(("apiVersion", "kind", "metadata"))


def pruned(value: Any, schema: Json, *, is_root: bool = True) -> Any:
    """`value` without the fields that `schema` does not know; nulls that may not be fall to their default."""
    if isinstance(value, Mapping):
        return _pruned_object(value, schema, is_root or bool(schema.get(EMBEDDED)))
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        return [pruned(item, items, is_root=False) for item in value]
    return value


def _pruned_object(value: Json, schema: Json, is_object: bool) -> Json:
    properties: Json = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    kept: dict[str, Any] = {}
    for name, item in value.items():
        inner = properties.get(name)
        if is_object and name in OF_EVERY_OBJECT:
            kept[name] = item
        elif inner is not None:
            if item is not None or inner.get("nullable") or "default" not in inner:
                kept[name] = pruned(item, inner, is_root=False)
        elif isinstance(others, Mapping):
            kept[name] = pruned(item, others, is_root=False)
        elif others or schema.get(PRESERVES):
            kept[name] = item
    return kept


def with_defaults(value: Any, schema: Json) -> Any:
    """`value` with the schema's defaults where nothing is said; shared where nothing is missing."""
    if isinstance(value, Mapping):
        return _object_with_defaults(value, schema)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        filled = [with_defaults(item, items) for item in value]
        return filled if any(new is not old for new, old in zip(filled, value, strict=True)) else value
    return value


def _object_with_defaults(value: Json, schema: Json) -> Json:
    properties: Json = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    filled = dict(value)
    for name, inner in properties.items():
        if name not in filled and "default" in inner:
            filled[name] = inner["default"]
        if name in filled:
            filled[name] = with_defaults(filled[name], inner)
    if isinstance(others, Mapping):
        for name in filled.keys() - properties.keys():
            filled[name] = with_defaults(filled[name], others)
    is_same = filled.keys() == value.keys() and all(filled[name] is value[name] for name in filled)
    return value if is_same else filled


class _Fields(Mapping[str, Shape]):
    """Shapes of an object's fields, made when they are looked at. Where any field may stand, each has a shape."""

    def __init__(self, properties: Json, extra: Mapping[str, Shape], *, is_open: bool) -> None:
        self._properties = properties
        self._made: dict[str, Shape] = dict(extra)
        self._is_open = is_open

    def __getitem__(self, name: str) -> Shape:
        made = self._made.get(name)
        if made is None:
            if self._is_open and name not in self._properties:
                return ANYTHING
            made = self._made[name] = shape_of(self._properties[name])
        return made

    def __iter__(self) -> Iterator[str]:
        return iter({**self._made, **self._properties})

    def __len__(self) -> int:
        return len({**self._made, **self._properties})


def _key_defaults(items: Any, keys: tuple[str, ...]) -> Json:
    """What an item that leaves out a key has there."""
    properties: Json = (items.get("properties") or {}) if isinstance(items, Mapping) else {}
    return {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}


_SCALARS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}


def shape_of(schema: Json, of_every_object: Mapping[str, Shape] | None = None) -> Shape:
    """How a place merges, is owned and what fields it knows. `of_every_object` are the fields the root has anyway."""
    sort = schema.get("type", "")
    if schema.get(INT_OR_STRING):
        return Shape("scalar")
    if sort == "array":
        items = schema.get("items")
        element = shape_of(items) if isinstance(items, Mapping) else ANYTHING
        keys = tuple(schema.get(MAP_KEYS) or ())
        sort = schema.get(LIST_TYPE) or "atomic"
        return Shape("list", element=element, list_type=sort, map_keys=keys, defaults=_key_defaults(items, keys))
    if sort != "object" and not of_every_object:
        return Shape("scalar", _SCALARS.get(sort, "")) if sort else ANYTHING
    is_atomic = schema.get(MAP_TYPE) == "atomic"
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        return Shape("map", element=shape_of(others), is_atomic=is_atomic)
    properties: Json = schema.get("properties") or {}
    if not properties and not of_every_object:
        return Shape("map", element=ANYTHING, is_atomic=is_atomic)
    is_open = bool(schema.get(PRESERVES) or others)
    return Shape("struct", fields=_Fields(properties, of_every_object or {}, is_open=is_open), is_atomic=is_atomic)
