"""Amounts of a resource (`500m`, `1Gi`, `1e3`): read, compared and printed exactly as the API does.

An amount is a whole number of nanos, the finest the API knows; what is finer is rounded away from zero. It keeps the
family of suffixes it was written in, because its canonical text is printed in that family.
"""

import re
from fractions import Fraction
from functools import lru_cache, total_ordering
from typing import Literal

Family = Literal["decimal", "binary", "exponent"]

NANOS = 10**9
_MILLI = NANOS // 1000
LARGEST = (2**63 - 1) * NANOS
_EXACT_DIGITS = 18  # decimal amounts of up to so many digits are kept as they are; longer ones are capped at LARGEST
_LONGEST = 100  # digits or powers of ten beyond this are not worth multiplying out
_SHORT_TEXT = 64

_WRONG_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_WRONG_SUFFIX = "unable to parse quantity's suffix"
_SHAPE = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_BINARY = {suffix: 10 * power for power, suffix in enumerate(_BINARY_SUFFIX) if suffix}


@total_ordering
class Quantity:
    """An amount; equal and ordered by amount alone. `str(quantity)` is its canonical text."""

    __slots__ = ("family", "nanos")

    def __init__(self, nanos: int, family: Family = "decimal") -> None:
        self.nanos = nanos
        self.family = family

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __lt__(self, other: "Quantity") -> bool:
        return self.nanos < other.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __str__(self) -> str:
        whole, rest = divmod(self.nanos, NANOS)
        if self.family == "binary" and not rest and abs(whole) >= 1024:
            return _binary_text(whole)
        return _decimal_text(self.nanos, is_exponent=self.family == "exponent")

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nanos + other.nanos, self.family if self.nanos else other.family)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.nanos - other.nanos, self.family if self.nanos else other.family)

    def __bool__(self) -> bool:
        return self.nanos != 0

    @property
    def value(self) -> int:
        """In whole units, rounded away from zero."""
        return _away_from_zero(self.nanos, NANOS)

    @property
    def milli_value(self) -> int:
        """In thousandths, rounded away from zero."""
        return _away_from_zero(self.nanos, _MILLI)


ZERO = Quantity(0)


def parse(written: object) -> Quantity:
    """What a JSON value (text or number; null is zero) says; ValueError in the API's words if it is no quantity."""
    if written is None:
        return ZERO
    text = written.strip() if isinstance(written, str) else "" if isinstance(written, bool) else str(written)
    return _parse_short(text) if len(text) <= _SHORT_TEXT else _parse(text)


def canonical(written: object) -> str:
    """The one text of an amount: `1024Mi` is `1Gi`, `0.5` is `500m`. ValueError as in `parse`."""
    return str(parse(written))


def as_held(written: object) -> str:
    """The text under which the API keeps an amount. ValueError as in `parse`.

    That is not always the canonical one: what looks canonical at a glance is kept as it was written, and the glance
    misses signs, leading zeros and decimals in threes (`+1Gi`, `007`, `1.500`).
    """
    if not isinstance(written, str):
        written = "" if written is None or isinstance(written, bool) else str(written)
    text = written.strip()
    found = parse(text)
    return text if _looks_canonical(text) else str(found)


def in_thousandths(written: object) -> str:
    """An amount rounded up to whole thousandths; as it is held, where it is that. ValueError as in `parse`."""
    found = parse(written)
    if found.nanos % _MILLI == 0:
        return as_held(written)
    return str(Quantity(_away_from_zero(found.nanos, _MILLI) * _MILLI, found.family))


def value(written: object) -> Fraction:
    """The exact amount in units. ValueError as in `parse`."""
    return Fraction(parse(written).nanos, NANOS)


def compare(one: object, other: object) -> int:
    """-1, 0 or 1. ValueError as in `parse`."""
    left, right = parse(one), parse(other)
    return (left > right) - (left < right)


def add(one: object, other: object) -> str:
    """The sum, canonical, in the family of the first that is not zero. ValueError as in `parse`."""
    return str(parse(one) + parse(other))


def _parse(text: str) -> Quantity:
    found = _SHAPE.fullmatch(text)
    if not text or found is None:
        raise ValueError(_WRONG_FORMAT)
    sign, digits, decimals, suffix = found[1], found[2], found[3] or "", found[4]
    family, base, power = _read_suffix(suffix)
    nanos = _in_nanos(digits, decimals, base, power)
    if family == "binary" or len(digits) + len(decimals) > _EXACT_DIGITS:
        nanos = min(nanos, LARGEST)
    return Quantity(-nanos if sign == "-" else nanos, family)


_parse_short = lru_cache(4096)(_parse)


def _looks_canonical(text: str) -> bool:
    """Whether the API takes it for its own text: no factor can be taken out of it, as far as its last digits tell."""
    found = _SHAPE.fullmatch(text)
    assert found is not None
    digits, decimals = found[2] or "0", found[3] or ""
    family, _, power = _read_suffix(found[4])
    if family == "binary":
        is_short = len(digits) + power * 3 // 10 <= 14
        return is_short and not decimals and int(digits) % 8 != 0
    scale, shifted = power - len(decimals), digits + decimals
    is_short = len(shifted) <= _EXACT_DIGITS and scale >= -9
    return is_short and scale % 3 == 0 and not shifted.startswith("0") and not shifted.endswith("000")


def _read_suffix(suffix: str) -> tuple[Family, int, int]:
    """Family, base and power of a suffix."""
    if suffix in _DECIMAL:
        return "decimal", 10, _DECIMAL[suffix]
    if suffix in _BINARY:
        return "binary", 2, _BINARY[suffix]
    exponent = _EXPONENT.fullmatch(suffix)
    if exponent is None or len(suffix) > _LONGEST:
        raise ValueError(_WRONG_SUFFIX)
    return "exponent", 10, int(exponent[1])


def _in_nanos(digits: str, decimals: str, base: int, power: int) -> int:
    significant = (digits + decimals).lstrip("0")
    if not significant:
        return 0
    if len(significant) > _LONGEST or power > _LONGEST:
        return LARGEST
    if power < -_LONGEST:
        return 1
    mantissa = int(significant)
    if base == 2:
        return _away_from_zero((mantissa << power) * NANOS, 10 ** len(decimals))
    scale = power - len(decimals) + 9
    return mantissa * 10**scale if scale >= 0 else _away_from_zero(mantissa, 10**-scale)


def _away_from_zero(amount: int, unit: int) -> int:
    return -(-amount // unit) if amount > 0 else amount // unit


def _binary_text(whole: int) -> str:
    power = 0
    while whole % 1024 == 0 and power < len(_BINARY_SUFFIX) - 1:
        whole, power = whole // 1024, power + 1
    return f"{whole}{_BINARY_SUFFIX[power]}"


def _decimal_text(nanos: int, *, is_exponent: bool) -> str:
    """The fewest digits with a power of ten that is a multiple of three."""
    if nanos == 0:
        return "0"
    power = -9
    while nanos % 1000 == 0 and (power < 18 or is_exponent):
        nanos, power = nanos // 1000, power + 3
    if is_exponent:
        return f"{nanos}e{power}" if power else str(nanos)
    return f"{nanos}{_DECIMAL_SUFFIX[power]}"
