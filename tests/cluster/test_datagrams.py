"""Datagrams at a front: each sender has its own way to one target, answers find back, and what is silent is forgotten.

The sockets are real, on loopback; the clock that forgets is not waited for.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from stead.cluster import datagrams
from stead.cluster.datagrams import Datagrams
from stead.cluster.routes import Front, Target

pytestmark = pytest.mark.shell

FRONT = Front("", 5353, protocol="UDP")


class Net:
    """A front at `place` before targets that answer with their own name; `known` are those it may choose of."""

    def __init__(self) -> None:
        self.known: list[Target] = []
        self.dialled: list[Target] = []
        self.flows = Datagrams(lambda front: self.known[0] if self.known else None, self._dial)
        self._open: list[Any] = []
        near = a_socket()
        self.place = near.getsockname()
        self.door = self.flows.open(FRONT, near)

    async def _dial(self, target: Target) -> socket.socket:
        self.dialled.append(target)
        made = a_socket()
        made.connect(target)
        return made

    def target(self, name: bytes) -> Target:
        """One that answers `<name>:<what was said>`."""
        made = a_socket()
        loop = asyncio.get_running_loop()
        self._open.append(made)

        def answer() -> None:
            said, sender = made.recvfrom(70000)
            made.sendto(name + b":" + said, sender)

        loop.add_reader(made.fileno(), answer)
        return Target(*made.getsockname())

    def sender(self) -> socket.socket:
        made = a_socket()
        made.connect(self.place)
        self._open.append(made)
        return made

    def close(self) -> None:
        with contextlib.suppress(ValueError):
            self.door.close()
        for one in self._open:
            asyncio.get_running_loop().remove_reader(one.fileno())
            one.close()


def a_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


@contextlib.asynccontextmanager
async def a_net() -> AsyncIterator[Net]:
    net = Net()
    try:
        yield net
    finally:
        net.close()


def played(story: Callable[[Net], Awaitable[None]]) -> None:
    async def run() -> None:
        async with a_net() as net:
            await story(net)

    asyncio.run(run())


async def asked(sender: socket.socket, said: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    sender.send(said)
    return await asyncio.wait_for(loop.sock_recv(sender, 70000), 5)


def test_two_senders_each_get_their_own_answers() -> None:
    async def story(net: Net) -> None:
        net.known = [net.target(b"a")]
        one, two = net.sender(), net.sender()
        assert [await asked(one, b"1"), await asked(two, b"2"), await asked(one, b"3")] == [b"a:1", b"a:2", b"a:3"]
        assert (len(net.flows), len(net.dialled)) == (2, 2), "a way is made once a sender"

    played(story)


def test_large_datagrams_pass_whole_and_several_before_the_way_is_there() -> None:
    async def story(net: Net) -> None:
        net.known = [net.target(b"a")]
        one, big = net.sender(), bytes(60000)
        for said in (b"1", big, b"3"):
            one.send(said)
        loop = asyncio.get_running_loop()
        heard = [await asyncio.wait_for(loop.sock_recv(one, 70000), 5) for _ in range(3)]
        assert heard == [b"a:1", b"a:" + big, b"a:3"]

    played(story)


def test_a_flow_keeps_its_target_until_that_goes() -> None:
    async def story(net: Net) -> None:
        first, second = net.target(b"a"), net.target(b"b")
        net.known, one = [first], net.sender()
        assert await asked(one, b"1") == b"a:1"
        net.known = [second, first]
        net.flows.keep(FRONT, net.known)
        assert await asked(one, b"2") == b"a:2"
        net.known = [second]
        net.flows.keep(FRONT, net.known)
        assert len(net.flows) == 0
        assert await asked(one, b"3") == b"b:3"

    played(story)


def test_where_nobody_listens_the_next_word_looks_anew() -> None:
    async def story(net: Net) -> None:
        with a_socket() as gone:
            nobody = Target(*gone.getsockname())
        net.known, one = [nobody], net.sender()
        one.send(b"1")
        while len(net.dialled) < 1 or len(net.flows):
            await asyncio.sleep(0.001)
        net.known = [net.target(b"b")]
        assert await asked(one, b"2") == b"b:2"

    played(story)


def test_the_longest_silent_goes_first_and_the_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "MOST_FLOWS", 3)

    async def story(net: Net) -> None:
        net.known = [net.target(b"a")]
        senders = [net.sender() for _ in range(4)]
        for sender in (*senders[:3], senders[0], senders[3]):
            await asked(sender, b"x")
        assert (len(net.flows), len(net.dialled)) == (3, 4)
        await asked(senders[0], b"y")
        assert len(net.dialled) == 4, "who spoke last is still known"
        await asked(senders[1], b"y")
        assert len(net.dialled) == 5, "who was silent longest is not"

    played(story)


def test_what_is_silent_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(datagrams, "ANSWERED_SECONDS", 0.05)

    async def story(net: Net) -> None:
        net.known = [net.target(b"a")]
        await asked(net.sender(), b"1")
        assert len(net.flows) == 1
        await asyncio.wait_for(_emptied(net), 5)

    played(story)


async def _emptied(net: Net) -> None:
    while len(net.flows):
        await asyncio.sleep(0.005)


def test_a_closed_front_leaves_nothing() -> None:
    async def story(net: Net) -> None:
        net.known, one = [net.target(b"a")], net.sender()
        await asked(one, b"1")
        net.door.close()
        assert len(net.flows) == 0
        one.send(b"2")
        with pytest.raises(OSError):
            await asked(one, b"3")

    played(story)
