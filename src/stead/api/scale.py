"""The scale subresource: any kind that has replicas, seen as an `autoscaling/v1` Scale (S-4)."""

from stead.api import bodies, patching, refusals, verbs
from stead.api.core import Call, Core, Written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds.kind import Kind
from stead.machinery import fields, meta, selectors
from stead.machinery.objects import Json, dig, encode, with_value

SCALE = Kind(id="Scale", name="Scale", plural="scales", version="v1", group="autoscaling", type="autoscaling.v1.Scale")
SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
REPLICAS = ("spec", "replicas")


def read(core: Core, place: Place) -> Json:
    """The Scale of an object; raises NotFound."""
    row = core.store.get(place.key)
    if row is None:
        raise refusals.not_found(place.kind, place.name)
    return scale_of(row.obj)


def scale_of(obj: Json) -> Json:
    metadata = {name: obj["metadata"][name] for name in SHOWN if name in obj["metadata"]}
    replicas = dig(obj, *REPLICAS, default=0)
    status = {"replicas": dig(obj, "status", "replicas", default=0)}
    selector = dig(obj, "spec", "selector")
    if selector is not None:
        status["selector"] = str(selectors.from_object(selector))
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def replace(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Answer PUT; raises Invalid, Conflict, NotFound."""
    given = bodies.read(core, call, SCALE, request)
    return _write(core, call, place, verbs.check_name(place.name, place.key.namespace, given))


def patch(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Answer PATCH of a Scale: JSON, merge or strategic."""
    of_scale = Place(SCALE, place.key)
    media = bodies.media_of(request)
    supported = (patching.JSON_PATCH, patching.MERGE, patching.STRATEGIC)
    if media not in supported:
        raise bodies.refuse_media(supported)
    made = patching.patched(of_scale, media, patching.parsed(request.body), read(core, place))
    return _write(core, call, place, patching.result(call, of_scale, made))


def _write(core: Core, call: Call, place: Place, given: Json) -> Written:
    replicas = dig(given, *REPLICAS, default=0)
    if replicas < 0:
        wrong = fields.invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        refusals.invalid(SCALE, place.name, [wrong])

    def change(old: Json) -> Json:
        verbs.refuse_other_uid(place, meta.uid(given), meta.uid(old))
        metadata = {**old["metadata"], "resourceVersion": meta.resource_version(given)}
        return with_value({**old, "metadata": metadata}, REPLICAS, replicas)

    done = verbs.update(core, call, place, change)
    shown = scale_of(done.obj)
    return Written(shown, encode(shown))
