"""OpenAPI 3 documents of what is served, for clients that check and explain before they send (3.3 in wire.md)."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stead.api import keeping, openapiv2, schemas
from stead.api.core import Core
from stead.api.request import Request, Response
from stead.api.schemas import Schema
from stead.kinds.descriptions import Descriptions
from stead.kinds.kind import Kind, Subresource
from stead.kinds.registry import Registry
from stead.machinery.objects import Json, encode

ROOT = "/openapi/v3"
VERSION = "v1.36.2"
JSON = "application/json"
PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
BODIES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
OPTIONS = "meta.v1.DeleteOptions"
STATUS = "meta.v1.Status"
SUBRESOURCE_TYPES = {
    "Scale": "autoscaling.v1.Scale",
    "Eviction": "policy.v1.Eviction",
    "Binding": "core.v1.Binding",
    "TokenRequest": "authentication.v1.TokenRequest",
}
ACTIONS = {"get": "get", "post": "post", "put": "put", "patch": "patch", "delete": "delete"}
METHODS = {"create": "post", "get": "get", "update": "put", "patch": "patch", "delete": "delete"}


def answer(core: Core, request: Request) -> Response | None:
    """The index, one document, all in version 2, or None."""
    path = request.path.rstrip("/")
    if path == openapiv2.PATH:
        return openapiv2.answer(core.registry, VERSION, request.headers.get("accept", ""))
    if path == ROOT:
        index = encode({"paths": _index(core.registry)})
        return keeping.marked(request, Response(200, index), hashlib.sha256(index).hexdigest().upper())
    if not path.startswith(ROOT + "/"):
        return None
    place = path[len(ROOT) + 1 :]
    return _told(core.registry, request, place) if _kinds_at(core.registry, place) else None


def _told(registry: Registry, request: Request, place: str) -> Response:
    """A document asked for by its hash never changes; who has an older hash is sent to the newer one."""
    wanted, found = request.parameter("hash"), _document(registry, place)
    if wanted and wanted != found.mark:
        return Response(301, b"", headers=(("Location", _url(registry, place)),))
    headers = (("Cache-Control", keeping.FOREVER),) if wanted else ()
    return keeping.marked(request, Response(200, found.body, headers=headers), found.mark)


def _kinds_at(registry: Registry, place: str) -> list[Kind]:
    match place.split("/"):
        case ["api", version]:
            return registry.within("", version)
        case ["apis", group, version]:
            return registry.within(group, version)
    return []


def _index(registry: Registry) -> Json:
    places = dict.fromkeys(_place(kind) for kind in registry)
    return {place: {"serverRelativeURL": _url(registry, place)} for place in sorted(places)}


def _url(registry: Registry, place: str) -> str:
    return f"{ROOT}/{place}?hash={_document(registry, place).mark}"


def _place(kind: Kind) -> str:
    return f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"


class _Kept(NamedTuple):
    """A document as bytes, and their hash: it changes when they do, for clients keep what they have by it."""

    body: bytes
    mark: str


_documents: dict[tuple[str, ...], _Kept] = {}  # by what a document is made of; built-in kinds never change


def _document(registry: Registry, place: str) -> _Kept:
    kinds = _kinds_at(registry, place)
    made_of = (place, *(f"{kind.name} {kind.schema}" for kind in kinds))
    found = _documents.get(made_of)
    if found is None:
        if len(_documents) > 100:
            _documents.clear()
        body = encode(document(kinds))
        found = _documents[made_of] = _Kept(body, hashlib.sha256(body).hexdigest().upper())
    return found


def document(kinds: Sequence[Kind]) -> Json:
    """The OpenAPI document of one group and version."""
    paths: dict[str, Json] = {}
    for kind in kinds:
        paths |= _paths_of(kind)
    components = _schemas_of(kinds)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": components},
    }


def _schemas_of(kinds: Sequence[Kind]) -> Json:
    typed = [kind for kind in kinds if kind.type]
    subs = {SUBRESOURCE_TYPES[sub.kind] for kind in kinds for sub in kind.subresources if sub.kind in SUBRESOURCE_TYPES}
    roots = [*(kind.type for kind in typed), *subs, "meta.v1.ListMeta", "meta.v1.ObjectMeta", OPTIONS, STATUS]
    told = Descriptions()
    found = schemas.collected(iter(roots), told)
    found["io.k8s.apimachinery.pkg.apis.meta.v1.Patch"] = {"type": "object"}
    for kind in kinds:
        name = _schema_name(kind)
        schema: Schema = found.get(name) or schemas.custom(kind.schema or {}, told)
        found[name] = {**schema, "x-kubernetes-group-version-kind": [schemas.group_version_kind(kind)]}
        found[f"{name}List"] = schemas.list_of(kind, name, told)
    return dict(sorted(found.items()))


def _schema_name(kind: Kind) -> str:
    if kind.type:
        return schemas.name_of(kind.type)
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.name])


def _reference(kind: Kind) -> Schema:
    return {"$ref": schemas.PREFIX + _schema_name(kind)}


def _paths_of(kind: Kind) -> dict[str, Json]:
    root = f"/{_place(kind)}"
    collection = f"{root}/namespaces/{{namespace}}/{kind.plural}" if kind.is_namespaced else f"{root}/{kind.plural}"
    shared = [_path_parameter("namespace")] if kind.is_namespaced else []
    named = [_path_parameter("name"), *shared]
    paths: dict[str, Json] = {
        collection: {**_collection_operations(kind), "parameters": shared},
        f"{collection}/{{name}}": {**_operations(kind, kind.verbs, _reference(kind)), "parameters": named},
    }
    if kind.is_namespaced:
        paths[f"{root}/{kind.plural}"] = {"get": _listing(kind), "parameters": []}
    for sub in kind.subresources:
        shown = SUBRESOURCE_TYPES.get(sub.kind)
        schema = schemas.reference(shown) if shown else _reference(kind)
        operations = _operations(kind, sub.verbs, schema, sub)
        paths[f"{collection}/{{name}}/{sub.name}"] = {**operations, "parameters": named}
    return paths


def _collection_operations(kind: Kind) -> dict[str, Json]:
    found = {"get": _listing(kind)}
    if "create" in kind.verbs:
        found["post"] = _operation(kind, "post", _reference(kind), media=BODIES)
    if "deletecollection" in kind.verbs:
        sent = schemas.reference(OPTIONS)
        found["delete"] = _operation(kind, "deletecollection", schemas.reference(STATUS), media=BODIES, sent=sent)
    return found


def _listing(kind: Kind) -> Json:
    name = f"{_schema_name(kind)}List"
    return _operation(kind, "list", {"$ref": schemas.PREFIX + name})


def _operations(kind: Kind, verbs: Sequence[str], schema: Schema, sub: Subresource | None = None) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for verb, method in METHODS.items():
        if verb not in verbs or (verb == "create" and sub is None):
            continue
        shown = schemas.reference(STATUS) if verb == "delete" else schema
        sent = schemas.reference(OPTIONS) if verb == "delete" else schema
        media = {"get": (), "patch": _patch_media(kind)}.get(verb, BODIES)
        found[method] = _operation(kind, method, shown, media=media, sent=sent, sub=sub)
    return found


def _patch_media(kind: Kind) -> tuple[str, ...]:
    return PATCHES if kind.type else PATCHES[:3]


def _operation(
    kind: Kind,
    action: str,
    shown: Schema,
    *,
    media: Sequence[str] = (),
    sent: Schema | None = None,
    sub: Subresource | None = None,
) -> Json:
    made: dict[str, Any] = {
        "operationId": _operation_id(kind, action, sub),
        "tags": [f"{kind.group.partition('.')[0] or 'core'}_{kind.version}"],
        "parameters": [_query_parameter(name, sort) for name, sort in PARAMETERS.get(action, ())],
        "responses": {"200": {"description": "OK", "content": {JSON: {"schema": shown}}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _told_kind(kind, sub),
    }
    if media:
        patch = {"$ref": schemas.PREFIX + "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"}
        schema = patch if action == "patch" else sent or shown
        made["requestBody"] = {"content": {one: {"schema": schema} for one in media}}
    return made


def _operation_id(kind: Kind, action: str, sub: Subresource | None) -> str:
    words = {"post": "create", "get": "read", "put": "replace", "deletecollection": "deleteCollection"}
    group = kind.group.partition(".")[0] or "core"
    scope = "Namespaced" if kind.is_namespaced else ""
    part = sub.name.capitalize() if sub else ""
    return f"{words.get(action, action)}{group.capitalize()}{kind.version.upper()}{scope}{kind.name}{part}"


def _told_kind(kind: Kind, sub: Subresource | None) -> Schema:
    if sub is None or not sub.kind:
        return schemas.group_version_kind(kind)
    version = sub.version or kind.version
    return {"group": sub.group if sub.version else kind.group, "kind": sub.kind, "version": version}


WRITING = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"), ("pretty", "string"))
READING = (
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
DELETING = (
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
)
PARAMETERS: Mapping[str, Sequence[tuple[str, str]]] = {
    "get": (("pretty", "string"),),
    "list": READING,
    "post": WRITING,
    "put": WRITING,
    "patch": (*WRITING, ("force", "boolean")),
    "delete": DELETING,
    "deletecollection": (*DELETING, *READING),
}


def _query_parameter(name: str, sort: str) -> Json:
    return {"name": name, "in": "query", "schema": {"type": sort, "uniqueItems": True}}


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}
