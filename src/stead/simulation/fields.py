"""What a schedule's fields may hold, and what is said when they hold something else."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

REQUIRED: Any = object()
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
PERCENT = re.compile(r"[0-9]+%$")


class Field(NamedTuple):
    """`read` answers the value as the schedule keeps it, or raises ValueError with what is wanted."""

    read: Callable[[Any], Any]
    default: Any = REQUIRED
    told: str = ""


Fields = Mapping[str, Field]


def whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def seconds(most: float = 86_400, *, is_signed: bool = False) -> Callable[[Any], float]:
    low = -most if is_signed else 0

    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= most:
            raise ValueError(f"seconds, a number from {low:g} to {most:g}")
        return value

    return read


def choice(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError("one of " + ", ".join(words))
        return str(value)

    return read


def name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.match(value):
        raise ValueError("a name (lower case letters, digits and dashes)")
    return value


def names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("a list of names")
    return tuple(name(one) for one in value)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def amount(value: Any) -> int | str:
    """A count or a percentage, as in maxUnavailable."""
    if isinstance(value, str) and PERCENT.match(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise ValueError('a whole number above 0, or a percentage like "25%"')


def or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)
