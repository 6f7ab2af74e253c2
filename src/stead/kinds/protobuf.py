"""Request bodies in `application/vnd.kubernetes.protobuf`, which Go clients send unasked (wire.md, Protobuf bodies).

The field numbers come from the facts; a message becomes the JSON it would have been, and `decoding` then drops the
empty values that Go's encoder writes for fields that are no pointers. The depth is bounded by the types, or refused.
Answers are written by `protobufwriting`.
"""

import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, NamedTuple

import msgspec

from stead.kinds import decoding, protowire, types
from stead.kinds.protowire import NO_BYTES, Wire
from stead.kinds.scalars import DecodingError

MEDIA = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

Reader = Callable[[Wire], Any]
Setter = Callable[[dict[str, Any], Wire], None]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNNUMBERED = {"core.v1.EphemeralContainerCommon": 1}  # an embedded member whose number the facts do not tell


def number_of(member: types.Field) -> int:
    """A member's number in its message; 0 where it does not travel."""
    return member.number or _UNNUMBERED.get(member.type, 0)


class Body(NamedTuple):
    """What an envelope holds: the type as it says itself, and the object as `decoding.canonical` gives it."""

    api_version: str
    kind: str
    obj: dict[str, Any]


def decode(data: bytes) -> Body:
    """A whole body; raises DecodingError for what is cut off, malformed or of a kind nobody knows."""
    if not data.startswith(MAGIC):
        prefix = " ".join(str(byte) for byte in MAGIC)
        raise DecodingError(f"provided data does not appear to be a protobuf message, expected prefix [{prefix}]")
    envelope = protowire.last(memoryview(data)[len(MAGIC) :])
    meta = protowire.last(envelope.get(1, NO_BYTES))
    api_version, kind = (_text(meta.get(number, NO_BYTES)) for number in (1, 2))
    try:
        type_name = types.type_of(api_version, kind)
    except KeyError:
        raise DecodingError(f'no kind "{kind}" is registered for version "{api_version}"') from None
    given = {"kind": kind, "apiVersion": api_version}
    try:
        _message(type_name).read_into(given, envelope.get(2, NO_BYTES))
    except RecursionError:
        raise DecodingError(decoding.TOO_DEEP) from None
    return Body(api_version, kind, decoding.canonical(type_name, given))


class _Message:
    """How the message of one Go struct is read. Its members are looked up at first use, for types recur."""

    def __init__(self, type_name: str) -> None:
        self._type_name = type_name

    @cached_property
    def setters(self) -> dict[int, Setter]:
        members = types.members_of(self._type_name)
        setters = {number_of(member): _setter(member) for member in members}
        setters.pop(0, None)
        return setters

    def read_into(self, given: dict[str, Any], value: Wire) -> None:
        """Set what is there; a message that comes in pieces is put together, as Go does."""
        setters = self.setters
        for number, item in protowire.fields(protowire.octets(value)):
            if setter := setters.get(number):
                setter(given, item)

    def read(self, value: Wire) -> dict[str, Any]:
        given: dict[str, Any] = {}
        self.read_into(given, value)
        return given


_message = cache(_Message)


def _setter(member: types.Field) -> Setter:
    """How a member's value gets into the object."""
    if member.go_type in _READERS:
        return _single_setter(member.json, _READERS[member.go_type])
    mark, element = types.element_of(types.unwrapped(member.go_type))
    if mark:
        return (_entry_setter if mark == "map" else _item_setter)(member.json, element)
    return _struct_setter(member.json, element)


def _single_setter(name: str, reader: Reader) -> Setter:
    def put(given: dict[str, Any], value: Wire) -> None:
        given[name] = reader(value)

    return put


def _struct_setter(name: str, type_name: str) -> Setter:
    """An embedded struct (no name) is read into its parent."""
    message = _message(type_name)

    def put(given: dict[str, Any], value: Wire) -> None:
        message.read_into(given.setdefault(name, {}) if name else given, value)

    return put


def _item_setter(name: str, element: str) -> Setter:
    reader = _reader(element)
    may_be_packed = element in ("int32", "int64", "bool")

    def put(given: dict[str, Any], value: Wire) -> None:
        items = given.setdefault(name, [])
        if may_be_packed and isinstance(value, memoryview):
            items.extend(map(reader, protowire.packed(value)))
        else:
            items.append(reader(value))

    return put


def _entry_setter(name: str, element: str) -> Setter:
    """A map comes as messages of a key (1) and a value (2), either left out where empty."""
    reader = _reader(element)

    def put(given: dict[str, Any], value: Wire) -> None:
        entry = protowire.last(value)
        key = _text(entry.get(1, NO_BYTES))
        given.setdefault(name, {})[key] = reader(entry[2]) if 2 in entry else None

    return put


def _reader(go_type: str) -> Reader:
    return _READERS[go_type] if go_type in _READERS else _message(go_type).read


def _whole_number(bits: int) -> Reader:
    """A varint as a signed number of so many bits."""
    limit = 1 << bits

    def read(value: Wire) -> int:
        low = protowire.number(value) % limit
        return low - limit if low >= limit >> 1 else low

    return read


def _truth(value: Wire) -> bool:
    return protowire.number(value) != 0


def _double(value: Wire) -> float:
    number: float = struct.unpack("<d", struct.pack("<Q", protowire.number(value)))[0]
    return number


def _text(value: Wire) -> str:
    return str(protowire.octets(value), "utf-8", "replace")


def _octets(value: Wire) -> str:
    return b64encode(protowire.octets(value)).decode()


def _amount(value: Wire) -> str:
    return _text(protowire.last(value).get(1, NO_BYTES))


def _int_or_text(value: Wire) -> Any:
    parts = protowire.last(value)
    return _text(parts.get(3, NO_BYTES)) if parts.get(1, 0) == 1 else _integer32(parts.get(2, 0))


def _time(value: Wire) -> str | None:
    """Whole seconds: Go drops the rest here, as JSON would. An empty message is the zero time."""
    parts = protowire.last(value)
    return f"{_moment(parts):%Y-%m-%dT%H:%M:%SZ}".rjust(20, "0") if parts else None


def _micro_time(value: Wire) -> str | None:
    parts = protowire.last(value)
    return f"{_moment(parts):%Y-%m-%dT%H:%M:%S.%fZ}".rjust(27, "0") if parts else None


def _moment(parts: Mapping[int, Wire]) -> datetime:
    seconds, nanos = _integer64(parts.get(1, 0)), _integer32(parts.get(2, 0))
    try:
        return EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise DecodingError(f"time of {seconds} seconds is out of range") from None


def _json(value: Wire) -> Any:
    """RawExtension, FieldsV1, JSON: a message whose first field is JSON text."""
    raw = protowire.last(value).get(1, NO_BYTES)
    try:
        return msgspec.json.decode(protowire.octets(raw)) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise DecodingError(str(wrong)) from None


def _texts(value: Wire) -> list[str]:
    """A named list of texts: a message whose first field repeats."""
    return [_text(item) for number, item in protowire.fields(protowire.octets(value)) if number == 1]


def _schema(value: Wire) -> dict[str, Any]:
    return _message("apiextensions.v1.JSONSchemaProps").read(value)


def _schema_or_bool(value: Wire) -> Any:
    parts = protowire.last(value)
    return _schema(parts[2]) if 2 in parts else _truth(parts.get(1, 0))


def _schema_or_list(value: Wire) -> Any:
    parts = list(protowire.fields(protowire.octets(value)))
    one = [_schema(item) for number, item in parts if number == 1]
    return one[-1] if one else [_schema(item) for number, item in parts if number == 2]


def _schema_or_texts(value: Wire) -> Any:
    parts = list(protowire.fields(protowire.octets(value)))
    one = [_schema(item) for number, item in parts if number == 1]
    return one[-1] if one else [_text(item) for number, item in parts if number == 2]


def _empty(value: Wire) -> dict[str, Any]:
    protowire.octets(value)
    return {}


_integer32 = _whole_number(32)
_integer64 = _whole_number(64)

_READERS: Mapping[str, Reader] = {
    "string": _text,
    "types.UID": _text,
    "bool": _truth,
    "int32": _integer32,
    "int64": _integer64,
    "float64": _double,
    "[]byte": _octets,
    "resource.Quantity": _amount,
    "intstr.IntOrString": _int_or_text,
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _micro_time,
    "meta.v1.FieldsV1": _json,
    "runtime.RawExtension": _json,
    "apiextensions.v1.JSON": _json,
    "meta.v1.Verbs": _texts,
    "authentication.v1.ExtraValue": _texts,
    "authorization.v1.ExtraValue": _texts,
    "certificates.v1.ExtraValue": _texts,
    "apiextensions.v1.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions.v1.JSONSchemaPropsOrArray": _schema_or_list,
    "apiextensions.v1.JSONSchemaPropsOrStringArray": _schema_or_texts,
    "apiextensions.v1.CustomResourceSubresourceStatus": _empty,
}
