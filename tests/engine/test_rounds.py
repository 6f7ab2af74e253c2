"""Rounds: one key's trouble is its own."""

import pytest

from stead.engine.rounds import Engine
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.plan import Calm, Done, Plan
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent


class Counting(Calm):
    """Counts its rounds by key; the key `bad` breaks."""

    name = "counting"

    def __init__(self) -> None:
        self.rounds: list[str] = []

    def wants(self, event: WatchEvent, cache: Cache) -> list[Key]:
        return [event.key]

    def observe(self, cache: Cache, key: Key) -> Key | None:
        return key

    def reconcile(self, observed: Key, now: Now) -> Plan:
        self.rounds.append(observed.name)
        if observed.name == "bad":
            raise ZeroDivisionError("a defect")
        return Plan()


def fed(*names: str) -> tuple[Engine, Counting]:
    controller = Counting()
    engine = Engine([controller], Cache(), lambda *_: Done())
    for revision, name in enumerate(names, start=1):
        engine.feed(WatchEvent("ADDED", Key("Pod", "default", name), {"metadata": {"name": name}}, None, revision))
    return engine, controller


def test_a_broken_round_is_told_backs_off_and_harms_no_other() -> None:
    engine, controller = fed("a", "bad", "b")
    told: list[str] = []
    engine.on_broken = lambda key, error: told.append(f"{key.name}: {error}")
    while engine.turn(Now(0, 0)):
        pass
    assert controller.rounds == ["a", "bad", "b"]
    assert told == ["bad: a defect"]
    assert engine.next_wake() == 0.005
    assert [str(wait) for _, wait, _ in engine.journal.waits(Key("Pod", "default", "bad"))] == [
        "its round broke: ZeroDivisionError('a defect')"
    ]


def test_in_a_simulation_a_broken_round_is_not_hidden() -> None:
    engine, _ = fed("bad")
    with pytest.raises(ZeroDivisionError):
        engine.turn(Now(0, 0))


def test_events_of_one_key_are_one_round() -> None:
    engine, controller = fed("a", "a", "a")
    while engine.turn(Now(0, 0)):
        pass
    assert controller.rounds == ["a"]
