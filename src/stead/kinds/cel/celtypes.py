"""The types an expression is checked with, how they are written, and which fits where."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct

UNKNOWN_SIZE = 2**63


class Type(Struct, frozen=True):
    """`list(string)` is Type("list", (STRING,)); an object has fields; a single capital stands for any type.

    `most` is how many elements or bytes a value has at most, as far as a schema tells.
    """

    name: str
    args: tuple["Type", ...] = ()
    fields: Mapping[str, "Type"] | None = None
    most: int = UNKNOWN_SIZE

    def __str__(self) -> str:
        name = _LONG.get(self.name, self.name)
        return f"{name}({', '.join(map(str, self.args))})" if self.args else name

    @property
    def is_param(self) -> bool:
        return len(self.name) == 1


_LONG = {"duration": "google.protobuf.Duration", "timestamp": "google.protobuf.Timestamp"}
DYN, BOOL, INT, UINT, DOUBLE = Type("dyn"), Type("bool"), Type("int"), Type("uint"), Type("double")
STRING, BYTES, NULL = Type("string"), Type("bytes"), Type("null")
DURATION, TIMESTAMP, TYPE = Type("duration"), Type("timestamp"), Type("type")
NULLABLE = frozenset(("duration", "timestamp"))

Bound = dict[str, Type]


def list_of(element: Type, most: int = UNKNOWN_SIZE) -> Type:
    return Type("list", (element,), most=most)


def map_of(key: Type, value: Type, most: int = UNKNOWN_SIZE) -> Type:
    return Type("map", (key, value), most=most)


def optional_of(type_: Type) -> Type:
    return Type("optional_type", (type_,))


def fits(wanted: Type, found: Type, bound: Bound) -> bool:
    """Whether a value of type `found` may stand where `wanted` is wanted; what a capital stands for goes to `bound`."""
    if wanted.is_param:
        return _fits_param(wanted, found, bound)
    if found.name == "dyn" or wanted.name == "dyn":
        return True
    if found.name == "null":
        return wanted.fields is not None or wanted.name in NULLABLE or wanted.name == "null"
    if wanted.name == "null":
        return found.fields is not None or found.name in NULLABLE
    if wanted.name != found.name or len(wanted.args) != len(found.args):
        return wanted.name == found.name == "type"
    return all(fits(one, other, bound) for one, other in zip(wanted.args, found.args, strict=True))


def _fits_param(wanted: Type, found: Type, bound: Bound) -> bool:
    known = bound.get(wanted.name)
    if known is None or (known.name == "null" and found.name != "null" and fits(found, known, {})):
        bound[wanted.name] = found
        return True
    if known.name == "dyn":
        return True
    if found.name == "dyn":
        bound[wanted.name] = DYN
        return True
    return fits(known, found, bound)


def with_bound(type_: Type, bound: Bound) -> Type:
    """`list(A)` where A is known to be a string: `list(string)`."""
    if type_.is_param:
        return bound.get(type_.name, DYN)
    if not type_.args:
        return type_
    return Type(type_.name, tuple(with_bound(arg, bound) for arg in type_.args), type_.fields, type_.most)


@cache
def read(text: str) -> Type:
    """A type as declarations write it: `map(string, list(A))`."""
    name, opening, rest = text.strip().partition("(")
    if not opening:
        return Type(name)
    return Type(name, tuple(map(read, separated(rest.rstrip()[:-1]))))


def separated(text: str) -> list[str]:
    """The parts between the commas that stand in no parentheses."""
    found, depth, part = [], 0, ""
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            found.append(part)
            part = ""
        else:
            part += sign
    return [*found, part] if part.strip() else found


def json_name(value: Any) -> Type:
    """The type of a literal."""
    for kind, type_ in ((bool, BOOL), (str, STRING), (bytes, BYTES), (float, DOUBLE), (type(None), NULL)):
        if isinstance(value, kind):
            return type_
    return UINT if type(value).__name__ == "Unsigned" else INT
