"""A request answered by bytes that do not fit a `Response`: a log that is followed, a terminal, a forwarded port.

The connection hands itself over; the side door (`serve/streams`) speaks through this, and never touches the kernel.
"""

import asyncio
from typing import Protocol

from stead.api.request import Request, Response

RECEIVED_LIMIT = 256 * 1024

Headers = tuple[tuple[str, str], ...]


class Line(Protocol):
    """The connection, as a conversation uses it."""

    is_blocked: bool

    def start_chunks(self, response: Response) -> None: ...

    def send_chunk(self, data: bytes) -> None: ...

    def end_chunks(self) -> None: ...

    def switch(self, headers: Headers) -> None: ...

    def respond_in_conversation(self, response: Response) -> None: ...

    def write_raw(self, data: bytes) -> None: ...

    def hold_reading(self, is_held: bool) -> None: ...

    def close(self) -> None: ...

    def break_off(self) -> None: ...


class Conversation:
    """One of three endings: `answer` (plain), `start`/`send`/`finish` (chunked), `switch`/`send`/`receive`/`close`.

    Sending waits while the client does not read; `ConnectionResetError` when it has gone.
    """

    def __init__(self, line: Line, request: Request, is_upgrade: bool) -> None:
        self.request = request
        self.is_upgrade = is_upgrade
        self.is_begun = False
        self.is_raw = is_upgrade
        self._line: Line | None = line
        self._received = bytearray()
        self._has_news = asyncio.Event()
        self._can_send = asyncio.Event()
        self._can_send.set()
        self._task: asyncio.Task[None] | None = None

    # the side door's half

    def answer(self, response: Response) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.respond_in_conversation(response)

    def start(self, response: Response) -> None:
        """Begin an answer whose body comes by `send`; the response's own body is not used."""
        self.is_begun = True
        if self._line is not None:
            self._line.start_chunks(response)

    def switch(self, headers: Headers) -> None:
        """Answer 101 Switching Protocols; from now on all is raw."""
        self.is_begun = True
        if self._line is not None:
            self._line.switch(headers)

    async def send(self, data: bytes) -> None:
        await self._can_send.wait()
        if self._line is None:
            raise ConnectionResetError("the client has gone")
        if self.is_raw:
            self._line.write_raw(data)
        else:
            self._line.send_chunk(data)

    async def receive(self) -> bytes:
        """What has arrived, b"" when the client has gone."""
        while not self._received and self._line is not None:
            self._has_news.clear()
            await self._has_news.wait()
        data = bytes(self._received)
        self._received.clear()
        if self._line is not None:
            self._line.hold_reading(False)
        return data

    def finish(self) -> None:
        """The chunked body is whole."""
        line, self._line = self._line, None
        if line is not None:
            line.end_chunks()

    def close(self) -> None:
        """End a switched connection, once what was sent has left."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def break_off(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.break_off()

    @property
    def is_over(self) -> bool:
        return self._line is None

    # the connection's half

    def run(self, task: "asyncio.Task[None]") -> None:
        self._task = task

    def received(self, data: bytes) -> None:
        self._received += data
        self._has_news.set()
        if len(self._received) > RECEIVED_LIMIT and self._line is not None:
            self._line.hold_reading(True)

    def blocked(self) -> None:
        self._can_send.clear()

    def unblocked(self) -> None:
        self._can_send.set()

    def lost(self) -> None:
        """The connection is gone: whoever waits is woken, and the door's task is ended."""
        self._line = None
        self._has_news.set()
        self._can_send.set()
        if self._task is not None:
            self._task.cancel()
