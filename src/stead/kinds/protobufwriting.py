"""Objects as Go writes them in protocol buffers, for clients that take nothing else (wire.md, Protobuf bodies).

The other half of `protobuf`: the same facts, byte for byte what Go's generated code writes. Members stand in the order
of their numbers; what is no pointer is written even where empty; maps go by their keys.
"""

import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, cached_property
from typing import Any

from stead.kinds import protobuf, types
from stead.machinery.objects import Json, encode

Payload = Callable[[Any], bytes]  # a value as the bytes behind its tag, with their length where they have one
Writer = Callable[[Json], bytes]  # a member of an object, tag and all; b"" where nothing is written

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_ALLOWED = b"\x08\x01"  # JSONSchemaPropsOrBool.allows, which a schema implies


def encoded(obj: Json) -> bytes:
    """A whole body with its envelope; raises KeyError for an object of a kind there are no facts of."""
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    type_name = types.type_of(api_version, kind)
    type_meta = _field(1, api_version.encode()) + _field(2, kind.encode())
    raw = _message(type_name).body(obj)
    return protobuf.MAGIC + _field(1, type_meta) + _field(2, raw) + _field(3, b"") + _field(4, b"")


def watch_frame(type_: str, obj: Json) -> bytes:
    """One event of a watch: its length in four bytes, then a WatchEvent without an envelope around the enveloped."""
    event = _field(1, type_.encode()) + _field(2, _field(1, encoded(obj)))
    return len(event).to_bytes(4, "big") + event


class _Message:
    """How the message of one Go struct is written. Its members are looked up at first use, for types recur."""

    def __init__(self, type_name: str) -> None:
        self._type_name = type_name

    @cached_property
    def writers(self) -> list[Writer]:
        numbered = [(protobuf.number_of(member), member) for member in types.members_of(self._type_name)]
        numbered.sort(key=lambda entry: entry[0])
        return [_writer(number, member) for number, member in numbered if number]

    def body(self, obj: Any) -> bytes:
        given = obj or {}
        return b"".join([write(given) for write in self.writers])

    def payload(self, obj: Any) -> bytes:
        return _sized(self.body(obj))


_message = cache(_Message)


def _writer(number: int, member: types.Field) -> Writer:
    if not member.json:
        return _embedded(number, _message(member.type))
    go_type = member.go_type
    if go_type in _PAYLOADS:
        return _single(number, member, *_PAYLOADS[go_type])
    mark, element = types.element_of(types.unwrapped(go_type))
    form, payload = _PAYLOADS.get(element) or (_BYTES, _message(element).payload)
    if mark == "map":
        return _entries(number, member.json, _tag(2, form), payload)
    if mark == "list":
        return _items(member.json, _tag(number, form), payload)
    return _single(number, member, form, payload)


def _embedded(number: int, message: _Message) -> Writer:
    tag = _tag(number, _BYTES)
    return lambda obj: tag + message.payload(obj)


def _single(number: int, member: types.Field, form: int, payload: Payload) -> Writer:
    """What may be nil is left out where it is not there; everything else is written with its empty value."""
    name, tag = member.json, _tag(number, form)
    may_be_nil = member.is_pointer or types.unwrapped(member.go_type).startswith("[]")
    absent = b"" if may_be_nil else tag + payload(None)

    def write(obj: Json) -> bytes:
        value = obj.get(name)
        return absent if value is None else tag + payload(value)

    return write


def _items(name: str, tag: bytes, payload: Payload) -> Writer:
    def write(obj: Json) -> bytes:
        return b"".join([tag + payload(item) for item in obj.get(name) or ()])

    return write


def _entries(number: int, name: str, value_tag: bytes, payload: Payload) -> Writer:
    tag = _tag(number, _BYTES)

    def write(obj: Json) -> bytes:
        entries = sorted((obj.get(name) or {}).items())
        return b"".join([tag + _sized(_field(1, key.encode()) + value_tag + payload(value)) for key, value in entries])

    return write


def _tag(number: int, form: int) -> bytes:
    return _varint(number << 3 | form)


def _field(number: int, data: bytes) -> bytes:
    return _tag(number, _BYTES) + _sized(data)


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(number: int) -> bytes:
    number &= 0xFFFFFFFFFFFFFFFF
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _number(value: Any) -> bytes:
    return _varint(int(value or 0))


def _double(value: Any) -> bytes:
    return struct.pack("<d", float(value or 0))


def _text(value: Any) -> bytes:
    return _sized((value or "").encode("utf-8", "surrogatepass"))


def _octets(value: Any) -> bytes:
    return _sized(b64decode(value or ""))


def _amount(value: Any) -> bytes:
    return _sized(_field(1, str(value or "0").encode()))


def _int_or_text(value: Any) -> bytes:
    is_text = isinstance(value, str)
    number, text = (0, value) if is_text else (int(value or 0), "")
    return _sized(b"\x08" + _varint(is_text) + b"\x10" + _varint(number) + _field(3, text.encode()))


def _time(value: Any) -> bytes:
    """The zero time is an empty message."""
    if not value:
        return _sized(b"")
    moment = datetime.fromisoformat(value)
    whole = int((moment.replace(microsecond=0) - protobuf.EPOCH).total_seconds())
    return _sized(b"\x08" + _varint(whole) + b"\x10" + _varint(moment.microsecond * 1000))


def _json(value: Any) -> bytes:
    return _sized(b"" if value is None else _field(1, encode(value)))


def _texts(value: Any) -> bytes:
    return _sized(b"".join(_field(1, text.encode()) for text in value or ()))


def _schema(number: int, value: Any) -> bytes:
    return _field(number, _message("apiextensions.v1.JSONSchemaProps").body(value))


def _schema_or_bool(value: Any) -> bytes:
    if isinstance(value, Mapping):
        return _sized(_ALLOWED + _schema(2, value))
    return _sized(b"\x08" + _varint(bool(value)))


def _schema_or_list(value: Any) -> bytes:
    if isinstance(value, list):
        return _sized(b"".join(_schema(2, item) for item in value))
    return _sized(_schema(1, value) if value is not None else b"")


def _schema_or_texts(value: Any) -> bytes:
    if isinstance(value, list):
        return _sized(b"".join(_field(2, text.encode()) for text in value))
    return _sized(_schema(1, value) if value is not None else b"")


_PAYLOADS: Mapping[str, tuple[int, Payload]] = {
    "string": (_BYTES, _text),
    "types.UID": (_BYTES, _text),
    "bool": (_VARINT, _number),
    "int32": (_VARINT, _number),
    "int64": (_VARINT, _number),
    "float64": (_FIXED64, _double),
    "[]byte": (_BYTES, _octets),
    "resource.Quantity": (_BYTES, _amount),
    "intstr.IntOrString": (_BYTES, _int_or_text),
    "meta.v1.Time": (_BYTES, _time),
    "meta.v1.MicroTime": (_BYTES, _time),
    "meta.v1.FieldsV1": (_BYTES, _json),
    "runtime.RawExtension": (_BYTES, _json),
    "apiextensions.v1.JSON": (_BYTES, _json),
    "meta.v1.Verbs": (_BYTES, _texts),
    "authentication.v1.ExtraValue": (_BYTES, _texts),
    "authorization.v1.ExtraValue": (_BYTES, _texts),
    "certificates.v1.ExtraValue": (_BYTES, _texts),
    "apiextensions.v1.JSONSchemaPropsOrBool": (_BYTES, _schema_or_bool),
    "apiextensions.v1.JSONSchemaPropsOrArray": (_BYTES, _schema_or_list),
    "apiextensions.v1.JSONSchemaPropsOrStringArray": (_BYTES, _schema_or_texts),
    "apiextensions.v1.CustomResourceSubresourceStatus": (_BYTES, lambda value: _sized(b"")),
}
