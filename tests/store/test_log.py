"""The store: revisions, the past, transactions, and what a restart finds."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stead.machinery.errors import Expired
from stead.machinery.keys import Key
from stead.store import copies, log
from stead.store.cursor import Cursor
from stead.store.disk import StoreDamaged, StoreInUse
from stead.store.log import Store


def key(name: str, kind: str = "ConfigMap") -> Key:
    return Key(kind, "default", name)


def thing(name: str, value: int = 0) -> dict:
    return {"metadata": {"name": name, "namespace": "default"}, "data": {"v": value}}


def told(store: Store, after: int = 0) -> list[str]:
    return [f"{c.event.type} {c.event.key.name} {c.event.obj['data']['v']}" for c in store.changes(after)]


def names(rows: list[log.Row]) -> list[str]:
    return [row.key.name for row in rows]


def test_every_write_is_a_row_and_its_number_the_revision() -> None:
    store = Store()
    assert store.put(key("a"), thing("a")).obj["metadata"]["resourceVersion"] == "1"
    assert store.put(key("b"), thing("b")).revision == 2
    assert store.put(key("a"), thing("a", 1)).revision == 3
    assert store.remove(key("b"), thing("b", 2)).obj["metadata"]["resourceVersion"] == "4"
    assert told(store) == ["ADDED a 0", "ADDED b 0", "MODIFIED a 1", "DELETED b 2"]
    assert names(store.rows("ConfigMap")) == ["a"]


def test_rows_come_by_namespace_and_name() -> None:
    store = Store()
    for namespace, name in (("z", "a"), ("b", "c"), ("b", "a")):
        store.put(Key("Pod", namespace, name), thing(name))
    assert [row.key[1:] for row in store.rows("Pod")] == [("b", "a"), ("b", "c"), ("z", "a")]
    assert names(store.rows("Pod", "b")) == ["a", "c"]


def test_an_event_knows_the_state_before() -> None:
    store = Store()
    store.put(key("a"), thing("a", 1))
    store.put(key("a"), thing("a", 2))
    first, second = store.changes(0)
    assert first.event.old is None
    assert second.event.old is not None
    assert second.event.old["data"] == {"v": 1}


def test_the_past_can_be_asked() -> None:
    store = Store()
    store.put(key("a"), thing("a", 1))
    store.put(key("b"), thing("b", 1))
    store.put(key("a"), thing("a", 2))
    store.remove(key("b"), thing("b", 1))
    store.put(key("c"), thing("c", 1))
    past = [[(row.key.name, row.obj["data"]["v"]) for row in store.rows_at("ConfigMap", None, at)] for at in range(6)]
    assert past == [[], [("a", 1)], [("a", 1), ("b", 1)], [("a", 2), ("b", 1)], [("a", 2)], [("a", 2), ("c", 1)]]


def test_a_transaction_is_kept_whole_or_not_at_all() -> None:
    store = Store()
    store.put(key("a"), thing("a", 1))
    with pytest.raises(ValueError, match="stop"), store.transaction():
        store.put(key("a"), thing("a", 2))
        store.put(key("b"), thing("b"))
        raise ValueError("stop")
    assert store.revision == 1
    assert told(store) == ["ADDED a 1"]
    assert store.put(key("c"), thing("c")).revision == 2


def test_a_restart_finds_every_committed_write(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    store = Store(path)
    store.put(key("a"), thing("a", 1))
    with store.transaction():
        store.put(key("b"), thing("b", 1))
        store.put(key("a"), thing("a", 2))
        store.remove(key("b"), thing("b", 1))
    before = told(store)
    store.close()
    again = Store(path)
    assert (again.revision, told(again), names(again.rows("ConfigMap"))) == (4, before, ["a"])
    assert again.changes(1)[0].event.key.name == "b"
    again.close()


def test_a_store_is_held_by_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    with pytest.raises(StoreInUse):
        Store(str(tmp_path / "store.db"))
    store.close()


@pytest.mark.parametrize(
    "damage", [b"no database at all, just text that is long enough to be looked at" * 40, b"\0" * 9000]
)
def test_a_damaged_file_is_told_and_left_as_it_is(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(damage)
    with pytest.raises(StoreDamaged):
        Store(str(path))
    assert path.read_bytes() == damage


def test_a_lost_state_is_damage(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    store = Store(path)
    store.put(key("a"), thing("a"))
    store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM log")
    Path(f"{path}-kept").unlink()
    assert "lost their state" in copies.examine(path)
    with pytest.raises(StoreDamaged, match="ConfigMap default/a at revision 1 is missing"):
        Store(path)


def test_forgetting_keeps_the_present_and_the_states_before_what_is_kept(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    for value in range(5):
        store.put(key("a"), thing("a", value))
    store.put(key("b"), thing("b"))
    store.forget(4)
    with pytest.raises(Expired, match="too old resource version: 3"):
        store.changes(3)
    assert told(store, 4) == ["MODIFIED a 4", "ADDED b 0"]
    store.close()
    again = Store(str(tmp_path / "store.db"))
    event = again.changes(4)[0].event
    assert event.old is not None
    assert event.old["data"] == {"v": 3}
    assert names(again.rows("ConfigMap")) == ["a", "b"]
    again.close()


def test_a_cursor_misses_and_repeats_nothing() -> None:
    store, seen = Store(), []
    cursor = Cursor(store, 0)
    for value in range(7):
        store.put(key("a"), thing("a", value))
        seen += [change.event.revision for change in cursor.pull(limit=1)]
    seen += [change.event.revision for change in cursor.pull()]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
