"""Nobody gives away what they have not: who writes a role or a binding must hold all that it grants."""

from collections.abc import Iterator, Sequence

from stead.api import authorization
from stead.api.core import Call, Core
from stead.machinery import errors, meta
from stead.machinery.errors import Forbidden
from stead.machinery.keys import Key
from stead.machinery.objects import Json, encode

GROUP = "rbac.authorization.k8s.io"


def on_role(core: Core, call: Call, obj: Json) -> Json:
    """A Role or ClusterRole as it is; raises Forbidden."""
    _require(core, call, obj, obj.get("rules") or [])
    return obj


def on_binding(core: Core, call: Call, obj: Json) -> Json:
    """A RoleBinding or ClusterRoleBinding as it is; raises Forbidden. A role that is not there grants nothing."""
    reference = obj.get("roleRef") or {}
    namespace = meta.namespace(obj) if reference.get("kind") == "Role" else ""
    row = core.store.get(Key(str(reference.get("kind", "")), namespace, str(reference.get("name", ""))))
    _require(core, call, obj, (row.obj.get("rules") or []) if row else [])
    return obj


def on_role_update(core: Core, call: Call, new: Json, old: Json) -> Json:
    return new if new.get("rules") == old.get("rules") else on_role(core, call, new)


def on_binding_update(core: Core, call: Call, new: Json, old: Json) -> Json:
    same = all(new.get(part) == old.get(part) for part in ("roleRef", "subjects"))
    return new if same else on_binding(core, call, new)


def _require(core: Core, call: Call, obj: Json, rules: Sequence[Json]) -> None:
    if authorization.MASTERS in call.user.groups:
        return
    held = [rule for part in authorization.rules_for(core, call.user, meta.namespace(obj)) for rule in part]
    beyond = [piece for rule in rules for piece in _pieces(rule) if not any(_covers(one, piece) for one in held)]
    if beyond:
        plural = f"{obj['kind'].lower()}s"
        name, groups = meta.name(obj), encode(list(call.user.groups)).decode()
        told = (
            f'{errors.qualified(plural, GROUP)} "{name}" is forbidden: user "{call.user.name}" (groups={groups}) is '
            "attempting to grant RBAC permissions not currently held:\n" + "\n".join(map(_shown, beyond))
        )
        raise Forbidden(told, details=errors.named(plural, GROUP, name))


def _pieces(rule: Json) -> Iterator[Json]:
    """A rule as the single grants it is made of."""
    names: Sequence[str] = rule.get("resourceNames") or [""]
    for verb in rule.get("verbs") or ():
        for url in rule.get("nonResourceURLs") or ():
            yield {"nonResourceURLs": [url], "verbs": [verb]}
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                for name in names:
                    piece = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                    yield {**piece, "resourceNames": [name]} if name else piece


def _covers(held: Json, piece: Json) -> bool:
    """Whether one rule holds a single grant."""
    if not _has(held, piece, "verbs"):
        return False
    if "nonResourceURLs" in piece:
        wanted = piece["nonResourceURLs"][0]
        return any(url in ("*", wanted) or _starts(url, wanted) for url in held.get("nonResourceURLs") or ())
    names = held.get("resourceNames") or ()
    named = not names or (bool(piece.get("resourceNames")) and piece["resourceNames"][0] in names)
    return named and _has(held, piece, "apiGroups") and _has(held, piece, "resources")


def _has(held: Json, piece: Json, field: str) -> bool:
    found = held.get(field) or ()
    return "*" in found or piece[field][0] in found


def _starts(url: str, wanted: str) -> bool:
    return url.endswith("*") and wanted.startswith(url[:-1])


def _shown(piece: Json) -> str:
    """As Go prints a rule: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`."""
    words = {"apiGroups": "APIGroups", "resources": "Resources", "resourceNames": "ResourceNames"}
    words |= {"nonResourceURLs": "NonResourceURLs", "verbs": "Verbs"}
    parts = [f"{word}:{encode(piece[field]).decode()}" for field, word in words.items() if field in piece]
    return "{" + ", ".join(parts) + "}"
