"""An action becomes a request, a reply becomes an outcome: both pure, and the doing between them.

The preconditions of a plan go along: a revision as `metadata.resourceVersion`, a uid in the patch or in the options of
a deletion.
"""

from typing import Any, assert_never
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from stead.kinds.paths import path_of
from stead.kinds.registry import BUILT_IN
from stead.kube.kubeconfig import KubeconfigError
from stead.kube.transport import Reply, Transport, Unreachable
from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, decode, dig, encode, without
from stead.machinery.plan import Bind, Create, Delete, Done, Lost, Outcome, Patch, Refused, Update

MANAGER = "stead-controller"  # whose fields these are in managedFields
MERGE = "application/merge-patch+json"
WRITE_SECONDS = 34.0  # a server gives up after 30

Write = Create | Update | Patch | Delete | Bind

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}  # where an answer is no Status: a proxy's, mostly


class Asked(Struct, frozen=True):
    """A request, before it is sent."""

    method: str
    path: str
    body: bytes = b""
    media: str = "application/json"


class Writer:
    """Carries out the actions that go to the API."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def carry_out(self, action: Write) -> Outcome:
        """Raises nothing: what cannot be reached is an outcome too."""
        asked = request_of(action)
        try:
            reply = await self._transport.ask(asked.method, asked.path, asked.body, asked.media, seconds=WRITE_SECONDS)
        except Unreachable as error:
            return Lost(str(error)) if error.is_sent else Refused("ServiceUnavailable", str(error))
        except KubeconfigError as error:
            return Refused("Unauthorized", str(error))
        return outcome_of(action, reply)


def request_of(action: Write) -> Asked:
    match action:
        case Create(obj):
            kind = BUILT_IN.by_id(obj["kind"])
            return Asked("POST", _path(path_of(kind, meta.namespace(obj))), encode(obj))
        case Update(obj, subresource):
            kind = BUILT_IN.by_id(obj["kind"])
            path = path_of(kind, meta.namespace(obj), meta.name(obj), subresource)
            return Asked("PUT", _path(path), encode(without(obj, "metadata", "managedFields")))
        case Patch(key, body, subresource):
            path = path_of(BUILT_IN.by_id(key.kind), key.namespace, key.name, subresource)
            if not body:
                return Asked("GET", path)  # nothing to change: only the conditions are asked, of the live object (CL-3)
            return Asked("PATCH", _path(path), encode(_with_conditions(action)), MERGE)
        case Delete(key):
            path = path_of(BUILT_IN.by_id(key.kind), key.namespace, key.name)
            return Asked("DELETE", path, encode(_delete_options(action)))
        case Bind(pod, uid, node):
            path = path_of(BUILT_IN.by_id("Pod"), pod.namespace, pod.name, "binding")
            body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name, "uid": uid}}
            return Asked("POST", path, encode({**body, "target": {"kind": "Node", "name": node}}))
    assert_never(action)


def outcome_of(action: Write, reply: Reply) -> Outcome:
    found = _decoded(reply.body)
    if reply.code < 300:
        if isinstance(action, Patch) and not action.body:
            return _judged(action, found)
        return Done(found if found.get("kind") not in (None, "Status") else None)
    reason = str(found.get("reason") or REASONS.get(reply.code, "InternalError"))
    if reason == "Invalid" and isinstance(action, Patch) and action.uid and _is_about_uid(found):
        reason = "Conflict"  # the name has another bearer: what a precondition would have said
    after = reply.headers.get("retry-after", "") or str(dig(found, "details", "retryAfterSeconds", default=""))
    message = str(found.get("message") or reply.body[:200].decode(errors="replace"))
    return Refused(reason, message, float(after) if after.isdecimal() else None)


def _judged(action: Patch, live: Json) -> Outcome:
    """Whether the conditions of an empty patch hold of what is there."""
    kind = BUILT_IN.by_id(action.key.kind)
    told = f'Operation cannot be fulfilled on {kind.plural} "{action.key.name}"'
    if action.uid and meta.uid(live) != action.uid:
        return Refused("Conflict", f"{told}: it is another object of that name now")
    if action.if_revision and meta.resource_version(live) != action.if_revision:
        return Refused("Conflict", f"{told}: the object has been modified")
    return Done(live)


def _with_conditions(action: Patch) -> Json:
    conditions = {"uid": action.uid, "resourceVersion": action.if_revision}
    wanted = {name: value for name, value in conditions.items() if value}
    return {**action.body, "metadata": {**action.body.get("metadata", {}), **wanted}} if wanted else action.body


def _delete_options(action: Delete) -> Json:
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": action.policy}
    if action.uid:
        options["preconditions"] = {"uid": action.uid}
    if action.grace_seconds is not None:
        options["gracePeriodSeconds"] = action.grace_seconds
    return options


def _path(path: str) -> str:
    return f"{path}?{urlencode({'fieldManager': MANAGER})}"


def _is_about_uid(status: Json) -> bool:
    return any(cause.get("field") == "metadata.uid" for cause in dig(status, "details", "causes", default=()))


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def target_of(action: Write) -> Any:
    """The key of what is written."""
    match action:
        case Create(obj) | Update(obj):
            return key_of(obj["kind"], obj)
        case Bind(pod):
            return pod
    return action.key
