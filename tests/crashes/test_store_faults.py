"""The store under faults: a full disk, a write cut short, damaged pages, a clock that jumps. No mocks: real files."""

import itertools
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from stead.api.request import Request, Response
from stead.cluster import assembly, bootstrap
from stead.cluster.config import Config
from stead.cluster.kernel import Cluster
from stead.cluster.members import Member
from stead.machinery.errors import Expired
from stead.machinery.keys import Key
from stead.machinery.objects import decode, encode
from stead.machinery.times import Now
from stead.runtimes.simulated import SimulatedRuntime
from stead.simulation.shell import Simulation
from stead.store import copies, note
from stead.store.disk import StoreDamaged, StoreInUse, StoreRefuses, Syncs
from stead.store.log import Store

NOON = Now(1_790_000_000.0, 0.0)


def key(name: str) -> Key:
    return Key("ConfigMap", "default", name)


def thing(name: str, value: int = 0, size: int = 0) -> dict:
    return {"metadata": {"name": name, "namespace": "default"}, "data": {"v": value, "pad": "x" * size}}


def present(store: Store) -> dict[str, int]:
    return {row.key.name: row.obj["data"]["v"] for row in store.rows("ConfigMap")}


def history(store: Store) -> list[str]:
    return [
        f"{change.event.type} {change.event.key.name} {change.event.obj['data']['v']}" for change in store.changes(0)
    ]


def fill(store: Store, *, pages: int = 0) -> int:
    """Let the file grow no further than it is (plus `pages`); answers how many pages that is."""
    (count,) = store.disk._db.execute("PRAGMA page_count").fetchone()
    store.disk._db.execute(f"PRAGMA max_page_count={count + pages}")
    return int(count)


def make_room(store: Store) -> None:
    store.disk._db.execute("PRAGMA max_page_count=1000000")


def copied(source: Path, target: Path) -> Path:
    """The files as a crash leaves them."""
    target.mkdir()
    for ending in ("", "-wal", "-kept"):
        shutil.copy(f"{source}{ending}", target / f"store.db{ending}")
    return target / "store.db"


# --- the disk is full


def test_a_full_disk_refuses_the_write_and_keeps_the_rest(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    store.put(key("a"), thing("a", 1))
    fill(store)
    with pytest.raises(StoreRefuses, match="full"), store.transaction():
        for number in range(50):
            store.put(key(f"n{number}"), thing(f"n{number}", size=5000))
    assert (store.revision, present(store), history(store)) == (1, {"a": 1}, ["ADDED a 1"])
    make_room(store)
    assert store.put(key("b"), thing("b")).revision == 2
    store.close()
    again = Store(str(tmp_path / "store.db"))
    assert (again.revision, present(again)) == (2, {"a": 1, "b": 0})
    again.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    config = Config(data=tmp_path, runtime="simulated")
    store = Store(str(tmp_path / "store.db"), syncs="never")
    made = assembly.cluster(config, store, [Member("stead", SimulatedRuntime(Random(1)))], Random(2))
    bootstrap.install(made, config, NOON)
    turn(made, 0.0)
    yield made
    store.close()


def turn(cluster: Cluster, mono: float, steps: int = 200) -> None:
    """Let the kernel do what is due, as time passes."""
    for step in range(steps):
        cluster.step(Now(NOON.wall + mono, mono + step * 0.01))


def asked(cluster: Cluster, *requests: tuple[str, str, object]) -> list[int]:
    made = [
        Request(method, path, (), {"user-agent": "t"}, encode(body) if body else b"") for method, path, body in requests
    ]
    answers = cluster.handle(made, NOON)
    return [answer.code for answer in answers if isinstance(answer, Response)]


def test_while_the_disk_is_full_readers_are_answered_and_writers_told(cluster: Cluster) -> None:
    fill(cluster.store)
    path = "/api/v1/namespaces/default/configmaps"
    big = {"metadata": {"name": "big"}, "data": {"k": "x" * 500_000}}
    assert asked(cluster, ("GET", path, None), ("POST", path, big), ("GET", path, None)) == [200, 503, 200]
    (answer,) = cluster.handle([Request("POST", path, (), {"user-agent": "t"}, encode(big))], NOON)
    assert isinstance(answer, Response)
    assert decode(answer.body)["reason"] == "ServiceUnavailable"
    assert "full" in decode(answer.body)["message"]
    assert dict(answer.headers)["Retry-After"]
    make_room(cluster.store)
    assert asked(cluster, ("POST", path, big)) == [201]


def test_controllers_take_up_again_when_there_is_room(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "x", "args": ["y" * 9000]}]},
    }
    spec = {"replicas": 3, "serviceName": "web", "selector": {"matchLabels": labels}, "template": template}
    body = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": spec}
    assert asked(cluster, ("POST", "/apis/apps/v1/namespaces/default/statefulsets", body)) == [201]
    fill(cluster.store, pages=4)
    with caplog.at_level(logging.ERROR):
        turn(cluster, 1.0)
        turn(cluster, 10.0)
    assert "full" in caplog.text
    assert caplog.text.count("nothing changes until") < 5
    assert len(cluster.store.rows("Pod", "default")) < 3
    make_room(cluster.store)
    for mono in range(20, 60):
        turn(cluster, float(mono), steps=20)
    ready = [row.key.name for row in cluster.store.rows("Pod", "default") if row.obj["status"]["phase"] == "Running"]
    assert ready == ["web-0", "web-1", "web-2"]


# --- a write is cut short


def test_a_last_write_cut_anywhere_happened_whole_or_not_at_all(tmp_path: Path) -> None:
    """The write-ahead log is cut within the last commit: at many places, with STEAD_LONG set at every byte."""
    source = tmp_path / "store.db"
    store = Store(str(source))
    store.put(key("a"), thing("a", 1))
    before = os.path.getsize(f"{source}-wal")
    with store.transaction():
        store.put(key("a"), thing("a", 2))
        store.put(key("b"), thing("b", 2, size=9000))
        store.remove(key("a"), thing("a", 3))
    whole = Path(f"{source}-wal").read_bytes()
    file = source.read_bytes()
    seen = set()
    (tmp_path / "cut").mkdir()
    target = tmp_path / "cut" / "store.db"
    step = 1 if os.environ.get("STEAD_LONG") else 211
    for cut in [*range(before, len(whole), step), *range(len(whole) - 30, len(whole) + 1)]:
        target.write_bytes(file)
        Path(f"{target}-wal").write_bytes(whole[:cut])
        Path(f"{target}-shm").unlink(missing_ok=True)
        again = Store(str(target), syncs="never")
        seen.add((cut == len(whole), again.revision, str(present(again))))
        again.close()
    assert seen == {(False, 1, "{'a': 1}"), (True, 4, "{'b': 2}")}
    store.close()


# --- pages are damaged


def grown(path: Path, commits: int = 30) -> Store:
    store = Store(str(path), syncs="never")
    for value in range(commits):
        store.put(key(f"n{value % 5}"), thing(f"n{value % 5}", value, size=2000))
    return store


def test_damage_in_the_log_that_loses_acknowledged_writes_is_told(tmp_path: Path) -> None:
    """SQLite alone would take the first damaged frame for the end, and say nothing."""
    store = grown(tmp_path / "store.db")
    for number in range(12):
        path = copied(tmp_path / "store.db", tmp_path / f"damaged{number}")
        wal = Path(f"{path}-wal")
        data = bytearray(wal.read_bytes())
        place = int(len(data) * (number + 0.5) / 13)
        data[place] ^= 0xFF
        wal.write_bytes(bytes(data))
        assert "were acknowledged" in copies.examine(str(path)), number
        with pytest.raises(StoreDamaged, match="were acknowledged"):
            Store(str(path))
        assert wal.read_bytes() == bytes(data), "it must be left as it was"
    store.close()


def test_a_damaged_head_of_the_log_is_told(tmp_path: Path) -> None:
    store = grown(tmp_path / "store.db")
    for place in (0, 5, 9, 17, 25):
        path = copied(tmp_path / "store.db", tmp_path / f"damaged{place}")
        data = bytearray(Path(f"{path}-wal").read_bytes())
        data[place] ^= 0xFF
        Path(f"{path}-wal").write_bytes(bytes(data))
        with pytest.raises(StoreDamaged, match="were acknowledged"):
            Store(str(path))
    store.close()


def test_a_log_that_is_gone_or_cut_short_is_told(tmp_path: Path) -> None:
    """The very last commit, too: it was acknowledged."""
    store = grown(tmp_path / "store.db")
    for number, left in enumerate((None, 0, 100, -1)):
        path = copied(tmp_path / "store.db", tmp_path / f"damaged{number}")
        wal = Path(f"{path}-wal")
        data = wal.read_bytes()
        wal.unlink() if left is None else wal.write_bytes(data[:left])
        assert "were acknowledged" in copies.examine(str(path)), number
        with pytest.raises(StoreDamaged, match="were acknowledged"):
            Store(str(path))
        Path(f"{path}-kept").unlink()
        Store(str(path)).close()  # whoever says so goes on with what is left
    store.close()


@pytest.mark.parametrize("syncs", ["commit", "later", "never"])
def test_what_is_kept_is_noted_and_nothing_more(tmp_path: Path, syncs: Syncs) -> None:
    store = Store(str(tmp_path / "store.db"), syncs=syncs)
    with store.transaction():
        store.put(key("a"), thing("a", 1))
        assert (store.kept, note.read(str(tmp_path / "store.db"))) == (0, 0)
    store.put(key("b"), thing("b", 1))
    assert store.kept == note.read(str(tmp_path / "store.db")) == (0 if syncs == "later" else 2)
    until = store.disk.flush()
    store.put(key("c"), thing("c", 1))
    store.disk.keep(until)
    assert store.kept == note.read(str(tmp_path / "store.db")) == (2 if syncs == "later" else 3)
    store.close()
    assert note.read(str(tmp_path / "store.db")) == 3


def test_a_note_that_cannot_be_read_claims_nothing(tmp_path: Path) -> None:
    grown(tmp_path / "store.db").close()
    Path(tmp_path / "store.db-kept").write_bytes(b"\xff" * 12)
    assert copies.examine(str(tmp_path / "store.db")) == ""
    Store(str(tmp_path / "store.db")).close()


def test_after_the_disk_has_failed_nothing_is_written_and_everything_read(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"), syncs="later")
    store.put(key("a"), thing("a", 1))
    store.disk.fail("the disk has failed")
    with pytest.raises(StoreRefuses, match="has failed"):
        store.put(key("a"), thing("a", 2))
    assert (present(store), store.kept) == ({"a": 1}, 1)
    store.close()


def test_an_undamaged_log_after_a_crash_is_whole(tmp_path: Path) -> None:
    """At every number of commits, with checkpoints in between that begin the log anew over old frames."""
    store = Store(str(tmp_path / "store.db"), syncs="never")
    for value in range(40):
        store.put(key(f"n{value % 5}"), thing(f"n{value % 5}", value, size=value * 100))
        if value % 7 == 6:
            store.disk.checkpoint()
        path = copied(tmp_path / "store.db", tmp_path / f"crash{value}")
        assert copies.examine(str(path)) == ""
        again = Store(str(path), syncs="never")
        assert (again.revision, present(again)) == (store.revision, present(store))
        again.close()
    store.close()


def test_no_changed_byte_of_an_object_goes_unnoticed(tmp_path: Path) -> None:
    """A byte within a body is nothing that SQLite would see."""
    store = Store(str(tmp_path / "store.db"), syncs="never")
    store.put(key("a"), thing("a", 1234567, size=20_000))
    store.close()
    data = (tmp_path / "store.db").read_bytes()
    for number, place in enumerate((data.index(b"1234567"), data.index(b"xxxxxxxx") + 5, data.rindex(b"xxxx"))):
        path = tmp_path / f"damaged{number}.db"
        path.write_bytes(data[:place] + b"7" + data[place + 1 :])
        assert "not as they were written" in copies.examine(str(path))
        with pytest.raises(StoreDamaged, match="ConfigMap default/a at revision 1 is not as it was written"):
            Store(str(path))


def test_any_damaged_page_is_told_or_harmless(tmp_path: Path) -> None:
    """Each page overwritten in turn: told at the start, or the present is whole and the past is true or expired."""
    store = grown(tmp_path / "store.db")
    wanted, past = present(store), history(store)
    store.close()
    data = (tmp_path / "store.db").read_bytes()
    (tmp_path / "d").mkdir()
    path = tmp_path / "d" / "store.db"
    outcomes = {"told": 0, "expired": 0, "whole": 0}
    for page, junk in itertools.product(range(len(data) // 8192), (bytes(8192), os.urandom(8192))):
        path.write_bytes(data[: page * 8192] + junk + data[(page + 1) * 8192 :])
        outcomes[_after_damage(path, wanted, past)] += 1
        for ending in ("-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
    assert outcomes["told"] >= 5
    assert outcomes["expired"] >= 5
    assert outcomes["whole"] == 0, "a damaged page that nobody ever notices"


def _after_damage(path: Path, wanted: dict[str, int], past: list[str]) -> str:
    try:
        store = Store(str(path), syncs="never")
    except StoreDamaged:
        return "told"
    try:
        assert present(store) == wanted
        assert copies.examine(str(path)), "stead doctor must see it"
        assert history(store) == past
        return "whole"
    except Expired:
        return "expired"
    finally:
        store.close()


# --- copies


@pytest.mark.parametrize("sql", ["UPDATE log SET body = 'text'", "UPDATE head SET name = 'n7' WHERE name = 'n0'"])
def test_a_copy_that_says_what_no_store_does_is_damaged(sql: str, tmp_path: Path) -> None:
    """Text instead of bytes ended in a traceback; nobody compared what an object calls itself with its row."""
    store = grown(tmp_path / "store.db")
    store.close()
    db = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    db.execute(sql)
    db.close()
    with pytest.raises(StoreDamaged):
        copies.put_back(tmp_path / "store.db", str(tmp_path / "other.db"))
    with pytest.raises(StoreDamaged):
        Store(str(tmp_path / "store.db"))


def test_a_copy_is_whole_and_a_restore_begins_all_watches_anew(tmp_path: Path) -> None:
    store = grown(tmp_path / "store.db")
    (tmp_path / "copy").write_bytes(store.disk.image())
    wanted, newest = present(store), store.revision
    store.put(key("later"), thing("later"))
    with pytest.raises(StoreInUse):
        copies.put_back(tmp_path / "copy", str(tmp_path / "store.db"))
    store.close()
    aside = copies.put_back(tmp_path / "copy", str(tmp_path / "store.db"))
    again = Store(str(tmp_path / "store.db"))
    assert present(again) == wanted
    assert again.revision == again.oldest == newest + copies.LEAP
    again.close()
    old = Store(aside)
    assert "later" in present(old)
    old.close()


def test_a_damaged_copy_is_never_put_back(tmp_path: Path) -> None:
    store = grown(tmp_path / "store.db")
    image = bytearray(store.disk.image())
    image[image.index(b"xxxxxxxx")] ^= 1
    (tmp_path / "copy").write_bytes(bytes(image))
    wanted = present(store)
    store.close()
    with pytest.raises(StoreDamaged, match="not as they were written"):
        copies.put_back(tmp_path / "copy", str(tmp_path / "store.db"))
    again = Store(str(tmp_path / "store.db"))
    assert present(again) == wanted
    again.close()


def test_a_damaged_store_is_replaced_by_a_copy_and_kept(tmp_path: Path) -> None:
    store = grown(tmp_path / "store.db")
    (tmp_path / "copy").write_bytes(store.disk.image())
    wanted = present(store)
    store.close()
    (tmp_path / "store.db").write_bytes(b"\0" * 20_000)
    aside = copies.put_back(tmp_path / "copy", str(tmp_path / "store.db"))
    assert Path(aside).read_bytes() == b"\0" * 20_000
    again = Store(str(tmp_path / "store.db"))
    assert present(again) == wanted
    again.close()


def test_a_copy_of_a_store_at_rest(tmp_path: Path) -> None:
    store = grown(tmp_path / "store.db")
    wanted = present(store)
    store.close()
    (tmp_path / "copy.db").write_bytes(copies.take(str(tmp_path / "store.db")))
    db = sqlite3.connect(tmp_path / "copy.db")
    assert db.execute("SELECT count(*) FROM head").fetchone() == (len(wanted),)
    db.close()
    assert copies.examine(str(tmp_path / "copy.db")) == ""


# --- the clock jumps


@pytest.mark.parametrize("seed", range(3))
def test_a_wall_clock_that_jumps_breaks_nothing(seed: int) -> None:
    chance, life = Random(seed), Simulation(seed, config=Config(runtime="simulated"), is_sworn=True)
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    spec = {"replicas": 3, "serviceName": "web", "selector": {"matchLabels": labels}, "template": template}
    life.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": spec})
    for number in itertools.count():
        life.run_for(chance.random() * 20)
        life.jump(chance.choice((-86_400, -3600, -30, 30, 3600, 86_400, 10 * 86_400)))
        life.patch("StatefulSet", "web", {"spec": {"template": {"metadata": {"annotations": {"n": str(number)}}}}})
        if number == 12:
            break
    life.settle()
    assert sorted(life.pods()) == ["web-0", "web-1", "web-2"]
