"""How a file is put on the disk while Python goes on: the C library does it (POSIX asynchronous I/O), through ctypes.

A thread of Python's that calls `fdatasync` needs Python's lock before and after, and makes the loop wait while it gets
it. The C library's thread knows no Python. When its sync is over it closes one end of a pipe (`close` is content with a
single number), and the loop sees that at the other. Where there is no such library, Python's thread it is.
"""

import asyncio
import ctypes
import errno
import os
import select
import struct
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Protocol

# struct aiocb: the file; then struct sigevent: a number, SIGEV_THREAD, whom to call.
_REQUEST = struct.Struct("<i28xQiiQ")
_REQUEST_BYTES = 512  # with what the library keeps there for itself
_BY_THREAD = 2
TRIAL_SECONDS = 5.0
PATIENCE_SECONDS = 0.25  # until somebody looks why the end of a sync is not told

Done = Callable[[BaseException | None], None]


class Sync(Protocol):
    """One sync at a time. `done` is called by the loop, with what went wrong; never before `begin` has returned."""

    def begin(self, file: int, done: Done) -> None: ...

    def close(self) -> None: ...


def syncing(file: int, thread: Executor) -> Sync:
    """The quickest way there is to sync `file` here."""
    try:
        return ByLibrary(file)
    except (OSError, AttributeError):
        return ByThread(thread)


class ByThread:
    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._loop = asyncio.get_running_loop()

    def begin(self, file: int, done: Done) -> None:
        ended = self._loop.run_in_executor(self._thread, os.fdatasync, file)
        ended.add_done_callback(lambda ended: done(ended.exception()))

    def close(self) -> None:
        """The thread is somebody else's."""


class ByLibrary:
    """Syncs `file` once to see whether that works here. Raises OSError or AttributeError where it does not.

    The file is open once more, as a witness: the system tells each who has opened a file of an error in writing it.
    """

    def __init__(self, file: int) -> None:
        if struct.calcsize("P") != 8 or sys.byteorder != "little":
            raise OSError(errno.ENOSYS, "the library's structures are not known here")
        self._loop = asyncio.get_running_loop()
        self._library: Any = ctypes.PyDLL(None, use_errno=True)  # holds Python's lock: none of the calls waits
        self._fsync = self._library.aio_fsync
        self._close = ctypes.cast(self._library.close, ctypes.c_void_p).value
        self._request = ctypes.create_string_buffer(_REQUEST_BYTES)
        self._ear = self._mouth = -1
        self._alarm: asyncio.TimerHandle | None = None
        self._done: Done = lambda _: None
        self._send(file)
        has_rung, _, _ = select.select([self._ear], [], [], TRIAL_SECONDS)
        os.close(self._ear)
        error = self._outcome()
        if error is not None or not has_rung:
            raise error or OSError(errno.ETIMEDOUT, "nobody was told of the end of a sync")
        self._witness = os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC)

    def begin(self, file: int, done: Done) -> None:
        try:
            self._send(file)
        except OSError:  # no more files or threads may be had: then all wait for the disk
            self._loop.call_soon(_sync_here, file, done)
            return
        self._done = done
        self._loop.add_reader(self._ear, self._over)
        self._alarm = self._loop.call_later(PATIENCE_SECONDS, self._look)

    def close(self) -> None:
        os.close(self._witness)

    def _send(self, file: int) -> None:
        self._ear, self._mouth = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        ctypes.memset(self._request, 0, _REQUEST_BYTES)
        _REQUEST.pack_into(self._request, 0, file, self._mouth, 0, _BY_THREAD, self._close)
        if self._fsync(os.O_DSYNC, self._request) < 0:
            number = ctypes.get_errno()
            os.close(self._ear)
            os.close(self._mouth)
            raise OSError(number, os.strerror(number))

    def _outcome(self) -> OSError | None:
        number = self._library.aio_error(self._request)
        self._library.aio_return(self._request)
        return OSError(number, os.strerror(number)) if number else None

    def _over(self) -> None:
        assert self._alarm is not None, "set with each sync"
        self._alarm.cancel()
        self._loop.remove_reader(self._ear)
        os.close(self._ear)
        self._done(self._outcome())

    def _look(self) -> None:
        """The disk is slow; or the library had no thread to tell of the end, and has forgotten how it went."""
        if self._library.aio_error(self._request) != errno.EAGAIN:
            self._alarm = self._loop.call_later(PATIENCE_SECONDS, self._look)
            return
        self._outcome()
        self._loop.remove_reader(self._ear)
        os.close(self._ear)
        os.close(self._mouth)
        _sync_here(self._witness, self._done)


def _sync_here(file: int, done: Done) -> None:
    try:
        os.fdatasync(file)
        done(None)
    except OSError as error:
        done(error)
