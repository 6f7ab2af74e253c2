"""What is forgotten: the decision as a table, the store's part in it, and a long life in the simulation."""

from pathlib import Path

import pytest

from stead.cluster import housekeeping, manifests
from stead.cluster.config import Config
from stead.cluster.housekeeping import EVENT_SECONDS
from stead.machinery.errors import Expired
from stead.machinery.keys import Key
from stead.simulation.shell import Simulation
from stead.store import recent
from stead.store.compaction import History, Keep
from stead.store.cursor import Cursor
from stead.store.log import Store

EXAMPLE = Path(__file__).parents[2] / "examples" / "web.yaml"


def thing(name: str, value: int = 0) -> dict:
    return {"metadata": {"name": name, "namespace": "default"}, "data": {"v": value}}


@pytest.mark.parametrize(
    ("seconds", "newest", "keep", "expected"),
    [
        (0, 50, Keep(100, 0, 1000), 0),  # nobody knows how old they are
        (99, 50, Keep(100, 0, 1000), 0),
        (100, 50, Keep(100, 0, 1000), 10),  # what was there at the start is old enough now
        (160, 50, Keep(100, 0, 1000), 16),  # one revision each ten seconds
        (160, 50, Keep(100, 40, 1000), 10),  # but forty are kept whatever their age
        (50, 5000, Keep(100, 40, 1000), 4000),  # and never more than a thousand
    ],
)
def test_a_history_is_kept_for_a_time_and_a_number(seconds: int, newest: int, keep: Keep, expected: int) -> None:
    history = History({"": keep})
    for at in range(0, seconds + 1, 30):
        history.note(float(at), 10 + at // 10)
    assert history.forgettable("", float(seconds), newest) == expected


def test_a_history_remembers_no_more_moments_than_it_needs() -> None:
    history = History({"": Keep(3600, 0, 10**9)})
    for at in range(100_000):
        history.note(float(at), at)
    assert len(history._marks) <= 3600 / 30 + 2


def test_forgetting_comes_in_slices_and_the_present_stays() -> None:
    store = Store()
    for value in range(100):
        store.put(Key("ConfigMap", "default", "a"), thing("a", value))
    store.put(Key("ConfigMap", "default", "b"), thing("b"))
    floors = []
    while store.oldest < 90:
        store.forget(90, most=25)
        floors.append(store.oldest)
    assert floors == [25, 50, 75, 90]
    (count,) = store.disk._db.execute("SELECT count(*) FROM log").fetchone()
    assert count == 101 - 89  # 90 is the state before 91
    assert [row.obj["data"]["v"] for row in store.rows("ConfigMap")] == [99, 0]


def test_one_kind_is_forgotten_earlier_than_the_others(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    for value in range(20):
        store.put(Key("Lease", "default", "n"), thing("n", value))
        store.put(Key("ConfigMap", "default", "a"), thing("a", value))
    assert store.forget(30, kind="Lease") == 14
    for _ in range(2):
        assert [change.event.obj["data"]["v"] for change in Cursor(store, 0, "ConfigMap").pull()] == list(range(20))
        assert [change.event.obj["data"]["v"] for change in Cursor(store, 30, "Lease").pull()] == [15, 16, 17, 18, 19]
        with pytest.raises(Expired):
            Cursor(store, 29, "Lease").pull()
        with pytest.raises(Expired):
            store.rows_at("Lease", None, 12)
        assert store.rows_at("ConfigMap", None, 12)[0].obj["data"]["v"] == 5
        assert store.rows_at("Lease", None, 31)[0].obj["data"]["v"] == 15
        store.close()
        store = Store(str(tmp_path / "store.db"))  # a restart knows it too
    store.close()


def test_what_was_removed_is_forgotten_whole() -> None:
    store = Store()
    for value in range(10):
        key = Key("Event", "default", f"e{value}")
        store.put(key, thing(key.name))
        store.remove(key, thing(key.name))
    store.forget(store.revision)
    assert store.disk._db.execute("SELECT count(*) FROM log").fetchone() == (0,)


def test_memory_keeps_the_newest_changes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "CHANGES", 10)
    store = Store()
    for value in range(100):
        store.put(Key("ConfigMap", "default", "a"), thing("a", value))
    assert len(store._recent._changes) <= 20
    cursor, seen = Cursor(store, 0), []
    while cursor.is_behind:
        seen += [change.event.obj["data"]["v"] for change in cursor.pull(limit=7)]
    assert seen == list(range(100))
    assert store.rows_at("ConfigMap", None, 3)[0].obj["data"]["v"] == 2


def test_large_changes_leave_memory_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "BYTES", 10_000)
    store = Store()
    for _ in range(100):
        store.put(Key("ConfigMap", "default", "a"), {**thing("a"), "data": {"k": "x" * 1000}})
    assert len(store._recent._changes) <= 20
    assert len(store.changes(0)) == 100


def test_what_has_cooled_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of the newest changes alone are kept, and those of a transaction that nobody has read yet."""
    monkeypatch.setattr(recent, "WARM_CHANGES", 3)
    store = Store()
    for value in range(20):
        store.put(Key("ConfigMap", "default", "a"), thing("a", value))
    store.remove(Key("ConfigMap", "default", "a"), thing("a", 20))
    kept = store.changes(0)
    assert 3 <= sum(change.warm is not None for change in kept) <= 6
    told = [(c.event.type, c.event.obj["data"]["v"], c.event.old and c.event.old["data"]["v"]) for c in kept]
    middle = [("MODIFIED", value, value - 1) for value in range(1, 20)]
    assert told == [("ADDED", 0, None), *middle, ("DELETED", 20, 19)]
    with store.transaction():
        for value in range(50):
            store.put(Key("ConfigMap", "default", "b"), thing("b", value))
    assert all(change.warm for change in store.changes(store.revision - 50))


def test_the_past_is_right_inside_a_transaction_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "CHANGES", 2)
    store = Store()
    for value in range(10):
        store.put(Key("ConfigMap", "default", "a"), thing("a", value))
    with store.transaction():
        store.put(Key("ConfigMap", "default", "b"), thing("b"))
        for at in range(1, 11):
            (row,) = store.rows_at("ConfigMap", None, at)
            assert (row.key.name, row.obj["data"]["v"]) == ("a", at - 1)


def test_a_long_life_keeps_the_store_small_and_events_for_an_hour() -> None:
    """Thirty hours with a restart of a pod every few minutes: rows do not pile up, old events go, watches go on."""
    life = Simulation(3, config=Config(runtime="simulated"))
    life.cluster._housekeeping._history.kept = {"Event": Keep(600, 0, 200), "Lease": Keep(600, 0, 200), "": KEEP}
    life.apply(*(document.obj for document in manifests.read([str(EXAMPLE)])))
    life.scale("web", 2)
    life.settle()
    sizes = []
    for hour in range(30):
        for _ in range(4):
            life.delete("Pod", f"web-{hour % 2}", grace_seconds=0)
            life.run_for(900)
        (rows,) = life.store.disk._db.execute("SELECT count(*) FROM log").fetchone()
        sizes.append(rows)
        events = life.store.rows("Event")
        assert all(row.obj["lastTimestamp"] > text_before(life, EVENT_SECONDS + 120) for row in events)
    assert life.is_settled()
    assert max(sizes[15:]) <= max(sizes[5:15]) * 1.1, sizes
    assert life.store.oldest > 0
    assert life.store.oldest_of("Lease") > life.store.oldest


def test_a_busy_hour_keeps_the_newest_events_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "EVENTS", 60)
    life = Simulation(3, config=Config(runtime="simulated"))
    life.apply(*(document.obj for document in manifests.read([str(EXAMPLE)])))
    life.settle()
    told: list[str] = []
    for _ in range(40):
        life.delete("Pod", "web-0", grace_seconds=0)
        life.run_for(20)
        told += [row.key.name for row in life.store.rows("Event") if row.key.name not in told]
        assert life.store.count("Event") <= 80
    assert len(told) > 200
    assert {row.key.name for row in life.store.rows("Event")} >= set(told[-40:])


KEEP = Keep(3600, 500, 3000)


def text_before(life: Simulation, seconds: float) -> str:
    now = life.now
    return now._replace(wall=now.wall - seconds).text
