"""The thread that puts the store on the disk: with a real file, and with a disk that fails."""

import asyncio
import os

from stead.cluster.keeping import Keeping
from stead.machinery.keys import Key
from stead.store import disk, note
from stead.store.log import Store


def key(name):
    return Key("ConfigMap", "default", name)


def thing(name):
    return {"metadata": {"name": name, "namespace": "default"}, "data": {}}


def test_what_is_written_meanwhile_goes_with_the_next_sync(tmp_path):
    store, told = Store(str(tmp_path / "store.db"), syncs="later"), []

    async def scenario():
        keeping = Keeping(store.disk, lambda: told.append(store.kept), lambda _: None)
        for number in range(10):
            store.put(key(f"c{number}"), thing(f"c{number}"))
            keeping.bell()
        assert (store.kept, store.disk.is_kept) == (0, False)
        await keeping.close()

    asyncio.run(scenario())
    assert told == sorted(set(told))
    assert (told[-1], len(told) < 10, store.disk.is_kept) == (10, True, True)
    assert note.read(str(tmp_path / "store.db")) == 10
    store.close()


def test_the_log_moves_into_the_file_while_writes_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "CHECKPOINT_ROWS", 5)
    store, told = Store(str(tmp_path / "store.db"), syncs="later"), []

    async def scenario():
        keeping = Keeping(store.disk, lambda: told.append((store.kept, store.disk.is_busy)), lambda _: None)
        for number in range(12):
            store.put(key(f"c{number}"), thing(f"c{number}"))
            keeping.bell()
            await keeping.settled()
            assert not store.disk.is_busy

    asyncio.run(scenario())
    assert [kept for kept, is_busy in told if is_busy] == [5, 10], "and who waits for these is answered before"
    assert [kept for kept, is_busy in told if not is_busy] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    store.close()


def test_a_disk_that_fails_is_told_once_and_nothing_is_written_any_more(tmp_path, caplog):
    store, lost = Store(str(tmp_path / "store.db"), syncs="later"), []
    file, (store.disk.log_file, other_end) = (
        store.disk.log_file,
        os.pipe(),
    )  # a sync of it fails, as that of a bad disk does

    async def scenario():
        keeping = Keeping(store.disk, lambda: None, lost.append)
        store.put(key("a"), thing("a"))
        keeping.bell()
        await keeping.close()
        keeping.bell()

    asyncio.run(scenario())
    assert len(lost) == 1
    assert "the disk has failed ([Errno 22] Invalid argument)" in lost[0]
    assert caplog.text.count("the disk has failed") == 1
    assert (store.get(key("a")) is not None, store.kept) == (True, 1)
    os.close(store.disk.log_file)
    os.close(other_end)
    store.disk.log_file = file
    store.close()
