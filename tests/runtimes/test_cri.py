"""Real pods through a containerd of our own: root only, where containerd and runc are installed."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvloop

from stead.machinery.runtime import (
    ContainerExited,
    ContainerNotCreated,
    ContainerResized,
    ContainerStarted,
    EmptyDir,
    File,
    ImageFailed,
    ImageReady,
    MeasureStorage,
    Mount,
    PullImage,
    ResizeContainer,
    ResizeSandbox,
    RunSandbox,
    SandboxFailed,
    SandboxResized,
    SandboxRunning,
    StorageMeasured,
    UpdateVolume,
    VolumeFiles,
)
from stead.runtimes.cri.runtime import CriRuntime, CriTrouble, Settings
from stead.runtimes.logs import LogReader
from stead.runtimes.native import linux
from stead.runtimes.real import datagrams_to

from .conftest import Machine, drained, image_goes_and_comes, pod
from .ocimaking import Layout, host_programs, layer
from .test_subpaths import race

pytestmark = [
    pytest.mark.shell,
    pytest.mark.skipif(os.geteuid() != 0, reason="a containerd of our own needs root"),
    pytest.mark.skipif(not shutil.which("containerd"), reason="containerd is not installed"),
]

IMAGE = "example.org/shell:1"
LIBRARIES = tuple(Mount(str(path), str(path), is_read_only=True) for path in Path("/usr/lib").glob("python3.*"))
PROGRAMS = ("sh", "cat", "echo", "hostname", "id", "ls", "mkdir", "python3", "sleep", "stty", "touch", "true")


class CriMachine(Machine):
    """One node's runtime over an engine, driven as the kernel drives it."""

    def __init__(self, place: Path):
        super().__init__(place, "cri")

    def _fresh(self) -> Any:
        settings = Settings(self.place / "images", is_pulling=False, profiles=str(self.place / "seccomp"))
        return CriRuntime(self.place / "cri", settings)

    async def start(self, name: str, *argv: str, **more: Any) -> Any:
        return await super().start(name, *argv, **{"image": IMAGE, **more})

    async def sandbox_when_possible(self, name: str) -> SandboxRunning:
        """As a kubelet, which asks again."""
        order = RunSandbox(pod(name), f"uid-{name}", name)
        while True:
            told = await self.answer(order, kind=(SandboxRunning, SandboxFailed))  # type: ignore[arg-type]
            if isinstance(told, SandboxRunning):
                return told
            await asyncio.sleep(0.05)


Scenario = Callable[[CriMachine], Awaitable[Any]]


async def _scene(place: Path, scenario: Scenario) -> None:
    machine = CriMachine(place)
    await machine.runtime.start()
    try:
        await scenario(machine)
    finally:
        await machine.runtime.stop_all(0)
        await machine.runtime.close()


@pytest.fixture(scope="session")
def shell_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few programs of this machine, as an OCI layout."""
    files = {"tmp": None, **host_programs(*PROGRAMS)}
    return Layout([layer(files)], {"Cmd": ["sleep", "1000"]}).write(tmp_path_factory.mktemp("oci") / "shell", IMAGE)


@pytest.fixture
def play(place: Path, shell_image: Path) -> Iterator[Callable[[Scenario], None]]:
    def played(scenario: Scenario) -> None:
        CriMachine(place).runtime.images.import_file(shell_image)
        uvloop.run(asyncio.wait_for(_scene(place, scenario), 90))

    yield played


Play = Callable[[Scenario], None]


def test_a_pod_runs_knows_its_names_and_ends(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        running = await machine.sandbox(
            "web-0", domain="nginx.default.svc.cluster.local", searches=("svc.cluster.local",)
        )
        assert running.is_new
        started = await machine.start("web-0", "sh", "-c", "echo hello; sleep 1000")
        assert isinstance(started, ContainerStarted), started
        assert started.container_id.startswith("containerd://")
        _, out, _ = await machine.run("web-0", "sh", "-c", "hostname; cat /etc/resolv.conf /etc/hosts")
        assert out.splitlines()[:3] == [
            "web-0",
            "search svc.cluster.local",
            f"nameserver {machine.runtime.dns_address}",
        ]
        assert f"{running.ips[0]}\tweb-0.nginx.default.svc.cluster.local\tweb-0" in out
        assert LogReader(machine.log("web-0")).read() == b"hello\n"
        ended = await machine.stop("web-0", 0)
        assert (ended.exit_code, ended.reason) == (137, "Error")
        await machine.remove("web-0")

    play(scenario)


def test_programs_get_input_their_exit_codes_and_a_terminal(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0")
        await machine.start("web-0", "sleep", "1000", environment=(("COLOR", "blue"),))
        assert await machine.run("web-0", "cat", given=b"to the end") == (0, "to the end", "")
        assert await machine.run("web-0", "sh", "-c", "echo $COLOR; echo no >&2; exit 3") == (3, "blue\n", "no\n")
        with pytest.raises(Exception, match="not found"):
            await machine.run("web-0", "no-such-program")
        assert b"33 91" in await _size_seen(machine)

    play(scenario)


async def _size_seen(machine: CriMachine) -> bytes:
    """What a program in a terminal of 91 by 33 says of its size, first thing."""
    session = await machine.runtime.exec("uid-web-0", "c", ["stty", "size"], has_tty=True, size=(91, 33))
    shown = b""
    while data := await session.read("stdout"):
        shown += data
    assert await session.wait() == 0
    session.close()
    return shown


def test_probes_ask_from_inside_the_pod(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0")
        server = "import http.server as h; h.HTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
        await machine.start("web-0", "python3", "-c", server, mounts=LIBRARIES)
        await machine.dialled("web-0", 8080)
        assert (await machine.probe("web-0", {"httpGet": {"port": 8080, "path": "/"}})).is_success
        assert (await machine.probe("web-0", {"tcpSocket": {"port": 8080}})).is_success
        assert (await machine.probe("web-0", {"exec": {"command": ["true"]}})).is_success
        refused = await machine.probe("web-0", {"httpGet": {"port": 8081, "path": "/"}})
        assert not refused.is_success and "connection refused" in refused.message
        failed = await machine.probe("web-0", {"exec": {"command": ["sh", "-c", "echo ill; exit 1"]}})
        assert (failed.is_success, failed.message) == (False, "ill\n")
        late = await machine.probe("web-0", {"exec": {"command": ["sleep", "10"]}}, timeout_seconds=0.5)
        assert (late.is_success, late.message) == (False, "command timed out after 0.5s")

    play(scenario)


def test_how_containers_end_is_told(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("job")
        await machine.start("job", "sh", "-c", "echo -n last words > /dev/termination-log; exit 7")
        ended = await machine.exited("job")
        assert (ended.exit_code, ended.reason, ended.message) == (7, "Error", "last words")
        await machine.start("job", "true", attempt=1)
        assert (await machine.exited("job", attempt=1)).reason == "Completed"
        started = await machine.start("job", "/nope", attempt=2)
        assert isinstance(started, ContainerExited)
        assert (started.exit_code, started.reason) == (128, "StartError")
        assert "/nope" in started.message and started.container_id.startswith("containerd://")
        hungry = "x=a; while :; do x=$x$x; done"
        await machine.start("job", "sh", "-c", hungry, attempt=3, memory_limit_bytes=48 << 20)
        assert (await machine.exited("job", attempt=3)).reason == "OOMKilled"

    play(scenario)


def test_volumes_are_seen_and_renewed(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        files = VolumeFiles("config", (File("color", b"blue"),))
        scratch = EmptyDir("scratch", is_memory=True, size_limit_bytes=1 << 20)
        await machine.sandbox("web-0", volumes=(files, EmptyDir("shared"), scratch))
        lasting = machine.place / "lasting"
        mounts = (
            Mount("volume:config", "/config", is_read_only=True),
            Mount("volume:shared", "/shared"),
            Mount("volume:scratch", "/scratch"),
            Mount(str(lasting), "/data"),
        )
        await machine.start("web-0", "sleep", "1000", mounts=mounts)
        await machine.start("web-0", "sleep", "1000", mounts=mounts, container="d", run_as_user=1234)
        script = "cat /config/color; echo kept > /data/x; echo hi > /shared/y; echo m > /scratch/z; touch /config/w"
        code, out, _ = await machine.run("web-0", "sh", "-c", script)
        assert (code != 0, out) == (True, "blue")
        assert (lasting / "x").read_text() == "kept\n"
        assert (await machine.run("web-0", "cat", "/shared/y", "/scratch/z", container="d"))[1] == "hi\nm\n"
        assert (await machine.run("web-0", "id", "-u", container="d"))[1] == "1234\n"
        machine.send(UpdateVolume(pod("web-0"), "uid-web-0", VolumeFiles("config", (File("color", b"red"),))))
        deadline = time.monotonic() + 5
        while (await machine.run("web-0", "cat", "/config/color"))[1] != "red":
            assert time.monotonic() < deadline
        await machine.remove("web-0")
        assert not list((machine.place / "cri" / "pods").iterdir())

    play(scenario)


def test_images_come_from_the_store_and_a_recipe_of_the_host_is_none(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        async def pulled(image: str, policy: str = "IfNotPresent") -> Any:
            order = PullImage(pod("web-0"), "uid-web-0", "c", image, policy)
            return await machine.answer(order, kind=(ImageReady, ImageFailed))  # type: ignore[arg-type]

        ready = await pulled(IMAGE)
        assert isinstance(ready, ImageReady) and ready.image_id.startswith("sha256:")
        assert (await pulled("nginx")).reason == "ErrImagePull"
        assert (await pulled("host:shell")).reason == "ErrImagePull"
        assert (await pulled("nginx", "Never")).reason == "ErrImageNeverPull"
        assert (await pulled("Not An Image")).reason == "InvalidImageName"

    play(scenario)


def test_an_image_may_go_while_its_container_runs_and_come_back(play: Play, shell_image: Path) -> None:
    async def scenario(machine: CriMachine) -> None:
        await image_goes_and_comes(machine, IMAGE, shell_image)

    play(scenario)


def test_stead_is_killed_and_adopts_its_pods(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        before = await machine.sandbox("web-0")
        first = await machine.start("web-0", "sleep", "1000")
        await machine.sandbox("job")
        await machine.start("job", "sh", "-c", "exit 7")
        await machine.exited("job")
        events = await machine.restarted()
        running, started = [event for event in events if event.uid == "uid-web-0"]
        assert isinstance(running, SandboxRunning) and (running.ips, running.is_new) == (before.ips, False)
        assert started == first
        assert [event.exit_code for event in events if isinstance(event, ContainerExited)] == [7]
        assert (await machine.sandbox("web-0")).is_new is False
        assert await machine.start("web-0", "sleep", "1000") == first
        assert (await machine.run("web-0", "hostname"))[1] == "web-0\n"

    play(scenario)


def test_a_killed_engine_comes_back_and_its_pods_lived_on(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        before = await machine.sandbox("web-0")
        first = await machine.start("web-0", "sleep", "1000")
        pid, started = (machine.place / "cri" / "engine" / "containerd.pid").read_text().split()
        assert linux.start_time(int(pid)) == int(started)
        os.kill(int(pid), signal.SIGKILL)
        await asyncio.sleep(0)
        fresh = await machine.sandbox_when_possible("web-1")
        assert fresh.ips != before.ips
        assert (await machine.run("web-0", "hostname"))[1] == "web-0\n"
        assert not [
            event
            for event in machine.seen
            if isinstance(event, SandboxFailed | ContainerExited) and event.uid == first.uid
        ]

    play(scenario)


def test_a_sandbox_that_dies_is_told_and_made_anew(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        before = await machine.sandbox("web-0")
        await machine.start("web-0", "sleep", "1000")
        os.kill(machine.runtime._node.pods["uid-web-0"].pid, signal.SIGKILL)
        await machine.until(ContainerExited)
        failed = await machine.until(SandboxFailed)
        assert failed.uid == "uid-web-0"
        again = await machine.sandbox("web-0")
        assert (again.is_new, again.ips) == (True, before.ips)
        assert isinstance(await machine.start("web-0", "sleep", "1000", attempt=1), ContainerStarted)

    play(scenario)


def test_an_engine_that_is_not_there_is_told(place: Path) -> None:
    async def scene() -> None:
        settings = Settings(place / "images", f"unix://{place}/no.sock")
        with pytest.raises(CriTrouble, match="is the engine running"):
            await CriRuntime(place / "cri", settings).start()

    uvloop.run(scene())


def test_a_pod_names_its_stop_signal_and_its_privileges(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0", fs_group=77)
        script = "trap 'exit 5' USR1; echo ready; trap '' TERM; while :; do sleep 0.05; done"
        more = {"stop_signal": "SIGUSR1", "groups": (88,), "capabilities_dropped": ("ALL",), "run_as_group": 99}
        await machine.start("web-0", "sh", "-c", script, **more)
        _, out, _ = await machine.run("web-0", "sh", "-c", "id -u; id -G; cat /proc/self/status")
        user, groups, *status = out.splitlines()
        assert (user, set(groups.split())) == ("0", {"99", "77", "88"})
        assert "CapEff:\t0000000000000000" in status
        while LogReader(machine.log("web-0")).read() != b"ready\n":
            await asyncio.sleep(0.01)
        ended = await machine.stop("web-0", 10)
        assert (ended.exit_code, ended.reason) == (5, "Error")

    play(scenario)


def test_an_ephemeral_container_sees_the_processes_of_its_target(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0", sysctls=(("net.ipv4.ip_local_port_range", "20000 20100"),))
        await machine.start("web-0", "sleep", "1000", seccomp="RuntimeDefault")
        started = await machine.start("web-0", "sleep", "2000", container="debugger", target="c")
        assert isinstance(started, ContainerStarted), started
        _, seen, _ = await machine.run("web-0", "sh", "-c", "cat /proc/[0-9]*/cmdline", container="debugger")
        assert "1000" in seen and "2000" in seen
        _, knob, _ = await machine.run("web-0", "cat", "/proc/sys/net/ipv4/ip_local_port_range")
        assert knob.split() == ["20000", "20100"]
        _, status, _ = await machine.run("web-0", "cat", "/proc/1/status")
        assert "Seccomp:\t2" in status
        gone = await machine.start("web-0", "true", container="late", target="nobody")
        assert isinstance(gone, ContainerExited) and "nobody is not running" in gone.message

    play(scenario)


def test_containers_of_a_pod_may_share_their_processes(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0", processes="shared")
        await machine.start("web-0", "sleep", "1000", container="one")
        await machine.start("web-0", "sleep", "2000", container="two")
        _, seen, _ = await machine.run("web-0", "sh", "-c", "cat /proc/[0-9]*/cmdline", container="two")
        assert "1000" in seen and "2000" in seen

    play(scenario)


def test_attach_feeds_what_listens(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "cat", has_stdin=True, is_stdin_once=True)
        session = await machine.runtime.attach("uid-a", "c", has_stdin=True)
        await session.write(b"hello\n")
        assert await session.read() == b"hello\n"
        await session.close_stdin()
        assert await session.wait() == 0
        session.close()

    play(scenario)


def test_attach_to_a_terminal_goes_both_ways_and_has_a_size(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("a")
        script = "echo -n who?; read x; stty size; read y; echo $x $y"
        await machine.start("a", "sh", "-c", script, has_stdin=True, has_tty=True)
        session = await machine.runtime.attach("uid-a", "c", has_stdin=True)
        await session.resize(101, 33)
        await session.write(b"me\n")
        shown = b""
        while b"33 101" not in shown:
            shown += (data := await session.read("stdout"))
            assert data, shown
        await session.write(b"again\n")
        assert "me again" in await drained(session, "stdout")
        assert await session.wait() == 0
        session.close()

    play(scenario)


def test_a_running_container_gets_other_limits(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000", memory_limit_bytes=64 << 20)
        order = ResizeContainer(pod("a"), "uid-a", "c", 0, memory_limit_bytes=128 << 20)
        assert (await machine.answer(order, kind=ContainerResized)).trouble == ""
        await machine.stop("a", 0)
        assert (await machine.answer(order, kind=ContainerResized)).trouble == "Error"

    play(scenario)


def test_containers_of_a_pod_share_its_limits(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("a", memory_limit_bytes=48 << 20)
        greedy = "x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done"
        await machine.start("a", "sh", "-c", greedy)
        assert (await machine.exited("a")).reason == "OOMKilled"
        await machine.remove("a")
        assert not list(Path("/sys/fs/cgroup").glob("*/stead/uid-a"))

    play(scenario)


def test_a_pod_gets_other_limits_as_a_whole(play: Play) -> None:
    """Where it was made with some: else its containers are in no group of ours."""

    async def scenario(machine: CriMachine) -> None:
        for name, limits in (("a", {"memory_limit_bytes": 48 << 20}), ("b", {})):
            await machine.sandbox(name, **limits)
            await machine.start(name, "sleep", "1000")
        more = {"memory_limit_bytes": 96 << 20}
        assert (await machine.answer(ResizeSandbox(pod("a"), "uid-a", **more), kind=SandboxResized)).trouble == ""
        (group,) = Path("/sys/fs/cgroup").glob("*/stead/uid-a/memory.limit_in_bytes")
        assert group.read_text() == f"{96 << 20}\n"
        told = await machine.answer(ResizeSandbox(pod("b"), "uid-b", **more), kind=SandboxResized)
        assert told.trouble == "Infeasible"

    play(scenario)


def test_the_end_of_a_log_stands_in_for_last_words(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sh", "-c", "echo no way; exit 1", falls_back_to_log=True)
        assert (await machine.exited("a")).message == "no way\n"

    play(scenario)


def test_what_a_container_takes_of_the_disk_is_measured(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sh", "-c", 'cat "$(command -v python3)" > /tmp/big; sleep 1000')
        order = MeasureStorage(pod("a"), "uid-a", (), ("c",))
        deadline = time.monotonic() + 40
        while (await machine.answer(order, kind=StorageMeasured)).containers["c"] < 1_000_000:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.5)

    play(scenario)


def test_a_profile_of_ones_own_is_the_engines_to_load(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0")
        order = {"seccomp": "Localhost/profiles/x.json"}
        missing = await machine.start("web-0", "sleep", "1000", **order)
        path = machine.place / "seccomp" / "profiles" / "x.json"
        assert isinstance(missing, ContainerNotCreated) and missing.reason == "CreateContainerError", missing
        assert f'cannot load seccomp profile "{path}"' in missing.message
        path.parent.mkdir(parents=True)
        rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}
        path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
        assert isinstance(await machine.start("web-0", "sleep", "1000", **order), ContainerStarted)
        code, _, told = await machine.run("web-0", "mkdir", "/tmp/a")
        assert code == 1 and "Operation not permitted" in told

    play(scenario)


def test_what_the_engine_cannot_make_is_no_attempt(play: Play) -> None:
    async def scenario(machine: CriMachine) -> None:
        await machine.sandbox("web-0")
        mount = Mount(str(machine.place / "nothing"), "/x", host_type="Directory")
        event = await machine.start("web-0", "sleep", "1000", mounts=(mount,))
        assert isinstance(event, ContainerNotCreated) and event.reason == "ContainerCreating"
        assert "hostPath type check failed" in event.message

    play(scenario)


def test_a_part_of_a_volume_is_what_was_looked_at_and_goes_with_its_pod(play: Play) -> None:
    """Directories and files, again after a restart; nothing stays mounted when the pod goes."""

    async def scenario(machine: CriMachine) -> None:
        claim = machine.place / "claim"
        (claim / "sub").mkdir(parents=True)
        (claim / "sub" / "one").write_text("1")
        mounts = (
            Mount(str(claim / "sub"), "/d", within=str(claim)),
            Mount(str(claim / "sub" / "one"), "/f", within=str(claim), is_read_only=True),
            Mount(str(claim / "new"), "/n", within=str(claim)),
        )
        await machine.sandbox("web-0")
        for attempt in range(2):
            script = "cat /d/one /f; echo x > /n/made; (echo y > /f) 2>/dev/null; echo $?; exit 1"
            await machine.start("web-0", "sh", "-c", script, mounts=mounts, attempt=attempt)
            assert (await machine.exited("web-0", attempt=attempt)).exit_code == 1
            said = LogReader(machine.log("web-0", attempt=attempt)).read()
            assert said.startswith(b"11") and said.strip() != b"110", said
        assert (claim / "new" / "made").read_text() == "x\n"
        assert len(_mounted_parts(machine)) == 3, "of the last attempt alone"
        await machine.remove("web-0")
        assert _mounted_parts(machine) == []
        assert (claim / "sub" / "one").read_text() == "1", "nothing of the volume goes with it"

    play(scenario)


def _mounted_parts(machine: CriMachine) -> list[str]:
    place = str(machine.place.resolve())
    return [point for point in linux.mount_points() if point.startswith(place) and "/subpaths/" in point]


def test_real_containers_race_for_a_part(play: Play) -> None:
    play(partial(race, beside=LIBRARIES, least=20))


def test_datagrams_go_from_the_nodes_network_to_a_pod(play: Play) -> None:
    echo = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 53))\n"
    echo += "while True: s.sendto(*s.recvfrom(99))"

    async def scenario(machine: CriMachine) -> None:
        running = await machine.sandbox("web-0")
        await machine.start("web-0", "python3", "-c", echo, mounts=LIBRARIES)
        way = await datagrams_to(machine.runtime, running.ips[0], 53)
        heard = b""
        while heard != b"you":
            with contextlib.suppress(OSError, TimeoutError):
                way.send(b"you")
                heard = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(way, 99), 0.1)
        way.close()

    play(scenario)
