"""exec and attach: a session in a container and a client at the other end, whatever protocol carries them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from stead.machinery.objects import Json

log = logging.getLogger(__name__)

SIZE_SECONDS = 0.1  # clients with a terminal tell its size at once
QUIET_SECONDS = 1.0  # after the program's end, how long output may pause before nobody is thought to write any more


class Session(Protocol):
    """A program (or a container's first process) and its three streams; the runtime's side."""

    async def read(self, stream: str = "stdout") -> bytes:
        """What `stdout` or `stderr` has, b"" at its end."""

    async def write(self, data: bytes) -> None: ...

    async def close_stdin(self) -> None: ...

    async def resize(self, width: int, height: int) -> None: ...

    async def wait(self) -> int:
        """The exit code, 128 + n for signal n. Raises where the program did not start."""

    def kill(self) -> None: ...

    def close(self) -> None: ...


Size: TypeAlias = tuple[int, int]  # columns and rows


class Input(Struct, frozen=True):
    data: bytes


class InputEnd(Struct, frozen=True):
    pass


class Resize(Struct, frozen=True):
    width: int
    height: int


FromClient: TypeAlias = Input | InputEnd | Resize


class Client(Protocol):
    """The other end."""

    async def receive(self) -> FromClient | None:
        """The next thing the client does, None when it has gone."""

    async def send(self, stream: str, data: bytes) -> None: ...

    async def finish(self, status: Json) -> None:
        """Tell how it ended, and close."""


class Patient:
    """A client whose terminal's size is heard before the program begins: later, some programs have looked already."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._next: asyncio.Task[FromClient | None] | None = None

    async def size(self) -> Size | None:
        """The size where it is the first thing told, and soon."""
        self._next = asyncio.create_task(self._client.receive())
        await asyncio.wait([self._next], timeout=SIZE_SECONDS)
        if self._next.done() and isinstance(told := self._next.result(), Resize):
            self._next = None
            return told.width, told.height
        return None

    async def receive(self) -> FromClient | None:
        if self._next is None:
            return await self._client.receive()
        waiting = self._next
        told = await waiting
        self._next = None
        return told

    async def send(self, stream: str, data: bytes) -> None:
        await self._client.send(stream, data)

    async def finish(self, status: Json) -> None:
        if self._next is not None:
            self._next.cancel()
        await self._client.finish(status)


class Flow:
    """Output on its way: whether any moved lately, and whether the client holds it up."""

    def __init__(self) -> None:
        self.moved = 0
        self.sending = 0


async def converse(session: Session, client: Client, streams: tuple[str, ...], *, tells_exit: bool) -> None:
    """Carry bytes both ways until the program has ended or the client has gone. Closes the session."""
    flow = Flow()
    outputs = [asyncio.create_task(_pump(session, client, stream, flow)) for stream in streams]
    inputs = asyncio.create_task(_feed(session, client))
    ended = asyncio.ensure_future(session.wait())
    try:
        await asyncio.wait([ended, inputs], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            return  # the client has gone
        await _drain(outputs, flow)
        inputs.cancel()
        await asyncio.gather(inputs, return_exceptions=True)
        await client.finish(_ending(ended) if tells_exit or ended.exception() else SUCCESS)
    except ConnectionError:
        return
    finally:
        for task in (*outputs, inputs, ended):
            task.cancel()
        await asyncio.gather(*outputs, inputs, ended, return_exceptions=True)
        session.close()


async def _pump(session: Session, client: Client, stream: str, flow: Flow) -> None:
    while data := await session.read(stream):
        flow.moved += 1
        flow.sending += 1
        await client.send(stream, data)
        flow.sending -= 1


async def _feed(session: Session, client: Client) -> None:
    actions: dict[type, Callable[[Any], Awaitable[None]]] = {
        Input: lambda event: session.write(event.data),
        InputEnd: lambda _: session.close_stdin(),
        Resize: lambda event: session.resize(event.width, event.height),
    }
    while (event := await client.receive()) is not None:
        await actions[type(event)](event)


async def _drain(outputs: "list[asyncio.Task[None]]", flow: Flow) -> None:
    """Let the rest of the output through; a child that lives on and keeps a pipe open does not hold us for ever."""
    while any(not task.done() for task in outputs):
        before = flow.moved
        await asyncio.wait(outputs, timeout=QUIET_SECONDS)
        if flow.moved == before and not flow.sending:
            return


SUCCESS: Json = {"metadata": {}, "status": "Success"}


def exit_status(code: int) -> Json:
    """How kubectl is told an exit code (wire.md 3.8)."""
    if code == 0:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def failure(text: str) -> Json:
    """Something went wrong that is no exit code."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {text}",
        "reason": "InternalError",
        "details": {"causes": [{"message": text}]},
        "code": 500,
    }


def _ending(ended: "asyncio.Future[int]") -> Json:
    error = ended.exception()
    if error is None:
        return exit_status(ended.result())
    return failure(str(error))
