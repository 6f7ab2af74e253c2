"""The StatefulSet controller seen from afar: its own engine, and a cache that lags behind the store.

This is the remote shell's situation without its sockets. Every kind is a watch of its own, so a pod may be seen before
the claim that was written first; within a kind the order holds. A write is on its way for a while, and now and then its
answer never comes back though it was carried out.
"""

from collections import deque
from collections.abc import Callable
from random import Random

from stead.cluster import afar
from stead.controllers.statefulset.controller import StatefulSetController
from stead.engine.journal import Round
from stead.engine.rounds import Door, UnderWay
from stead.machinery.plan import Lost, Outcome
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent
from stead.store.cursor import Cursor
from stead.store.log import Store

TURNS_A_STEP = 64
WRITES_FASTER = 10  # than events: a share of the lag
LOST_ANSWERS = 0.03  # where there is a lag


class Distant:
    """`lag_seconds`: each event is on its way for a time drawn between nothing and this, a write for a tenth of it."""

    def __init__(self, controller: StatefulSetController, store: Store, door: Door, chance: Random) -> None:
        self.lag_seconds = 0.0
        self.engine = afar.engine(controller)
        self._door = door
        self._store = store
        self._chance = chance
        self._cursor = Cursor(store, store.revision)
        self._coming: dict[str, deque[tuple[float, WatchEvent]]] = {kind: deque() for kind in afar.WATCHED}
        self._going: list[tuple[float, UnderWay]] = []  # writes on their way, and when they arrive
        for kind in afar.WATCHED:
            for row in store.rows(kind):
                self.engine.feed(WatchEvent("ADDED", row.key, row.obj, None, row.revision))

    def step(self, now: Now, on_round: Callable[[Round], None]) -> list[Round]:
        """Take in what has arrived, then let due keys have their round; every write is a transaction of its own."""
        self._take_in(now)
        rounds = self._go_on(now, on_round)
        for _ in range(TURNS_A_STEP):
            begun = self.engine.begin(now)
            if begun is None:
                break
            self._going.append((self._arrival(now), begun))
            rounds += self._go_on(now, on_round)
        return rounds

    def next_wake(self) -> float | None:
        """As the kernel's."""
        if self._cursor.revision < self._store.revision:
            return float("-inf")
        wakes = [coming[0][0] for coming in self._coming.values() if coming]
        wakes += [arrival for arrival, _ in self._going]
        due = self.engine.next_wake()
        return min(wakes if due is None else [due, *wakes], default=None)

    def _go_on(self, now: Now, on_round: Callable[[Round], None]) -> list[Round]:
        """What has arrived is carried out, and the next write of its round sets out; answers the rounds that ended."""
        rounds = []
        going, self._going = self._going, []
        while going:
            arrival, under_way = going.pop(0)
            if arrival > now.mono:
                self._going.append((arrival, under_way))
                continue
            doing = under_way.doing
            if doing.action is not None:
                doing.answer(self._outcome(under_way, now))
            if doing.action is not None:
                going.insert(0, (self._arrival(now), under_way))
                continue
            rounds.append(self.engine.end(under_way, now))
            on_round(rounds[-1])
        return rounds

    def _outcome(self, under_way: UnderWay, now: Now) -> Outcome:
        doing = under_way.doing
        assert doing.action is not None
        outcome = self._door(doing.controller, doing.action, now)
        is_lost = self.lag_seconds and self._chance.random() < LOST_ANSWERS
        return Lost("the answer did not come back") if is_lost else outcome

    def _arrival(self, now: Now) -> float:
        return now.mono + self.lag_seconds / WRITES_FASTER * self._chance.random() if self.lag_seconds else now.mono

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
