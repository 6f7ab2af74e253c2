"""The shape of a custom kind, out of its structural schema: how its lists and maps are merged and owned."""

from collections.abc import Mapping
from typing import Any

from stead.machinery.objects import Json
from stead.machinery.shapes import ANYTHING, DEDUCED, Shape

_SCALARS = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
_TEXT = Shape("scalar", "string")


def shape_of_schema(schema: Json, metadata: Shape = DEDUCED) -> Shape:
    """The shape of a whole custom object. `metadata` is that of `metav1.ObjectMeta`, which no schema describes."""
    return _object(schema, {"apiVersion": _TEXT, "kind": _TEXT, "metadata": metadata})


def _shape(schema: Json) -> Shape:
    if schema.get("x-kubernetes-int-or-string"):
        return Shape("scalar")
    sort = schema.get("type")
    if sort == "array":
        return _list(schema)
    if sort in _SCALARS:
        return Shape("scalar", _SCALARS[sort])
    if schema.get("x-kubernetes-embedded-resource"):
        return _object(schema, {"apiVersion": _TEXT, "kind": _TEXT, "metadata": DEDUCED})
    if sort == "object" and not schema.get("x-kubernetes-preserve-unknown-fields") and not _MEMBERS & schema.keys():
        return ANYTHING
    return _object(schema, {}) if sort == "object" else DEDUCED


_MEMBERS = frozenset({"properties", "additionalProperties"})


def _object(schema: Json, given: Mapping[str, Shape]) -> Shape:
    is_atomic = schema.get("x-kubernetes-map-type") == "atomic"
    additional = schema.get("additionalProperties")
    if additional:
        element = _shape(additional) if isinstance(additional, Mapping) else DEDUCED
        return Shape("map", element=element, is_atomic=is_atomic)
    known = {name: _shape(below) for name, below in (schema.get("properties") or {}).items()}
    unknown = DEDUCED if schema.get("x-kubernetes-preserve-unknown-fields") else None
    return Shape("struct", fields={**known, **given}, element=unknown, is_atomic=is_atomic)


def _list(schema: Json) -> Shape:
    items: Any = schema.get("items") or {}
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    properties = items.get("properties") or {}
    return Shape(
        "list",
        element=_shape(items),
        list_type=schema.get("x-kubernetes-list-type") or "atomic",
        map_keys=keys,
        defaults={key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})},
    )
