"""One pod as stead sees it: the conversation with its shim, turned into the runtime's events."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

from msgspec import Struct, field

from stead.machinery.keys import Key
from stead.machinery.runtime import ContainerExited, ContainerStarted, RuntimeEvent, SandboxFailed, SandboxRunning
from stead.runtimes.furnishing import Home, write
from stead.runtimes.native import linux, plain
from stead.runtimes.native.channel import Channel
from stead.runtimes.native.wire import Message

Report = Callable[[RuntimeEvent], None]
Reason = Literal["Completed", "Error", "OOMKilled", "StartError", "ContainerStatusUnknown"]

_LOST_CODE = 137


class Sandbox(Struct):
    """A pod's identity, its address and what is known of its containers; `channel` is None when nothing lives."""

    pod: Key
    uid: str
    directory: str
    ip: str
    hostname: str
    note: str
    group: int | None
    report: Report
    channel: Channel | None = None
    containers: dict[str, Message] = field(default_factory=dict)
    is_leaving: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def home(self) -> Home:
        return Home(self.directory, self.ip, self.group)

    @property
    def has_running(self) -> bool:
        return any(told["is_running"] for told in self.containers.values())

    @property
    def is_alive(self) -> bool:
        return self.channel is not None and self.channel.is_open

    def running_event(self, is_new: bool = False) -> SandboxRunning:
        return SandboxRunning(self.pod, self.uid, (self.ip,), self.note, is_new)

    async def converse(self, link: socket.socket) -> None:
        """Hear the shim's hello; raises OSError with what it says where it could not make the pod."""
        loop = asyncio.get_running_loop()
        first: asyncio.Future[Message] = loop.create_future()
        self.ended.clear()

        def hear(message: Message) -> None:
            if message.get("event") in ("hello", "failed") and not first.done():
                first.set_result(message)
            self._hear(message)

        def end() -> None:
            if not first.done():
                first.set_result({"event": "failed", "message": "the pod's shim ended before it began"})
            elif first.result()["event"] == "hello":
                self._lost()
            self.ended.set()

        self.channel = Channel(link, hear, end)
        message = await first
        if message["event"] == "failed":
            self.channel.close()
            raise OSError(message["message"])

    def _hear(self, message: Message) -> None:
        """Everything the shim says of a container becomes an event, in the order in which it was said."""
        if message.get("event") == "hello":
            self.containers = {told["container"]: told for told in message["containers"]}
        elif "container_id" in message:
            self.containers[message["container"]] = message
            self.report(self.container_event(message))
            self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def container_event(self, told: Message) -> ContainerStarted | ContainerExited:
        name, attempt, identity = told["container"], told["attempt"], told["container_id"]
        if told["is_running"]:
            return ContainerStarted(self.pod, self.uid, name, attempt, identity, told["image_id"], told["started"])
        return ContainerExited(
            self.pod,
            self.uid,
            name,
            attempt,
            identity,
            told["exit_code"],
            cast(Reason, told["reason"]),
            told["started"],
            told["finished"],
            told["signal"],
            told["message"],
        )

    def _lost(self) -> None:
        """The shim is gone. Nobody asked for it: its containers went with it, and how they ended nobody knows."""
        if not self.is_leaving:
            self.tell_all_lost()
        self._wake()

    def tell_all_lost(self) -> None:
        """Report every container's end, then the sandbox's."""
        for told in self.containers.values():
            if told["is_running"]:
                told.update(_unknown_end(time.time()))
            self.report(self.container_event(told))
        self.report(SandboxFailed(self.pod, self.uid, "the pod's processes are gone"))

    def container_events(self) -> list[ContainerStarted | ContainerExited]:
        return [self.container_event(told) for told in self.containers.values()]


def _unknown_end(wall: float) -> Message:
    return {
        "is_running": False,
        "exit_code": _LOST_CODE,
        "reason": "ContainerStatusUnknown",
        "signal": 0,
        "message": "The container could not be located when the pod's processes were lost",
        "finished": wall,
    }


def remember(sandbox: Sandbox) -> None:
    """Write down what a later stead needs to know of the pod."""
    known = {
        "pod": list(sandbox.pod),
        "uid": sandbox.uid,
        "ip": sandbox.ip,
        "hostname": sandbox.hostname,
        "note": sandbox.note,
        "group": sandbox.group,
    }
    write(os.path.join(sandbox.directory, "sandbox.json"), json.dumps(known))


def recall(directory: str, report: Report) -> Sandbox:
    """The pod that `remember` wrote down; raises OSError or ValueError where it is not whole."""
    with open(os.path.join(directory, "sandbox.json")) as file:
        known: dict[str, Any] = json.load(file)
    names = ("ip", "hostname", "note", "group")
    return Sandbox(Key(*known["pod"]), known["uid"], directory, report=report, **{name: known[name] for name in names})


def recorded_containers(directory: str) -> list[Message]:
    """What the shim wrote down last, for a pod whose shim is gone."""
    try:
        with open(os.path.join(directory, "state.json")) as file:
            state = json.load(file)
        return list(state["containers"])
    except (OSError, ValueError, KeyError):
        return []


def recorded_shim(directory: str) -> int | None:
    """The pid of a shim that still lives, None where it does not."""
    try:
        with open(os.path.join(directory, "state.json")) as file:
            state = json.load(file)
        is_same = linux.start_time(state["shim"]) == state["shim_start"]
        return int(state["shim"]) if is_same else None
    except (OSError, ValueError, KeyError):
        return None


def images_in_use(directory: Path) -> set[str]:
    """The identities of the images that living pods in `directory` have containers of, whether stead runs or not."""
    living = [entry.path for entry in os.scandir(directory) if recorded_shim(entry.path)] if directory.is_dir() else []
    return {str(told["image_id"]) for place in living for told in recorded_containers(place)}


def kill_leftovers(directory: str) -> None:
    """What a shim that cannot be talked to would leave: itself, and in the plain tier its containers' sessions."""
    shim = recorded_shim(directory)
    if shim is not None:
        with contextlib.suppress(OSError):
            os.kill(shim, signal.SIGKILL)
    for told in recorded_containers(directory):
        if told["is_running"] and told["pid"]:
            plain.kill(told["pid"])
