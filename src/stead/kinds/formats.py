"""The formats a text may have by its schema; a format nobody knows holds for every text."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date
from urllib.parse import urlsplit

from stead.kinds import syntax

Holds = Callable[[str], bool]

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)
_DURATION = re.compile(r"[-+]?(\d+(\.\d*)?\s*(ns|us|µs|ms|s|m|h|d|w)\s*)+|0", re.ASCII)
_LONG_DURATION = re.compile(
    r"\d+(\.\d+)?\s*(nanoseconds?|nanos?|ns|microseconds?|micros?|us|µs|milliseconds?|millis?|ms|seconds?|secs?|s|minutes?"
    r"|mins?|m|hours?|hrs?|hr|h|days?|d|weeks?|wks?|w)",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?=.{1,255}$)[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?)*\.?"
)
_EMAIL = re.compile(r"[^@\s<>()]+@[^@\s<>()]+")
_MAC = re.compile(
    r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{2}[:-]){7}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}"
)
_HEX = "[0-9a-fA-F]"


_LEFT_ALONE = ("password",)
_OF_NUMBERS = {"integer": ("int32", "int64"), "number": ("float", "double")}


def _uuid(version: str = "") -> Holds:
    third = f"{version}{_HEX}{{3}}" if version else f"{_HEX}{{4}}"
    fourth = f"[89abAB]{_HEX}{{3}}" if version in ("4", "5") else f"{_HEX}{{4}}"
    return _of(re.compile(f"{_HEX}{{8}}-?{_HEX}{{4}}-?{third}-?{fourth}-?{_HEX}{{12}}"))


def _of(pattern: re.Pattern[str]) -> Holds:
    return lambda text: pattern.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_moment(text: str) -> bool:
    match = _MOMENT.fullmatch(text)
    return match is not None and _is_date(match[1])


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(text) and not any(ord(sign) <= 32 for sign in text) and bool(parts.scheme or text.startswith("/"))


def _address(version: int) -> Holds:
    def holds(text: str) -> bool:
        try:
            return ipaddress.ip_address(text).version == version
        except ValueError:
            return False

    return holds


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return "/" in text


def _is_duration(text: str) -> bool:
    return _DURATION.fullmatch(text) is not None or _LONG_DURATION.fullmatch(text) is not None


_HOLDS: Mapping[str, Holds] = {
    "bsonobjectid": _of(re.compile(r"[0-9a-fA-F]{24}")),
    "byte": _of(_BASE64),
    "cidr": _is_network,
    "creditcard": _of(re.compile(r"[0-9 -]{13,23}")),
    "date": _is_date,
    "datetime": _is_moment,
    "duration": _is_duration,
    "email": _of(_EMAIL),
    "hexcolor": _of(re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")),
    "hostname": _of(_HOST),
    "ipv4": _address(4),
    "ipv6": _address(6),
    "isbn": _of(re.compile(r"[0-9 -]{9,16}[0-9X]")),
    "isbn10": _of(re.compile(r"[0-9 -]{9,12}[0-9X]")),
    "isbn13": _of(re.compile(r"[0-9 -]{13,17}")),
    "k8sshortname": lambda text: not syntax.label_faults(text),
    "k8slongname": lambda text: not syntax.subdomain_faults(text),
    "mac": _of(_MAC),
    "rgbcolor": _of(re.compile(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)")),
    "ssn": _of(re.compile(r"\d{3}[- ]?\d{2}[- ]?\d{4}", re.ASCII)),
    "uri": _is_uri,
    "uuid": _uuid(),
    "uuid3": _uuid("3"),
    "uuid4": _uuid("4"),
    "uuid5": _uuid("5"),
}


def is_known(form: str, sort: str = "string") -> bool:
    """Whether anybody looks at that format of values of a type; without a type it is one of texts."""
    if sort in ("", "string"):
        return form.replace("-", "") in _HOLDS or form in _LEFT_ALONE
    return form in _OF_NUMBERS.get(sort, ())


def holds(form: str, text: str) -> bool:
    """Whether a text has a format; dashes in the format's name do not count."""
    known = _HOLDS.get(form.replace("-", ""))
    return known is None or known(text)


_RANGES = {"int32": 1 << 31, "int64": 1 << 63}
_FIRST_BEYOND_FLOAT = 3.4028235677973366e38  # halfway from the largest 32-bit number to the next there would be


def fits(form: str, number: float) -> bool:
    """Whether a number has a place in a format of numbers."""
    if form in _RANGES:
        return (isinstance(number, int) or number.is_integer()) and -_RANGES[form] <= number < _RANGES[form]
    return form != "float" or abs(number) < _FIRST_BEYOND_FLOAT
