"""Real pods for tests: a directory, a runtime in it, a small vocabulary; and a promise that nothing is left behind."""

import asyncio
import concurrent.futures.thread  # noqa: F401  loaded now: a child that has become nobody may not read the library
import encodings.idna  # noqa: F401
import os
import pickle
import shutil
import socket
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from stead.machinery.keys import Key
from stead.machinery.runtime import (
    ContainerExited,
    ContainerNotCreated,
    ContainerStarted,
    ImageFailed,
    ImageReady,
    Probed,
    PullImage,
    RemoveSandbox,
    RunProbe,
    RunSandbox,
    RuntimeEvent,
    SandboxRemoved,
    SandboxRunning,
    StartContainer,
    StopContainer,
)
from stead.machinery.times import Now
from stead.runtimes import lending
from stead.runtimes.native import linux, probe
from stead.runtimes.native.runtime import NativeRuntime, Settings

NOBODY = 65534
LENT, LENT_COUNT = 200_000, 65536
PATIENCE_SECONDS = 20.0

Scenario = Callable[["Machine"], Awaitable[Any]]


def now() -> Now:
    return Now(time.time(), time.monotonic())


def pod(name: str) -> Key:
    return Key("Pod", "default", name)


class Machine:
    """One node's runtime, driven as the kernel drives it; `lent` is the user tier with several users."""

    def __init__(self, place: Path, tier: str):
        self.place = place
        self.tier = "user" if tier == "lent" else tier
        self.seen: list[RuntimeEvent] = []
        self.runtime = self._fresh()

    def _fresh(self) -> NativeRuntime:
        cidr = f"10.{os.getpid() % 250}.{os.getpid() // 250 % 250}.0/24"  # plain pods of two tests share a loopback
        settings = Settings(tier=self.tier, is_pulling=False, pod_cidr=cidr, profiles=str(self.place / "seccomp"))
        return NativeRuntime(self.place / "node", settings=settings)

    async def restarted(self) -> list[RuntimeEvent]:
        """stead is killed and comes back; answers what it reports before anything is sent."""
        await self.runtime.close()
        self.runtime = self._fresh()
        await self.runtime.start()
        events = self.runtime.take(now())
        self.seen += events
        return events

    def send(self, *actions: Any) -> None:
        for action in actions:
            self.runtime.send(action, now())

    async def until(self, kind: type, is_it: Callable[[Any], bool] = lambda event: True, since: int = 0) -> Any:
        """The first event of this kind that fits, among those after the first `since`."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            self.seen += self.runtime.take(now())
            for event in self.seen[since:]:
                if isinstance(event, kind) and is_it(event):
                    return event
            await asyncio.sleep(0.002)
        raise AssertionError(f"no {kind.__name__} among {self.seen}")

    async def answer(self, *actions: Any, kind: type) -> Any:
        """Send, and await the next event of this kind about the same pod."""
        since = len(self.seen)
        self.send(*actions)
        return await self.until(kind, lambda event: getattr(event, "uid", None) == actions[-1].uid, since)

    async def sandbox(self, name: str, **more: Any) -> SandboxRunning:
        return await self.answer(RunSandbox(pod(name), f"uid-{name}", name, **more), kind=SandboxRunning)

    async def start(self, name: str, *argv: str, container: str = "c", attempt: int = 0, **more: Any) -> Any:
        """Start a container of the host's root; ContainerStarted, or what came of it where it could not be."""
        image = more.pop("image", "host:shell")
        order = StartContainer(pod(name), f"uid-{name}", container, attempt, image, command=argv or None, **more)
        kinds = (ContainerStarted, ContainerNotCreated, ContainerExited)
        return await self.answer(order, kind=kinds)  # type: ignore[arg-type]

    async def exited(self, name: str, container: str = "c", attempt: int = 0) -> ContainerExited:
        return await self.until(
            ContainerExited, lambda e: (e.uid, e.container, e.attempt) == (f"uid-{name}", container, attempt)
        )

    async def stop(self, name: str, grace_seconds: float, container: str = "c") -> ContainerExited:
        order = StopContainer(pod(name), f"uid-{name}", container, grace_seconds)
        return await self.answer(order, kind=ContainerExited)

    async def probe(self, name: str, handler: dict[str, Any], timeout_seconds: float = 2.0) -> Probed:
        order = RunProbe(pod(name), f"uid-{name}", "c", 0, "readiness", handler, timeout_seconds)
        return await self.answer(order, kind=Probed)

    async def remove(self, name: str) -> SandboxRemoved:
        return await self.answer(RemoveSandbox(pod(name), f"uid-{name}"), kind=SandboxRemoved)

    async def run(
        self, name: str, *argv: str, container: str = "c", given: bytes | None = None
    ) -> tuple[int, str, str]:
        """`kubectl exec`: exit code, stdout, stderr."""
        session = await self.runtime.exec(f"uid-{name}", container, list(argv), has_stdin=given is not None)
        if given is not None:
            await session.write(given)
            await session.close_stdin()
        out, err = [await drained(session, stream) for stream in ("stdout", "stderr")]
        try:
            return await session.wait(), out, err
        finally:
            session.close()

    async def dialled(self, name: str, port: int) -> socket.socket:
        """A connection, once the pod listens."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await self.runtime.dial(f"uid-{name}", port)
            except OSError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.005)

    async def get(self, name: str, path: str = "/", port: int = 80) -> str:
        """The body of an HTTP answer."""
        reader, writer = await asyncio.open_connection(sock=await self.dialled(name, port))
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer.partition(b"\r\n\r\n")[2].decode()

    def log(self, name: str, container: str = "c", attempt: int = 0) -> str:
        return self.runtime.log_path(f"uid-{name}", pod(name), container, attempt)


async def image_goes_and_comes(machine: Machine, image: str, layout: Path) -> None:
    """A container of the image ends; its next start finds no image, and runs once that was imported again."""

    async def looked_for(policy: str) -> Any:
        order = PullImage(pod("web-0"), "uid-web-0", "c", image, policy)
        return await machine.answer(order, kind=(ImageReady, ImageFailed))  # type: ignore[arg-type]

    await machine.sandbox("web-0")
    first = await looked_for("IfNotPresent")
    assert isinstance(await machine.start("web-0", "sleep", "1000", image=image), ContainerStarted)
    machine.runtime.images.remove(image)
    assert (await machine.stop("web-0", 0)).reason == "Error"
    assert (await looked_for("IfNotPresent")).reason == "ErrImagePull"
    assert (await looked_for("Never")).reason == "ErrImageNeverPull"
    machine.runtime.images.import_file(layout)
    assert (await looked_for("Never")) == first
    again = await machine.start("web-0", "sleep", "1000", image=image, attempt=1)
    assert isinstance(again, ContainerStarted) and again.image_id == first.image_id


async def drained(session: Any, stream: str) -> str:
    chunks = []
    while data := await session.read(stream):
        chunks.append(data)
    return b"".join(chunks).decode(errors="replace")


async def _scene(place: Path, tier: str, scenario: Scenario) -> Any:
    machine = Machine(place, tier)
    await machine.runtime.start()
    try:
        return await scenario(machine)
    finally:
        await machine.runtime.stop_all(0)
        await machine.runtime.close()


def _play(place: Path, tier: str, scenario: Scenario) -> Any:
    """On both loops that the runtime promises to run on."""
    run = asyncio.run if tier == "plain" else uvloop.run
    return run(asyncio.wait_for(_scene(place, tier, scenario), 60))


def lend_to_nobody(place: Path) -> None:
    """Have users of his own for nobody, as far as we and our children see."""
    linux.unshare(linux.NEW_MOUNTS)
    linux.mount(None, "/", None, linux.RECURSIVE | linux.PRIVATE)
    for name in ("subuid", "subgid"):
        (place / name).write_text(f"somebody:100000:65536\n{NOBODY}:{LENT}:{LENT_COUNT}\n")
        linux.mount(str(place / name), f"/etc/{name}", None, linux.BIND)


def _play_as_nobody(place: Path, tier: str, scenario: Scenario) -> Any:
    """In a child that gives up being root."""
    os.chown(place, NOBODY, NOBODY)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if tier == "lent":
                lend_to_nobody(place)
            lending.lent.cache_clear()
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            told: tuple[str, Any] = ("", _play(place, tier, scenario))
        except BaseException:
            told = (traceback.format_exc(), None)
        with open(writer, "wb") as file:
            pickle.dump(told, file)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        trouble, result = pickle.load(file)
    os.waitpid(child, 0)
    assert not trouble, trouble
    return result


def _remains(place: Path) -> list[str]:
    """Mounts and living processes that still speak of this place."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(place) in line]
    lines = ((pid, _command(pid)) for pid in os.listdir("/proc") if pid.isdigit())
    return mounts + [f"{pid}: {command}" for pid, command in lines if str(place) in command]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that an ordinary user may reach, empty of mounts and processes afterwards."""
    made = Path(tempfile.mkdtemp(prefix="stead-"))
    made.chmod(0o755)
    yield made
    deadline = time.monotonic() + 5
    while (remains := _remains(made)) and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(made, ignore_errors=True)
    assert not remains


@pytest.fixture(scope="session")
def allowed_tiers() -> set[str]:
    found = {"plain"}
    troubles = probe.tried("root", "user")
    if os.geteuid() == 0 and not troubles["root"]:
        found.add("root")
    if not troubles["user"]:
        found.add("user")
        if lending.lent() or (os.geteuid() == 0 and all(map(shutil.which, ("newuidmap", "newgidmap")))):
            found.add("lent")
    return found


Play = Callable[[str, Scenario], Any]


@pytest.fixture
def play(place: Path, allowed_tiers: set[str]) -> Play:
    """`play(tier, scenario)`: run the scenario on a node of that tier, or skip where this machine refuses it."""

    def played(tier: str, scenario: Scenario) -> Any:
        if tier not in allowed_tiers:
            pytest.skip(f"this machine does not allow the {tier} tier")
        if tier in ("user", "lent") and os.geteuid() == 0:
            return _play_as_nobody(place, tier, scenario)
        return _play(place, tier, scenario)

    return played
