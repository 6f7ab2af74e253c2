"""The parts of an object that have a door of their own: binding, eviction, finalize (3.7 in wire.md)."""

from collections.abc import Callable, Mapping
from typing import Any

from stead.api import bodies, disruption, options, refusals, scale, verbs
from stead.api.core import Call, Core, Written, key_in, not_written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds.kind import Kind
from stead.machinery import errors, meta
from stead.machinery.errors import BadRequest, Conflict
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig, encode

BINDING = Kind(id="Binding", name="Binding", plural="bindings", version="v1", type="core.v1.Binding")
EVICTION = Kind(
    id="Eviction", name="Eviction", plural="evictions", version="v1", group="policy", type="policy.v1.Eviction"
)
Answer = Callable[[Core, Call, Place, Request], Written]


def success(code: int) -> Written:
    """What is answered where there is nothing to show."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}
    return Written(status, encode(status), is_created=code == 201)


def post_binding(core: Core, call: Call, place: Place, request: Request) -> Written:
    given = bodies.read(core, call, BINDING, request)
    target = given.get("target") or {}
    if target.get("kind") not in (None, "", "Node") or not target.get("name"):
        raise BadRequest("a binding's target must be a Node with a name")
    bind(core, call, (place.key, meta.uid(given)), target["name"])
    return success(201)


def bind(core: Core, call: Call, pod: tuple[Key, str], node: str) -> None:
    """Give a pod its node, once. `pod`: its key and, unless "", the uid meant. Raises NotFound and Conflict."""
    key, uid = pod
    row = core.store.get(key)
    if row is None:
        raise errors.not_found("pods", "", key.name)
    obj = row.obj
    if uid and uid != meta.uid(obj):
        told = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta.uid(obj)}"
        raise _cannot_bind(key.name, told)
    if meta.is_terminating(obj):
        raise _cannot_bind(key.name, f"pod {key.name} is being deleted, cannot be assigned to a host")
    there = dig(obj, "spec", "nodeName", default="")
    if there:
        raise _cannot_bind(key.name, f'pod {key.name} is already assigned to node "{there}"')
    if dig(obj, "spec", "schedulingGates"):
        raise _cannot_bind(key.name, f"pod {key.name} has non-empty .spec.schedulingGates")
    if not call.is_dry_run:
        core.store.put(key, _bound(obj, node, call))


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
    if meta.name(given) and meta.name(given) != place.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    disruption.evict(core, call, place, options.of_delete(request, given.get("deleteOptions") or {}))
    return success(201)


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
    spec: dict[str, Any] = {name: part for name, part in (row.obj.get("spec") or {}).items() if name != "finalizers"}
    if finalizers:
        spec["finalizers"] = finalizers
    return verbs.keep(core, call, place, {**row.obj, "spec": spec}, row.obj)


def _get_scale(core: Core, call: Call, place: Place, request: Request) -> Written:
    return not_written(scale.read(core, place))


ANSWERS: Mapping[tuple[str, str], Answer] = {
    ("GET", "scale"): _get_scale,
    ("PUT", "scale"): scale.replace,
    ("PATCH", "scale"): scale.patch,
    ("POST", "binding"): post_binding,
    ("POST", "eviction"): post_eviction,
    ("PUT", "finalize"): put_finalize,
}


def bind_by_name(core: Core, call: Call, kind: Kind, given: tuple[str, Request]) -> Written:
    """The old way to bind, `POST .../bindings`: the body names the pod."""
    namespace, request = given
    binding = bodies.read(core, call, BINDING, request)
    return post_binding(core, call, Place(kind, key_in(kind, namespace, meta.name(binding))), request)
