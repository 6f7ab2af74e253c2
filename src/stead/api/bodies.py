"""Request bodies become objects: JSON, YAML or protobuf; typed, defaulted, or refused in Go's words."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stead.api import oldversions, yamltext
from stead.api.core import Call, Core
from stead.api.request import Request
from stead.kinds import conversion, decoding, protobuf, strictness, types
from stead.kinds.decoding import DecodingError
from stead.kinds.kind import Kind
from stead.machinery import errors, fields, gojson
from stead.machinery.errors import BadRequest, UnsupportedMediaType
from stead.machinery.objects import Json, decode_literally, encode

JSON, YAML, PROTOBUF = "application/json", "application/yaml", protobuf.MEDIA
MEDIA = (JSON, YAML, PROTOBUF)
SHOWN_BYTES = 30
TYPE_META = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
NO_TYPE = "couldn't get version/kind"
FIRST_IN_EXPONENTS = 1e21
SCHEME = "pkg/api/legacyscheme/scheme.go:30"
OPTIONS, META = "DeleteOptions", "meta.k8s.io/v1"
META_SCHEME = "pkg/apis/meta/internalversion/scheme/register.go:27"
KNOWN_OF_ALL = (
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
    "CreateOptions",
    "Status",
    "UpdateOptions",
)
KNOWN_OF_META = (
    "GetOptions",
    "ListOptions",
    "PartialObjectMetadata",
    "PartialObjectMetadataList",
    "PatchOptions",
    "Table",
    "TableOptions",
    "WatchEvent",
)


def media_of(request: Request) -> str:
    """The body's media type without its parameters; JSON where nothing is said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() or JSON


def refuse_media(supported: tuple[str, ...]) -> UnsupportedMediaType:
    listed = ", ".join(supported)
    return UnsupportedMediaType(
        f"the body of the request was in an unknown format - accepted media types include: {listed}"
    )


def read(core: Core, call: Call, kind: Kind, request: Request) -> Json:
    """The object in a body that must hold one of `kind`: complete, defaulted. Raises BadRequest and others."""
    given, text = _given(request, kind.name)
    repeated = yamltext.repeated(request.body) if media_of(request) == YAML and call.validation != "Ignore" else ""
    return typed(kind, _of_kind(core, kind, oldversions.read(given, call)), call, text, [repeated] if repeated else [])


def _given(request: Request, wanted: str) -> tuple[Json, bytes]:
    """A body as plain values, and as the JSON text in which to look for what is unknown or repeated ("": nowhere)."""
    body, media = request.body, media_of(request)
    if media == JSON:
        return _parsed(body, wanted), body
    if media == YAML:
        return _from_yaml(body, wanted)
    if media == PROTOBUF:
        return _from_protobuf(body, wanted), b""
    raise refuse_media(MEDIA)


def _from_yaml(body: bytes, wanted: str) -> tuple[Json, bytes]:
    try:
        text = encode(yamltext.parse(body))
    except yamltext.NotYaml as wrong:
        raise unrecognized(wanted, wrong.as_go, body) from None
    return _parsed(text, wanted), text


def _from_protobuf(body: bytes, wanted: str) -> Json:
    try:
        return protobuf.decode(body).obj
    except DecodingError as wrong:
        raise unrecognized(wanted, str(wrong), body) from None


def read_delete_options(request: Request) -> Json | None:
    """The DeleteOptions in a body, whatever group it says it is of; None where there is no body.

    Raises BadRequest with the decoder's words alone: since 1.35 upstream blames who sent it, and wraps nothing.
    """
    if not request.body:
        return None
    try:
        given = _plain_options(request)
        _refuse_other_options(given)
        return decoding.canonical("meta.v1.DeleteOptions", given)
    except DecodingError as wrong:
        raise BadRequest(str(wrong)) from None


def _plain_options(request: Request) -> Json:
    """Plain values; raises DecodingError."""
    body, media = request.body, media_of(request)
    if media == PROTOBUF:
        return protobuf.decode(body).obj
    if media not in (JSON, YAML):
        raise refuse_media(MEDIA)
    try:
        value = parse_json(body if media == JSON else encode(yamltext.parse(body)))
    except yamltext.NotYaml as wrong:
        raise DecodingError(wrong.as_go) from None
    except ValueError as wrong:
        raise DecodingError(f"{NO_TYPE}; json parse error: {wrong}") from None
    why = _not_an_object(value)
    if why:
        raise DecodingError(why)
    return value or {}


def _refuse_other_options(given: Json) -> None:
    """Options have a scheme of their own: of other kinds it knows a few, and can make none of them into these."""
    kind, api_version = given.get("kind") or OPTIONS, given.get("apiVersion") or META
    if api_version.count("/") > 1:
        raise DecodingError(f"unexpected GroupVersion string: {api_version}")
    if kind == OPTIONS:
        return
    if kind in KNOWN_OF_ALL or (api_version == META and kind in KNOWN_OF_META):
        raise DecodingError(f"converting (v1.{kind}) to (v1.{OPTIONS}): unknown conversion")
    raise DecodingError(f'no kind "{kind}" is registered for version "{api_version}" in scheme "{META_SCHEME}"')


def typed(kind: Kind, obj: Json, call: Call, body: bytes, before: Sequence[str] = ()) -> Json:
    """An untyped object as one of `kind`; what is unknown or repeated in `body` is refused, told or passed over."""
    prefix = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}'
    try:
        made = whole(kind, obj)
    except DecodingError as wrong:
        raise BadRequest(f"{prefix}: {wrong}") from None
    told = strictly(kind, call, body, before)
    if told:
        raise BadRequest(f"{prefix}: {told}")
    return made


def strictly(kind: Kind, call: Call, body: bytes, before: Sequence[str] = (), *, is_map: bool = False) -> str:
    """Why Strict refuses `body`, "" if it does not; Warn tells the same as warnings. `before`: what is told first.

    `is_map`: what was converted from a map has no order of its own, and is told sorted.
    """
    if call.validation == "Ignore" or not body:
        return ""
    found = strictness.unknown_and_duplicate(kind.shape or kind.type, body)
    if kind.schema is not None:
        found = sorted(found, key=strictness.place_in_custom)
    told = [*before, *(sorted(found) if is_map else found)]
    if told and call.validation == "Strict":
        return strictness.refusal(told)
    call.warn(line for text in told for line in yamltext.lines_of(text))
    return ""


def whole(kind: Kind, obj: Json) -> Json:
    """`obj` in the form it is stored: typed as Go has it, with defaults, its kind first. Raises DecodingError."""
    obj = decoding.canonical(kind.type, obj) if kind.type else as_go_counts(obj)
    return named(kind, kind.default(named(kind, obj)))


def whole_of_map(kind: Kind, obj: Json) -> Json:
    """The same of what was no text but a map, whose numbers are cut to fit. Raises DecodingError."""
    try:
        return whole(kind, obj)
    except DecodingError:
        if not kind.type:
            raise
        return whole(kind, conversion.cut_to_fit(kind.type, obj))


def as_go_counts(value: Any) -> Any:
    """Plain values as Go prints them: a whole number has no point, however it was written."""
    match value:
        case dict():
            return {name: as_go_counts(item) for name, item in value.items()}
        case list():
            return [as_go_counts(item) for item in value]
        case float():
            return int(value) if value.is_integer() and abs(value) < FIRST_IN_EXPONENTS else float(value)
    return value


def named(kind: Kind, obj: Json) -> Json:
    """`kind` and `apiVersion` first, as every stored body has them: lists cut them off without decoding."""
    first = next(iter(obj), "")
    if first == "kind" and obj["kind"] == kind.name and obj.get("apiVersion") == kind.api_version:
        return obj
    rest = {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}
    return {"kind": kind.name, "apiVersion": kind.api_version, **rest}


def parse_json(data: bytes) -> Any:
    """JSON to plain values; raises ValueError in Go's words."""
    try:
        return decode_literally(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        wrong = gojson.fault(data)
    if wrong:
        raise ValueError(wrong)
    try:  # only its bytes are wrong: Go reads what is not UTF-8 as the replacement character
        return decode_literally(data.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _parsed(body: bytes, wanted: str) -> Json:
    try:
        value = parse_json(body)
    except ValueError as wrong:
        raise unrecognized(wanted, f"{NO_TYPE}; json parse error: {wrong}", body) from None
    told = _not_an_object(value)
    if told:
        raise unrecognized(wanted, told, body)
    return value or {}


def _not_an_object(value: Any) -> str:
    """Why a value is no object of any kind, "" where it is, or is nothing."""
    if value is not None and not isinstance(value, Mapping):
        return f"{NO_TYPE}; json parse error: json: cannot unmarshal {word(value)} into Go value of type {TYPE_META}"
    return _not_named(value or {})


def _not_named(value: Json) -> str:
    """Why it cannot be said of what kind an object is, "" where it can."""
    for field in ("apiVersion", "kind"):
        if value.get(field) is not None and not isinstance(value[field], str):
            told = f"json: cannot unmarshal {word(value[field])} into Go struct field .{field} of type string"
            return f"{NO_TYPE}; json parse error: {told}"
    return ""


def unrecognized(wanted: str, why: str, body: bytes) -> BadRequest:
    return BadRequest(f"the object provided is unrecognized (must be of type {wanted}): {why} ({_summary(body)})")


def _summary(body: bytes) -> str:
    if not body:
        return "<empty>"
    head = body[:SHOWN_BYTES]
    text = head.decode("utf-8", "replace") if body.startswith(b"{") else head.hex()
    return text if len(body) <= SHOWN_BYTES else f"{text} ..."


def word(value: Any) -> str:
    """What Go calls a JSON value."""
    words = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return words.get(type(value), "null")


def _of_kind(core: Core, kind: Kind, obj: Json) -> Json:
    """The object with the kind of the URL where it names none; refused where it names another."""
    if kind.schema is not None:
        return _of_custom_kind(kind, obj)
    why = other_kind(core, kind, obj)
    if not why:
        return obj
    name, api_version = _said_of_kind(kind, obj)
    if name == kind.name and _is_registered(core, api_version, name):
        told = f"the API version in the data ({api_version}) does not match the expected API version"
        raise BadRequest(f"{told} ({kind.api_version})")
    version = api_version.rpartition("/")[2]
    raise BadRequest(f'{name} in version "{version}" cannot be handled as a {kind.name}: {why}')


def _of_custom_kind(kind: Kind, obj: Json) -> Json:
    """Nobody fills in what a custom object does not say of itself: its version is compared, its kind validated."""
    name, api_version = obj.get("kind"), obj.get("apiVersion") or ""
    if not name:
        text = encode(obj)
        raise unrecognized(kind.name, f"Object 'Kind' is missing in '{text.decode()}'", text)
    if api_version != kind.api_version:
        told = f"the API version in the data ({api_version}) does not match the expected API version"
        raise BadRequest(f"{told} ({kind.api_version})")
    if name != kind.name:
        wrong = fields.invalid("kind", name, f"must be {kind.name}")
        raise errors.invalid(name, kind.group, str((obj.get("metadata") or {}).get("name") or ""), [wrong])
    return obj


def _said_of_kind(kind: Kind, obj: Json) -> tuple[str, str]:
    return obj.get("kind") or kind.name, obj.get("apiVersion") or kind.api_version


def other_kind(core: Core, kind: Kind, obj: Json) -> str:
    """Why an object is not of `kind`, "" where it is or does not say."""
    told = _not_named(obj)
    if told:
        return told
    name, api_version = _said_of_kind(kind, obj)
    if (name, api_version) == (kind.name, kind.api_version):
        return ""
    if not _is_registered(core, api_version, name):
        return f'no kind "{name}" is registered for version "{api_version}" in scheme "{SCHEME}"'
    inside = f"{_package(kind.group)}.{kind.name}"
    return f"converting ({api_version.rpartition('/')[2]}.{name}) to ({inside}): unknown conversion"


def _is_registered(core: Core, api_version: str, name: str) -> bool:
    """Whether there is such a kind, served here or not."""
    try:
        return core.registry.by_type(api_version, name) is not None or bool(types.type_of(api_version, name))
    except KeyError:
        return False


def _package(group: str) -> str:
    """The Go package of a group's internal types."""
    return group.partition(".")[0] or "core"
