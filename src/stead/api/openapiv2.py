"""The types of the API as an OpenAPI 2 document, in JSON and in protocol buffers.

kubectl needs it for one thing: to check a `kind: List` (what `kubectl get -o yaml` prints) before it sends the items
one by one. It reads protocol buffers only, of the message `openapi.v2.Document`; the numbers below are its fields.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stead.api import schemas
from stead.api.request import Response
from stead.api.schemas import Schema
from stead.kinds.descriptions import Descriptions
from stead.kinds.kind import Kind
from stead.kinds.registry import Registry
from stead.machinery.objects import Json, encode

PATH = "/openapi/v2"
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
DEFINITIONS = "#/definitions/"
_KEPT = ("description", "type", "format", "required", "enum")  # said the same way in both versions
_WHOLE = "x-kubernetes-preserve-unknown-fields"


def document(registry: Registry, version: str) -> Json:
    """Definitions alone: no client here asks this document for paths."""
    kinds = [kind for kind in registry if kind.type]
    told = Descriptions()
    found = schemas.collected(iter([*(kind.type for kind in kinds), "meta.v1.ListMeta"]), told)
    definitions = {name: converted(schema) for name, schema in found.items()}
    for kind in registry:
        name, schema = _definition(kind, definitions, told)
        definitions[name] = {**schema, "x-kubernetes-group-version-kind": [schemas.group_version_kind(kind)]}
    for kind in kinds:
        name = schemas.name_of(kind.type)
        definitions[f"{name}List"] = converted(schemas.list_of(kind, name, told))
    info = {"title": "Kubernetes", "version": version}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": dict(sorted(definitions.items()))}


def _definition(kind: Kind, known: Mapping[str, Schema], told: Descriptions) -> tuple[str, Schema]:
    if kind.type:
        name = schemas.name_of(kind.type)
        return name, known[name]
    name = ".".join([*reversed(kind.group.split(".")), kind.version, kind.name])
    return name, converted(schemas.custom(kind.schema or {}, told)) if kind.schema else {"type": "object"}


def converted(schema: Schema) -> Schema:
    """A schema of OpenAPI 3 as version 2 says it: no choices, and a reference stands alone."""
    references = [part["$ref"] for part in (schema, *schema.get("allOf", ())) if "$ref" in part]
    extensions = {name: value for name, value in schema.items() if name.startswith("x-kubernetes-")}
    if references:
        return {
            "$ref": references[0].replace(schemas.PREFIX, DEFINITIONS),
            **_said(schema, "description"),
            **extensions,
        }
    if schema.get("oneOf"):
        return {"type": "string", **_said(schema, "description", "format")}
    if schema.get(_WHOLE):
        return {"type": "object", **_said(schema, "description")}
    made: dict[str, Any] = {name: schema[name] for name in _KEPT if name in schema}
    if "properties" in schema:
        made["properties"] = {name: converted(part) for name, part in schema["properties"].items()}
    for member in ("items", "additionalProperties"):
        if isinstance(schema.get(member), Mapping):
            made[member] = converted(schema[member])
    return {**made, **extensions}


def _said(schema: Schema, *words: str) -> Schema:
    return {word: schema[word] for word in words if word in schema}


# --- protocol buffers


def encoded(told: Json) -> bytes:
    """The document as a message `openapi.v2.Document`."""
    info = _text(1, told["info"]["title"]) + _text(2, told["info"]["version"])
    definitions = _named(told["definitions"])
    return _text(1, told["swagger"]) + _bytes(2, info) + _bytes(8, b"") + _bytes(9, definitions)


def _named(all_: Mapping[str, Schema]) -> bytes:
    return b"".join(_bytes(1, _text(1, name) + _bytes(2, _schema(schema))) for name, schema in all_.items())


def _schema(schema: Schema) -> bytes:
    made = b""
    if "$ref" in schema:
        made += _text(1, schema["$ref"])
    if "format" in schema:
        made += _text(2, schema["format"])
    if "description" in schema:
        made += _text(4, schema["description"])
    made += b"".join(_text(19, name) for name in schema.get("required", ()))
    made += b"".join(_bytes(20, _text(2, encode(word).decode())) for word in schema.get("enum", ()))
    if "additionalProperties" in schema:
        made += _bytes(21, _bytes(1, _schema(schema["additionalProperties"])))
    if "type" in schema:
        made += _bytes(22, _text(1, schema["type"]))
    if "items" in schema:
        made += _bytes(23, _bytes(1, _schema(schema["items"])))
    if "properties" in schema:
        made += _bytes(25, _named(schema["properties"]))
    extensions = ((name, value) for name, value in schema.items() if name.startswith("x-"))
    return made + b"".join(_bytes(31, _extension(name, value)) for name, value in extensions)


def _extension(name: str, value: Any) -> bytes:
    """A value that the document knows nothing of, as YAML, which JSON is."""
    return _text(1, name) + _bytes(2, _text(2, encode(value).decode()))


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode())


def _bytes(number: int, data: bytes) -> bytes:
    """A field with a length before it."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


@lru_cache(maxsize=4)
def _body(registry: Registry, version: str, is_protobuf: bool) -> bytes:
    """The document as bytes; a registry never changes, so it is made once."""
    told = document(registry, version)
    return encoded(told) if is_protobuf else encode(told)


def answer(registry: Registry, version: str, accept: str) -> Response:
    """Protocol buffers for those who ask for them, JSON for others."""
    is_protobuf = "proto-openapi.spec.v2" in accept
    return Response(200, _body(registry, version, is_protobuf), PROTOBUF if is_protobuf else "application/json")
