"""stead's end of a conversation with the keeper or a shim: numbered orders out, answers and events in."""

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import Callable
from typing import Any

from stead.runtimes.native import wire
from stead.runtimes.native.wire import Message

Answer = tuple[Message, list[int]]

_FULL_SECONDS = 0.002


class Refusal(Exception):
    """The other side could not do what it was asked; the message is its reason."""


class Gone(Refusal):
    """The other side has ended."""


class Channel:
    """One packet socket on the running loop. `on_message` sees everything first, `on_end` the end."""

    def __init__(self, link: socket.socket, on_message: Callable[[Message], None], on_end: Callable[[], None]):
        self._link = link
        self._on_message = on_message
        self._on_end = on_end
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        self.is_open = True
        link.setblocking(False)
        self._loop.add_reader(link.fileno(), self._hear)

    async def ask(self, op: str, files: tuple[int, ...] = (), **body: Any) -> Message:
        """Send an order and await its answer; raises Refusal, or Gone."""
        _, future = await self.post(op, files, **body)
        return (await future)[0]

    async def ask_file(self, op: str, **body: Any) -> int:
        """An order that is answered with an open file."""
        _, future = await self.post(op, **body)
        _, files = await future
        return files[0]

    def tell(self, op: str, **body: Any) -> None:
        """Send an order whose answer nobody awaits; lost where the other side is gone or stalled."""
        with contextlib.suppress(OSError):
            wire.send(self._link, {"op": op, "id": 0, **body})

    async def post(self, op: str, files: tuple[int, ...] = (), **body: Any) -> tuple[int, asyncio.Future[Answer]]:
        """Send an order; answers its number and where its answer will be."""
        number = next(self._numbers)
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[number] = future
        while True:
            try:
                if not self.is_open:
                    raise Gone("the other side has ended")
                wire.send(self._link, {"op": op, "id": number, **body}, files)
                return number, future
            except BlockingIOError:
                await asyncio.sleep(_FULL_SECONDS)
            except OSError as error:
                self._end()
                raise Gone(str(error)) from error

    def _hear(self) -> None:
        while self.is_open:
            try:
                message, files = wire.receive(self._link)
            except BlockingIOError:
                return
            except OSError:
                message, files = None, []
            if message is None:
                self._end()
                return
            self._on_message(message)
            self._answer(message, files)

    def _answer(self, message: Message, files: list[int]) -> None:
        future = None if "event" in message else self._waiting.pop(message.get("id", 0), None)
        if future is None or future.done():
            for fd in files:
                os.close(fd)
        elif "error" in message and "exit_code" not in message:
            future.set_exception(Refusal(message["error"]))
        else:
            future.set_result((message, files))

    def _end(self) -> None:
        if not self.is_open:
            return
        self.close()
        self._on_end()

    def close(self) -> None:
        """Hang up; whoever still waits gets Gone."""
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._link.fileno())
        self._link.close()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Gone("the other side has ended"))
                future.exception()  # seen: an order that nobody awaits any more is no news
        self._waiting.clear()
