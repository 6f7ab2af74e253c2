"""A CustomResourceDefinition becomes kinds: one for each version it serves, all with the same objects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from stead.kinds import decoding, embedded, jsonpath, objectmeta, schema, types
from stead.kinds.columns import AGE, NAME, since
from stead.kinds.customresourcedefinition import liberal
from stead.kinds.customrules import Rulebook
from stead.kinds.decoding import DecodingError
from stead.kinds.kind import Column, Kind, Subresource, nothing_wrong
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig, without
from stead.machinery.shapes import Shape
from stead.machinery.times import Now

ANY_SCHEMA: Json = {"type": "object", schema.PRESERVES: True}


def kinds_of(definition: Json) -> list[Kind]:
    """The kinds of a definition that has its defaults; none until it is established or when its names are taken."""
    if not meta.has_condition(definition, "Established"):
        return []
    versions = [version for version in dig(definition, "spec", "versions", default=[]) if version.get("served")]
    names = dig(definition, "status", "acceptedNames") or definition["spec"]["names"]
    return [_kind({**definition["spec"], "names": names}, version) for version in versions]


def stored_kind(definition: Json) -> Kind | None:
    """The kind whose objects are in the store, served or not; None before the definition is established."""
    if not meta.has_condition(definition, "Established"):
        return None
    spec = definition["spec"]
    return _kind(spec, next(version for version in spec["versions"] if version.get("storage")))


def id_of(spec: Json) -> str:
    """What a definition's kind is called in a key."""
    return f"{spec['names']['kind']}.{spec['group']}"


def _kind(spec: Json, version: Json) -> Kind:
    names, name = spec["names"], version["name"]
    whole = dig(version, "schema", "openAPIV3Schema") or ANY_SCHEMA
    has_status = dig(version, "subresources", "status") is not None
    stored = next(one["name"] for one in spec["versions"] if one.get("storage"))
    id_ = id_of(spec)
    is_stored = name == stored
    subresources = tuple(_subresources(version))
    paths = next((sub.paths for sub in subresources if sub.name == "scale"), ())
    book = Rulebook(whole, paths)
    is_namespaced = spec.get("scope") == "Namespaced"
    return Kind(
        id=id_ if is_stored else f"{id_}/{name}",
        name=names["kind"],
        plural=names["plural"],
        singular=names.get("singular") or "",
        version=name,
        group=spec["group"],
        is_namespaced=is_namespaced,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        has_generation=True,
        default=partial(_default, book),
        prepare_create=partial(_prepare_create, has_status),
        prepare_update=partial(_prepare_update, has_status),
        prepare_status=_prepare_status,
        validate_create=partial(_validate_create, book, is_namespaced),
        validate_update=partial(_validate_update, book),
        validate_status=partial(_validate_update, book) if has_status else nothing_wrong,
        warnings=partial(_warnings, version, book),
        status_warnings=lambda new: _warnings(version, book, new, new),
        columns=tuple(_columns(version)),
        subresources=subresources,
        selectable_fields=_selectable(version),
        allows_unconditional_update=False,
        schema=whole,
        shape=schema.shape_of(whole, _of_every_object()),
        stored_as="" if is_stored else id_,
        to_stored=partial(_in_version, f"{spec['group']}/{stored}"),
        from_stored=partial(_in_version, f"{spec['group']}/{name}"),
    )


def _of_every_object() -> Mapping[str, Shape]:
    text = Shape("scalar", "string")
    return {"apiVersion": text, "kind": text, "metadata": types.shape_of("meta.v1.ObjectMeta")}


def _in_version(api_version: str, obj: Json) -> Json:
    return obj if obj.get("apiVersion") == api_version else {**obj, "apiVersion": api_version}


def _default(book: Rulebook, obj: Json) -> Json:
    """Pruned and filled in; the metadata is typed, whatever the schema says of it. Raises DecodingError."""
    metadata = obj.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise DecodingError("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    typed, whole = decoding.canonical("meta.v1.ObjectMeta", metadata), book.schema
    made: Json = schema.with_defaults(schema.pruned({**obj, "metadata": typed}, whole), whole)
    return embedded.typed(made, whole) if book.has_embedded else made


def _prepare_create(has_status: bool, obj: Json) -> Json:
    return without(obj, "status") if has_status else obj


def _prepare_update(has_status: bool, new: Json, old: Json) -> Json:
    if not has_status:
        return new
    rest = without(new, "status")
    return {**rest, "status": old["status"]} if "status" in old else rest


def _prepare_status(new: Json, old: Json) -> Json:
    """The status alone is taken, and whose fields they are."""
    managed = new["metadata"].get("managedFields")
    metadata = {**old["metadata"], **({"managedFields": managed} if managed else {})}
    kept: dict[str, Any] = {**without(old, "status"), "metadata": metadata}
    return {**kept, "status": new["status"]} if "status" in new else kept


def _validate_create(book: Rulebook, is_namespaced: bool, obj: Json) -> Sequence[FieldError]:
    named = liberal(objectmeta.validate_create(obj, subdomain_faults, is_namespaced=is_namespaced))
    return [*named, *book.errors(obj)]


def _validate_update(book: Rulebook, new: Json, old: Json) -> Sequence[FieldError]:
    return [*liberal(objectmeta.validate_update(new, old)), *book.errors(new, old)]


def _warnings(version: Json, book: Rulebook, new: Json, old: Json | None) -> Sequence[str]:
    """That the version is old, and what an update has left as wrong as it was: asked right after validation."""
    told = book.tolerated if old is not None else ()
    if not version.get("deprecated"):
        return told
    is_old = f"{new.get('apiVersion', '')} {new.get('kind', '')} is deprecated"
    return (version.get("deprecationWarning") or is_old, *told)


def _subresources(version: Json) -> Iterator[Subresource]:
    asked = version.get("subresources") or {}
    if asked.get("status") is not None:
        yield Subresource("status")
    scale = asked.get("scale")
    if scale:
        paths = (scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath") or "")
        yield Subresource("scale", kind="Scale", group="autoscaling", version="v1", paths=paths)


def _selectable(version: Json) -> Mapping[str, Callable[[Json], str]]:
    paths = [found["jsonPath"] for found in version.get("selectableFields") or ()]
    return {path.removeprefix("."): partial(_selected, path) for path in paths}


def _selected(path: str, obj: Json) -> str:
    value = jsonpath.first(path, obj)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _columns(version: Json) -> Iterator[Column]:
    yield NAME
    asked = version.get("additionalPrinterColumns")
    if asked is None:
        yield AGE
    for column in asked or ():
        yield Column(
            column["name"],
            partial(_cell, column["jsonPath"], column.get("type", "string")),
            column.get("type", "string"),
            column.get("format", ""),
            column.get("description", ""),
            column.get("priority", 0),
        )


def _cell(path: str, sort: str, obj: Json, now: Now) -> Any:
    """The first value at the path, as the column's type wants it; nothing where it is of another."""
    value = jsonpath.first(path, obj)
    if value is None or sort == "string":
        return value if value is None or isinstance(value, str) else fields.shown(value)
    if sort == "date":
        return since(value, now) if isinstance(value, str) else None
    if isinstance(value, bool) or sort == "boolean":
        return value if isinstance(value, bool) and sort == "boolean" else None
    if not isinstance(value, int | float):
        return None
    return int(value) if sort == "integer" else value
