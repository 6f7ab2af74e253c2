"""The parts of an object that have a door of their own: binding, eviction, finalize (3.7 in wire.md)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from stead.api import bodies, disruption, managed, options, refusals, scale, tokens, verbs
from stead.api.core import Call, Core, Written, key_in, not_written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds import namespace
from stead.kinds.kind import Kind
from stead.machinery import errors, fields, meta, times
from stead.machinery.errors import BadRequest, Conflict, Nameless
from stead.machinery.goprint import quoted
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

BINDING = Kind(id="Binding", name="Binding", plural="bindings", version="v1", type="core.v1.Binding")
EVICTION = Kind(
    id="Eviction", name="Eviction", plural="evictions", version="v1", group="policy", type="policy.v1.Eviction"
)


def _with_seconds(obj: Json) -> Json:
    spec = obj.get("spec") or {}
    wanted = spec.get("expirationSeconds")
    return {**obj, "spec": {**spec, "expirationSeconds": tokens.DEFAULT_SECONDS if wanted is None else wanted}}


TOKEN_REQUEST = Kind(
    id="TokenRequest",
    name="TokenRequest",
    plural="tokenrequests",
    version="v1",
    group="authentication.k8s.io",
    type="authentication.v1.TokenRequest",
    default=_with_seconds,
)
Answer = Callable[[Core, Call, Place, Request], Written]


def success(code: int) -> Written:
    """What is answered where there is nothing to show."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}
    return Written(status, is_created=code == 201)


def post_binding(core: Core, call: Call, place: Place, request: Request) -> Written:
    given = bodies.read(core, call, BINDING, request)
    if meta.name(given) != place.name:
        raise BadRequest("name in URL does not match name in Binding object")
    target = given.get("target") or {}
    wrong = [str(error) for error in _target_errors(target)]
    if wrong:  # upstream tells these without a Status of their own
        raise Nameless(wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]")
    bind(core, call, (place.key, meta.uid(given)), target["name"], annotations=meta.annotations(given))
    return success(201)


def _target_errors(target: Json) -> Iterator[fields.FieldError]:
    if target.get("kind") not in (None, "", "Node"):
        yield fields.not_supported("target.kind", target["kind"], ["Node", "<empty>"])
    if not target.get("name"):
        yield fields.required("target.name")


def bind(core: Core, call: Call, pod: tuple[Key, str], node: str, *, annotations: Json | None = None) -> None:
    """Give a pod its node, once. `pod`: its key and, unless "", the uid meant. Raises NotFound and Conflict."""
    key, uid = pod
    row = core.store.get(key)
    if row is None:
        raise errors.not_found("pods", "", key.name)
    obj = row.obj
    if uid and uid != meta.uid(obj):
        raise refusals.wrong_uid(core.registry.by_id("Pod"), key.namespace, key.name, (uid, meta.uid(obj)))
    if meta.is_terminating(obj):
        raise _cannot_bind(key.name, f"pod {key.name} is being deleted, cannot be assigned to a host")
    there = dig(obj, "spec", "nodeName", default="")
    if there:
        raise _cannot_bind(key.name, f'pod {key.name} is already assigned to node "{there}"')
    if dig(obj, "spec", "schedulingGates"):
        raise _cannot_bind(key.name, f"pod {key.name} has non-empty .spec.schedulingGates")
    if not call.is_dry_run:
        core.store.put(key, _annotated(_bound(obj, node, call), annotations))


def _annotated(obj: Json, annotations: Json | None) -> Json:
    """What a scheduler notes on its binding goes to the pod."""
    if not annotations:
        return obj
    return {**obj, "metadata": {**obj["metadata"], "annotations": {**meta.annotations(obj), **annotations}}}


def _bound(obj: Json, node: str, call: Call) -> Json:
    status = obj.get("status") or {}
    conditions = [found for found in status.get("conditions") or () if found.get("type") != "PodScheduled"]
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": call.now.text}
    conditions.append(scheduled)
    return {**obj, "spec": {**obj["spec"], "nodeName": node}, "status": {**status, "conditions": conditions}}


def _cannot_bind(name: str, why: str) -> Conflict:
    return errors.conflict("pods/binding", "", name, why)


def post_eviction(core: Core, call: Call, place: Place, request: Request) -> Written:
    given = bodies.read(core, call, EVICTION, request)
    if meta.name(given) != place.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    asked = options.of_delete(request, given.get("deleteOptions") or {})
    call = replace(call, is_dry_run=call.is_dry_run or asked.is_dry_run)  # said here or there
    refused = disruption.evict(core, call, place, asked)
    return Written(refused, is_created=True) if refused else success(201)


def put_finalize(core: Core, call: Call, place: Place, request: Request) -> Written:
    """A namespace's own finalizers; the last one taken lets it go."""
    given = verbs.check_name(place.name, "", bodies.read(core, call, place.kind, request))
    return finalize(core, call, place, given)


def finalize(core: Core, call: Call, place: Place, given: Json) -> Written:
    row = core.store.get(place.key)
    if row is None:
        raise refusals.not_found(place.kind, place.name)
    verbs.refuse_other_uid(place, meta.uid(given), meta.uid(row.obj))
    if meta.resource_version(given) not in ("", meta.resource_version(row.obj)):
        raise refusals.modified(place.kind, place.name)
    finalizers = dig(given, "spec", "finalizers", default=[])
    refusals.invalid(place.kind, place.name, namespace.finalizer_errors(finalizers))
    spec: dict[str, Any] = {name: part for name, part in (row.obj.get("spec") or {}).items() if name != "finalizers"}
    if finalizers:
        spec["finalizers"] = finalizers
    return verbs.keep(core, call, place, new={**row.obj, "spec": spec}, old=row.obj)


def post_token(core: Core, call: Call, place: Place, request: Request) -> Written:
    """A token for a service account: its audiences, its life, what it shall not outlive."""
    given = bodies.read(core, call, TOKEN_REQUEST, request)
    for member, mine in (("name", place.name), ("namespace", place.key.namespace)):
        said = given.get("metadata", {}).get(member)
        if said and said != mine:
            told = f"must match the service account {member} if specified"
            refusals.invalid(TOKEN_REQUEST, place.name, [fields.invalid(f"metadata.{member}", said, told)])
    row = core.store.get(place.key)
    if row is None:
        raise refusals.not_found(place.kind, place.name)
    spec = given.get("spec") or {}
    seconds = spec["expirationSeconds"]
    wrong = _seconds_errors(seconds)
    refusals.invalid(TOKEN_REQUEST, "", wrong)
    bound = _bound_to(core, place, spec.get("boundObjectRef"))
    wanted = tokens.Wanted(tuple(spec.get("audiences") or ()), seconds, bound)
    token = tokens.issue(core, row.obj, wanted, call.now)
    metadata = {"name": place.name, "namespace": place.key.namespace, "creationTimestamp": call.now.text}
    audiences = list(wanted.audiences or (tokens.issuer(core),))
    owned = managed.created(call, TOKEN_REQUEST, {**given, "metadata": {}}, subresource="token")["metadata"]
    made = {
        **given,
        "metadata": {**metadata, **owned},
        "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": times.to_text(call.now.wall + seconds)},
    }
    return not_written(made, is_created=True)


def _seconds_errors(seconds: int) -> list[fields.FieldError]:
    field = "spec.expirationSeconds"
    if seconds < tokens.SHORTEST_SECONDS:
        return [fields.invalid(field, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > tokens.LONGEST_SECONDS:
        return [fields.invalid(field, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


def _bound_to(core: Core, place: Place, reference: Json | None) -> Json | None:
    """The object a token is bound to, as it is now."""
    if not reference:
        return None
    kind, name, version = (reference.get(member, "") for member in ("kind", "name", "apiVersion"))
    if kind not in ("Pod", "Secret", "Node") or "/" in version:
        of = f"{version if '/' in version else '/' + version}, Kind={kind}"
        raise BadRequest(f"cannot bind token to object of type {of}")
    row = core.store.get(Key(kind, "" if kind == "Node" else place.key.namespace, name))
    if row is None:
        raise errors.not_found(f"{kind.lower()}s", "", name)
    if kind == "Pod" and dig(row.obj, "spec", "serviceAccountName") != place.name:
        told = f"cannot bind token for serviceaccount {quoted(place.name)} to pod running with different"
        raise BadRequest(f"{told} serviceaccount name.")
    uid = reference.get("uid") or meta.uid(row.obj)
    if uid != meta.uid(row.obj):
        told = f"the UID in the bound object reference ({uid}) does not match the UID in record"
        raise errors.conflict(kind, "", name, f"{told}. The object might have been deleted and then recreated")
    return {"kind": kind, "name": name, "uid": uid}


def _get_scale(core: Core, call: Call, place: Place, request: Request) -> Written:
    return not_written(scale.read(core, place))


def _nothing_runs(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Bytes from a container come through the side door; who gets here has a cluster whose containers do not run."""
    if core.store.get(place.key) is None:
        raise refusals.not_found(place.kind, place.name)
    raise BadRequest(f"no {place.subresource} here: the containers of this cluster are not run but simulated")


STREAMS = ("attach", "exec", "log", "portforward", "proxy")
ANSWERS: Mapping[tuple[str, str], Answer] = {
    **{(method, stream): _nothing_runs for stream in STREAMS for method in ("GET", "POST")},
    ("GET", "scale"): _get_scale,
    ("PUT", "scale"): scale.replace,
    ("PATCH", "scale"): scale.patch,
    ("POST", "binding"): post_binding,
    ("POST", "eviction"): post_eviction,
    ("PUT", "finalize"): put_finalize,
    ("POST", "token"): post_token,
}


def bind_by_name(core: Core, call: Call, kind: Kind, given: tuple[str, Request]) -> Written:
    """The old way to bind, `POST .../bindings`: the body names the pod."""
    namespace, request = given
    binding = bodies.read(core, call, BINDING, request)
    return post_binding(core, call, Place(kind, key_in(kind, namespace, meta.name(binding))), request)
