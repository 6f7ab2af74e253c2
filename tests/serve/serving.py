"""A tiny server for the tests: an echo behind the real `HttpServer`, and a client that speaks raw HTTP."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvloop

from stead.api.request import ADMIN, Request, Response, Stream, User
from stead.machinery.times import Now
from stead.serve.authentication import Authenticator
from stead.serve.http import Disk, HttpServer, SideDoor
from stead.serve.limits import Limits


def anybody(headers: Any, certificate: Any) -> User:
    return ADMIN


def now() -> Now:
    return Now(time.time(), time.monotonic())


@dataclass(eq=False)
class Ticker:
    """A watch over a list of lines; ends when the list ends in None."""

    lines: list[bytes | None]
    at: int = 0
    is_done: bool = False
    media: str = "application/json"
    warnings: tuple[str, ...] = ()
    wake: float | None = None
    asked: int = 0

    def frames(self, now: Now) -> Iterator[bytes]:
        self.asked += 1
        if self.wake is not None and now.mono >= self.wake:
            self.wake = None
            yield b'{"type":"BOOKMARK"}\n'
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if line is None:
                self.is_done = True
                return
            yield line

    def next_wake(self) -> float | None:
        return self.wake


@dataclass
class Echo:
    """Answers what it was asked; `/watch` is a stream, `/big` a big body, `/boom` an error of our own."""

    batches: list[int] = field(default_factory=list)
    ticker: Ticker = field(default_factory=lambda: Ticker([]))

    def __call__(self, requests: list[Request]) -> Sequence[Response | Stream]:
        self.batches.append(len(requests))
        return [self.one(request) for request in requests]

    def one(self, request: Request) -> Response | Stream:
        if request.path == "/watch":
            return self.ticker
        if request.path == "/big":
            return Response(200, b"x" * int(request.parameter("size")), "text/plain")
        if request.path == "/boom":
            raise RuntimeError("on purpose")
        told = {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "body": request.body.decode("latin-1")[:200],
            "size": len(request.body),
            "user": request.user.name,
            "groups": request.user.groups,
        }
        return Response(
            200,
            msgspec.json.encode(told),
            warnings=('say "no"\r\nEvil: 1',) if request.path == "/warn" else (),
            rests_on=int(request.parameter("rests_on")) if request.parameter("rests_on") else None,
        )


@dataclass
class Answer:
    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Client:
    """Raw bytes out, parsed answers in."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
        return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}

    async def chunk(self) -> bytes:
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 5), 16)
        return (await asyncio.wait_for(self.reader.readexactly(size + 2), 5))[:-2]

    async def answer(self, has_body: bool = True) -> Answer:
        code, headers = await self.head()
        body = b""
        if "content-length" in headers and has_body:
            body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), 5)
        return Answer(code, headers, body)

    async def ask(self, text: str | bytes) -> Answer:
        self.say(text)
        return await self.answer()

    async def is_closed(self) -> bool:
        """Has the server closed, after whatever it still had to say?"""
        try:
            while await asyncio.wait_for(self.reader.read(65536), 5):
                pass
        except ConnectionError:
            pass
        return True


@dataclass
class House:
    """A running server and the way in."""

    server: HttpServer
    port: int
    echo: Echo
    tls: ssl.SSLContext | None = None
    disk: Any = None

    @asynccontextmanager
    async def client(self, **options: Any) -> Any:
        name = {"server_hostname": "localhost"} if self.tls else {}
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls, **name, **options)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def serving(
    *,
    limits: Limits | None = None,
    side_door: SideDoor | None = None,
    authenticate: Authenticator | None = None,
    server_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
    disk: Disk | None = None,
) -> Any:
    echo = Echo()
    server = HttpServer(echo, authenticate or anybody, side_door, now, limits=limits, disk=disk)
    port = await server.listen(server_tls, "127.0.0.1", 0)
    try:
        yield House(server, port, echo, client_tls, disk)
    finally:
        await server.close(0.2)


async def eventually(is_true: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "did not become true in time"
        await asyncio.sleep(0.005)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario on the loop stead uses."""
    uvloop.run(asyncio.wait_for(scenario(), 30))  # type: ignore[arg-type]
