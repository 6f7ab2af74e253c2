"""Patches: pick the sort by its media type, apply it to the present object, and let the result in like any update."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from stead.api import bodies, managed, misfits, oldversions, options, ownerreferences, refusals, verbs, yamltext
from stead.api.core import Call, Core, Written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds import decoding, strictness, types
from stead.kinds.decoding import DecodingError
from stead.kinds.kind import Kind
from stead.machinery import meta
from stead.machinery.errors import ApiError, BadRequest, Invalid, Nameless, TooLarge
from stead.machinery.objects import Json, encode
from stead.machinery.patches import PatchError, json_patch, merge_patch, strategic_merge

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
MEDIA = (JSON_PATCH, MERGE, STRATEGIC, APPLY)
CUSTOM_MEDIA = (JSON_PATCH, MERGE, APPLY)
OPERATION = "handlers.jsonPatchOp"


def patch(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Answer PATCH. Raises UnsupportedMediaType, BadRequest, Invalid, NotFound, Conflict."""
    media = bodies.media_of(request)
    supported = MEDIA if place.kind.type else CUSTOM_MEDIA
    if media not in supported:
        raise bodies.refuse_media(supported)
    if media == APPLY:
        wanted = read_applied(request.body)
        _tell_repeated(call, request.body)
        return apply(core, call, place, (wanted, options.is_true(request, "force")))
    given = parsed(request.body, media)
    told: list[str] = []
    if call.validation != "Ignore":
        told = strictness.of_patch(request.body, given, is_operations=media == JSON_PATCH)

    def change(old: Json) -> Json:
        return patched(core, call, place, (media, given, told), old)

    return verbs.update(core, call, place, change)


def parsed(body: bytes, media: str) -> Any:
    """What a patch says; raises BadRequest where it is not the sort of JSON that its media type needs."""
    prefix = "" if media == STRATEGIC else "error decoding patch: "
    wanted, go_type = (list, f"[]{OPERATION}") if media == JSON_PATCH else (dict, "map[string]interface {}")
    try:
        given = bodies.parse_json(body)
    except ValueError as wrong:
        raise BadRequest(f"{prefix}{wrong}") from None
    if given is None and media == MERGE:
        raise BadRequest("Invalid JSON Patch")
    given = wanted() if given is None else given
    if not isinstance(given, wanted):
        raise BadRequest(f"{prefix}json: cannot unmarshal {bodies.word(given)} into Go value of type {go_type}")
    if media == JSON_PATCH:
        _check_operations(given, prefix)
    return given


def _check_operations(given: Iterable[Any], prefix: str) -> None:
    for operation in given:
        if operation is not None and not isinstance(operation, dict):
            told = f"json: cannot unmarshal {bodies.word(operation)} into Go value of type {OPERATION}"
            raise BadRequest(f"{prefix}{told}")
        for member in ("op", "from", "path"):
            value = (operation or {}).get(member)
            if value is not None and not isinstance(value, str):
                place = f"Go struct field jsonPatchOp.{member} of type string"
                raise BadRequest(f"{prefix}json: cannot unmarshal {bodies.word(value)} into {place}")


def patched(core: Core, call: Call, place: Place, patch: tuple[str, Any, list[str]], old: Json) -> Json:
    """The object that a patch makes of another; raises what a misfit is told.

    `patch`: its media type, what it says, and what of that nobody reads.
    """
    media, given, unread = patch
    made = _plain(place, media, given, old)
    why = "" if media == STRATEGIC else bodies.other_kind(core, place.kind, made)
    try:
        whole_of = bodies.whole_of_map if media == STRATEGIC else bodies.whole
        whole = old if why else whole_of(place.kind, made)
        text = encode(made if media == STRATEGIC else misfits.in_order_of_keys(made, old))
        why = why or bodies.strictly(place.kind, call, text, unread, is_map=media == STRATEGIC)
    except DecodingError as wrong:
        why = wrong.of_map if media == STRATEGIC else str(wrong)
    if why:
        raise misfits.of_map(given, why) if media == STRATEGIC else _misfit(place, made, old, why)
    made = verbs.check_name(place.name, place.key.namespace, whole)
    return ownerreferences.once_each(call, made, is_patched=True)


def _misfit(place: Place, made: Any, old: Json, why: str) -> Invalid:
    """Told with the whole object, in the order in which Go writes it."""
    before = decoding.canonical(place.kind.type, old) if place.kind.type else old
    return misfits.of_text(misfits.in_order_of(made, before), before, why)


def _plain(place: Place, media: str, given: Any, old: Json) -> Json:
    """The patch carried out on plain JSON."""
    try:
        if media == JSON_PATCH:
            made: Any = json_patch(old, given)
        elif media == MERGE:
            made = merge_patch(old, given)
        else:
            made = strategic_merge(old, given, types.shape_of(place.kind.type))
    except PatchError as wrong:
        raise _refusal(media, wrong) from None
    if not isinstance(made, dict):
        raise refusals.BadPatch()
    return made if made.get("metadata") else {**made, "metadata": {}}


def _refusal(media: str, wrong: PatchError) -> ApiError:
    if wrong.code == 413:
        return TooLarge(str(wrong))
    if wrong.code == 400:
        return BadRequest(str(wrong))
    return refusals.BadPatch() if media == JSON_PATCH or wrong.code == 422 else Nameless(str(wrong))


def read_applied(body: bytes) -> Json:
    """The configuration in an apply's body: YAML, of which JSON is a part."""
    try:
        given = _as_json(body) or yamltext.parse(body)
    except yamltext.NotYaml as wrong:
        raise BadRequest(f"error decoding YAML: error converting YAML to JSON: {wrong.as_go}") from None
    if given is None:
        return {}
    if not isinstance(given, dict):
        told = f"json: cannot unmarshal {bodies.word(given)} into Go value of type map[string]interface {{}}"
        raise BadRequest(f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {told}")
    return given


def _as_json(body: bytes) -> Any:
    """What a body says as JSON, None where it is none: then it may be YAML, or at least is told about as YAML."""
    if not body.lstrip().startswith(b"{"):
        return None
    try:
        return bodies.parse_json(body)
    except ValueError:
        return None


def _tell_repeated(call: Call, body: bytes) -> None:
    """Keys given twice: refused by Strict, after all else has been found in order."""
    as_json = _as_json(body)
    is_known = as_json is not None and not strictness.of_patch(body, as_json, is_operations=False)
    told = "" if is_known or call.validation == "Ignore" else yamltext.repeated(body)
    if told and call.validation == "Strict":
        raise BadRequest(f"error strict decoding YAML: error converting YAML to JSON: {told}")
    if told:
        call.warn(yamltext.lines_of(told))


def apply(core: Core, call: Call, place: Place, wanted: tuple[Json, bool]) -> Written:
    """Server-side apply: create what is not there, else merge by owners. `wanted`: the configuration, and its force."""
    given, is_forced = oldversions.read(wanted[0], call), wanted[1]
    kind = place.kind
    check_applied(kind, given)
    given = {**given, "metadata": given.get("metadata") or {}}
    call = replace(call, is_applied=True)
    if core.store.get(place.key) is None and not place.subresource:
        made = managed.applied(call, kind, given, subresource="", live=None, is_forced=is_forced)
        if meta.uid(given):
            why = f"uid mismatch: the provided object specified uid {meta.uid(given)}, and no existing object was found"
            raise refusals.conflict(kind, place.name, why)
        return verbs.create(core, call, kind, verbs.check_name(place.name, place.key.namespace, made))

    def change(old: Json) -> Json:
        made = managed.applied(call, kind, given, subresource=place.subresource, live=old, is_forced=is_forced)
        return verbs.check_name(place.name, place.key.namespace, made)

    return verbs.update(core, call, place, change)


def check_applied(kind: Kind, given: Json) -> None:
    """A configuration must say what it is of, and nothing of whose fields they are."""
    name, api_version = given.get("kind"), given.get("apiVersion")
    if name != kind.name or api_version != kind.api_version:
        version = str(api_version or "")
        shown = f"{version}, Kind={name or ''}" if "/" in version else f"/{version}, Kind={name or ''}"
        raise BadRequest(f"invalid object type: {shown}")
    metadata = given.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise managed.not_typed({**given, "metadata": {}}, ".metadata: expected map")
    if metadata.get("managedFields"):
        raise BadRequest("metadata.managedFields must be nil")
