"""Finding the keeper, or starting one."""

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Callable

from stead.runtimes.native import booting, keeper, wire
from stead.runtimes.native.channel import Channel, Refusal
from stead.runtimes.native.descriptors import readable
from stead.runtimes.native.wire import Message

_START_SECONDS = 10.0


class KeeperTrouble(Exception):
    """No keeper could be reached or started; the message says why."""


async def reach(settings: Message, on_end: Callable[[], None], held: tuple[int, ...] = ()) -> Channel:
    """A conversation with this directory's keeper, started where none lives. Raises KeeperTrouble.

    `held` are open namespaces that a new keeper enters (`namespaces_of` the one before).
    """
    found = await _find(settings, on_end)
    if found is None:
        await _start(settings, held)
        found = await _find(settings, on_end)
    if found is None:
        raise KeeperTrouble("the keeper was started and does not answer")
    return found


async def _find(settings: Message, on_end: Callable[[], None]) -> Channel | None:
    """The living keeper; one of another making is sent away, its pods stay."""
    try:
        link = wire.connect(f"{settings['directory']}/keeper.sock")
    except OSError:
        return None
    channel = Channel(link, lambda message: None, on_end)
    try:
        told = await channel.ask("hello")
        if (told["protocol"], told["tier"]) == (keeper.PROTOCOL, settings["tier"]):
            return channel
        with contextlib.suppress(Refusal):
            await channel.ask("quit")
    except Refusal:
        pass
    channel.close()
    return None


async def namespaces_of(channel: Channel) -> tuple[int, ...]:
    """A living keeper's user namespace and network, opened: while they are, they outlive it. () where it has gone."""
    opened: list[int] = []
    try:
        pid = (await channel.ask("hello"))["pid"]
        for name in ("user", "net"):
            opened.append(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
    except (OSError, Refusal):
        for descriptor in opened:
            os.close(descriptor)
        return ()
    return tuple(opened)


async def _start(settings: Message, held: tuple[int, ...]) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    argument = json.dumps({**settings, "ready": writer, "held": held})
    log = os.open(f"{settings['directory']}/keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            booting.command("keeper", argument),
            pass_fds=(writer, *held),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )
    finally:
        os.close(writer)
        os.close(log)
    try:
        await _await_ready(reader, f"{settings['directory']}/keeper.log")
    finally:
        os.close(reader)
        child.wait()  # it has forked itself away long since


async def _await_ready(reader: int, log: str) -> None:
    try:
        await asyncio.wait_for(readable(reader), _START_SECONDS)
    except TimeoutError as error:
        raise KeeperTrouble(f"the keeper did not start within {_START_SECONDS:.0f} s; see {log}") from error
    told = os.read(reader, 4096).decode(errors="replace")
    if told != "ready":
        raise KeeperTrouble(told or f"the keeper ended before it began; see {log}")
