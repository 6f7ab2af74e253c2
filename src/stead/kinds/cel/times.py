"""What a timestamp or a duration can be asked."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.values import SECOND, Duration, Moment, as_datetime
from stead.machinery.late import Late

zoneinfo: Any = Late("zoneinfo")


def _at(at: Moment, zone: str) -> datetime:
    """The moment on a clock of the zone: a name, or hours and minutes."""
    when = as_datetime(at)
    if zone in ("", "UTC"):
        return when
    hours, colon, minutes = zone.lstrip("+-").partition(":")
    if colon and hours.isdigit() and minutes.isdigit():
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        return when - ahead if zone.startswith("-") else when + ahead
    try:
        local: datetime = when.astimezone(zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise RunError(f"unknown time zone {zone}") from None
    return local


def _getter(of_moment: Callable[[datetime], int], unit: int = 0) -> Callable[..., int]:
    """Of a moment by its clock, of a duration by the unit."""

    def run(value: Any, zone: str = "UTC") -> int:
        if isinstance(value, Moment):
            return of_moment(_at(value, zone))
        if isinstance(value, Duration) and unit:
            whole = abs(value) // unit
            return -whole if value < 0 else whole
        raise no_overload()

    return run


def _of_duration_or_moment(value: Any, zone: str = "UTC") -> int:
    if isinstance(value, Moment):
        return int(value) % SECOND // 10**6
    return _getter(lambda at: at.microsecond // 1000, 10**6)(value, zone)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "getFullYear": _getter(lambda at: at.year),
    "getMonth": _getter(lambda at: at.month - 1),
    "getDayOfYear": _getter(lambda at: at.timetuple().tm_yday - 1),
    "getDayOfMonth": _getter(lambda at: at.day - 1),
    "getDate": _getter(lambda at: at.day),
    "getDayOfWeek": _getter(lambda at: at.isoweekday() % 7),
    "getHours": _getter(lambda at: at.hour, 3600 * SECOND),
    "getMinutes": _getter(lambda at: at.minute, 60 * SECOND),
    "getSeconds": _getter(lambda at: at.second, SECOND),
    "getMilliseconds": _of_duration_or_moment,
}
