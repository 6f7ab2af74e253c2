"""The leaves of objects: how Go reads a string, a number, a time, an amount, and what it says where it cannot.

A reader takes a JSON value (never null) and gives the value as Go prints it. It raises Mismatch where the sort of value
is wrong (which then gathers its path on the way up) and DecodingError where the text is.
"""

import base64
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from stead.kinds import gotime
from stead.machinery import quantity
from stead.machinery.objects import Literal

Reader = Callable[[Any], Any]

_NUMBERS = frozenset({"int32", "int64", "float64"})
_REMEMBERED = 4096  # texts of times and amounts come again and again
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_GO_TYPE = re.compile(r"((?:\[\]|map\[string\])*)((?:\w+\.)*)(\w+)")


class DecodingError(ValueError):
    """A body that is not what it says it is; the text is the real server's, as far as it depends on the body.

    `of_map` is what is said where the same was no text but a map (a strategic patch, an apply).
    """

    def __init__(self, told: str, of_map: str = "") -> None:
        super().__init__(told)
        self.of_map = of_map or told


class Mismatch(Exception):
    """A value of the wrong sort. `go_type` is the type expected, with packages in full.

    `reads_itself`: a type with a reader of its own, which a map's value comes to as text.
    """

    def __init__(self, value: Any, go_type: str, *, reads_itself: bool = False) -> None:
        super().__init__()
        self._value = value
        self._go_type = go_type
        self._reads_itself = reads_itself
        self._struct = ""
        self._path: list[str] = []

    def came_through(self, struct: str, field: str) -> None:
        """Told on the way up, from the innermost struct to the root."""
        self._struct = self._struct or struct
        self._path.append(field)

    def error(self) -> DecodingError:
        place = f"struct field {self._struct}.{'.'.join(reversed(self._path))}" if self._path else "value"
        return DecodingError(self._told_of(place), self._told_of_map())

    def _told_of(self, place: str) -> str:
        word = _word(self._value, self._go_type)
        return f"json: cannot unmarshal {word} into Go {place} of type {_printed(self._go_type)}"

    def _told_of_map(self) -> str:
        """What the conversion from a map says: it knows no places."""
        if self._reads_itself:
            return self._told_of("value")
        found, wanted = _sort(self._value), self._go_type
        mark = wanted.partition("]")[0]
        if mark in ("[", "map[string"):
            return f"cannot restore {'slice' if mark == '[' else 'map'} from {found}"
        if wanted not in READERS:
            return f"cannot restore struct from: {found}"
        is_rune, is_broken = wanted == "string" and found == "int64", wanted in _NUMBERS and found == "float64"
        return f"cannot convert {found} to {wanted}" if is_rune or is_broken else f"unrecognized type: {wanted}"


def _word(value: Any, go_type: str) -> str:
    """What Go calls a JSON value. A number is quoted where a number, though not this one, was wanted."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {value!s}" if go_type in _NUMBERS else "number"
        case str():
            return "string"
        case Mapping():
            return "object"
    return "array"


def _sort(value: Any) -> str:
    """What Go calls the sort of a value in a map."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
    return "map" if isinstance(value, Mapping) else "slice"


def _printed(go_type: str) -> str:
    """`[]core.v1.Container` as Go prints it: `[]v1.Container`."""
    if go_type == "[]byte":
        return "[]uint8"
    found = _GO_TYPE.fullmatch(go_type)
    assert found, go_type
    mark, packages, name = found.groups()
    return f"{mark}{packages.split('.')[-2]}.{name}" if packages else mark + name


def text(value: Any) -> str:
    if type(value) is str:
        return value
    raise Mismatch(value, "string")


def truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise Mismatch(value, "bool")


def whole_number(go_type: str, bits: int) -> Reader:
    """Refuses what is written with a point or an exponent, and what does not fit into so many bits."""
    limit = 1 << (bits - 1)

    def read(value: Any) -> int:
        if type(value) is int and -limit <= value < limit:
            return value
        raise Mismatch(value, go_type)

    return read


def number(value: Any) -> int | float:
    """A float64; a whole one is printed without a point."""
    if isinstance(value, float) and isfinite(value):
        return int(value) if value.is_integer() else float(value)
    if type(value) is int:
        return value
    raise Mismatch(value, "float64")


def int_or_text(value: Any) -> Any:
    if type(value) is str or (type(value) is int and -(1 << 31) <= value < 1 << 31):
        return value
    raise Mismatch(value, "int32", reads_itself=True)


def amount(value: Any) -> str:
    """A quantity: text or number."""
    written = value.text if isinstance(value, Literal) else value
    held = _in_words(_amount if type(written) is str else quantity.as_held, written)
    assert held
    return held


def time(value: Any) -> str | None:
    """metav1.Time, printed in whole seconds of UTC; the zero time is printed as null."""
    return _in_words(gotime.read_time, _text_of_time(value))


def micro_time(value: Any) -> str | None:
    return _in_words(gotime.read_micro_time, _text_of_time(value))


def _text_of_time(value: Any) -> str:
    if type(value) is str:
        return value
    raise Mismatch(value, "string", reads_itself=True)


def octets(value: Any) -> str:
    """Base64, printed in its one canonical form."""
    if type(value) is not str:
        raise Mismatch(value, "[]byte")
    written = value.replace("\n", "").replace("\r", "") if "\n" in value or "\r" in value else value
    try:
        return base64.b64encode(base64.b64decode(written, validate=True)).decode()
    except ValueError:
        told = f"illegal base64 data at input byte {_end_of_base64(value)}"
        raise DecodingError(told, f"error decoding from json: {told}") from None


def _in_words(read: Callable[[Any], str | None], value: Any) -> str | None:
    try:
        return read(value)
    except ValueError as wrong:
        raise DecodingError(str(wrong)) from None


def anything(value: Any) -> Any:
    return value


def _end_of_base64(value: str) -> int:
    """Where Go stops reading: at the first letter that cannot be, or at the end that came too early."""
    found = _BASE64.match(value)
    assert found
    return found.end()


integer32 = whole_number("int32", 32)
integer64 = whole_number("int64", 64)
_amount = lru_cache(_REMEMBERED)(quantity.as_held)

NOTED = frozenset({"string", "types.UID", "bool", "int32", "int64", "float64", "[]byte"})
"""What does not fit here does not end the reading of a body: the first such misfit is told when all has been read."""

READERS: Mapping[str, Reader] = {
    "string": text,
    "types.UID": text,
    "bool": truth,
    "int32": integer32,
    "int64": integer64,
    "float64": number,
    "[]byte": octets,
    "intstr.IntOrString": int_or_text,
    "resource.Quantity": amount,
    "meta.v1.Time": time,
    "meta.v1.MicroTime": micro_time,
}

ZEROS: Mapping[str, Any] = {
    "string": "",
    "types.UID": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "float64": 0,
    "[]byte": "",
    "intstr.IntOrString": 0,
    "resource.Quantity": "0",
}
