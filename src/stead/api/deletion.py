"""Deletion: grace, finalizers and what becomes of dependents (S-7).

An object with grace or finalizers is only marked; who carries the grace out (the kubelet) or owns a finalizer (the
garbage collector, a user) lets it go later. Whether it may go at once is decided here and nowhere else.
"""

from typing import Any

from stead.api import definitions, refusals, verbs
from stead.api.core import Call, Core, Written, not_written, written
from stead.api.options import DeleteOptions
from stead.api.verbs import Place, is_ready_to_go
from stead.kinds import customresource, customresourcedefinition
from stead.kinds.kind import Kind
from stead.machinery import meta, times
from stead.machinery.errors import Conflict, Forbidden, named
from stead.machinery.keys import Key
from stead.machinery.objects import Json, with_value

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
POLICY_FINALIZERS = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND], "Background": []}
IMMORTAL = ("default", "kube-system", "kube-public")
ANSWERED_WHOLE = frozenset(
    ("Pod", "PersistentVolume", "PersistentVolumeClaim", "Service", "ServiceAccount", "ResourceQuota", "StorageClass")
)


def delete(core: Core, call: Call, place: Place, options: DeleteOptions) -> Written:
    """Mark an object as going, or remove it. Raises NotFound, and Conflict where a precondition does not hold."""
    row = core.store.get(place.key)
    if row is None:
        raise refusals.not_found(place.kind, place.name)
    kind, old = place.kind, place.kind.from_stored(row.obj)
    check(kind, old, options)
    mark = _mark_namespace if kind.id == "Namespace" else _mark
    new = mark(call, kind, old, options)
    if is_ready_to_go(new):
        return _remove(core, call, place, (old, new))
    if new == old:
        return not_written(old)
    if call.is_dry_run:
        return not_written(new)
    marked = written(kind, core.store.put(place.key, kind.to_stored(new)))
    if kind.id == customresourcedefinition.ID:
        _empty(core, call, new)
    return marked


def _empty(core: Core, call: Call, definition: Json) -> None:
    """A custom kind's objects go with its definition."""
    kind = customresource.stored_kind(definition)
    for key in definitions.objects_of(core, definition):
        assert kind is not None
        delete(core, call, Place(kind, key), DeleteOptions(policy="Background"))
    row = core.store.get(Key(customresourcedefinition.ID, "", meta.name(definition)))
    if row is not None:
        definitions.let_go(core, call, row)


def _remove(core: Core, call: Call, place: Place, states: tuple[Json, Json]) -> Written:
    """An object that knows grace is seen going before it is gone; others go as they were when nobody awaited them."""
    kind, (old, new) = place.kind, states
    knows_grace = kind.deletion_grace_seconds is not None
    last = new if knows_grace or meta.is_terminating(old) else old
    if knows_grace and last is not old and not call.is_dry_run:
        core.store.put(place.key, kind.to_stored(last))
    return verbs.remove(core, call, place, last)


def status_of_removed(kind: Kind, obj: Json) -> Json | None:
    """The Status that answers a deletion; None for kinds that answer with the object itself."""
    if kind.id in ANSWERED_WHOLE:
        return None
    details = named(kind.plural, kind.group, meta.name(obj), meta.uid(obj))
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def check(kind: Kind, obj: Json, options: DeleteOptions) -> None:
    """Whether the object may be deleted as asked. Raises Forbidden, Conflict."""
    name = meta.name(obj)
    if kind.id == "Namespace" and name in IMMORTAL:
        why = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
        raise Forbidden(why, details=named("namespaces", "", name))
    if options.uid and options.uid != meta.uid(obj):
        raise _not_the_one(kind, name, ("UID", options.uid, meta.uid(obj)), "deleted and then recreated")
    if options.revision and options.revision != meta.resource_version(obj):
        told = ("ResourceVersion", options.revision, meta.resource_version(obj))
        raise _not_the_one(kind, name, told, "modified")


def _not_the_one(kind: Kind, name: str, told: tuple[str, str, str], perhaps: str) -> Conflict:
    field, wanted, found = told
    return refusals.precondition_failed(
        kind,
        name,
        f"the {field} in the precondition ({wanted}) does not match the {field} in record ({found}). "
        f"The object might have been {perhaps}",
    )


def _mark(call: Call, kind: Kind, obj: Json, options: DeleteOptions) -> Json:
    """The object as it is left by this request: perhaps going, perhaps free to go, perhaps going sooner."""
    if meta.is_terminating(obj):
        sooner = _shortened(obj, options.grace_seconds)
        is_pending = sooner is obj and kind.deletion_grace_seconds is not None
        return obj if is_pending else _with_policy(sooner, options.policy)
    asked = options.grace_seconds
    asked = 1 if asked is not None and asked < 0 else asked
    grace = kind.deletion_grace_seconds(obj, asked) if kind.deletion_grace_seconds else None
    seconds = 0 if grace is None else grace
    return _with_policy(_going(obj, call.now.wall + seconds, seconds), options.policy)


def _going(obj: Json, wall: float, grace_seconds: int) -> Json:
    """Marked for the first time, which counts as a change of what is wanted."""
    metadata: dict[str, Any] = dict(obj["metadata"])
    if metadata.get("generation"):
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = times.to_text(wall)
    metadata["deletionGracePeriodSeconds"] = grace_seconds
    return {**obj, "metadata": metadata}


def _shortened(obj: Json, asked: int | None) -> Json:
    """A grace that runs already can only become shorter."""
    left = obj["metadata"].get("deletionGracePeriodSeconds")
    asked = 1 if asked is not None and asked < 0 else asked
    if left is None or asked is None or asked >= left:
        return obj
    started = times.from_text(obj["metadata"]["deletionTimestamp"]) - left
    marks = {"deletionTimestamp": times.to_text(started + asked), "deletionGracePeriodSeconds": asked}
    return {**obj, "metadata": {**obj["metadata"], **marks}}


def _with_policy(obj: Json, policy: str | None) -> Json:
    """The finalizer that makes the garbage collector orphan dependents, or delete them first."""
    if policy is None:
        return obj
    found = meta.finalizers(obj)
    wanted = [name for name in found if name not in (ORPHAN, FOREGROUND)] + POLICY_FINALIZERS[policy]
    if wanted == found:
        return obj
    if wanted:
        return with_value(obj, ("metadata", "finalizers"), wanted)
    metadata = {name: value for name, value in obj["metadata"].items() if name != "finalizers"}
    return {**obj, "metadata": metadata}


def _mark_namespace(call: Call, kind: Kind, obj: Json, options: DeleteOptions) -> Json:
    """A namespace is emptied first: its controller takes the finalizer from its spec when that is done."""
    if meta.is_terminating(obj):
        return obj
    metadata = {**obj["metadata"], "deletionTimestamp": call.now.text}
    status = {**(obj.get("status") or {}), "phase": "Terminating"}
    return _with_policy({**obj, "metadata": metadata, "status": status}, options.policy)
