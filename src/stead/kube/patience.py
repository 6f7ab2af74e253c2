"""How long to wait before asking again: pure, with chance and time as arguments."""

from random import Random

FIRST_SECONDS, MOST_SECONDS, CALM_SECONDS = 0.8, 30.0, 120.0


class Patience:
    """Doubles from 0.8 s to 30 s, each wait up to twice as long by chance; after two calm minutes it starts anew.

    Those are client-go's figures for reflectors. A server's own Retry-After is never undercut.
    """

    def __init__(self, chance: Random, first: float = FIRST_SECONDS, most: float = MOST_SECONDS) -> None:
        self._chance = chance
        self._first, self._most = first, most
        self._next = first
        self._last = float("-inf")

    def wait(self, mono: float, at_least: float = 0.0) -> float:
        """Seconds to wait now, after something failed at `mono`."""
        if mono - self._last > CALM_SECONDS:
            self._next = self._first
        self._last = mono
        wait, self._next = self._next, min(self._next * 2, self._most)
        return max(wait * (1 + self._chance.random()), at_least)


class Bucket:
    """So many a second, and a burst at first: how a client spares its server."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._next = float("-inf")

    def take(self, mono: float) -> float:
        """Seconds to wait before the next may go; it is counted now."""
        self._next = max(self._next, mono - self._burst / self._per_second) + 1 / self._per_second
        return max(0.0, self._next - mono)

    def is_open(self, mono: float) -> bool:
        """Whether one may go now; it is counted if so."""
        start = max(self._next, mono - self._burst / self._per_second)
        if start + 1 / self._per_second > mono + 1e-9:
            return False
        self._next = start + 1 / self._per_second
        return True
