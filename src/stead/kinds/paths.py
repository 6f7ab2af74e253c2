"""The URL of an object and the object of a URL. Server and client share it, so the two cannot disagree."""

from urllib.parse import quote, unquote

from msgspec import Struct

from stead.kinds.kind import Kind
from stead.kinds.registry import Registry


class Target(Struct, frozen=True):
    """What a URL names, whatever is to be done with it.

    A collection has no `name`; a namespaced kind's collection without `namespace` is that of all namespaces.
    `rest` is what follows a subresource (`/proxy/some/path`), without its slash.
    """

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    is_watch_prefix: bool = False
    rest: str = ""

    @property
    def is_collection(self) -> bool:
        return not self.name


def target_of(path: str, registry: Registry) -> Target | None:
    """What `/apis/apps/v1/namespaces/default/statefulsets/web/scale` names; None where no kind is served there."""
    steps = [unquote(step) for step in path.strip("/").split("/")]
    group, version, steps = _group_version(steps)
    is_watch_prefix = steps[:1] == ["watch"]
    steps = steps[1:] if is_watch_prefix else steps
    found = _namespaced(group, version, steps, registry) or _unscoped(group, version, steps, registry)
    if found is None or not _is_served(found):
        return None
    return Target(found.kind, found.namespace, found.name, found.subresource, is_watch_prefix, found.rest)


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    """The path of an object, of its subresource, or (without a name) of a collection."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    scope = ["namespaces", namespace] if namespace and kind.is_namespaced else []
    steps = [*scope, kind.plural, name, subresource]
    return "/".join([root, *(quote(step, safe=":") for step in steps if step)])


def _group_version(steps: list[str]) -> tuple[str, str, list[str]]:
    if steps[0] == "api" and len(steps) > 2:
        return "", steps[1], steps[2:]
    if steps[0] == "apis" and len(steps) > 3:
        return steps[1], steps[2], steps[3:]
    return "", "", []


def _namespaced(group: str, version: str, steps: list[str], registry: Registry) -> Target | None:
    """`namespaces/NAME/PLURAL[/NAME[/SUBRESOURCE]]`."""
    if len(steps) < 3 or steps[0] != "namespaces":
        return None
    kind = registry.by_path(group, version, steps[2])
    if kind is None or not kind.is_namespaced or not steps[1]:
        return None
    return _with_rest(kind, steps[1], steps[3:])


def _unscoped(group: str, version: str, steps: list[str], registry: Registry) -> Target | None:
    """`PLURAL[/NAME[/SUBRESOURCE]]`: a cluster's kind, or a namespaced kind in all namespaces."""
    kind = registry.by_path(group, version, steps[0]) if steps else None
    if kind is None or (kind.is_namespaced and len(steps) > 1):
        return None
    return _with_rest(kind, "", steps[1:])


def _with_rest(kind: Kind, namespace: str, steps: list[str]) -> Target:
    name, subresource, *rest = [*steps, "", ""]
    return Target(kind, namespace, name, subresource, rest="/".join(rest).rstrip("/"))


def _is_served(target: Target) -> bool:
    """Only `proxy` has paths below it; an empty name with something behind it is no URL of ours."""
    if target.rest and target.subresource != "proxy":
        return False
    if not target.name:
        return not target.subresource
    return not target.subresource or target.kind.subresource(target.subresource) is not None
