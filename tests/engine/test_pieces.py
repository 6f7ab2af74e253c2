"""Rounds in pieces: a round of many actions lets others have their turn, and nothing is lost or comes out of order."""

import pytest

from stead.engine.journal import Round
from stead.engine.rounds import Engine
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.plan import Action, AnyController, Calm, Delete, Done, Fence, Outcome, Plan, Refused
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

NOON = Now(0, 0)


class Busy(Calm):
    """Deletes seven things for each key, the last three only if those before went well."""

    name = "busy"

    def wants(self, event: WatchEvent, cache: Cache) -> list[Key]:
        return [event.key] if event.type != "DELETED" else []

    def observe(self, cache: Cache, key: Key) -> Key | None:
        return key if cache.get(key) else None

    def reconcile(self, observed: Key, now: Now) -> Plan:
        names = [observed._replace(name=f"{observed.name}.{number}") for number in range(7)]
        deletes = [Delete(key, "u") for key in names]
        return Plan((*deletes[:4], Fence(), *deletes[4:]), always=(Delete(observed, "always"),))


class House:
    """An engine, what came through its door, and what the door refuses."""

    def __init__(self, *places: str) -> None:
        self.done: list[str] = []
        self.refused: set[str] = set()
        self.engine = Engine([Busy()], Cache(), self._door)
        for place in places:
            self.engine.feed(an_object(place))

    def _door(self, controller: AnyController, action: Action, now: Now) -> Outcome:
        assert isinstance(action, Delete)
        self.done.append(action.key.name)
        if action.key.name == "break":
            raise ZeroDivisionError
        return Refused("Forbidden") if action.key.name in self.refused else Done()

    def turn(self, most: int | None) -> Round | None:
        return self.engine.turn(NOON, most)


def an_object(place: str) -> WatchEvent:
    namespace, name = place.split("/")
    return WatchEvent("ADDED", Key("Pod", namespace, name), {"metadata": {"name": name}}, None, 1)


WHOLE = [*(f"x.{number}" for number in range(7)), "x"]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 8, None])
def test_the_pieces_of_a_round_are_the_round(most: int | None) -> None:
    house = House("a/x")
    ended = house.turn(most)
    pieces = 1
    while ended is None:
        assert house.engine.next_wake() == float("-inf")
        ended, pieces = house.engine.go_on(NOON, most or 0), pieces + 1
    assert house.done == WHOLE
    assert [deed.key.name for deed, _ in ended.deeds if isinstance(deed, Delete)] == WHOLE
    assert pieces == -(-8 // (most or 8))
    assert (house.engine.deeds, house.engine.next_wake()) == (8, None)


def test_a_fence_holds_though_the_refusal_was_in_an_earlier_piece() -> None:
    house = House("a/x")
    house.refused = {"x.1"}
    assert house.turn(3) is None
    assert house.engine.go_on(NOON, 3) is not None
    assert house.done == ["x.0", "x.1", "x.2", "x.3", "x"]


def test_others_have_their_turn_between_the_pieces_but_nobody_of_its_namespace() -> None:
    house = House("a/x", "a/y", "b/z")
    assert house.turn(2) is None
    other = house.turn(8)
    assert other is not None and other.key.name == "z"
    assert house.turn(8) is None  # y's turn comes when x's round is over
    while house.engine.go_on(NOON, 2) is None:
        pass
    last = house.turn(8)
    assert last is not None and last.key.name == "y"


def test_what_happens_between_the_pieces_is_folded_in_at_the_end() -> None:
    house = House("a/x")
    house.turn(2)
    house.engine.feed(an_object("a/new"))
    assert house.engine.cache.get(Key("Pod", "a", "new")) is None
    house.engine.go_on(NOON, 100)
    assert house.engine.cache.get(Key("Pod", "a", "new")) is not None


def test_what_the_runtime_says_is_folded_in_at_once_and_what_comes_after_the_end_is_not_waited_for() -> None:
    house = House("a/x")
    house.turn(2)
    said = an_object("a/said")._replace(revision=0)
    house.engine.feed(said)
    assert house.engine.cache.get(said.key) is not None
    for number in range(3):
        house.engine.feed(an_object(f"a/early-{number}"))
    rounds = 0
    while house.engine._cut and rounds < 20:
        house.engine.go_on(NOON, 2)
        house.engine.feed(an_object(f"a/late-{rounds}"))
        house.engine.feed(an_object(f"a/later-{rounds}"))
        rounds += 1
    assert rounds < 8


def test_several_rounds_go_on_in_turns() -> None:
    house = House("a/x", "b/y")
    house.turn(1)
    house.turn(1)
    for _ in range(4):
        house.engine.go_on(NOON, 1)
    assert house.done == ["x.0", "y.0", "x.1", "y.1", "x.2", "y.2"]


def test_a_round_that_breaks_in_a_later_piece_lets_its_namespace_go() -> None:
    house = House("a/x", "a/y")
    house.engine.on_broken = lambda key, error: None
    house.turn(2)
    house.engine._cut[0].doing.action = Delete(Key("Pod", "a", "break"), "u")
    ended = house.engine.go_on(NOON, 2)
    assert ended is not None and ended.is_failed
    other = house.turn(None)
    assert other is not None and other.key.name == "y"


def test_what_could_not_be_written_never_happened_and_is_tried_again() -> None:
    """The second piece is lost, with an event that was seen beside it; the event before them stays."""
    house = House("a/x", "b/z")
    house.turn(2)
    before, beside, elsewhere = an_object("a/before"), an_object("a/beside"), an_object("b/beside")
    for event in (before, beside, elsewhere):
        house.engine.feed(event)
    house.engine.go_on(NOON, 2)
    house.engine.undo([], [beside, elsewhere], NOON)
    cache = house.engine.cache
    assert [bool(cache.get(event.key)) for event in (before, beside, elsewhere)] == [True, False, False]
    later = Now(10, 10)
    while house.engine.turn(later) is not None:
        pass
    assert [house.done.count(name) for name in ("x.0", "x.2", "x.6", "before.6", "beside.6")] == [2, 2, 1, 1, 0]
