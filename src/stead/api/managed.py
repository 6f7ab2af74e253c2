"""Who owns which field: kept for writes by users, not for controllers' writes, which nobody contests.

The bookkeeping itself is `machinery/apply`; here it meets kinds and calls. It sees objects after defaults and before
admission, so that nobody owns what the cluster adds.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from stead.api import bodies
from stead.api.core import Call
from stead.kinds import decoding, types
from stead.kinds.decoding import DecodingError
from stead.kinds.kind import Kind
from stead.machinery import apply, typed
from stead.machinery.errors import Nameless
from stead.machinery.managedfields import SPEC_PATHS, STATUS_PATHS, Paths, with_managed
from stead.machinery.objects import Json, is_alike
from stead.machinery.shapes import ANYTHING, Shape

SUBRESOURCE_RESETS: Mapping[str, Paths] = {
    "status": (*SPEC_PATHS, ("metadata", "deletionTimestamp"), ("metadata", "ownerReferences")),
    "scale": STATUS_PATHS,
}
# what of a pod's spec is written through a door of its own
SPEC_PARTS = {"ephemeralcontainers": ("ephemeralContainers",), "resize": ("containers", "initContainers")}


def created(call: Call, kind: Kind, obj: Json, *, subresource: str = "") -> Json:
    """A new object with its writer's fields."""
    if not call.manager or call.is_applied:
        return obj
    return _after(call, kind, subresource, (None, obj))


def updated(call: Call, kind: Kind, subresource: str, *, new: Json, old: Json) -> Json:
    """An object after a write with its owners' fields."""
    if call.is_applied:
        return new
    if call.manager and subresource == "scale":
        return apply.managed_after_scale(old, new, manager=call.manager, api_version=kind.api_version)
    if call.manager:
        return _after(call, kind, subresource, (old, new))
    return new if "managedFields" in new["metadata"] else with_managed(new, old["metadata"].get("managedFields"))


def _after(call: Call, kind: Kind, subresource: str, states: tuple[Json | None, Json]) -> Json:
    old, new = states
    return apply.managed_after_update(
        old,
        new,
        manager=call.manager,
        api_version=kind.api_version,
        time=call.now.text,
        shape=shape_of(kind),
        subresource=subresource,
        reset=_resets(kind, subresource),
        zero=zero_of(kind),
    )


def applied(call: Call, kind: Kind, given: Json, *, subresource: str, live: Json | None, is_forced: bool) -> Json:
    """An object after an apply; `live` is its present state, None if it is new."""
    made = apply.apply(
        live,
        given,
        manager=call.manager,
        force=is_forced,
        api_version=kind.api_version,
        time=call.now.text,
        shape=shape_of(kind),
        subresource=subresource,
        reset=_resets(kind, subresource),
        zero=zero_of(kind),
    )
    try:
        return bodies.whole_of_map(kind, made)
    except DecodingError as wrong:
        of_kind = f"{kind.group}/{kind.version}, Kind={kind.name}"
        why = f"unable to convert unstructured object to {of_kind}: {wrong.of_map}"
        told = f"failed to convert new object ({typed.name_of(given)}) to proper version: {why}"
        raise Nameless(told) from None


def not_typed(given: Json, why: str) -> Nameless:
    """What was applied is not what its kind can hold."""
    return Nameless(f"failed to create typed patch object ({typed.name_of(given)}): {why}")


def is_same(new: Json, old: Json) -> bool:
    """Whether nothing but times of managed fields differs."""
    if new == old:
        return is_alike(new, old)
    if new.keys() != old.keys() or any(not is_alike(new[part], old[part]) for part in new if part != "metadata"):
        return False
    return _without_times(new["metadata"]) == _without_times(old["metadata"])


def _without_times(metadata: Json) -> dict[str, Any]:
    entries = metadata.get("managedFields") or ()
    return {**metadata, "managedFields": [{k: v for k, v in entry.items() if k != "time"} for entry in entries]}


def shape_of(kind: Kind) -> Shape:
    return types.shape_of(kind.type) if kind.type else kind.shape or ANYTHING


def zero_of(kind: Kind) -> Json:
    return _zero(kind.type) if kind.type else {}


@cache
def _zero(type_name: str) -> Json:
    return decoding.canonical(type_name, {})


def _resets(kind: Kind, subresource: str) -> Paths:
    """What a way in does not write: the status through the object, all else through the status."""
    if subresource in SPEC_PARTS:
        rest = (name for name in types.fields_of("core.v1.PodSpec") if name not in SPEC_PARTS[subresource])
        return (("metadata",), *STATUS_PATHS, *(("spec", name) for name in rest))
    if subresource == "status" and not kind.type:  # nothing of a custom object's metadata is written there
        return (*SUBRESOURCE_RESETS[subresource], ("metadata",))
    if subresource:
        return SUBRESOURCE_RESETS.get(subresource, ())
    return STATUS_PATHS if kind.subresource("status") else ()
