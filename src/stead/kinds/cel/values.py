"""The values of CEL that JSON has not, and what is equal to what."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import total_ordering
from typing import Any

from msgspec import Struct

from stead.kinds.cel.faults import RunError, TooCostly
from stead.machinery.objects import canonical
from stead.machinery.quantity import Quantity

LEAST, MOST, MOST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1
SECOND = 10**9


class Unsigned(int):
    """A `uint`."""


class Duration(int):
    """A length of time in nanoseconds."""


class Moment(int):
    """A `timestamp`: nanoseconds since 1970."""


class Optional(Struct, frozen=True):
    """A value that may not be there."""

    value: Any = None
    is_there: bool = False


NOTHING = Optional()


class TypeValue(Struct, frozen=True):
    """A type as a value: what `type(x)` is."""

    name: str


class SetList(list[Any]):
    """A list of `x-kubernetes-list-type: set`: equal in any order, and `+` is a union."""


class MapList(list[Any]):
    """A list of `x-kubernetes-list-type: map`: equal in any order, `+` replaces what has the same keys."""

    keys: tuple[str, ...] = ()

    def mark(self, item: Any) -> bytes:
        """What tells an item from the others."""
        return canonical([item.get(key) if isinstance(item, Mapping) else None for key in self.keys])


@total_ordering
class Semver(Struct, frozen=True, order=False):
    """A version by semver.org 2.0; what is after `+` does not count."""

    numbers: tuple[int, int, int]
    before: tuple[str, ...] = ()
    build: str = ""

    @property
    def rank(self) -> tuple[Any, ...]:
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.before)
        return (self.numbers, not self.before, parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self.rank == other.rank

    def __lt__(self, other: "Semver") -> bool:
        return self.rank < other.rank

    def __hash__(self) -> int:
        return hash(self.rank)


class NamedFormat(Struct, frozen=True):
    """A format that text may have (`format.dns1123Label()`)."""

    name: str


def sort_of(value: Any) -> str:
    """The name of a value's type."""
    for kinds, name in _SORTS:
        if isinstance(value, kinds):
            return name
    if isinstance(value, Mapping):
        return "map"
    return type(value).__name__.lower()


_SORTS: tuple[tuple[Any, str], ...] = (
    (bool, "bool"),
    (Unsigned, "uint"),
    (Duration, "google.protobuf.Duration"),
    (Moment, "google.protobuf.Timestamp"),
    (int, "int"),
    (float, "double"),
    (str, "string"),
    (bytes, "bytes"),
    (list, "list"),
    (type(None), "null_type"),
    (Optional, "optional_type"),
    (TypeValue, "type"),
    (Quantity, "kubernetes.Quantity"),
    (Semver, "kubernetes.Semver"),
)
_NUMBERS = frozenset(("int", "uint", "double"))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool | Duration | Moment)


def equal(left: Any, right: Any) -> bool:
    """Equality of CEL: numbers by amount, other types never equal to each other, lists and maps by their parts."""
    if type(left) is type(right) is str:
        return bool(left == right)
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return _lists_equal(left, right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    if isinstance(left, Optional) and isinstance(right, Optional):
        return left.is_there == right.is_there and equal(left.value, right.value)
    return sort_of(left) == sort_of(right) and bool(left == right)


def _lists_equal(left: list[Any], right: list[Any]) -> bool:
    if len(left) != len(right):
        return False
    if isinstance(left, SetList | MapList) or isinstance(right, SetList | MapList):
        return sorted(map(marked, left)) == sorted(map(marked, right))
    return all(equal(one, other) for one, other in zip(left, right, strict=True))


def marked(value: Any) -> bytes:
    """Equal JSON values have equal marks."""
    return canonical(plain(value))


def plain(value: Any) -> Any:
    """A value in JSON's own types, as far as it has them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Duration | Moment):
        return {"ns": int(value)}
    return value


def joined(left: list[Any], right: list[Any]) -> list[Any]:
    """`left + right`, by the sort of the left one."""
    if isinstance(left, SetList):
        known = set(map(marked, left))
        return SetList([*left, *(item for item in right if marked(item) not in known)])
    if isinstance(left, MapList):
        given = {left.mark(item): item for item in right}
        made = MapList([given.pop(left.mark(item), item) for item in left] + list(given.values()))
        made.keys = left.keys
        return made
    return left + right


# --- times

_DURATION = re.compile(r"([-+]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def duration(text: str) -> Duration:
    """`1h30m`; raises RunError."""
    if text in ("0", "+0", "-0"):
        return Duration(0)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise RunError(f'time: invalid duration "{text}"')
    nanos = sum(_nanos(number, unit) for number, unit in _PART.findall(text))
    if nanos > MOST:
        raise RunError(f'time: invalid duration "{text}"')
    return Duration(-nanos if match[1] == "-" else nanos)


def _nanos(number: str, unit: str) -> int:
    whole, _, rest = number.partition(".")
    return int(whole or 0) * _UNITS[unit] + (int(rest) * _UNITS[unit] // 10 ** len(rest) if rest else 0)


def moment(text: str) -> Moment:
    """A time by RFC 3339; raises RunError."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise RunError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse')
    try:
        at = datetime(*(int(match[place]) for place in range(1, 7)), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        raise RunError(f'parsing time "{text}": out of range') from None
    if match[8]:
        ahead = timedelta(hours=int(match[9]), minutes=int(match[10]))
        at = at - ahead if match[8] == "+" else at + ahead
    since = at - _EPOCH
    return Moment((since.days * 86400 + since.seconds) * SECOND + int((match[7] or "0").ljust(9, "0")))


def as_datetime(at: Moment) -> datetime:
    return _EPOCH + timedelta(microseconds=int(at) // 1000)


def duration_text(length: Duration) -> str:
    """Seconds, as CEL prints a duration: `5400s`, `0.5s`."""
    whole, rest = divmod(abs(length), SECOND)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{'-' if length < 0 else ''}{whole}{fraction}s"


def moment_text(at: Moment) -> str:
    rest = int(at) % SECOND
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return as_datetime(at).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def checked(number: int, *, least: int = LEAST, most: int = MOST, word: str = "integer overflow") -> int:
    """A number that still fits; raises RunError."""
    if not least <= number <= most:
        raise RunError(word)
    return number


LARGEST = 10_000_000  # what all the steps of one call could look through


def affordable(size: int) -> None:
    """Refuse to make what is too large before it is made; raises TooCostly."""
    if size > LARGEST:
        raise TooCostly


def size_of(value: Any) -> int:
    """How long a value is, for what it costs to look through it."""
    return len(value) if isinstance(value, str | bytes | Sequence | Mapping) else 1
