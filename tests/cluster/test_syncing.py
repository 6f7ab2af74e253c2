"""A file is put on the disk beside the loop: by the C library, and by a thread of Python's where that cannot."""

import asyncio
import errno
import os
import resource
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from stead.cluster import syncing
from stead.cluster.syncing import ByLibrary, ByThread


def by_library(file, thread):
    try:
        return ByLibrary(file)
    except (OSError, AttributeError) as refused:
        pytest.skip(f"no asynchronous I/O here: {refused}")


async def ask(sync, file):
    told = asyncio.get_running_loop().create_future()
    sync.begin(file, told.set_result)
    assert not told.done(), "never before it has returned"
    return await asyncio.wait_for(told, 10)


@pytest.mark.parametrize("make", [by_library, lambda file, thread: ByThread(thread)], ids=["library", "thread"])
def test_it_tells_when_it_is_there_and_what_went_wrong(tmp_path, make):
    async def scenario():
        file, (pipe, other_end) = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT), os.pipe()
        with ThreadPoolExecutor(1) as thread:
            sync = make(file, thread)
            for number in range(3):
                os.pwrite(file, b"x" * 10_000, number * 10_000)
                assert await ask(sync, file) is None
            assert str(await ask(sync, pipe)) == "[Errno 22] Invalid argument", "nobody can sync a pipe"
            assert await ask(sync, file) is None, "and the next is not concerned"
        for one in (file, pipe, other_end):
            os.close(one)

    uvloop.run(scenario())


def test_where_the_library_cannot_a_thread_does_it(tmp_path, monkeypatch):
    async def scenario():
        file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        with ThreadPoolExecutor(1) as thread:
            monkeypatch.setattr(syncing.sys, "byteorder", "big")
            assert isinstance(syncing.syncing(file, thread), ByThread)
        os.close(file)

    asyncio.run(scenario())


def test_where_no_more_files_may_be_opened_the_loop_syncs_itself(tmp_path):
    async def scenario():
        file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        sync = by_library(file, None)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (file, hard))
        try:
            assert await ask(sync, file) is None
            assert "Bad file descriptor" in str(await ask(sync, 9999))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(file)

    asyncio.run(scenario())


class NoThread:
    """The C library where no thread may be made for telling: its own words for that, whatever came of the sync."""

    def __init__(self, library):
        self.aio_return = library.aio_return

    def aio_error(self, request):
        return errno.EAGAIN


def test_what_the_library_cannot_tell_the_witness_can(tmp_path, monkeypatch):
    async def scenario():
        file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        sync = by_library(file, None)
        monkeypatch.setattr(syncing, "PATIENCE_SECONDS", 0.05)
        monkeypatch.setattr(syncing, "_BY_THREAD", 1)  # by nobody
        sync._library = NoThread(sync._library)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            assert await ask(sync, file) is None
        assert len(os.listdir("/proc/self/fd")) == before, "nothing is left open"
        os.close(sync._witness)
        assert "Bad file descriptor" in str(await ask(sync, file)), "what the witness says counts"
        os.close(file)

    asyncio.run(scenario())


def test_what_cannot_be_had_leaves_nothing_open(tmp_path):
    """A pipe cannot be synced, so that there is nothing to begin with; a hundred tries fit into few files."""

    async def scenario():
        pipe, other_end = os.pipe()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (other_end + 40, hard))
        try:
            for _ in range(100):
                with pytest.raises(OSError, match=r"Errno (22|38|1)\b"):
                    ByLibrary(pipe)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(pipe)
            os.close(other_end)

    asyncio.run(scenario())
