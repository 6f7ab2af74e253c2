"""What each key last did and why it waits: the memory behind `stead explain`, `stead simulate` and the dashboard."""

from collections import deque
from collections.abc import Iterable, Iterator

from msgspec import Struct

from stead.machinery.keys import Key
from stead.machinery.plan import Action, Outcome, Refused, Waiting
from stead.machinery.times import Now

KEPT_ROUNDS = 1000


class Round(Struct, frozen=True):
    """One key reconciled once: what was done, what became of it, what it waits for."""

    at: Now
    controller: str
    key: Key
    deeds: tuple[tuple[Action, Outcome], ...] = ()
    waiting: tuple[Waiting, ...] = ()
    is_failed: bool = False

    @property
    def is_quiet(self) -> bool:
        """Nothing was done and nothing new is to be told."""
        return not self.deeds and not self.is_failed


class Journal:
    """The latest rounds that did something, and the present waits of every key with the time each began."""

    def __init__(self) -> None:
        self.rounds: deque[Round] = deque(maxlen=KEPT_ROUNDS)
        self._waits: dict[Key, dict[str, dict[Waiting, float]]] = {}
        self._failed: dict[Key, dict[str, tuple[Round, float]]] = {}

    def record(self, round_: Round) -> None:
        if not round_.is_quiet:
            self.rounds.append(round_)
        if round_.waiting or round_.key in self._waits:
            self._note_waits(round_)
        if round_.is_failed or round_.key in self._failed:
            self._note_failure(round_)

    def forget(self, key: Key) -> None:
        """The object is gone: nothing of it waits any more."""
        self._waits.pop(key, None)
        self._failed.pop(key, None)

    def waits(self, key: Key) -> list[tuple[str, Waiting, float]]:
        """(controller, wait, wall seconds since when) of one key."""
        return [
            (controller, wait, since)
            for controller, waits in self._waits.get(key, {}).items()
            for wait, since in waits.items()
        ]

    def all_waits(self) -> Iterator[tuple[str, Key, Waiting, float]]:
        for key in self._waits:
            for controller, wait, since in self.waits(key):
                yield controller, key, wait, since

    def refusals(self, key: Key) -> Iterator[tuple[str, Action, Refused, float]]:
        """(controller, action, refusal, wall seconds since the first failure) of each controller's last round."""
        for controller, (round_, since) in self._failed.get(key, {}).items():
            for action, outcome in round_.deeds:
                if isinstance(outcome, Refused):
                    yield controller, action, outcome, since

    def failing(self) -> list[Key]:
        """Every key of which some controller's last round failed."""
        return list(self._failed)

    def about(self, keys: Iterable[Key]) -> list[Round]:
        """The remembered rounds of some keys, oldest first."""
        wanted = set(keys)
        return [round_ for round_ in self.rounds if round_.key in wanted]

    def _note_waits(self, round_: Round) -> None:
        waits = self._waits.get(round_.key, {})
        before = waits.pop(round_.controller, {})
        if round_.waiting:
            waits[round_.controller] = {wait: before.get(wait, round_.at.wall) for wait in round_.waiting}
        if waits:
            self._waits[round_.key] = waits
        else:
            self._waits.pop(round_.key, None)

    def _note_failure(self, round_: Round) -> None:
        failed = self._failed.get(round_.key, {})
        before = failed.pop(round_.controller, None)
        if round_.is_failed:
            since = before[1] if before else round_.at.wall
            self._failed.setdefault(round_.key, failed)[round_.controller] = (round_, since)
        elif not failed:
            self._failed.pop(round_.key, None)
