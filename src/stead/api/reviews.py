"""Questions asked by creating an object that is never kept: may I, may they, who am I, whose token is this?"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from stead.api import authorization, managed, tokens
from stead.api.authorization import Authorize, Deed
from stead.api.core import Call, Core, Written, not_written
from stead.api.request import User
from stead.kinds.kind import Kind
from stead.kinds.shownstructs import as_struct
from stead.machinery import errors, fields
from stead.machinery.errors import BadRequest
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

AUTHORIZATION, AUTHENTICATION = "authorization.k8s.io", "authentication.k8s.io"


def _review(name: str, group: str, *, is_namespaced: bool = False) -> Kind:
    return Kind(
        id=name,
        name=name,
        plural=f"{name.lower()}s",
        version="v1",
        group=group,
        is_namespaced=is_namespaced,
        verbs=("create",),
        type=f"{group.partition('.')[0]}.v1.{name}",
    )


KINDS = (
    _review("SelfSubjectReview", AUTHENTICATION),
    _review("TokenReview", AUTHENTICATION),
    _review("LocalSubjectAccessReview", AUTHORIZATION, is_namespaced=True),
    _review("SelfSubjectAccessReview", AUTHORIZATION),
    _review("SelfSubjectRulesReview", AUTHORIZATION),
    _review("SubjectAccessReview", AUTHORIZATION),
)
IDS = frozenset(kind.id for kind in KINDS)


def answer(core: Core, call: Call, kind: Kind, asked: tuple[Json, Authorize]) -> Written:
    """The review with its status; raises Invalid where the question is none."""
    obj, authorize = asked
    missing = _missing(kind, obj.get("spec") or {})
    if missing:
        raise BadRequest(missing)
    wrong = list(_errors(kind, obj))
    if wrong:
        raise errors.invalid("", kind.group, "", wrong)  # upstream forgets which kind it was
    status = ANSWERS[kind.id](core, call, obj, authorize)
    return not_written({**managed.created(call, kind, obj), "status": status}, is_created=True)


def _missing(kind: Kind, spec: Json) -> str:
    """What a question cannot do without."""
    if kind.id == "TokenReview" and not spec.get("token"):
        return "token is required for TokenReview in authentication"
    if kind.id == "SelfSubjectRulesReview" and not spec.get("namespace"):
        return "no namespace on request"
    return ""


def _errors(kind: Kind, obj: Json) -> Iterable[FieldError]:
    if kind.id in ("TokenReview", "SelfSubjectReview", "SelfSubjectRulesReview"):
        return
    spec = obj.get("spec") or {}
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource and path:
        told = "cannot be specified in combination with resourceAttributes"
        yield fields.invalid("spec.nonResourceAttributes", _shown_path(path), told)
    if not resource and not path:
        told = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        yield fields.invalid("spec.resourceAttributes", None, told)
    if kind.id != "SelfSubjectAccessReview" and not spec.get("user") and not spec.get("groups"):
        yield fields.invalid("spec.user", "", "at least one of user or group must be specified")
    if kind.is_namespaced:
        yield from _local_errors(obj, resource, path)


def _local_errors(obj: Json, resource: Json | None, path: Json | None) -> Iterable[FieldError]:
    """Who may ask in one namespace alone asks about that one."""
    asked = (resource or {}).get("namespace", "")
    if resource and asked != obj["metadata"].get("namespace", ""):
        yield fields.invalid("spec.resourceAttributes.namespace", asked, "must match metadata.namespace")
    if path:
        yield fields.invalid("spec.nonResourceAttributes", _shown_path(path), "disallowed on this kind of request")


def _shown_path(path: Json) -> Json:
    return as_struct("authorization.v1.NonResourceAttributes", path)


def _whoami(core: Core, call: Call, obj: Json, authorize: Authorize) -> Json:
    return {"userInfo": user_info(call.user)}


def user_info(user: User) -> Json:
    told: dict[str, Any] = {"username": user.name, "groups": list(user.groups)}
    return {**told, "uid": user.uid} if user.uid else told


def _token(core: Core, call: Call, obj: Json, authorize: Authorize) -> Json:
    audiences = dig(obj, "spec", "audiences", default=[])
    user = tokens.bearer(core, dig(obj, "spec", "token", default=""), call.now, audiences)
    if user is None:
        return {"user": {}, "error": "the token is not known here"}
    return {"authenticated": True, "user": user_info(user), "audiences": audiences or [tokens.issuer(core)]}


def _self_access(core: Core, call: Call, obj: Json, authorize: Authorize) -> Json:
    return _verdict(authorize, call.user, deed_of(obj["spec"]))


def _access(core: Core, call: Call, obj: Json, authorize: Authorize) -> Json:
    spec = obj["spec"]
    user = User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "")
    deed = deed_of(spec)
    namespace = obj["metadata"].get("namespace", "")
    return _verdict(authorize, user, replace(deed, namespace=namespace) if namespace else deed)


def _verdict(authorize: Authorize, user: User, deed: Deed) -> Json:
    reason = authorization.refusal(authorize, user, deed)
    return {"allowed": True} if reason is None else {"allowed": False, **({"reason": reason} if reason else {})}


def deed_of(spec: Json) -> Deed:
    """What a review asks about."""
    path = spec.get("nonResourceAttributes")
    if path:
        return Deed(path.get("verb", ""), path=path.get("path", ""))
    asked = spec.get("resourceAttributes") or {}
    names = ("group", "resource", "namespace", "name", "subresource")
    group, plural, namespace, name, subresource = (asked.get(field, "") for field in names)
    return Deed(asked.get("verb", ""), group, plural, namespace, name, subresource)


def _rules(core: Core, call: Call, obj: Json, authorize: Authorize) -> Json:
    namespace = dig(obj, "spec", "namespace", default="")
    resource, other = authorization.rules_for(core, call.user, namespace)
    return {"resourceRules": resource, "nonResourceRules": other, "incomplete": False}


ANSWERS: Mapping[str, Callable[[Core, Call, Json, Authorize], Json]] = {
    "SelfSubjectReview": _whoami,
    "TokenReview": _token,
    "SelfSubjectAccessReview": _self_access,
    "SubjectAccessReview": _access,
    "LocalSubjectAccessReview": _access,
    "SelfSubjectRulesReview": _rules,
}
