"""Whole objects inside custom ones (`x-kubernetes-embedded-resource`): what they must say of themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from stead.kinds import decoding, objectmeta
from stead.kinds.decoding import DecodingError
from stead.kinds.schema import EMBEDDED
from stead.kinds.syntax import dns_1035_faults, path_segment_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


def has_any(schema: Json) -> bool:
    """Whether a schema has embedded objects at all."""
    return bool(schema.get(EMBEDDED)) or any(has_any(below) for below in _schemas(schema))


def _schemas(schema: Json) -> Iterator[Json]:
    yield from (schema.get("properties") or {}).values()
    yield from (schema[word] for word in ("items", "additionalProperties") if isinstance(schema.get(word), Mapping))


def _places(value: Any, schema: Json, path: str) -> Iterator[tuple[Any, Json, str]]:
    """The values right below, with their schemas and paths."""
    items, others = schema.get("items"), schema.get("additionalProperties")
    if isinstance(value, list) and isinstance(items, Mapping):
        yield from ((item, items, f"{path}[{index}]") for index, item in enumerate(value))
    if isinstance(value, Mapping):
        properties: Json = schema.get("properties") or {}
        for name, item in value.items():
            inner = properties.get(name, others)
            if isinstance(inner, Mapping):
                below = f"{path}.{name}" if name in properties else f"{path}[{name}]"
                yield item, inner, below if path else below.removeprefix(".")


def errors(value: Any, schema: Json, path: str = "") -> Iterator[FieldError]:
    """What embedded objects lack: a version, a kind, metadata that could be an object's."""
    if schema.get(EMBEDDED) and isinstance(value, Mapping):
        yield from _object_errors(value, path)
    for item, inner, below in _places(value, schema, path):
        yield from errors(item, inner, below)


def _object_errors(value: Json, path: str) -> Iterator[FieldError]:
    version, kind = value.get("apiVersion") or "", value.get("kind") or ""
    if not version:
        yield fields.required(f"{path}.apiVersion", "must not be empty")
    elif isinstance(version, str) and version.count("/") > 1:
        yield fields.invalid(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}")
    if not kind:
        yield fields.required(f"{path}.kind", "must not be empty")
    elif isinstance(kind, str) and (faults := dns_1035_faults(kind.lower())):
        told = f"may have mixed case, but should otherwise match: {','.join(faults)}"
        yield fields.invalid(f"{path}.kind", kind, told)
    metadata = value.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("name"):
        for error in objectmeta.validate_create({"metadata": metadata}, path_segment_faults):
            yield FieldError(f"{path}.{error.field}", error.reason, error.text)


def typed(value: Any, schema: Json) -> Any:
    """The value with the metadata of embedded objects as metadata is: pruned, typed; what does not fit is dropped."""
    if isinstance(value, Mapping):
        made = {name: typed(item, _of(schema, name)) for name, item in value.items()}
        metadata = made.get("metadata")
        if schema.get(EMBEDDED) and metadata is not None:
            made["metadata"] = _metadata(metadata)
        return made
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, Mapping):
        return [typed(item, items) for item in value]
    return value


def _of(schema: Json, name: str) -> Json:
    inner = (schema.get("properties") or {}).get(name, schema.get("additionalProperties"))
    return inner if isinstance(inner, Mapping) else {}


def _metadata(metadata: Any) -> Any:
    try:
        made = decoding.canonical("meta.v1.ObjectMeta", metadata)
    except DecodingError:
        return {}
    if made.get("creationTimestamp", 0) is None:
        del made["creationTimestamp"]
    return made
