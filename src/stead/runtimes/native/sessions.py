"""Programs run in a container, and attachments to its first process, as byte streams for exec and attach."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from stead.runtimes.native import descriptors, terminals
from stead.runtimes.native.channel import Answer, Channel, Refusal
from stead.runtimes.native.wire import Message

Size = tuple[int, int]  # columns and rows
Resize = Callable[[int, int], Awaitable[None]]


class ExecSession:
    """stdin, stdout and stderr of something that runs in a container. Not for two readers of one stream at a time."""

    def __init__(
        self, ends: dict[str, int], exit_code: Awaitable[int], resize: Resize | None, kill: Callable[[], None]
    ):
        self._ends = ends
        self._exit_code = asyncio.ensure_future(exit_code)
        self._resize = resize
        self._kill = kill
        for fd in ends.values():
            os.set_blocking(fd, False)

    async def read(self, stream: str = "stdout") -> bytes:
        """What `stdout` or `stderr` has, b"" at its end (with a terminal, stderr is at its end from the start)."""
        fd = self._ends.get(stream)
        return b"" if fd is None else await descriptors.read(fd)

    async def write(self, data: bytes) -> None:
        """To its stdin; bytes for one that has closed it are dropped."""
        fd = self._ends.get("stdin")
        if fd is None:
            return
        try:
            await descriptors.write(fd, data)
        except OSError:
            self._close("stdin")

    async def close_stdin(self) -> None:
        if self._ends.get("stdin") != self._ends.get("stdout"):
            self._close("stdin")
        else:
            await self.write(b"\x04")  # on a terminal the end of input is a key

    async def resize(self, width: int, height: int) -> None:
        if self._resize is not None:
            await self._resize(width, height)

    async def wait(self) -> int:
        """The exit code, 128 + n for signal n. Raises Refusal where the program could not be started."""
        return await asyncio.shield(self._exit_code)

    def kill(self) -> None:
        self._kill()

    def close(self) -> None:
        """Let everything go; a program on a terminal is hung up on, another runs on without a reader."""
        for stream in list(self._ends):
            self._close(stream)
        self._exit_code.cancel()

    def _close(self, stream: str) -> None:
        fd = self._ends.pop(stream, None)
        if fd is not None and fd not in self._ends.values():
            os.close(fd)


Ends = tuple[dict[str, int], tuple[int, ...]]


def _terminal() -> Ends:
    terminal, end = os.openpty()
    return {"stdin": terminal, "stdout": terminal}, (end,)


def _pipes(has_stdin: bool) -> Ends:
    stdin_end, stdin = os.pipe() if has_stdin else (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), -1)
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    ours = {"stdin": stdin, "stdout": out, "stderr": err}
    return {name: fd for name, fd in ours.items() if fd >= 0}, (stdin_end, out_end, err_end)


def ends(*, has_tty: bool, has_stdin: bool) -> Ends:
    """Our ends of a program's streams by name, and its own in the order of their numbers (of a terminal, the one)."""
    return _terminal() if has_tty else _pipes(has_stdin)


async def _handed_out(way: socket.socket) -> dict[str, int]:
    """Our end of the terminal that a program makes on its way in, {} where it does not come so far."""
    way.setblocking(False)
    await descriptors.readable(way.fileno())
    terminal = terminals.taken(way)
    return {} if terminal is None else {"stdin": terminal, "stdout": terminal}


async def run(
    channel: Channel, container: str, spec: Message, *, has_stdin: bool, size: Size | None = None
) -> ExecSession:
    """Run `spec` beside a container's first process. Raises Refusal where the container is not running."""
    has_tty = spec["has_tty"]
    if has_tty:
        way, far = socket.socketpair()
        with way:
            number, answer = await _posted(channel, container, {**spec, "size": size}, (far.detach(),))
            ours = await _handed_out(way)
    else:
        ours, theirs = _pipes(has_stdin)
        number, answer = await _posted(channel, container, spec, theirs)

    async def exit_code() -> int:
        message, _ = await answer
        if message.get("error"):
            raise Refusal(f"error executing command in container: {message['error']}")
        return int(message["exit_code"])

    async def resize(width: int, height: int) -> None:
        if ours:
            terminals.set_size(ours["stdout"], width, height)

    def kill() -> None:
        channel.tell("kill", program=number)

    return ExecSession(ours, exit_code(), resize if has_tty else None, kill)


async def _posted(
    channel: Channel, container: str, spec: Message, theirs: tuple[int, ...]
) -> tuple[int, Awaitable[Answer]]:
    try:
        return await channel.post("exec", theirs, container=container, spec=spec)
    finally:
        for fd in theirs:
            os.close(fd)


async def attach(channel: Channel, container: str, has_stdin: bool, ended: Awaitable[int]) -> ExecSession:
    """Follow a running container from now on. Raises Refusal where it is not running."""
    ours, theirs = _pipes(has_stdin)
    try:
        await channel.ask("attach", theirs, container=container, has_stdin=has_stdin)
    finally:
        for fd in theirs:
            os.close(fd)

    async def resize(width: int, height: int) -> None:
        await channel.ask("resize", container=container, width=width, height=height)

    return ExecSession(ours, ended, resize, lambda: None)
