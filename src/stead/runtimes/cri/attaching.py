"""Attachments to a running container of an engine: output as its log tells it, input and terminals by its streams."""

import asyncio
import contextlib
import os
import socket

from stead.runtimes.cri import mapping, streaming
from stead.runtimes.cri.client import EngineTrouble
from stead.runtimes.cri.node import Held, Node, Pod
from stead.runtimes.cri.streaming import Line
from stead.runtimes.logs import LogReader, Wanted
from stead.runtimes.native import descriptors, sessions, starting
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.sessions import ExecSession

_LOOK_SECONDS = 0.05


async def attach(node: Node, uid: str, container: str, *, has_stdin: bool = False) -> ExecSession:
    """Follow a running container from now on, and feed its input. Raises Refusal where it does not run."""
    held, pod = node.running(uid, container), node.pods[uid]
    if await _has_terminal(node, held):
        return _on_terminal(pod, held, await _line(node, held, has_tty=True))
    fed = await _line(node, held, has_tty=False) if has_stdin else None
    ours, theirs = sessions.ends(has_tty=False, has_stdin=has_stdin)
    reader = LogReader(starting.log_path(pod.directory, container, held.attempt), Wanted(tail_lines=0))
    feeding = asyncio.create_task(_feed(theirs[0], fed)) if fed is not None else None

    async def follow() -> int:
        try:
            while True:
                is_over = not held.is_running
                os.set_blocking(theirs[1], False)
                with contextlib.suppress(OSError):
                    os.write(theirs[1], reader.read())
                if is_over:
                    return int(getattr(held.told, "exit_code", 0))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(pod.changed.wait(), _LOOK_SECONDS)
        finally:
            reader.close()
            if feeding is not None:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
            for fd in theirs:
                os.close(fd)

    return ExecSession(ours, follow(), None, lambda: None)


async def _has_terminal(node: Node, held: Held) -> bool:
    answer = await node.engine.ask("ContainerStatus", {"container_id": held.id, "verbose": True})
    return bool((mapping.info(answer).get("config") or {}).get("tty"))


async def _line(node: Node, held: Held, *, has_tty: bool) -> Line:
    asked = {"container_id": held.id, "stdin": True, "tty": has_tty, "stdout": has_tty}
    try:
        url = (await node.engine.ask("Attach", asked))["url"]
    except EngineTrouble as trouble:
        raise Refusal(str(trouble)) from trouble
    return await streaming.line(node.network, url)


async def _feed(source: int, line: Line) -> None:
    """Input to a container, up to its end."""
    os.set_blocking(source, False)
    try:
        while data := await descriptors.read(source):
            await line.send(data)
        await line.hang_up()
    except OSError:
        return
    finally:
        line.close()


def _on_terminal(pod: Pod, held: Held, line: Line) -> ExecSession:
    """Both ways through the engine: a log has whole lines only, and who types wants to see."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    end = ours.detach()

    async def speak() -> None:
        while data := await descriptors.read(theirs.fileno()):
            await line.send(data)

    async def listen() -> None:
        while data := await line.receive():
            await descriptors.write(theirs.fileno(), data)

    async def exit_code() -> int:
        speaking, listening = asyncio.create_task(speak()), asyncio.create_task(listen())
        try:
            await asyncio.wait([listening, asyncio.ensure_future(_ended(pod, held))], return_when="FIRST_COMPLETED")
            await asyncio.wait([listening], timeout=_LOOK_SECONDS)  # its last words
            return int(getattr(held.told, "exit_code", 0))
        finally:
            for task in (speaking, listening):
                task.cancel()
            await asyncio.gather(speaking, listening, return_exceptions=True)
            line.close()
            theirs.close()

    return ExecSession({"stdin": end, "stdout": end}, exit_code(), line.resize, lambda: None)


async def _ended(pod: Pod, held: Held) -> None:
    while held.is_running:
        await pod.changed.wait()
