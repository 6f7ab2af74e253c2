"""Times as Go's decoder takes them and Go's encoder prints them, and what it says of a text that is none.

Stricter than `machinery/times`, which reads what this has let in: the layout letter by letter, the ranges, the words.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

_TIME = "2006-01-02T15:04:05Z07:00"
_MICRO_TIME = "2006-01-02T15:04:05.000000Z07:00"
_DATE = (("2006", r"\d{4}"), ("-", "-"), ("01", r"\d\d"), ("-", "-"), ("02", r"\d\d"), ("T", "T"))
_CLOCK = (("15", r"\d\d"), (":", ":"), ("04", r"\d\d"), (":", ":"), ("05", r"\d\d"))
_ZONE = (("Z07:00", r"Z|[+-]\d\d:\d\d"),)
_LAYOUTS = {
    _TIME: (*_DATE, *_CLOCK, ("", r"(?:[.,]\d+)?"), *_ZONE),
    _MICRO_TIME: (*_DATE, *_CLOCK, (".000000", r"\.\d{6}"), *_ZONE),
}
_LIMITS = (("month", 1, 12), ("day", 1, 31), ("hour", 0, 23), ("minute", 0, 59), ("second", 0, 59))
_REMEMBERED = 1024


@lru_cache(_REMEMBERED)
def read_time(text: str) -> str | None:
    """RFC 3339 as whole seconds of UTC, None for the zero time; ValueError in Go's words."""
    moment = _read(text, _TIME)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0") if moment else None


@lru_cache(_REMEMBERED)
def read_micro_time(text: str) -> str | None:
    """RFC 3339 with six decimals, as UTC; otherwise as `read_time`."""
    moment = _read(text, _MICRO_TIME)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0") if moment else None


def _read(text: str, layout: str) -> datetime | None:
    parts = _taken_apart(text, layout)
    numbers = [int(part) for part in parts[:11:2]]
    for (name, low, high), number in zip(_LIMITS, numbers[1:], strict=True):
        if not low <= number <= high:
            raise ValueError(f'parsing time "{text}": {name} out of range')
    year, month, day, hour, minute, second = numbers
    micros = int(parts[11][1:7].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micros, _zone(parts[12])).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f'parsing time "{text}": day out of range') from None
    return None if moment == datetime.min.replace(tzinfo=UTC) else moment


def _taken_apart(text: str, layout: str) -> list[str]:
    parts, at = [], 0
    for element, pattern in _LAYOUTS[layout]:
        found = re.compile(pattern, re.ASCII).match(text, at)
        if not found:
            raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text[at:]}" as "{element}"')
        parts.append(found[0])
        at = found.end()
    if at < len(text):
        raise ValueError(f'parsing time "{text}": extra text: "{text[at:]}"')
    return parts


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:])
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
