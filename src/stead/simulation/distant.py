"""The StatefulSet controller seen from afar: its own engine, and a cache that lags behind the store.

This is the remote shell's situation without its sockets. Every kind is a watch of its own, so a pod may be seen before
the claim that was written first; within a kind the order holds.
"""

from collections import deque
from collections.abc import Callable
from random import Random

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.slots import Slots
from stead.engine.journal import Round
from stead.engine.rounds import Door, Engine
from stead.machinery.cache import Cache
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent
from stead.store.cursor import Cursor
from stead.store.log import Store

WATCHED = ("StatefulSet", "Pod", "PersistentVolumeClaim", "ControllerRevision", "Service", "Node", "StorageClass")
RESTS_ON = ("StatefulSet", "Pod", "PersistentVolumeClaim")
TURNS_A_STEP = 64


class Distant:
    """`lag_seconds`: each event is on its way for a time drawn between nothing and this."""

    def __init__(self, controller: StatefulSetController, store: Store, door: Door, chance: Random) -> None:
        self.lag_seconds = 0.0
        self.engine = Engine([controller], Cache([Slots(controller.profile)]), door, rests_on=RESTS_ON)
        self._store = store
        self._chance = chance
        self._cursor = Cursor(store, store.revision)
        self._coming: dict[str, deque[tuple[float, WatchEvent]]] = {kind: deque() for kind in WATCHED}
        for kind in WATCHED:
            for row in store.rows(kind):
                self.engine.feed(WatchEvent("ADDED", row.key, row.obj, None, row.revision))

    def step(self, now: Now, on_round: Callable[[Round], None]) -> list[Round]:
        """Take in what has arrived, then let due keys have their round; every write is a transaction of its own."""
        self._take_in(now)
        rounds = []
        for _ in range(TURNS_A_STEP):
            round_ = self.engine.turn(now)
            if round_ is None:
                break
            rounds.append(round_)
            on_round(round_)
        return rounds

    def next_wake(self) -> float | None:
        """As the kernel's."""
        if self._cursor.revision < self._store.revision:
            return float("-inf")
        wakes = [coming[0][0] for coming in self._coming.values() if coming]
        due = self.engine.next_wake()
        return min(wakes if due is None else [due, *wakes], default=None)

    def _take_in(self, now: Now) -> None:
        for change in self._cursor.pull(limit=None):
            coming = self._coming.get(change.event.key.kind)
            if coming is not None:
                arrival = now.mono + self.lag_seconds * self._chance.random()
                coming.append((max(arrival, coming[-1][0] if coming else arrival), change.event))
        for event in self._arrived(now.mono):
            self.engine.feed(event)

    def _arrived(self, mono: float) -> list[WatchEvent]:
        arrived = []
        for coming in self._coming.values():
            while coming and coming[0][0] <= mono:
                arrived.append(coming.popleft())
        return [event for _, event in sorted(arrived, key=lambda one: (one[0], one[1].revision))]
