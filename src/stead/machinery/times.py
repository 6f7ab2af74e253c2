"""Time as an argument: `Now` comes in, text goes into objects. Nothing here reads a clock."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple


class Now(NamedTuple):
    """One moment. `wall`: seconds since 1970, for objects. `mono`: seconds that never go back, for waiting."""

    wall: float
    mono: float

    @property
    def text(self) -> str:
        """The moment as an object's field holds it, whole seconds (metav1.Time)."""
        return to_text(self.wall)


def to_text(wall: float) -> str:
    """Seconds since 1970 as RFC 3339 in whole seconds: `2026-11-22T17:45:34Z`."""
    return _second(int(wall))


def to_micro_text(wall: float) -> str:
    """Seconds since 1970 as RFC 3339 with six decimals (metav1.MicroTime)."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> float:
    """RFC 3339 to seconds since 1970; raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def short_duration(seconds: float) -> str:
    """A duration as `kubectl get` shows an age: `45s`, `3m10s`, `5h20m`, `5d3h`, `2y18d`."""
    whole = timedelta(seconds=max(0, int(seconds)))
    total = int(whole.total_seconds())
    minutes, hours, days = total // 60, total // 3600, whole.days
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 8 * 365:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def go_duration(seconds: float) -> str:
    """A duration as Go prints one of whole milliseconds: `422ms`, `1.5s`, `1m20s`, `1h0m5s`."""
    whole, millis = divmod(int(seconds * 1000), 1000)
    if not whole:
        return f"{millis}ms" if millis else "0s"
    minutes, rest = divmod(whole, 60)
    text = f"{rest}.{millis:03}".rstrip("0").rstrip(".") if millis else str(rest)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{text}s"


@lru_cache(maxsize=64)  # a moment is written into many objects
def _second(wall: int) -> str:
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pair(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big}{big_unit}{small}{small_unit}" if small else f"{big}{big_unit}"
