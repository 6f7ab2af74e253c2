"""Patches: pick the sort by its media type, apply it to the present object, and let the result in like any update."""

from typing import Any

from msgspec.structs import replace

from stead.api import bodies, managed, oldversions, options, refusals, verbs, yamltext
from stead.api.core import Call, Core, Written
from stead.api.request import Request
from stead.api.verbs import Place
from stead.kinds import strictness, types
from stead.kinds.decoding import DecodingError
from stead.kinds.kind import Kind
from stead.machinery import errors, fields, meta
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
    given = parsed(request.body)

    def change(old: Json) -> Json:
        return result(call, place, patched(place, media, given, old))

    return verbs.update(core, call, place, change)


def parsed(body: bytes) -> Any:
    try:
        return bodies.parse_json(body)
    except ValueError as wrong:
        raise BadRequest(f"error decoding patch: {wrong}") from None


def patched(place: Place, media: str, given: Any, old: Json) -> Json:
    """The plain result of a patch; raises what a patch that does not fit is told."""
    try:
        if media == JSON_PATCH:
            made: Any = json_patch(old, given)
        elif media == MERGE:
            made = merge_patch(old, given)
        else:
            made = strategic_merge(old, given, types.shape_of(place.kind.type))
    except PatchError as wrong:
        raise _refusal(media, wrong) from None
    if not isinstance(made, dict) or not isinstance(made.get("metadata"), dict):
        raise refusals.BadPatch() if media == JSON_PATCH else BadRequest("the patched object has no metadata")
    return made


def _refusal(media: str, wrong: PatchError) -> ApiError:
    if wrong.code == 413:
        return TooLarge(str(wrong))
    if wrong.code == 400:
        return BadRequest(str(wrong))
    return refusals.BadPatch() if media == JSON_PATCH else Invalid(str(wrong))


def result(call: Call, place: Place, made: Json) -> Json:
    """A patch's plain result as an object of its kind again."""
    kind = place.kind
    try:
        whole = bodies.whole(kind, made)
    except DecodingError as wrong:
        raise _misfit(made, str(wrong)) from None
    told = bodies.strictly(kind, call, encode(made)) if call.validation != "Ignore" else ""
    if told:
        raise _misfit(made, told)
    return verbs.check_name(place.name, place.key.namespace, whole)


def _misfit(made: Json, why: str) -> Invalid:
    return errors.invalid("", "", "", [fields.invalid("patch", encode(made).decode(), why)])


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
