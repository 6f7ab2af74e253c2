"""The facts of the 590 API types of Kubernetes 1.36: field names, what Go writes for empty values, merge keys, numbers.

They are data (`data/types.json.gz`), read once and only when somebody asks. Everything that must know a field by its
place - decoding, unknown fields, merging, applying, protobuf - asks here.

A Go type is written as Go writes it, with the package in full: `string`, `[]core.v1.Container`, `map[string]string`,
`meta.v1.Time`. Named lists and maps (`core.v1.ResourceList`) keep their name; `unwrapped` tells what they hold.
"""

import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec

from stead.machinery.shapes import ANYTHING, Shape, Sort

_DATA = Path(__file__).with_name("data") / "types.json.gz"
_GZIP = 31  # zlib's word for a gzip header
_OPAQUE = frozenset(
    {
        "runtime.RawExtension",
        "runtime.Object",
        "meta.v1.FieldsV1",
        "apiextensions.v1.JSON",
        "apiextensions.v1.JSONSchemaPropsOrBool",
        "apiextensions.v1.JSONSchemaPropsOrArray",
        "apiextensions.v1.JSONSchemaPropsOrStringArray",
        "apiextensions.v1.CustomResourceSubresourceStatus",
    }
)
_MAP_KEY_DEFAULTS = {
    "core.v1.ContainerPort": {"protocol": "TCP"},
    "core.v1.ServicePort": {"protocol": "TCP"},
}


class Field(msgspec.Struct, frozen=True):
    """One member of a Go struct. `json` is "" where the member is a struct whose fields stand in its parent."""

    json: str
    type: str
    number: int = 0
    flags: str = ""
    patch_strategy: str = msgspec.field(name="patchStrategy", default="")
    patch_merge_key: str = msgspec.field(name="patchMergeKey", default="")
    list_type: str = msgspec.field(name="listType", default="atomic")
    map_keys: tuple[str, ...] = msgspec.field(name="listMapKeys", default=())
    map_type: str = msgspec.field(name="mapType", default="")
    struct_type: str = msgspec.field(name="structType", default="")

    @property
    def is_pointer(self) -> bool:
        return "p" in self.flags

    @property
    def omits_empty(self) -> bool:
        return "o" in self.flags

    @property
    def omits_zero(self) -> bool:
        return "z" in self.flags

    @property
    def go_type(self) -> str:
        """The type with its list or map mark, without the pointer's."""
        if "l" in self.flags:
            return f"[]{self.type}"
        return f"map[string]{self.type}" if "m" in self.flags else self.type


class _Type(msgspec.Struct, frozen=True):
    fields: tuple[Field, ...] = ()
    struct_type: str = msgspec.field(name="structType", default="")


class _Facts(msgspec.Struct, frozen=True):
    types: dict[str, _Type]
    wrapped: dict[str, str]


@cache
def _facts() -> _Facts:
    return msgspec.json.decode(zlib.decompress(_DATA.read_bytes(), _GZIP), type=_Facts)


def names() -> Iterator[str]:
    """Every type there are facts of."""
    return iter(_facts().types)


def type_of(api_version: str, kind: str) -> str:
    """The type behind `apps/v1` and `StatefulSet`; raises KeyError.

    DeleteOptions and the other words of the protocol come under any group's version.
    """
    group, _, version = api_version.rpartition("/")
    for name in (f"{group.partition('.')[0] or 'core'}.{version}.{kind}", f"meta.v1.{kind}"):
        if is_struct(name):
            return name
    raise KeyError(api_version, kind)


def is_struct(go_type: str) -> bool:
    return go_type in _facts().types


def members_of(type_name: str) -> tuple[Field, ...]:
    """The members of a struct in Go's order, embedded structs as one member each; raises KeyError."""
    return _facts().types[type_name].fields


@cache
def fields_of(type_name: str) -> Mapping[str, Field]:
    """The fields of a struct by JSON name in Go's order, embedded structs laid open; raises KeyError."""
    found: dict[str, Field] = {}
    for member in members_of(type_name):
        found |= {member.json: member} if member.json else fields_of(member.type)
    return found


@cache
def unwrapped(go_type: str) -> str:
    """What a named list or map is made of, the type itself where it is neither."""
    made_of = _facts().wrapped.get(go_type)
    if made_of is None:
        return go_type
    mark, element = ("map[string]", made_of.partition("]")[2]) if made_of[:4] == "map[" else ("[]", made_of[2:])
    is_complete = "." in element or element == "string"
    package = go_type.rpartition(".")[0]
    return mark + (element if is_complete else f"{package}.{element}")


def element_of(go_type: str) -> tuple[str, str]:
    """A type taken apart: ("list" | "map" | "", the type of one element or the type itself)."""
    if go_type.startswith("[]") and go_type != "[]byte":
        return "list", go_type[2:]
    if go_type.startswith("map["):
        return "map", go_type.partition("]")[2]
    return "", go_type


class _Fields(Mapping[str, Shape]):
    """The shapes of a struct's fields, each made when it is first looked at: types recur."""

    def __init__(self, type_name: str) -> None:
        self._fields = fields_of(type_name)
        self._made: dict[str, Shape] = {}

    def __getitem__(self, name: str) -> Shape:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = _shape_at(self._fields[name])
        return made

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@cache
def shape_of(type_name: str) -> Shape:
    """The shape of a type at the root of an object or as an element; raises KeyError for a name nobody knows."""
    return Shape("struct", type_name, _Fields(type_name), is_atomic=_is_atomic(type_name))


def _shape_at(field: Field) -> Shape:
    """The shape at a field: its type's, and how this very field merges."""
    strategy = frozenset(filter(None, field.patch_strategy.split(",")))
    base = _shape(field.go_type)
    owned = field.map_type or field.struct_type
    _, element = element_of(unwrapped(field.go_type))
    defaults = _MAP_KEY_DEFAULTS.get(element, {}) if field.list_type == "map" else {}
    return Shape(
        base.sort,
        base.type,
        base.fields,
        base.element,
        list_type=field.list_type,
        map_keys=field.map_keys,
        is_atomic=owned == "atomic" if owned else base.is_atomic,
        patch_strategy=strategy,
        patch_merge_key=field.patch_merge_key,
        defaults={key: value for key, value in defaults.items() if key in field.map_keys},
    )


@cache
def _shape(go_type: str) -> Shape:
    mark, element = element_of(unwrapped(go_type))
    if mark:
        sort: Sort = "list" if mark == "list" else "map"
        return Shape(sort, element, element=_shape(element))
    if go_type in _OPAQUE:
        return ANYTHING
    return shape_of(go_type) if is_struct(go_type) else Shape("scalar", go_type)


def _is_atomic(type_name: str) -> bool:
    return _facts().types[type_name].struct_type == "atomic"
