"""From one type to another, and what optional values offer."""

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

from stead.kinds.cel import network, values
from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.values import (
    NOTHING,
    Duration,
    Moment,
    Optional,
    TypeValue,
    Unsigned,
    checked,
    is_number,
    size_of,
    sort_of,
)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if value in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise RunError(f"type conversion error from \"{value}\" to 'bool'") if isinstance(value, str) else no_overload()


def _int(value: Any) -> int:
    if isinstance(value, Duration):
        return int(value)
    if isinstance(value, Moment):
        return int(value) // values.SECOND
    if isinstance(value, str):
        return checked(_parsed(value, int, "int"))
    if isinstance(value, float):
        return checked(_whole(value))
    if is_number(value):
        return checked(int(value))
    raise no_overload()


def _uint(value: Any) -> Unsigned:
    word = "unsigned integer overflow"
    if isinstance(value, str):
        return Unsigned(checked(_parsed(value, int, "uint"), least=0, most=values.MOST_UNSIGNED, word=word))
    if isinstance(value, float):
        value = _whole(value)
    if is_number(value):
        return Unsigned(checked(int(value), least=0, most=values.MOST_UNSIGNED, word=word))
    raise no_overload()


def _whole(value: float) -> int:
    if not math.isfinite(value):
        raise RunError("integer overflow")
    return int(value)


def _parsed(text: str, read: Callable[[str], Any], name: str) -> Any:
    try:
        if text != text.strip() or "_" in text:
            raise ValueError
        return read(text)
    except ValueError:
        raise RunError(f'strconv.Parse{name.capitalize()}: parsing "{text}": invalid syntax') from None


def _double(value: Any) -> float:
    if isinstance(value, str):
        made: float = _parsed(value, float, "float")
        return made
    if is_number(value):
        return float(value)
    raise no_overload()


def text_of(value: Any) -> str:
    """`string(x)`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Duration):
        return values.duration_text(value)
    if isinstance(value, Moment):
        return values.moment_text(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise RunError("invalid UTF-8 in bytes, cannot convert to string") from None
    told = network.text_of(value)
    if told is None:
        raise no_overload()
    return told


def _float_text(value: float) -> str:
    """As Go prints a double: no `.0`, an exponent of two digits."""
    if not math.isfinite(value):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise no_overload()


def _timestamp(value: Any) -> Moment:
    if isinstance(value, Moment):
        return value
    if isinstance(value, str):
        return values.moment(value)
    if type(value) is int:
        return Moment(value * values.SECOND)
    raise no_overload()


def _duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str):
        return values.duration(value)
    if type(value) is int:
        return Duration(value * values.SECOND)
    raise no_overload()


def base64_bytes(text: str) -> bytes:
    """What a text of format `byte` stands for; the text itself where it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def _size(value: Any) -> int:
    if isinstance(value, str | bytes | list | Mapping):
        return len(value)
    raise no_overload()


def _of_non_zero(value: Any) -> Optional:
    is_zero = value is None or (size_of(value) == 0 if isinstance(value, str | bytes | list | Mapping) else not value)
    return NOTHING if is_zero else Optional(value, True)


def _value(found: Any) -> Any:
    if not isinstance(found, Optional):
        raise no_overload()
    if not found.is_there:
        raise RunError("optional.none() dereference")
    return found.value


def _or_value(found: Any, other: Any) -> Any:
    if not isinstance(found, Optional):
        raise no_overload()
    return found.value if found.is_there else other


def _or(found: Any, other: Any) -> Any:
    if not isinstance(found, Optional):
        raise no_overload()
    return found if found.is_there else other


def _type(value: Any) -> TypeValue:
    return TypeValue(sort_of(value))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "bool": _bool,
    "int": _int,
    "uint": _uint,
    "double": _double,
    "string": text_of,
    "bytes": _bytes,
    "timestamp": _timestamp,
    "duration": _duration,
    "dyn": lambda value: value,
    "type": _type,
    "size": _size,
    "optional.none": lambda: NOTHING,
    "optional.of": lambda value: Optional(value, True),
    "optional.ofNonZeroValue": _of_non_zero,
    "value": _value,
    "hasValue": lambda found: found.is_there,
    "orValue": _or_value,
    "or": _or,
}
