"""Create and update: the one way in which an object gets into the store, for users and controllers alike.

An update is a function from the state before to the state after, so that PUT, all patches, scale and a controller's
write differ in that function alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from stead.api import admission, bodies, chance, definitions, limits, managed, quota, refusals
from stead.api.core import Call, Core, Written, key_in, not_written, written
from stead.kinds.kind import Kind, Subresource
from stead.machinery import errors, meta
from stead.machinery.errors import AlreadyExists, BadRequest, Nameless
from stead.machinery.fields import FieldError, invalid
from stead.machinery.keys import Key
from stead.machinery.objects import Json, is_alike

GENERATED_NAME_TRIES = 8
NOT_GIVEN = ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "selfLink", "namespace")
KEPT = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")

Change = Callable[[Json], Json]


def create(core: Core, call: Call, kind: Kind, obj: Json) -> Written:
    """Put a new object, defaulted already, into the store (S-1). Raises AlreadyExists, Invalid, Forbidden, NotFound."""
    tries = GENERATED_NAME_TRIES if not meta.name(obj) and obj["metadata"].get("generateName") else 1
    for left in reversed(range(tries)):
        try:
            return _create_once(core, call, kind, obj)
        except AlreadyExists as taken:
            if not left:
                raise taken if not obj["metadata"].get("generateName") else refusals.no_name_left(kind, taken) from None
    raise AssertionError("not reached")


def _create_once(core: Core, call: Call, kind: Kind, obj: Json) -> Written:
    revision = meta.resource_version(obj)
    if kind.schema is not None:
        definitions.refuse_when_terminating(core, kind)
    obj = managed.created(call, kind, obj)
    obj = admission.on_create(core, call, kind, obj)
    obj = kind.prepare_create({**obj, "metadata": _new_metadata(core, call, kind, obj["metadata"])})
    obj = definitions.with_names(core, call, kind, obj)
    refusals.invalid(kind, meta.name(obj), kind.validate_create(kind.to_stored(obj)))
    call.warn(kind.warnings(obj, None))
    key = key_in(kind, meta.namespace(obj), meta.name(obj))
    limits.require(core, kind, obj)
    quota.require(core, kind, obj)
    if not (call.is_dry_run or call.is_applied) and _is_revision(revision):
        raise Nameless("resourceVersion should not be set on objects to be created")
    there = core.store.get(key)
    if there:
        raise refusals.already_exists(kind, key.name, is_going=meta.is_terminating(there.obj))
    if call.is_dry_run:
        return not_written(obj, is_created=True)
    made = written(kind, core.store.put(key, kind.to_stored(obj)), is_created=True)
    quota.tell(core, key.namespace)
    return made


def _is_revision(text: str) -> bool:
    """A number other than 0; what is none is passed over where nothing is compared with it."""
    return text.isascii() and text.isdigit() and int(text) != 0


def _new_metadata(core: Core, call: Call, kind: Kind, given: Json) -> Json:
    """Names first, then what nobody may choose, then the rest: the order in which people read it."""
    name, base = given.get("name"), given.get("generateName")
    made: dict[str, Any] = {"name": name or (chance.generated_name(base, core.chance) if base else "")}
    made |= {field: given[field] for field in ("generateName", "namespace") if given.get(field)}
    made["uid"] = chance.uid(core.chance)
    if kind.has_generation:
        made["generation"] = 1
    made["creationTimestamp"] = call.now.text
    return {**made, **{field: value for field, value in given.items() if field not in made and field not in NOT_GIVEN}}


class Place(Struct, frozen=True):
    """What is to be written: an object, or the part of it that a subresource may touch."""

    kind: Kind
    key: Key
    subresource: str = ""

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def part(self) -> Subresource | None:
        """The subresource, if it is one that takes a part of the object."""
        found = self.kind.subresource(self.subresource) if self.subresource else None
        return found if found is not None and found.take is not None else None

    def taken(self, new: Json, old: Json) -> Json:
        """What was sent, as far as this way in takes it."""
        part = self.part
        return part.take(new, old) if part is not None and part.take is not None else new

    def prepare(self, new: Json, old: Json) -> Json:
        return (self.kind.prepare_status if self.subresource == "status" else self.kind.prepare_update)(new, old)

    def errors(self, new: Json, old: Json) -> Sequence[FieldError]:
        part = self.part
        if part is not None and part.validate is not None:
            return part.validate(new, old)
        check = self.kind.validate_status if self.subresource == "status" else self.kind.validate_update
        return check(new, old)


def update(core: Core, call: Call, place: Place, change: Change) -> Written:
    """Replace an object by what `change` makes of it (S-2, S-3). Raises NotFound, Conflict, Invalid.

    What changes nothing writes nothing. Taking the last finalizer from an object that is being deleted removes it.
    """
    kind = place.kind
    row = core.store.get(place.key)
    if row is None:
        raise refusals.not_found(kind, place.name)
    old = kind.from_stored(row.obj)
    new = place.taken(_current(place, change(old), old), old)
    new = managed.updated(call, kind, place.subresource, new=new, old=old)
    new = admission.on_update(core, call, kind, new=new, old=old)
    new = place.prepare(_with_kept_metadata(new, old), old)
    new = new if place.subresource else definitions.with_names(core, call, kind, new)
    new = _with_generation(place, new, old)
    refusals.invalid(kind, place.name, place.errors(kind.to_stored(new), row.obj))
    limits.require(core, kind, new, old)
    quota.require_more(core, kind, new, old)
    if place.subresource == "status":
        call.warn(kind.status_warnings(new))
    elif place.part is None:
        call.warn(kind.warnings(new, old))
    return keep(core, call, place, new=new, old=old)


def keep(core: Core, call: Call, place: Place, *, new: Json, old: Json) -> Written:
    """Write the state after a checked update, unless it is the state before."""
    kind = place.kind
    if is_ready_to_go(new):
        remove(core, call, place, old)  # watchers are told the last state that was stored
        return not_written(new, is_removed=True)
    if managed.is_same(new, old):
        return not_written(old)
    if call.is_dry_run:
        return not_written(new)
    done = written(kind, core.store.put(place.key, kind.to_stored(new)))
    quota.tell_change(core, kind, new, old)
    return done


def remove(core: Core, call: Call, place: Place, last: Json) -> Written:
    """Take an object out of the store; `last` is its last state."""
    if call.is_dry_run:
        return not_written(last, is_removed=True)
    gone = written(place.kind, core.store.remove(place.key, place.kind.to_stored(last)), is_removed=True)
    quota.tell(core, place.key.namespace)
    if place.kind.schema is not None:
        definitions.after_removal(core, call, place.kind)
    return gone


def is_ready_to_go(obj: Json) -> bool:
    """Being deleted, its grace over and no finalizer left; a namespace has finalizers in its spec, too."""
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if metadata.get("deletionGracePeriodSeconds"):
        return False
    return obj["kind"] != "Namespace" or not (obj.get("spec") or {}).get("finalizers")


def check_name(name: str, namespace: str, obj: Json) -> Json:
    """A body against its URL: the namespace may be left out, the name may not; raises BadRequest."""
    obj = in_namespace(namespace, obj)
    found = meta.name(obj)
    if not found:
        raise BadRequest(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if found != name:
        raise BadRequest(f"the name of the object ({found}) does not match the name on the URL ({name})")
    return obj


def in_namespace(namespace: str, obj: Json) -> Json:
    """The object in the namespace of its URL, "" for the cluster's own; raises BadRequest where it says another."""
    found = meta.namespace(obj)
    if found == namespace:
        return obj
    if found and namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    metadata = {name: value for name, value in obj["metadata"].items() if name != "namespace"}
    return {**obj, "metadata": _with_namespace(metadata, namespace) if namespace else metadata}


def _with_namespace(metadata: Json, namespace: str) -> Json:
    """After the name, where people look for it."""
    made: dict[str, Any] = {}
    for name in ("name", "generateName"):
        if name in metadata:
            made[name] = metadata[name]
    return {**made, "namespace": namespace, **{k: v for k, v in metadata.items() if k not in made}}


def refuse_other_uid(place: Place, wanted: str, found: str) -> None:
    """A body or an action names the bearer it means."""
    if wanted and wanted != found:
        raise refusals.wrong_uid(place.kind, place.key.namespace, place.name, (wanted, found))


def _current(place: Place, new: Json, old: Json) -> Json:
    """The new state with the revision it was made from; raises Conflict where that is not the newest (U-4)."""
    wanted, found = meta.resource_version(new), meta.resource_version(old)
    if wanted == found:
        return new
    asked = refusals.revision_in(wanted)
    if asked not in (0, int(found)):
        raise refusals.modified(place.kind, place.name)
    if asked:
        return {**new, "metadata": {**new["metadata"], "resourceVersion": found}}
    if not place.kind.allows_unconditional_update:
        missing = invalid("metadata.resourceVersion", 0, "must be specified for an update")
        raise errors.invalid(place.kind.plural, place.kind.group, place.name, [missing])  # the resource, for once
    return {**new, "metadata": {**new["metadata"], "resourceVersion": found}}


def _with_kept_metadata(new: Json, old: Json) -> Json:
    """What an update cannot change and need not repeat."""
    before, after = old["metadata"], dict(new["metadata"])
    for name in KEPT:
        if name in before:
            after[name] = before[name]
    if not before.get("generation"):
        after.pop("generation", None)
    after["uid"] = after.get("uid") or before["uid"]
    after.pop("selfLink", None)
    return {**new, "metadata": after}


def _with_generation(place: Place, new: Json, old: Json) -> Json:
    """One more where what is wanted has changed; a status is not wanted but found."""
    if not place.kind.has_generation or place.subresource == "status":
        return new
    has_its_labels = not place.kind.wants_labels or meta.labels(new) == meta.labels(old)
    if has_its_labels and is_alike(_wanted(new), _wanted(old)):
        return new
    generation = old["metadata"].get("generation", 0) + 1
    return {**new, "metadata": {**new["metadata"], "generation": generation}}


def _wanted(obj: Json) -> Json:
    return {name: part for name, part in obj.items() if name not in ("metadata", "status", "kind", "apiVersion")}


def replaced(place: Place, obj: Json) -> Change:
    """The change of a PUT: the whole object anew. A uid in it says which bearer of the name is meant."""
    obj = bodies.named(place.kind, obj)

    def change(old: Json) -> Json:
        refuse_other_uid(place, meta.uid(obj), meta.uid(old))
        return obj

    return change
