"""May this user do that? Roles and their bindings say so (RBAC); nobody may do what no rule allows.

Asked before every verb that comes over HTTP. `system:masters` may do everything.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from stead.api.core import Core
from stead.api.request import User
from stead.machinery.errors import Forbidden, qualified
from stead.machinery.keys import Key
from stead.machinery.objects import Json

MASTERS = "system:masters"
ACCOUNT = "system:serviceaccount:"
EVERYBODYS_PATHS = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")
EVERYBODYS_REVIEWS = ("selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews")


class Deed(Struct, frozen=True):
    """What somebody wants to do. `path` is set instead of the rest for URLs that name no resource."""

    verb: str
    group: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    path: str = ""

    @property
    def resource(self) -> str:
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural


Authorize = Callable[[User, Deed], str | None]  # the reason to refuse ("" for none worth telling), None: go ahead


def by_roles(core: Core) -> Authorize:
    """The rules of this cluster's Roles and ClusterRoles."""

    def authorize(user: User, deed: Deed) -> str | None:
        if _is_everybodys(deed) or any(_allows(rule, deed) for rule in _rules_of(core, user, deed.namespace)):
            return None
        return ""

    return authorize


def refusal(authorize: Authorize, user: User, deed: Deed) -> str | None:
    return None if MASTERS in user.groups else authorize(user, deed)


def require(authorize: Authorize, user: User, deed: Deed) -> None:
    """Raise Forbidden, in upstream's words, unless `user` may."""
    reason = refusal(authorize, user, deed)
    if reason is not None:
        raise _forbidden(user, deed, reason)


def rules_for(core: Core, user: User, namespace: str) -> tuple[list[Json], list[Json]]:
    """All that a user may do in a namespace: rules about resources, rules about paths."""
    if MASTERS in user.groups:
        everything: Json = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        return [everything], [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
    found = list(_rules_of(core, user, namespace))
    return [rule for rule in found if rule.get("resources")], [rule for rule in found if rule.get("nonResourceURLs")]


def _is_everybodys(deed: Deed) -> bool:
    if deed.path:
        return deed.verb == "get" and any(
            deed.path == path or deed.path.startswith(f"{path}/") for path in EVERYBODYS_PATHS
        )
    return deed.verb == "create" and deed.plural in EVERYBODYS_REVIEWS


def _rules_of(core: Core, user: User, namespace: str) -> Iterator[Json]:
    for row in core.store.rows("ClusterRoleBinding"):
        if _is_about(row.obj, user, ""):
            yield from _rules_in(core, row.obj, "")
    if namespace:
        for row in core.store.rows("RoleBinding", namespace):
            if _is_about(row.obj, user, namespace):
                yield from _rules_in(core, row.obj, namespace)


def _is_about(binding: Json, user: User, namespace: str) -> bool:
    return any(_is_subject(subject, user, namespace) for subject in binding.get("subjects") or ())


def _is_subject(subject: Json, user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == f"{ACCOUNT}{subject.get('namespace') or namespace}:{name}"
    return kind == "User" and name == user.name


def _rules_in(core: Core, binding: Json, namespace: str) -> Iterator[Json]:
    reference = binding.get("roleRef") or {}
    is_local = reference.get("kind") == "Role"
    key = Key(reference.get("kind", ""), namespace if is_local else "", reference.get("name", ""))
    row = core.store.get(key)
    yield from (row.obj.get("rules") or ()) if row else ()


def _allows(rule: Json, deed: Deed) -> bool:
    if not _has(rule, "verbs", deed.verb):
        return False
    if deed.path:
        return any(_covers(url, deed.path) for url in rule.get("nonResourceURLs") or ())
    names: list[Any] = rule.get("resourceNames") or []
    return _has(rule, "apiGroups", deed.group) and _names_resource(rule, deed) and (not names or deed.name in names)


def _has(rule: Json, field: str, wanted: str) -> bool:
    found = rule.get(field) or ()
    return wanted in found or "*" in found


def _names_resource(rule: Json, deed: Deed) -> bool:
    found = rule.get("resources") or ()
    return deed.resource in found or "*" in found or (bool(deed.subresource) and f"*/{deed.subresource}" in found)


def _covers(url: str, path: str) -> bool:
    return url in ("*", path) or (url.endswith("*") and path.startswith(url[:-1]))


def _forbidden(user: User, deed: Deed, reason: str) -> Forbidden:
    why = f": {reason}" if reason else ""
    if deed.path:
        return Forbidden(f'forbidden: User "{user.name}" cannot {deed.verb} path "{deed.path}"{why}', details={})
    named = f' "{deed.name}"' if deed.name else ""
    where = f'in the namespace "{deed.namespace}"' if deed.namespace else "at the cluster scope"
    told = (
        f"{qualified(deed.plural, deed.group)}{named} is forbidden: "
        f'User "{user.name}" cannot {deed.verb} resource "{deed.resource}" in API group "{deed.group}" {where}{why}'
    )
    details = {"name": deed.name, "group": deed.group, "kind": deed.plural}
    return Forbidden(told, details={key: value for key, value in details.items() if value})
