"""Rounds: an event wakes keys, a key is observed and reconciled, its plan goes out, its outcomes come back.

The engine knows neither the API nor a runtime: `Door` is handed in and carries out one action. Nor does it know the
time: whoever turns it brings `now`.

Where the cache comes from afar it may be older than what the engine itself has written. Such an engine lets a key rest
until its own last writes have come back (Q-7 in controller.md).

A round may have a thousand actions. Whoever serves others beside it lets `turn` do so many and no more; what is left is
gone on with a piece at a time, and meanwhile the round is under way as one from afar is.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from stead.engine.doing import Doing
from stead.engine.journal import Journal, Round
from stead.engine.queue import Queue
from stead.engine.rests import Rests
from stead.machinery.cache import Cache, hears_of
from stead.machinery.keys import Key
from stead.machinery.plan import Action, AnyController, Done, Outcome, Plan, Waiting
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

Door: TypeAlias = Callable[[AnyController, Action, Now], Outcome]


class Turn(NamedTuple):
    """One controller's work on one key. The place of the controller in the list stands for it: ints hash at once."""

    controller: int
    key: Key


class Work(NamedTuple):
    """What one controller has to do (`depth`: keys that are due) and has done since the start."""

    controller: str
    depth: int
    adds: int
    retries: int
    rounds: int


class UnderWay(NamedTuple):
    """A round that takes time."""

    turn: Turn
    doing: Doing


class _Space:
    """A namespace with a round under way: what has come meanwhile, and whose turn has."""

    def __init__(self) -> None:
        self.events: deque[WatchEvent] = deque()
        self.left: int | None = None  # of what had come when the round was over
        self.turns: list[Turn] = []


class Engine:
    """Every controller, one cache, one queue and one journal.

    `rests_on`: kinds whose own writes a key must see again before its next round; none where the cache is never old.
    `on_broken`: told of a round that ended in an exception, which then only that key suffers from; without it, as in a
    simulation, the exception goes on to whoever turns the engine.
    """

    def __init__(
        self, controllers: Sequence[AnyController], cache: Cache, door: Door, *, rests_on: Iterable[str] = ()
    ) -> None:
        self.controllers = tuple(controllers)
        self.cache = cache
        self.journal = Journal()
        self.on_broken: Callable[[Key, Exception], None] | None = None
        self._door = door
        self._queue: Queue[Turn] = Queue()
        self.rests: Rests[Turn] = Rests(rests_on)
        self.deeds = 0  # actions carried out since the start
        self._under_way: dict[str, _Space] = {}
        self._cut: deque[UnderWay] = deque()  # rounds of which a piece was done
        self._hearers: dict[str, list[tuple[int, AnyController]]] = {}  # by place, who is told of a kind
        self._adds, self._retries, self._rounds = ([0] * len(self.controllers) for _ in range(3))

    def feed(self, event: WatchEvent) -> None:
        """Fold one event into the cache and wake whom it concerns."""
        space = self._under_way.get(event.key.namespace) if self._under_way else None
        if space is not None and event.revision:  # what has none is of the house alone: what its runtime says
            space.events.append(event)
        else:
            self._fold_in(event)

    def _fold_in(self, event: WatchEvent) -> None:
        cache, kind = self.cache, event.key.kind
        cache.apply(event)
        self.saw(kind, event.revision)
        for place, controller in self._hearers.get(kind) or self._hearing(kind):
            for key in controller.wants(event, cache):
                self._adds[place] += 1
                self._queue.add(Turn(place, key))
        if event.type == "DELETED":
            self.journal.forget(event.key)

    def _hearing(self, kind: str) -> list[tuple[int, AnyController]]:
        found = [(place, one) for place, one in enumerate(self.controllers) if hears_of(one, kind)]
        self._hearers[kind] = found
        return found

    def saw(self, kind: str, revision: int) -> None:
        """Everything of a kind up to `revision` is in the cache: what a list or a bookmark says without an event."""
        for turn in self.rests.see(kind, revision):
            self._queue.add(turn)

    def wake(self, controller: str, key: Key) -> None:
        """One key of one controller is due."""
        for place, found in enumerate(self.controllers):
            if found.name == controller:
                self._queue.add(Turn(place, key))

    def reconsider(self, controller: str, key: Key, now: Now) -> Plan | None:
        """What a controller would answer now; nothing of it is done. None where it has nothing to do with `key`."""
        found = next((one for one in self.controllers if one.name == controller), None)
        observed = found.observe(self.cache, key) if found is not None else None
        return found.reconcile(observed, now) if found is not None and observed is not None else None

    def due(self) -> int:
        """How many keys are ready."""
        return len(self._queue)

    def work(self) -> list[Work]:
        """By controller, in their order."""
        depths = Counter(turn.controller for turn in self._queue)
        counts = zip(self._adds, self._retries, self._rounds, strict=True)
        return [
            Work(controller.name, depths[place], *counted)
            for place, (controller, counted) in enumerate(zip(self.controllers, counts, strict=True))
        ]

    def waiting(self) -> list[Turn]:
        """Every key that is due or will be, or has a part of its round behind it."""
        return [*(cut.turn for cut in self._cut), *self._queue.waiting()]

    def is_appointed(self, controller: str, key: Key) -> bool:
        """Whether one key of one controller is due or will be."""
        return any(turn.key == key and self.controllers[turn.controller].name == controller for turn in self.waiting())

    def next_wake(self) -> float | None:
        return float("-inf") if self._cut else self._queue.next_wake()

    def turn(self, now: Now, most: int | None = None) -> Round | None:
        """One round of the key that has been due longest, or `most` actions of it.

        None when nothing is due, and where the round is not over: then it is for `go_on`.
        """
        turn = self._take(now)
        if turn is None:
            return None
        try:
            return self._round(turn, now, most)
        except Exception as error:
            return self._on_broken(turn, error, now)

    # --- rounds in pieces

    def go_on(self, now: Now, most: int) -> Round | None:
        """The next `most` actions of the round that has been cut longest; None where that did not end it.

        What has happened meanwhile is folded in by as many, too; its namespace is let go when all of it is.
        """
        if not self._cut:
            return None
        under_way = self._cut.popleft()
        turn, doing = under_way
        ended = None
        try:
            if doing.action is not None and self._carry_out(doing, now, most):
                ended = self._told(turn, doing, now)
        except Exception as error:
            return self.end(under_way, now, error)
        if doing.action is not None or self._is_behind(turn, most):
            self._cut.append(under_way)
        else:
            self._let_go(turn)
        return ended

    def _is_behind(self, turn: Turn, most: int) -> bool:
        """Fold in `most` of what came during a round that is over; says whether there is more.

        What comes after its end is not waited for, or it might never end.
        """
        space = self._under_way[turn.key.namespace]
        left = len(space.events) if space.left is None else min(space.left, len(space.events))
        for _ in range(min(most, left)):
            self._fold_in(space.events.popleft())
        space.left = max(0, left - most)
        return space.left > 0

    # --- rounds that take time

    def begin(self, now: Now) -> "UnderWay | None":
        """The next round up to its first action, for whoever carries actions out himself; None when nothing is due.

        Until its `end` nothing of its namespace is folded in and no other round of that namespace begins: what was
        observed stays true, but for what others do meanwhile, and that is what preconditions are for.
        """
        while (turn := self._take(now)) is not None:
            controller = self.controllers[turn.controller]
            try:
                observed = controller.observe(self.cache, turn.key)
                if observed is not None:
                    doing = Doing(controller, observed, controller.reconcile(observed, now), now)
                    self._rounds[turn.controller] += 1
                    self._under_way[turn.key.namespace] = _Space()
                    return UnderWay(turn, doing)
                self._round(turn, now, None)
            except Exception as error:
                self._on_broken(turn, error, now)
        return None

    def end(self, under_way: "UnderWay", now: Now, error: Exception | None = None) -> Round:
        """The round is over, `error` if by a defect; what has happened meanwhile is folded in."""
        turn, doing = under_way
        round_ = self._told(turn, doing, now) if error is None else self._on_broken(turn, error, now)
        self._let_go(turn)
        return round_

    def put_off(self, under_way: "UnderWay", mono: float) -> None:
        """Nothing was done of it: it is due again at `mono`, and decided anew then."""
        self._queue.add_at(under_way.turn, mono)
        self._let_go(under_way.turn)

    def _let_go(self, turn: Turn) -> None:
        space = self._under_way.pop(turn.key.namespace)
        for event in space.events:
            self.feed(event)
        for held in space.turns:
            self._queue.add(held)

    def undo(self, rounds: Iterable[Round], events: Sequence[WatchEvent], now: Now) -> None:
        """Nothing of these rounds was kept, and these events never happened: their keys are due after their back-off.

        So are the keys whose rounds are cut: what was done of them in earlier pieces stays, the rest is decided anew.
        """
        for event in reversed(events):
            space = self._under_way.get(event.key.namespace)
            if space is not None and space.events and space.events[-1] is event:
                space.events.pop()
            else:
                self.cache.put(event.key, event.old)
        places = {controller.name: place for place, controller in enumerate(self.controllers)}
        for round_ in rounds:
            self._queue.fail(Turn(places[round_.controller], round_.key), now.mono)
        while self._cut:
            turn, doing = self._cut.popleft()
            if doing.action is not None:
                self._queue.fail(turn, now.mono)
            self._let_go(turn)

    def _on_broken(self, turn: Turn, error: Exception, now: Now) -> Round:
        if self.on_broken is None:
            raise error
        self.on_broken(turn.key, error)
        return self._broken(turn, error, now)

    def _broken(self, turn: Turn, error: Exception, now: Now) -> Round:
        """One key's round is a defect of ours: it backs off, the others go on."""
        self._retries[turn.controller] += 1
        self._queue.fail(turn, now.mono)
        told = Waiting(f"its round broke: {error!r}", remedy="this is a defect of stead; see its log and report it")
        round_ = Round(now, self.controllers[turn.controller].name, turn.key, (), (told,), is_failed=True)
        self.journal.record(round_)
        return round_

    def _round(self, turn: Turn, now: Now, most: int | None) -> Round | None:
        self._rounds[turn.controller] += 1
        controller = self.controllers[turn.controller]
        observed = controller.observe(self.cache, turn.key)
        if observed is None:
            self._queue.succeed(turn)
            round_ = Round(now, controller.name, turn.key)
            self.journal.record(round_)
            return round_
        doing = Doing(controller, observed, controller.reconcile(observed, now), now)
        if not self._carry_out(doing, now, most):
            self._under_way[turn.key.namespace] = _Space()
            self._cut.append(UnderWay(turn, doing))
            return None
        return self._told(turn, doing, now)

    def _carry_out(self, doing: Doing, now: Now, most: int | None) -> bool:
        """`most` of its actions, or all; says whether it is over."""
        action, left = doing.action, most
        while action is not None and left != 0:
            action = doing.answer(self._door(doing.controller, action, now))
            self.deeds += 1
            left = left - 1 if left is not None else None
        return action is None

    def _told(self, turn: Turn, doing: Doing, now: Now) -> Round:
        """A round that is over: when the next is, and what is remembered of this one."""
        self.rests.wrote(turn, (outcome.obj for _, outcome in doing.deeds if isinstance(outcome, Done)))
        is_failed = doing.plan.is_failed or doing.is_failed
        self._settle(turn, doing, now, is_failed=is_failed)
        round_ = Round(now, doing.controller.name, turn.key, tuple(doing.deeds), doing.plan.waiting, is_failed)
        self.journal.record(round_)
        return round_

    def _take(self, now: Now) -> Turn | None:
        """The next key that is due and has seen what it wrote; one that has not is due again when it has."""
        turn = self._queue.take(now.mono)
        while turn is not None and (self._is_held(turn) or self.rests.holds(turn)):
            turn = self._queue.take(now.mono)
        return turn

    def _is_held(self, turn: Turn) -> bool:
        """Whether its namespace has a round under way; if so it has its turn after that."""
        space = self._under_way.get(turn.key.namespace)
        if space is not None:
            space.turns.append(turn)
        return space is not None

    def _settle(self, turn: Turn, doing: Doing, now: Now, *, is_failed: bool) -> None:
        if is_failed:
            self._retries[turn.controller] += 1
            self._queue.fail(turn, now.mono, at_least=doing.retry_after_seconds)
            return
        self._queue.succeed(turn)
        if doing.plan.wake_after_seconds is not None:
            self._queue.add_at(turn, now.mono + doing.plan.wake_after_seconds)
