"""Waiting for plain descriptors on the running loop (uvloop or asyncio), which knows sockets best."""

import asyncio
import os

_CHUNK = 1 << 16


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, lambda: _wake(future))
    try:
        await future
    finally:
        loop.remove_reader(fd)


async def writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, lambda: _wake(future))
    try:
        await future
    finally:
        loop.remove_writer(fd)


async def read(fd: int, size: int = _CHUNK) -> bytes:
    """Some bytes, b"" at the end (a terminal's end is an error, and counts as one). `fd` is non-blocking."""
    while True:
        try:
            return os.read(fd, size)
        except BlockingIOError:
            await readable(fd)
        except OSError:
            return b""


async def write(fd: int, data: bytes) -> None:
    """All of the bytes; raises BrokenPipeError where nobody reads."""
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            await writable(fd)
