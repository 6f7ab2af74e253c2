"""What control groups hold a container to, version 1 or 2 (which many a machine has not: tools/cgroup2 has it)."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stead.machinery.runtime import ContainerExited, ContainerResized, ResizeContainer, ResizeSandbox, SandboxResized
from stead.runtimes.native import cgroups, probe

from .conftest import Machine, Play, pod

pytestmark = pytest.mark.shell

MEMORY = {True: "memory.max", False: "memory.limit_in_bytes"}[cgroups.has_version_2()]


@pytest.fixture(autouse=True)
def has_limits() -> None:
    if probe.tried("limits")["limits"]:
        pytest.skip("control groups are not ours")


def group_of(pid: int, file: str) -> Path:
    """The file of the group that a process is in."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for place in ("", *controllers.split(",")):
            if (found := Path(f"/sys/fs/cgroup/{place}{path}/{file}")).exists():
                return found
    raise AssertionError(f"{pid} is in no group that has {file}")


def pid_of(machine: Machine, container: str = "c") -> int:
    return int(machine.runtime._node.pods["uid-a"].containers[container]["pid"])


def test_who_takes_too_much_memory_is_killed_as_a_whole(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        greedy = "python3 -c 'len(bytearray(200 << 20))'; echo I live on; sleep 1000"
        await machine.start("a", "sh", "-c", greedy, memory_limit_bytes=48 << 20)
        if cgroups.has_version_2():
            ended = await machine.exited("a")
            assert (ended.exit_code, ended.reason) == (137, "OOMKilled")
        await machine.start(
            "a", "python3", "-c", "len(bytearray(200 << 20))", container="d", memory_limit_bytes=32 << 20
        )
        ended = await machine.exited("a", "d")
        assert (ended.exit_code, ended.reason) == (137, "OOMKilled")

    play("root", scenario)


def test_who_may_have_a_fifth_of_a_processor_gets_no_more(play: Play) -> None:
    spin = "import time; b = time.process_time(); end = time.time() + 3\nwhile time.time() < end: pass\n"
    spin += "print(time.process_time() - b)"

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000", cpu_limit_millis=200)
        code, out, err = await machine.run("a", "python3", "-S", "-c", spin)
        assert code == 0 and float(out) < 1.2, (out, err)

    play("root", scenario)


def test_processes_are_bounded_and_limits_change_while_it_runs(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000", memory_limit_bytes=64 << 20, cpu_limit_millis=200)
        pid = pid_of(machine)
        assert group_of(pid, "pids.max").read_text() == f"{cgroups.MOST_PROCESSES}\n"
        assert group_of(pid, MEMORY).read_text() == f"{64 << 20}\n"
        order = ResizeContainer(pod("a"), "uid-a", "c", 0, memory_limit_bytes=128 << 20)
        assert (await machine.answer(order, kind=ContainerResized)).trouble == ""
        assert group_of(pid, MEMORY).read_text() == f"{128 << 20}\n"
        quota = "cpu.max" if cgroups.has_version_2() else "cpu.cfs_quota_us"
        assert group_of(pid, quota).read_text().split()[0] in ("max", "-1")
        group = group_of(pid, MEMORY).parent
        await machine.stop("a", 0)
        while group.exists():
            await asyncio.sleep(0.01)
        assert (await machine.answer(order, kind=ContainerResized)).trouble == "Error", "it is gone"

    play("root", scenario)


def test_containers_of_a_pod_share_its_limits(play: Play) -> None:
    """spec.resources: each container alone would have room enough."""

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", memory_limit_bytes=64 << 20, cpu_limit_millis=500)
        hold = "import time; b = bytearray(40 << 20); print(len(b), flush=True); time.sleep(1000)"
        for name in ("c", "d"):
            await machine.start("a", "python3", "-S", "-c", hold, container=name)
            while name == "c" and not os.path.getsize(machine.log("a")):
                await asyncio.sleep(0.01)
        above = group_of(pid_of(machine), MEMORY).parent.parent
        assert above.name == "uid-a" and (above / MEMORY).read_text() == f"{64 << 20}\n"
        ended = await machine.until(ContainerExited)
        assert ended.reason == "OOMKilled"
        assert sum(machine.runtime._node.pods["uid-a"].containers[name]["is_running"] for name in "cd") == 1
        await machine.remove("a")
        assert not above.exists()

    play("root", scenario)


def test_a_pod_gets_other_limits_as_a_whole(play: Play) -> None:
    """Those that run, and those that are started after."""

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", memory_limit_bytes=64 << 20, cpu_limit_millis=500)
        await machine.start("a", "sleep", "1000")
        above = group_of(pid_of(machine), MEMORY).parent.parent
        order = ResizeSandbox(pod("a"), "uid-a", memory_limit_bytes=128 << 20)
        assert (await machine.answer(order, kind=SandboxResized)).trouble == ""
        assert (above / MEMORY).read_text() == f"{128 << 20}\n"
        await machine.start("a", "sleep", "1000", container="d")
        assert (above / MEMORY).read_text() == f"{128 << 20}\n"

    play("root", scenario)


@pytest.mark.cgroup2
def test_a_crowded_group_of_version_2_is_told() -> None:
    """In an engine's container the root of the groups has processes, and gives its children no controllers."""
    crowd = Path("/sys/fs/cgroup/stead-crowd")
    crowd.mkdir()
    try:
        look = "from stead.runtimes.native import probe; print(probe.tried('limits'))"
        inside = 'umount /sys/fs/cgroup; mount -t cgroup2 c /sys/fs/cgroup; exec "$@"'
        enter = 'echo 0 > /sys/fs/cgroup/stead-crowd/cgroup.procs; exec unshare -C -m sh -ec "$0" - "$@"'
        command = ["sh", "-ec", enter, inside, sys.executable, "-c", look]
        done = subprocess.run(command, capture_output=True, text=True)
        assert "move them to a group below it" in done.stdout, done.stdout + done.stderr
    finally:
        for place in (crowd / "stead", crowd):
            place.rmdir()
