"""How a file is put on the disk while Python goes on: the kernel is told which, and rings when it is there.

Linux's asynchronous I/O, through ctypes. A thread that calls `fdatasync` asks for Python's lock before and after, and
waits for it behind whatever the loop is doing: a sync of 0.5 ms took 4. Where the kernel refuses (a sandbox), a thread
does it all the same.
"""

import asyncio
import ctypes
import errno
import os
import platform
import struct
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol

# By machine: io_setup, io_destroy, io_getevents, io_submit, sched_setattr.
_CALLS = {"x86_64": (206, 207, 208, 209, 314), "aarch64": (0, 1, 4, 2, 274), "riscv64": (0, 1, 4, 2, 274)}
_FDATASYNC = 3
_RINGS = 1  # an eventfd is given
_REQUEST = struct.Struct("<QIIHhIQQqQII")  # struct iocb
_EVENT = struct.Struct("<QQqq")  # struct io_event
_SCHEDULING = struct.Struct("<IIQiIQQQ")  # struct sched_attr, as old kernels have it too
_RESET_ON_FORK = 1
SLICE_SECONDS = 0.005  # of a processor at a stretch; others have 1.4 to 2.8 ms

Done = Callable[[BaseException | None], None]


class Sync(Protocol):
    """One sync at a time. `done` is called by the loop, with what went wrong; never before `begin` has returned."""

    def begin(self, file: int, done: Done) -> None: ...

    def close(self) -> None: ...


def syncing(file: int, thread: Executor) -> Sync:
    """The quickest way there is to sync `file` here."""
    try:
        return ByKernel(file)
    except OSError:
        return ByThread(thread)


class ByThread:
    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._loop = asyncio.get_running_loop()

    def begin(self, file: int, done: Done) -> None:
        ended = self._loop.run_in_executor(self._thread, os.fdatasync, file)
        ended.add_done_callback(lambda ended: done(ended.exception()))

    def close(self) -> None:
        pass


class ByKernel:
    """Syncs `file` once to see whether the kernel does it. Raises OSError where it does not."""

    def __init__(self, file: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._done: Done | None = None
        self._bell = -1
        self._libc = ctypes.PyDLL(None, use_errno=True)  # holds Python's lock: none of the calls waits
        self._context = ctypes.c_ulong(0)
        self._request = ctypes.create_string_buffer(_REQUEST.size)
        self._requests = (ctypes.c_void_p * 1)(ctypes.addressof(self._request))
        self._event = ctypes.create_string_buffer(_EVENT.size)
        if platform.machine() not in _CALLS:
            raise OSError(errno.ENOSYS, "the numbers of the calls are not known here")
        numbers = map(ctypes.c_long, _CALLS[platform.machine()])
        self._setup, self._destroy, self._events, self._submit, self._schedule = numbers
        self._call(self._setup, ctypes.c_long(1), ctypes.byref(self._context))
        try:
            self._bell = os.eventfd(0)
            self._send(file)
            self._result(waits_for=1)
            os.eventfd_read(self._bell)
        except OSError:
            self.close()
            raise
        self._loop.add_reader(self._bell, self._rung)
        with suppress(OSError):
            self._give_way()

    def begin(self, file: int, done: Done) -> None:
        try:
            self._send(file)
            self._done = done
        except OSError as error:
            self._loop.call_soon(done, error)

    def close(self) -> None:
        if self._bell >= 0:
            self._loop.remove_reader(self._bell)
            os.close(self._bell)
        self._call(self._destroy, self._context)

    def _rung(self) -> None:
        os.eventfd_read(self._bell)
        done, self._done = self._done, None
        assert done is not None, "it rings once for each sync"
        try:
            self._result(waits_for=0)
            done(None)
        except OSError as error:
            done(error)

    def _send(self, file: int) -> None:
        _REQUEST.pack_into(self._request, 0, 0, 0, 0, _FDATASYNC, 0, file, 0, 0, 0, 0, _RINGS, self._bell)
        self._call(self._submit, self._context, ctypes.c_long(1), self._requests)

    def _result(self, *, waits_for: int) -> None:
        """Take the outcome of the sync that has ended; raises what went wrong."""
        self._call(self._events, self._context, ctypes.c_long(waits_for), ctypes.c_long(1), self._event, None)
        result = _EVENT.unpack_from(self._event)[2]
        if result < 0:
            raise OSError(-result, os.strerror(-result))

    def _give_way(self) -> None:
        """Let the kernel's worker come before us when it wakes.

        It is bound to the processor that asked, and a loop that is busy there would keep it from its work until the
        next tick, 4 ms later. Whose slice is shorter comes first (Linux 6.12; before 6.6 who wakes did anyway).
        """
        if os.sched_getscheduler(0) != os.SCHED_OTHER:
            return  # somebody has decided about this process
        nice, slice_ = os.getpriority(os.PRIO_PROCESS, 0), int(SLICE_SECONDS * 1e9)
        told = _SCHEDULING.pack(_SCHEDULING.size, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0, slice_, 0, 0)
        self._call(self._schedule, ctypes.c_long(0), ctypes.create_string_buffer(told), ctypes.c_long(0))

    def _call(self, number: ctypes.c_long, *arguments: object) -> None:
        if self._libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
