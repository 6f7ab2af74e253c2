"""Patches: pick the sort by its media type, apply it to the present object, and let the result in like any update."""

from typing import Any

from msgspec.structs import replace

from stead.api import bodies, managed, misfits, oldversions, options, refusals, verbs, yamltext
from stead.api.core import Call, Core, Written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds import strictness, types
from stead.kinds.decoding import DecodingError
from stead.kinds.kind import Kind
from stead.machinery import meta
from stead.machinery.errors import ApiError, BadRequest, Invalid, TooLarge
from stead.machinery.objects import Json, encode
from stead.machinery.patches import PatchError, json_patch, merge_patch, strategic_merge

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
MEDIA = (JSON_PATCH, MERGE, STRATEGIC, APPLY)
CUSTOM_MEDIA = (JSON_PATCH, MERGE, APPLY)
UNKNOWN, QUOTE = "unknown field ", '"'


def patch(core: Core, call: Call, place: Place, request: Request) -> Written:
    """Answer PATCH. Raises UnsupportedMediaType, BadRequest, Invalid, NotFound, Conflict."""
    media = bodies.media_of(request)
    supported = MEDIA if place.kind.type else CUSTOM_MEDIA
    if media not in supported:
        raise bodies.refuse_media(supported)
    if media == APPLY:
        return apply(core, call, place, (read_applied(request.body), options.is_true(request, "force")))
    given = parsed(request.body, media)

    return verbs.update(core, call, place, lambda old: patched(call, place, (media, given), old))


def parsed(body: bytes, media: str) -> Any:
    """What a patch says; raises BadRequest where it is not the sort of JSON that its media type needs."""
    prefix = "" if media == STRATEGIC else "error decoding patch: "
    wanted, go_type = (list, "[]interface {}") if media == JSON_PATCH else (dict, "map[string]interface {}")
    try:
        given = bodies.parse_json(body)
    except ValueError as wrong:
        raise BadRequest(f"{prefix}{wrong}") from None
    if not isinstance(given, wanted):
        raise BadRequest(f"{prefix}json: cannot unmarshal {bodies.word(given)} into Go value of type {go_type}")
    return given


def patched(call: Call, place: Place, patch: tuple[str, Any], old: Json) -> Json:
    """The object that a patch (its media type and what it says) makes of another; raises what a misfit is told."""
    media, given = patch
    made = _plain(place, media, given, old)
    try:
        whole = bodies.whole(place.kind, made)
        told = bodies.strictly(place.kind, call, encode(made)) if call.validation != "Ignore" else ""
    except DecodingError as wrong:
        told = str(wrong)
    if told:
        raise misfits.of_map(given, told) if media == STRATEGIC else misfits.of_text(made, old, told)
    return verbs.check_name(place.name, place.key.namespace, whole)


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
    if not isinstance(made, dict) or not isinstance(made.get("metadata") or {}, dict):
        raise refusals.BadPatch()
    return made if made.get("metadata") else {**made, "metadata": {}}


def _refusal(media: str, wrong: PatchError) -> ApiError:
    if wrong.code == 413:
        return TooLarge(str(wrong))
    if wrong.code == 400:
        return BadRequest(str(wrong))
    return refusals.BadPatch() if media == JSON_PATCH else Invalid(str(wrong))


def read_applied(body: bytes) -> Json:
    """The configuration in an apply's body: YAML, of which JSON is a part."""
    try:
        given = bodies.parse_json(body) if body.lstrip().startswith(b"{") else yamltext.parse(body)
    except ValueError as wrong:
        raise BadRequest(f"error decoding YAML: {wrong}") from None
    if not isinstance(given, dict):
        raise BadRequest("error decoding YAML: an object is wanted")
    return given


def apply(core: Core, call: Call, place: Place, wanted: tuple[Json, bool]) -> Written:
    """Server-side apply: create what is not there, else merge by owners. `wanted`: the configuration, and its force."""
    given, is_forced = oldversions.read(wanted[0], call), wanted[1]
    kind = place.kind
    check_applied(kind, given)
    given = verbs.check_name(place.name, place.key.namespace, {**given, "metadata": given.get("metadata") or {}})
    _refuse_unknown(kind, given)
    call = replace(call, is_applied=True)
    if core.store.get(place.key) is None and not place.subresource:
        if meta.uid(given):
            why = f"uid mismatch: the provided object specified uid {meta.uid(given)}, and no existing object was found"
            raise refusals.conflict(kind, place.name, why)
        made = managed.applied(call, kind, given, subresource="", live=None, is_forced=is_forced)
        return verbs.create(core, call, kind, made)

    def change(old: Json) -> Json:
        return managed.applied(call, kind, given, subresource=place.subresource, live=old, is_forced=is_forced)

    return verbs.update(core, call, place, change)


def _refuse_unknown(kind: Kind, given: Json) -> None:
    """Apply must know whose field is whose, so that an unknown one is refused however fields are validated."""
    told = strictness.unknown_and_duplicate(kind.shape or kind.type, encode(given))
    if told:
        paths = [f".{text.removeprefix(UNKNOWN).strip(QUOTE)}: field not declared in schema" for text in told]
        why = paths[0] if len(paths) == 1 else "errors:\n" + "\n".join(f"  {path}" for path in paths)
        raise managed.not_typed(kind, given, why)


def check_applied(kind: Kind, given: Json) -> None:
    """A configuration must say what it is of, and nothing of whose fields they are."""
    name, api_version = given.get("kind"), given.get("apiVersion")
    if name != kind.name or api_version != kind.api_version:
        version = str(api_version or "")
        shown = f"{version}, Kind={name or ''}" if "/" in version else f"/{version}, Kind={name or ''}"
        raise BadRequest(f"invalid object type: {shown}")
    metadata = given.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise managed.not_typed(kind, {"metadata": {}}, ".metadata: expected map")
    if metadata.get("managedFields"):
        raise BadRequest("metadata.managedFields must be nil")
