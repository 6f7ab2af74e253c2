"""What is served here: the lists by which clients find kinds, old and aggregated (3.2 in wire.md)."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from stead.api import keeping, refusals
from stead.api.core import Core
from stead.api.request import Request, Response
from stead.kinds.kind import Kind, Subresource
from stead.kinds.registry import Group, Registry
from stead.machinery.objects import Json, encode

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-06-01T00:00:00Z",
    "goVersion": "go1.25",
    "compiler": "stead",
    "platform": "python",
}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
HEALTH = ("/healthz", "/livez", "/readyz")
CHECKS = ("ping", "log", "store")
ROOTS = ("/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version")


def answer(core: Core, request: Request) -> Response | None:
    """The answer of a discovery path, None for every other."""
    steps = request.path.strip("/").split("/")
    found = _told(core, request, steps)
    if found is not None and request.method != "GET" and steps[0] in ("api", "apis", "version"):
        raise refusals.WrongMethod()
    return found


def _told(core: Core, request: Request, steps: list[str]) -> Response | None:
    match steps:
        case [""]:
            return _json({"paths": _paths(core.registry)})
        case ["version"]:
            return _json(VERSION)
        case ["healthz" | "livez" | "readyz", *check]:
            return _health(request, "/".join(check))
        case ["api"]:
            return _aggregated(core, request, is_core=True) or _json(_core_versions(core))
        case ["apis"]:
            return _aggregated(core, request, is_core=False) or _json(_groups(core.registry))
        case ["api", version]:
            return _resources(core.registry, "", version)
        case ["apis", group]:
            return _group(core.registry, group)
        case ["apis", group, version]:
            return _resources(core.registry, group, version)
    return None


def is_known(registry: Registry, path: str) -> bool:
    """Whether the path is within an API that is served, so that a Status and not a page says what is missing."""
    steps = path.strip("/").split("/")
    if steps[0] == "api":
        return len(steps) > 1
    return steps[0] == "apis" and len(steps) > 2 and bool(registry.within(steps[1], steps[2]))


def _json(value: Any) -> Response:
    return Response(200, encode(value))


def _paths(registry: Registry) -> list[str]:
    found = [*ROOTS, *(f"/api/{version}" for version in _core_version_names(registry))]
    for group in registry.groups():
        found += [f"/apis/{group.name}", *(f"/apis/{group.name}/{version}" for version in group.versions)]
    return sorted(found)


def _health(request: Request, check: str) -> Response:
    name = request.path.strip("/").partition("/")[0]
    if check and check not in CHECKS:
        return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")
    if check or not any(key == "verbose" for key, _ in request.query):
        return Response(200, b"ok", "text/plain; charset=utf-8")
    lines = [f"[+]{one} ok" for one in CHECKS] + [f"{name} check passed", ""]
    return Response(200, "\n".join(lines).encode(), "text/plain; charset=utf-8")


def _core_version_names(registry: Registry) -> list[str]:
    return sorted({kind.version for kind in registry if not kind.group})


def _core_versions(core: Core) -> Json:
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": core.settings.server_address}]
    versions = _core_version_names(core.registry)
    return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": addresses}


def _groups(registry: Registry) -> Json:
    listed = [_group_entry(group) for group in registry.groups()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def _group(registry: Registry, name: str) -> Response | None:
    found = next((group for group in registry.groups() if group.name == name), None)
    return _json({"kind": "APIGroup", "apiVersion": "v1", **_group_entry(found)}) if found else None


def _group_entry(group: Group) -> Json:
    versions = [{"groupVersion": f"{group.name}/{version}", "version": version} for version in group.versions]
    return {"name": group.name, "versions": versions, "preferredVersion": versions[0]}


def _resources(registry: Registry, group: str, version: str) -> Response | None:
    kinds = registry.within(group, version)
    if not kinds:
        return None
    entries = sorted((entry for kind in kinds for entry in _entries(kind)), key=lambda entry: str(entry["name"]))
    group_version = f"{group}/{version}" if group else version
    body = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}
    return _json(body)


def _entries(kind: Kind) -> Iterable[Json]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular_name,
        "namespaced": kind.is_namespaced,
        "kind": kind.name,
        "verbs": sorted(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    entry["storageVersionHash"] = storage_hash(kind)
    yield entry
    for sub in kind.subresources:
        yield _sub_entry(kind, sub)


def _sub_entry(kind: Kind, sub: Subresource) -> Json:
    entry: dict[str, Any] = {
        "name": f"{kind.plural}/{sub.name}",
        "singularName": "",
        "namespaced": kind.is_namespaced,
    }
    if sub.group:
        entry["group"] = sub.group
    if sub.version:
        entry["version"] = sub.version
    return {**entry, "kind": sub.kind or kind.name, "verbs": sorted(sub.verbs)}


def storage_hash(kind: Kind) -> str:
    """A short name for the form in which a kind is stored; clients compare it, nobody reads it."""
    text = f"{kind.group}/{kind.version}/{kind.name}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()


def _aggregated(core: Core, request: Request, *, is_core: bool) -> Response | None:
    """All groups with all their resources in one answer, where the Accept header puts that first."""
    version = _aggregated_version(request.headers.get("accept", ""))
    if version is None:
        return None
    registry = core.registry
    groups = [Group("", tuple(_core_version_names(registry)))] if is_core else registry.groups()
    items = [_aggregated_group(registry, group) for group in groups]
    body = {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }
    told = encode(body)
    headers = (("Cache-Control", "public"), ("Vary", "Accept"))
    whole = Response(200, told, AGGREGATED.format(version=version), headers=headers)
    return keeping.marked(request, whole, hashlib.sha256(told).hexdigest().upper())


def _aggregated_version(accept: str) -> str | None:
    for clause in accept.split(","):
        media, *parameters = [part.strip() for part in clause.split(";")]
        given = dict(parameter.partition("=")[::2] for parameter in parameters)
        if media not in ("application/json", "application/*", "*/*", ""):
            continue
        if not given.get("as"):
            return None
        if given.get("as") == "APIGroupDiscoveryList" and given.get("g") == "apidiscovery.k8s.io":
            version = given.get("v", "")
            if version in ("v2", "v2beta1"):
                return version
    return None


def _aggregated_group(registry: Registry, group: Group) -> Json:
    versions = [
        {
            "version": version,
            "resources": [_aggregated_kind(kind) for kind in sorted(registry.within(group.name, version), key=_plural)],
            "freshness": "Current",
        }
        for version in group.versions
    ]
    return {"metadata": {"name": group.name} if group.name else {}, "versions": versions}


def _plural(kind: Kind) -> str:
    return kind.plural


def _aggregated_kind(kind: Kind) -> Json:
    entry: dict[str, Any] = {
        "resource": kind.plural,
        "responseKind": _response_kind(kind.group, kind.version, kind.name),
        "scope": "Namespaced" if kind.is_namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "verbs": sorted(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [_aggregated_sub(kind, sub) for sub in sorted(kind.subresources, key=lambda s: s.name)]
    return entry


def _aggregated_sub(kind: Kind, sub: Subresource) -> Json:
    group, version = (sub.group, sub.version) if sub.version else (kind.group, kind.version)
    shown = _response_kind(group, version, sub.kind or kind.name)
    return {"subresource": sub.name, "responseKind": shown, "verbs": sorted(sub.verbs)}


def _response_kind(group: str, version: str, kind: str) -> Json:
    return {"group": group, "version": version, "kind": kind}
