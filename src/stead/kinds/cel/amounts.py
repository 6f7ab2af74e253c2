"""Quantities, versions, and the formats that Kubernetes' names have."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from stead.kinds import syntax
from stead.kinds.cel import declarations
from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.network import FUNCTIONS as OF_NETWORK
from stead.kinds.cel.values import NOTHING, NamedFormat, Optional, Semver, moment
from stead.machinery import quantity
from stead.machinery.quantity import NANOS, Quantity


def _quantity(text: Any) -> Quantity:
    if not isinstance(text, str):
        raise no_overload()
    try:
        return quantity.parse(text)
    except ValueError as wrong:
        raise RunError(str(wrong)) from None


def _can(read: Callable[..., Any]) -> Callable[..., bool]:
    def run(text: Any, *rest: Any) -> bool:
        try:
            read(text, *rest)
        except RunError:
            return False
        return True

    return run


def _amount(value: Any) -> Quantity:
    return Quantity(value * NANOS) if type(value) is int else value


def _integer(value: Any) -> int:
    if value.nanos % NANOS or abs(value.nanos // NANOS) >= 2**63:
        raise RunError("cannot convert value to integer")
    return int(value.nanos // NANOS)


def _compared(one: Any, other: Any) -> int:
    return int(one > other) - int(one < other)


def _sign(value: Any) -> int:
    return int(value.nanos > 0) - int(value.nanos < 0)


def _is_integer(value: Any) -> bool:
    return bool(value.nanos % NANOS == 0 and abs(value.nanos // NANOS) < 2**63)


# --- versions

_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?",
    re.ASCII,
)
_LOOSE = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+].*)?", re.ASCII)


def _semver(text: Any, is_loose: bool = False) -> Semver:
    """A version; a loose one may begin with a v, lack its last numbers and have zeros before them."""
    if not isinstance(text, str):
        raise no_overload()
    written = text
    loose = _LOOSE.fullmatch(text) if is_loose else None
    if loose is not None:
        numbers = ".".join(str(int(loose[place] or 0)) for place in (1, 2, 3))
        written = numbers + (loose[4] or "")
    match = _VERSION.fullmatch(written)
    if match is None:
        raise RunError(f"failed to parse semver {text!r}: it is not of the form major.minor.patch")
    before = tuple(match[4].split(".")) if match[4] else ()
    return Semver((int(match[1]), int(match[2]), int(match[3])), before, match[5] or "")


# --- formats


def _prefixed(faults: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """A name to which something is added may end with a dash."""
    return lambda text: faults(text[:-1] + "a" if text.endswith("-") else text)


_UUID = re.compile(r"(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_BYTES = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _of_pattern(pattern: re.Pattern[str], told: str) -> Callable[[str], list[str]]:
    return lambda text: [] if pattern.fullmatch(text) else [told]


def _date(text: str) -> list[str]:
    try:
        moment(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else "no")
    except RunError:
        return ["invalid date"]
    return []


def _datetime(text: str) -> list[str]:
    try:
        moment(text)
    except RunError:
        return ["invalid datetime"]
    return []


def _uri(text: str) -> list[str]:
    try:
        OF_NETWORK["url"](text)
    except RunError as wrong:
        return [str(wrong).removeprefix("URL parse error during conversion from string: ")]
    return []


@lru_cache(maxsize=1)
def _faults() -> Mapping[str, Callable[[str], list[str]]]:
    return {
        "dns1123Label": syntax.label_faults,
        "dns1123Subdomain": syntax.subdomain_faults,
        "dns1035Label": syntax.dns_1035_faults,
        "qualifiedName": syntax.qualified_name_faults,
        "labelValue": syntax.label_value_faults,
        "dns1123LabelPrefix": _prefixed(syntax.label_faults),
        "dns1123SubdomainPrefix": _prefixed(syntax.subdomain_faults),
        "dns1035LabelPrefix": _prefixed(syntax.dns_1035_faults),
        "uri": _uri,
        "uuid": _of_pattern(_UUID, "does not match the UUID format"),
        "byte": _of_pattern(_BYTES, "invalid base64"),
        "date": _date,
        "datetime": _datetime,
    }


def _named(name: str) -> Optional:
    return Optional(NamedFormat(name), True) if name in declarations.FORMATS else NOTHING


def _validate(of: Any, text: str) -> Optional:
    faults = list(_faults()[of.name](text))
    return Optional(faults, True) if faults else NOTHING


def _format(name: str) -> Callable[[], NamedFormat]:
    return lambda: NamedFormat(name)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _can(_quantity),
    "sign": _sign,
    "isInteger": _is_integer,
    "asInteger": _integer,
    "asApproximateFloat": lambda value: value.nanos / NANOS,
    "isGreaterThan": lambda one, other: one > other,
    "isLessThan": lambda one, other: one < other,
    "compareTo": _compared,
    "add": lambda one, other: one + _amount(other),
    "sub": lambda one, other: one - _amount(other),
    "semver": _semver,
    "isSemver": _can(_semver),
    "major": lambda version: version.numbers[0],
    "minor": lambda version: version.numbers[1],
    "patch": lambda version: version.numbers[2],
    "format.named": _named,
    "validate": _validate,
    **{f"format.{name}": _format(name) for name in declarations.FORMATS},
}
