"""The scale subresource: any kind that has replicas, seen as an `autoscaling/v1` Scale (S-4)."""

from msgspec.structs import replace as replace_in

from stead.api import bodies, managed, options, patching, refusals, verbs
from stead.api.core import Call, Core, Written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.kind import Column, Kind
from stead.machinery import errors, fields, meta, selectors
from stead.machinery.objects import Json, dig, with_value

SCALE = Kind(
    id="Scale",
    name="Scale",
    plural="scales",
    version="v1",
    group="autoscaling",
    type="autoscaling.v1.Scale",
    columns=(
        NAME,
        Column("Desired", at("spec", "replicas", default=0), type="integer", description="How many are wanted."),
        Column("Available", at("status", "replicas", default=0), type="integer", description="How many there are."),
        AGE,
    ),
)
SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def read(core: Core, place: Place) -> Json:
    """The Scale of an object; raises NotFound."""
    row = core.store.get(place.key)
    if row is None:
        raise refusals.not_found(place.kind, place.name)
    return scale_of(place, place.kind.from_stored(row.obj))


def scale_of(place: Place, obj: Json) -> Json:
    metadata = {name: obj["metadata"][name] for name in SHOWN if name in obj["metadata"]}
    wanted, found, _ = _paths(place)
    replicas = dig(obj, *wanted, default=0)
    status = {"replicas": dig(obj, *found, default=0)}
    selector = _selector(place, obj)
    if selector is not None:
        status["selector"] = selector
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def _paths(place: Place) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Where wanted and found replicas and the selector stand."""
    sub = place.kind.subresource("scale")
    wanted, found, selector = (sub.paths if sub else ()) or (".spec.replicas", ".status.replicas", "")
    return _steps(wanted), _steps(found), _steps(selector)


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split(".") if step)


def _selector(place: Place, obj: Json) -> str | None:
    """As text: a custom kind keeps it so, others as an object."""
    if place.kind.schema is not None:
        text = dig(obj, *_paths(place)[2]) if _paths(place)[2] else None
        return str(text) if text is not None else None
    selector = dig(obj, "spec", "selector")
    return None if selector is None else str(selectors.from_object(selector))


def replace(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Answer PUT; raises Invalid, Conflict, NotFound."""
    given = bodies.read(core, call, SCALE, request)
    return _write(core, call, place, verbs.check_name(place.name, place.key.namespace, given))


def patch(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Answer PATCH of a Scale."""
    of_scale = Place(SCALE, place.key)
    media = bodies.media_of(request)
    if media not in patching.MEDIA:
        raise bodies.refuse_media(patching.MEDIA)
    if media == patching.APPLY:
        return _apply(core, call, place, request)
    now = read(core, place)
    made = patching.patched(core, call, of_scale, (media, patching.parsed(request.body, media), []), now)
    if meta.uid(made) not in ("", meta.uid(now)):
        told = f"Precondition failed: UID in precondition: {meta.uid(made)}, UID in object meta: {meta.uid(now)}"
        raise errors.conflict(f"{place.kind.plural}/scale", place.kind.group, place.name, told)
    return _write(core, call, place, made)


def _apply(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Who applies a Scale applies one field of the object behind it."""
    given = patching.read_applied(request.body)
    patching.check_applied(SCALE, given)
    given = verbs.check_name(place.name, place.key.namespace, {**given, "metadata": given.get("metadata") or {}})
    kind, replicas = place.kind, _replicas(place, given)
    named = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": place.name}}
    wanted = with_value(named, _paths(place)[0], replicas)
    is_forced = options.is_true(request, "force")

    def change(old: Json) -> Json:
        return managed.applied(call, kind, wanted, subresource="scale", live=old, is_forced=is_forced)

    done = verbs.update(core, replace_in(call, is_applied=True), place, change)
    shown = scale_of(place, done.obj)
    return Written(shown)


def _replicas(place: Place, given: Json) -> int:
    """How many a Scale wants; raises Invalid for what is no number of pods."""
    replicas = dig(given, "spec", "replicas", default=0)
    if not isinstance(replicas, int) or replicas < 0:
        wrong = fields.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        refusals.invalid(SCALE, place.name, [wrong])
    return int(replicas)


def _write(core: Core, call: Call, place: Place, given: Json) -> Written:
    replicas = _replicas(place, given)
    wanted, _, _ = _paths(place)

    def change(old: Json) -> Json:
        verbs.refuse_other_uid(place, meta.uid(given), meta.uid(old))
        metadata = {**old["metadata"], "resourceVersion": meta.resource_version(given)}
        return with_value({**old, "metadata": metadata}, wanted, replicas)

    done = verbs.update(core, call, place, change)
    shown = scale_of(place, done.obj)
    return Written(shown)
