"""The types of the API as OpenAPI 3 schemas, made from the facts in `kinds/types`."""

from collections.abc import Iterator, Mapping
from typing import Any

from stead.kinds import enums, types
from stead.kinds.descriptions import Descriptions
from stead.kinds.kind import Kind
from stead.kinds.types import Field

Schema = Mapping[str, Any]

PREFIX = "#/components/schemas/"
ROOTS = {
    "meta": "io.k8s.apimachinery.pkg.apis.meta",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
}
NAMED: Mapping[str, tuple[str, Schema]] = {
    "meta.v1.Time": ("io.k8s.apimachinery.pkg.apis.meta.v1.Time", {"type": "string", "format": "date-time"}),
    "meta.v1.MicroTime": ("io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", {"type": "string", "format": "date-time"}),
    "meta.v1.FieldsV1": ("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", {"type": "object"}),
    "resource.Quantity": (
        "io.k8s.apimachinery.pkg.api.resource.Quantity",
        {"oneOf": [{"type": "string"}, {"type": "number"}]},
    ),
    "intstr.IntOrString": (
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
    ),
    "runtime.RawExtension": ("io.k8s.apimachinery.pkg.runtime.RawExtension", {"type": "object"}),
    "runtime.Object": ("io.k8s.apimachinery.pkg.runtime.RawExtension", {"type": "object"}),
    "apiextensions.v1.JSON": ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", {}),
}
SCALARS: Mapping[str, Schema] = {
    "string": {"type": "string"},
    "types.UID": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "float64": {"type": "number", "format": "double"},
    "[]byte": {"type": "string", "format": "byte"},
}


def name_of(type_name: str) -> str:
    """`apps.v1.StatefulSet` as clients know it: `io.k8s.api.apps.v1.StatefulSet`."""
    if type_name in NAMED:
        return NAMED[type_name][0]
    package, _, rest = type_name.partition(".")
    return f"{ROOTS.get(package, f'io.k8s.api.{package}')}.{rest}"


def reference(type_name: str) -> Schema:
    return {"$ref": PREFIX + name_of(type_name)}


def group_version_kind(kind: Kind) -> Schema:
    return {"group": kind.group, "kind": kind.name, "version": kind.version}


def collected(roots: Iterator[str], told: Descriptions) -> dict[str, Schema]:
    """The schemas of types and of all they are made of, by name."""
    found: dict[str, Schema] = {}
    waiting = list(roots)
    while waiting:
        type_name = waiting.pop()
        name = name_of(type_name)
        if name not in found:
            found[name] = (_named if type_name in NAMED else _struct)(type_name, told.of(type_name))
            waiting += [] if type_name in NAMED else _parts(type_name)
    return dict(sorted(found.items()))


def list_of(kind: Kind, name: str, told: Descriptions) -> Schema:
    """The schema of a kind's list; `name` is that of the kind's own."""
    texts, text = told.of("meta.List"), {"type": "string"}
    items = {"type": "array", "items": {"allOf": [{"$ref": PREFIX + name}], "default": {}}}
    metadata = {"allOf": [reference("meta.v1.ListMeta")], "default": {}}
    properties: dict[str, Schema] = {"apiVersion": text, "items": items, "kind": text, "metadata": metadata}
    described = {field: _described(one, texts.get(field)) for field, one in properties.items()}
    mark = [{"group": kind.group, "kind": f"{kind.name}List", "version": kind.version}]
    made = {**_described({}, texts[""]), "type": "object", "required": ["items"], "properties": described}
    return {**made, "x-kubernetes-group-version-kind": mark}


def custom(schema: Schema, told: Descriptions) -> Schema:
    """A custom kind's schema, with what every object has."""
    texts, text = told.of("meta.Object"), {"type": "string"}
    common: dict[str, Schema] = {
        "apiVersion": text,
        "kind": text,
        "metadata": {"allOf": [reference("meta.v1.ObjectMeta")]},
    }
    described = {field: _described(one, texts.get(field)) for field, one in common.items()}
    return {**schema, "type": "object", "properties": {**(schema.get("properties") or {}), **described}}


def _described(schema: Schema, text: str | None) -> Schema:
    return {**schema, "description": text} if text else schema


def _parts(type_name: str) -> Iterator[str]:
    """The types that a struct's fields refer to."""
    for field in types.fields_of(type_name).values():
        part = _innermost(field.go_type)
        if part in NAMED or types.is_struct(part):
            yield part


def _innermost(go_type: str) -> str:
    mark, element = types.element_of(types.unwrapped(go_type))
    return _innermost(element) if mark else element


def _named(type_name: str, texts: Mapping[str, str]) -> Schema:
    return _described(NAMED[type_name][1], texts[""])


def _struct(type_name: str, texts: Mapping[str, str]) -> Schema:
    fields = types.fields_of(type_name)
    made: dict[str, Any] = {**_described({}, texts[""]), "type": "object"}
    required = sorted(name for name, field in fields.items() if _is_required(field))
    if required:
        made["required"] = required
    if fields:
        made["properties"] = {
            name: _described(_with_words(type_name, name, _property(fields[name])), texts.get(name))
            for name in sorted(fields)
        }
    return made


def _with_words(type_name: str, field: str, schema: Schema) -> Schema:
    """A field that takes one of a few words, or a list of them."""
    words = enums.words_of(type_name, field)
    if not words:
        return schema
    return {**schema, "items": {**schema["items"], "enum": words}} if "items" in schema else {**schema, "enum": words}


def _is_required(field: Field) -> bool:
    return not (field.omits_empty or field.omits_zero or field.is_pointer) and field.json not in ("kind", "apiVersion")


def _property(field: Field) -> Schema:
    made = dict(_schema(field.go_type))
    go_type = types.unwrapped(field.go_type)
    if go_type.startswith("[]") and go_type != "[]byte":
        made["x-kubernetes-list-type"] = field.list_type
        if field.list_type == "map":
            made["x-kubernetes-list-map-keys"] = list(field.map_keys)
    if field.map_type:
        made["x-kubernetes-map-type"] = field.map_type
    if field.patch_merge_key:
        made["x-kubernetes-patch-merge-key"] = field.patch_merge_key
    if field.patch_strategy:
        made["x-kubernetes-patch-strategy"] = field.patch_strategy
    return made


def _schema(go_type: str) -> Schema:
    go_type = types.unwrapped(go_type)
    if go_type in SCALARS:
        return SCALARS[go_type]
    mark, element = types.element_of(go_type)
    if mark == "list":
        return {"type": "array", "items": _schema(element)}
    if mark == "map":
        return {"type": "object", "additionalProperties": _schema(element)}
    if go_type in NAMED or types.is_struct(go_type):
        return {"allOf": [reference(go_type)]}
    return {"type": "string"} if go_type[:1].islower() else {}
