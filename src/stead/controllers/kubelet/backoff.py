"""How long a container or an image waits after it failed: 10 s, 20 s ... 300 s; ten good minutes clear the account."""

from stead.machinery.objects import Json

FIRST_SECONDS = 10.0
MOST_SECONDS = 300.0
RESET_SECONDS = 600.0
A_MOMENT = 0.001


def next_delay(entry: Json) -> float:
    """What the attempt after `entry` will have its own successor wait."""
    earned = delay_after(entry)
    return min(MOST_SECONDS, max(FIRST_SECONDS, earned * 2))


def delay_after(entry: Json) -> float:
    """Seconds between the end of this attempt and the start of the next; none where it ran for long enough."""
    is_forgiven = entry.get("at", 0.0) - entry.get("began", 0.0) > RESET_SECONDS
    return 0.0 if is_forgiven else float(entry.get("backoff", 0.0))


def after_failures(failures: int) -> float:
    """The wait after `failures` in a row, for images and sandboxes."""
    return min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 10)) if failures else 0.0


def seconds_left(due: float, mono: float) -> float:
    """How long until `due`; nothing where less than a millisecond is left, so that sums of floats cannot spin."""
    left = due - mono
    return left if left > A_MOMENT else 0.0
