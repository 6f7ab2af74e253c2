"""Rounds that take time: what a round sees stays still until it ends, and other namespaces go on."""

from stead.engine.rounds import Engine, UnderWay
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.plan import Calm, Delete, Done, Outcome, Plan, Refused
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

NOON = Now(0, 0)


class Deleting(Calm):
    """Deletes each object twice over; says how many it saw."""

    name = "deleting"

    def wants(self, event: WatchEvent, cache: Cache) -> list[Key]:
        return [event.key] if event.type != "DELETED" else []

    def observe(self, cache: Cache, key: Key) -> Key | None:
        return key if cache.get(key) else None

    def reconcile(self, observed: Key, now: Now) -> Plan:
        return Plan((Delete(observed, "u"), Delete(observed, "u")))


def a_pod(place: str, revision: int = 1) -> WatchEvent:
    namespace, name = place.split("/")
    obj = {"kind": "Pod", "metadata": {"name": name, "namespace": namespace, "resourceVersion": str(revision)}}
    return WatchEvent("ADDED", Key("Pod", namespace, name), obj, None, revision)


def an_engine(*places: str) -> Engine:
    engine = Engine([Deleting()], Cache(), lambda *_: Done(), rests_on=["Pod"])
    for place in places:
        engine.feed(a_pod(place))
    return engine


def begun(engine: Engine, now: Now = NOON) -> UnderWay:
    found = engine.begin(now)
    assert found is not None
    return found


def finish(engine: Engine, under_way: UnderWay, outcome: Outcome = Done(), now: Now = NOON) -> None:  # noqa: B008
    while under_way.doing.action is not None:
        under_way.doing.answer(outcome)
    engine.end(under_way, now)


def test_one_round_a_namespace_and_the_others_go_on() -> None:
    engine = an_engine("a/1", "a/2", "b/1")
    first, second = begun(engine), begun(engine)
    assert [first.turn.key.namespace, second.turn.key.namespace] == ["a", "b"]
    assert engine.begin(NOON) is None
    finish(engine, first)
    assert begun(engine).turn.key == Key("Pod", "a", "2")


def test_what_comes_meanwhile_is_folded_in_at_the_end() -> None:
    engine = an_engine("a/1")
    under_way = begun(engine)
    engine.feed(a_pod("a/2"))
    engine.feed(a_pod("b/1"))
    assert engine.cache.get(Key("Pod", "a", "2")) is None
    assert engine.cache.get(Key("Pod", "b", "1")) is not None
    finish(engine, under_way)
    assert engine.cache.get(Key("Pod", "a", "2")) is not None


def test_a_key_rests_until_it_sees_what_it_wrote_though_that_came_before_the_answer() -> None:
    engine = an_engine("a/1")
    under_way = begun(engine)
    seen = a_pod("a/1", 5)
    engine.feed(seen)
    finish(engine, under_way, Done(seen.obj))
    assert engine.begin(NOON) is not None  # revision 5 is in the cache, so nobody rests


def test_a_refusal_with_a_wait_is_honoured() -> None:
    engine = an_engine("a/1")
    finish(engine, begun(engine), Refused("TooManyRequests", retry_after_seconds=7.0))
    assert engine.next_wake() == 7.0


def test_what_is_put_off_is_decided_anew() -> None:
    engine = an_engine("a/1")
    engine.put_off(begun(engine), 2.0)
    assert engine.begin(Now(1, 1)) is None
    assert begun(engine, Now(2, 2)).turn.key.name == "1"


def test_a_round_that_breaks_lets_its_namespace_go() -> None:
    engine = an_engine("a/1", "a/2")
    told: list[Exception] = []
    engine.on_broken = lambda key, error: told.append(error)
    engine.end(begun(engine), NOON, ZeroDivisionError())
    assert len(told) == 1
    assert begun(engine).turn.key.name == "2"
