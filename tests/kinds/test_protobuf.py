"""Protobuf bodies: read back what an encoder writes that works as Go's does, and survive what none writes."""

import json
import struct
import time
from base64 import b64decode
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stead.kinds import types
from stead.kinds.decoding import DecodingError, canonical
from stead.kinds.protobuf import MAGIC, decode
from stead.kinds.protobufwriting import encoded

DATA = Path(__file__).parents[1] / "data"
SETS = [vector["statefulset"] for vector in json.loads((DATA / "revisions.json").read_text())]
FROM_KUBECTL = json.loads((DATA / "protobuf.json").read_text())  # what `kubectl create` 1.32 sends, caught on its way
SCHEMA = "apiextensions.v1.JSONSchemaProps"


# An encoder as Go's: every field that is no pointer is written, also when empty.


def varint(value: int) -> bytes:
    value %= 1 << 64
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | float) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(value)


def message(type_name: str, obj: dict[str, Any]) -> bytes:
    out = b""
    for member in types.members_of(type_name):
        number = 1 if member.type == "core.v1.EphemeralContainerCommon" else member.number
        if not number:
            continue
        if not member.json:
            out += field(number, message(member.type, obj))
            continue
        out += b"".join(field(number, wire) for wire in wires(member, obj.get(member.json)))
    return out


def wires(member: types.Field, value: Any) -> list[int | bytes | float]:
    mark, element = types.element_of(types.unwrapped(member.go_type))
    if member.go_type == "meta.v1.Verbs":
        return [boxed(value)]
    if mark == "list":
        return [wire(element, item) for item in value or ()]
    if mark == "map":
        return [field(1, key.encode()) + field(2, wire(element, item)) for key, item in (value or {}).items()]
    if value is None and (member.is_pointer or element == "[]byte"):
        return []
    return [wire(element, value)]


def wire(go_type: str, value: Any) -> int | bytes | float:
    match go_type:
        case "string" | "types.UID":
            return (value or "").encode()
        case "bool" | "int32" | "int64":
            return int(value or 0)
        case "float64":
            return float(value or 0)
        case "[]byte":
            return b64decode(value or "")
        case "resource.Quantity":
            return field(1, (value or "0").encode())
        case "intstr.IntOrString":
            is_text = isinstance(value, str)
            text = value.encode() if isinstance(value, str) else b""
            return field(1, int(is_text)) + field(2, 0 if is_text else value or 0) + field(3, text)
        case "meta.v1.Time" | "meta.v1.MicroTime":
            return moment(value) if value else b""
        case "runtime.RawExtension" | "meta.v1.FieldsV1" | "apiextensions.v1.JSON":
            return b"" if value is None else field(1, json.dumps(value).encode())
        case "apiextensions.v1.CustomResourceSubresourceStatus":
            return b""
        case "apiextensions.v1.JSONSchemaPropsOrBool":
            return field(1, int(value)) if isinstance(value, bool) else field(1, 1) + field(2, message(SCHEMA, value))
        case "apiextensions.v1.JSONSchemaPropsOrArray" | "apiextensions.v1.JSONSchemaPropsOrStringArray":
            return union(value)
    return boxed(value) if go_type.endswith("ExtraValue") else message(go_type, value or {})


def union(value: Any) -> bytes:
    if isinstance(value, dict):
        return field(1, message(SCHEMA, value))
    items = (item.encode() if isinstance(item, str) else message(SCHEMA, item) for item in value or ())
    return b"".join(field(2, item) for item in items)


def boxed(value: list[str] | None) -> bytes:
    return b"".join(field(1, text.encode()) for text in value or ())


def moment(text: str) -> bytes:
    when = datetime.fromisoformat(text)
    seconds = int(when.replace(microsecond=0).timestamp())
    return field(1, seconds) + field(2, when.microsecond * 1000)


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    meta = field(1, api_version.encode()) + field(2, kind.encode())
    return MAGIC + field(1, meta) + field(2, raw) + field(3, b"") + field(4, b"")


def body_of(type_name: str, obj: dict[str, Any]) -> bytes:
    return body(obj["apiVersion"], obj["kind"], message(type_name, obj))


# What comes back


@pytest.mark.parametrize("given_set", SETS, ids=lambda obj: obj["metadata"]["name"])
def test_stateful_sets_come_back(given_set: dict[str, Any]) -> None:
    obj = canonical("apps.v1.StatefulSet", given_set)
    assert decode(body_of("apps.v1.StatefulSet", obj)) == ("apps/v1", "StatefulSet", obj)


@pytest.mark.parametrize("caught", FROM_KUBECTL, ids=lambda caught: caught["object"]["kind"])
def test_bodies_of_kubectl(caught: dict[str, Any]) -> None:
    obj = caught["object"]
    assert decode(b64decode(caught["body"])) == (obj["apiVersion"], obj["kind"], obj)


def test_a_config_map_byte_by_byte() -> None:
    data = (
        b"k8s\x00"
        b"\x0a\x0f\x0a\x02v1\x12\x09ConfigMap"  # type: apiVersion, kind
        b"\x12\x1e"  # the object
        b"\x0a\x11\x0a\x03web\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00"
        b"\x12\x09\x0a\x01k\x12\x04v\xc3\xa9!"
        b"\x1a\x00\x22\x00"  # contentEncoding, contentType
    )
    expected = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "web"}, "data": {"k": "vé!"}}
    assert decode(data) == ("v1", "ConfigMap", expected)


@pytest.mark.parametrize("api_version", ["v1", "apps/v1", "policy/v1", "example.com/v1alpha1"])
def test_delete_options_come_under_any_group(api_version: str) -> None:
    raw = field(1, 0) + field(4, b"Foreground") + field(5, b"All")
    assert decode(body(api_version, "DeleteOptions", raw)).obj == {
        "kind": "DeleteOptions",
        "apiVersion": api_version,
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
        "dryRun": ["All"],
    }


def test_pointers_keep_their_zeros_and_values_do_not() -> None:
    claim = message("core.v1.PersistentVolumeClaim", {"spec": {"storageClassName": "", "volumeName": ""}})
    assert decode(body("v1", "PersistentVolumeClaim", claim)).obj["spec"] == {"storageClassName": "", "resources": {}}


def test_negative_numbers_and_numbers_in_a_row() -> None:
    raw = field(2, field(1, -1))  # replicas of a StatefulSet
    assert decode(body("apps/v1", "StatefulSet", raw)).obj["spec"]["replicas"] == -1
    groups = field(2, field(14, field(4, varint(1) + varint(300))))  # supplementalGroups, packed
    assert decode(body("v1", "Pod", groups)).obj["spec"]["securityContext"] == {"supplementalGroups": [1, 300]}


def test_unknown_numbers_are_passed_over() -> None:
    raw = field(1000, b"x") + field(1001, 5) + field(1002, 0.5) + b"\xdd\x3e1234"
    assert decode(body("v1", "ConfigMap", raw)).obj == {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}}


def test_a_message_in_pieces_is_put_together() -> None:
    raw = field(1, field(1, b"web")) + field(1, field(3, b"default"))
    assert decode(body("v1", "ConfigMap", raw)).obj["metadata"] == {"name": "web", "namespace": "default"}


# Every kind, at random

KINDS = [
    name
    for name in types.names()
    if {"kind", "apiVersion"} <= types.fields_of(name).keys() and not name.startswith(("meta.", "runtime."))
]
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
TEXTS_OR_SCHEMA = "apiextensions.v1.JSONSchemaPropsOrStringArray"
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "string": words,
    "types.UID": words,
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "[]byte": st.sampled_from(["", "YQ==", "AAEC"]),
    "resource.Quantity": st.sampled_from(["0", "1", "500m", "1Gi", "1e3", 5]),
    "intstr.IntOrString": st.one_of(words, st.integers(-(2**31), 2**31 - 1)),
    "meta.v1.Time": st.sampled_from(["2026-01-02T03:04:05Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"]),
    "meta.v1.MicroTime": st.sampled_from(["2026-01-02T03:04:05.000001Z", "1969-12-31T23:59:59.500000Z"]),
    "runtime.RawExtension": st.dictionaries(words, st.none() | st.integers(-5, 5)),
    "meta.v1.FieldsV1": st.just({"f:spec": {}}),
    "apiextensions.v1.JSON": st.one_of(words, st.integers(-5, 5), st.lists(st.booleans(), max_size=2)),
    "apiextensions.v1.JSONSchemaPropsOrBool": st.booleans() | st.just({"type": "string"}),
    "apiextensions.v1.JSONSchemaPropsOrArray": st.sampled_from([{"type": "string"}, [{"type": "string"}]]),
    TEXTS_OR_SCHEMA: st.sampled_from([{"type": "string"}, ["a", ""]]),
    "apiextensions.v1.CustomResourceSubresourceStatus": st.just({}),
}


@st.composite
def values(draw: st.DrawFn, go_type: str, depth: int) -> Any:
    mark, element = types.element_of(types.unwrapped(go_type))
    if go_type in LEAVES:
        return draw(LEAVES[go_type])
    if mark == "list":
        return draw(st.lists(values(element, depth), max_size=2))
    if mark == "map":
        return draw(st.dictionaries(words, values(element, depth), max_size=2))
    fields = types.fields_of(go_type)
    is_object = any(member.type == "meta.v1.TypeMeta" for member in types.members_of(go_type))
    names = [
        name for name in fields if not is_object or name not in ("kind", "apiVersion")
    ]  # only the envelope has them
    chosen = draw(st.lists(st.sampled_from(names), max_size=4, unique=True)) if depth and names else ()
    return {name: draw(values(fields[name].go_type, depth - 1)) for name in chosen}


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.sampled_from(KINDS))
def test_every_kind_comes_back(data: st.DataObject, type_name: str) -> None:
    package, version, kind = type_name.split(".")
    api_version = version if package == "core" else f"{package}/{version}"
    obj = {**data.draw(values(type_name, 5)), "kind": kind, "apiVersion": api_version}
    held = canonical(type_name, obj)
    assert decode(body_of(type_name, held)) == (api_version, kind, held)
    assert decode(encoded(held)) == (api_version, kind, held)


# What none writes


def test_another_prefix_is_refused() -> None:
    with pytest.raises(DecodingError, match="expected prefix"):
        decode(b'{"kind":"ConfigMap"}')


def test_a_kind_nobody_knows() -> None:
    with pytest.raises(DecodingError, match='no kind "Nope" is registered for version "v1"'):
        decode(body("v1", "Nope", b""))


@pytest.mark.parametrize(
    "raw, told",
    [
        (b"\x0a\x05ab", "unexpected EOF"),
        (b"\x0a", "unexpected EOF"),
        (b"\x80", "unexpected EOF"),
        (b"\xff" * 11, "integer overflow"),
        (b"\x02\x00", "illegal tag 0"),
        (b"\x0b", "illegal wireType 3"),
        (b"\x08\x01", "wrong wireType"),
    ],
    ids=str,
)
def test_broken_messages(raw: bytes, told: str) -> None:
    with pytest.raises(DecodingError, match=told):
        decode(body("v1", "ConfigMap", raw))


def test_every_cut_is_noticed_or_harmless() -> None:
    whole = body_of("apps.v1.StatefulSet", canonical("apps.v1.StatefulSet", SETS[1]))
    for end in range(len(whole)):
        try:
            decode(whole[:end])
        except DecodingError:
            continue


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([("v1", "Pod"), ("apps/v1", "StatefulSet"), ("v1", "Event")]))
def test_noise_is_refused_or_read(raw: bytes, kind: tuple[str, str]) -> None:
    try:
        assert decode(body(*kind, raw)).kind == kind[1]
    except DecodingError as wrong:
        assert str(wrong)


def test_a_message_without_a_bottom_is_refused_soon() -> None:
    inner = b""
    for _ in range(20_000):
        inner = field(28, inner)  # `not` of a schema
    definition = field(2, field(7, field(4, field(1, inner))))
    began = time.monotonic()
    with pytest.raises(DecodingError, match="exceeded max depth"):
        decode(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition))
    assert time.monotonic() - began < 2
