"""Whose processes, knobs and system calls a container shares: real pods in the tiers that have namespaces."""

import asyncio
import json
from pathlib import Path

import pytest

from stead.machinery.runtime import (
    ContainerExited,
    ContainerNotCreated,
    ContainerResized,
    ContainerStarted,
    ResizeContainer,
    RunSandbox,
    SandboxFailed,
)
from stead.runtimes.logs import LogReader
from stead.runtimes.native import seccomp

from .conftest import Machine, Play, pod

SPACES = ("root", "user", "lent")


@pytest.mark.shell
@pytest.mark.parametrize("tier", SPACES)
def test_an_ephemeral_container_sees_the_processes_of_its_target(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("web-0")
        await machine.start("web-0", "sleep", "1000")
        started = await machine.start("web-0", "sleep", "2000", container="debugger", target="c")
        assert isinstance(started, ContainerStarted), started
        _, seen, _ = await machine.run(
            "web-0", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", container="debugger"
        )
        assert "sleep 1000" in seen and "sleep 2000" in seen
        assert (await machine.stop("web-0", 5, container="debugger")).exit_code == 143
        code, _, _ = await machine.run("web-0", "true")
        assert code == 0  # the target lives on
        gone = await machine.start("web-0", "true", container="late", target="nobody")
        assert isinstance(gone, ContainerExited) and "nobody is not running" in gone.message

    play(tier, scenario)


@pytest.mark.shell
@pytest.mark.parametrize("tier", SPACES)
def test_containers_of_a_pod_may_share_their_processes(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("web-0", processes="shared")
        await machine.start("web-0", "sh", "-c", "sleep 1000 & wait", container="one")
        await machine.start("web-0", "sleep", "2000", container="two")
        _, seen, _ = await machine.run("web-0", "sh", "-c", "cat /proc/[0-9]*/comm", container="two")
        assert {"pause", "sleep"} <= set(seen.split())
        await machine.stop("web-0", 0, container="one")
        _, left, _ = await machine.run("web-0", "sh", "-c", "cat /proc/[0-9]*/cmdline", container="two")
        assert "1000" not in left and "2000" in left

    play(tier, scenario)


@pytest.mark.shell
@pytest.mark.parametrize("tier", SPACES)
def test_a_pod_may_see_the_processes_of_the_host(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("web-0", processes="host", is_host_ipc=True)
        await machine.start("web-0", "sleep", "1000")
        code, seen, err = await machine.run("web-0", "sh", "-c", "cat /proc/1/comm")
        assert (code, seen) == (0, Path("/proc/1/comm").read_text()), err

    play(tier, scenario)


@pytest.mark.shell
@pytest.mark.parametrize("tier", SPACES)
def test_a_pod_turns_knobs_of_its_own(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("web-0", sysctls=(("net.ipv4.ip_local_port_range", "20000 20100"),))
        await machine.start("web-0", "sleep", "1000")
        _, seen, _ = await machine.run("web-0", "cat", "/proc/sys/net/ipv4/ip_local_port_range")
        assert seen.split() == ["20000", "20100"]

    play(tier, scenario)


@pytest.mark.shell
def test_a_knob_that_is_not_there_is_told(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        order = RunSandbox(pod("web-0"), "uid-web-0", "web-0", sysctls=(("net.ipv4.nothing", "1"),))
        failed = await machine.answer(order, kind=SandboxFailed)
        assert "sysctl net.ipv4.nothing=1: No such file or directory" in failed.message

    play("root", scenario)


@pytest.mark.shell
@pytest.mark.parametrize("tier", SPACES)
@pytest.mark.parametrize("profile, is_allowed", [("RuntimeDefault", False), ("", True)])
def test_the_default_profile_refuses_what_no_container_needs(
    tier: str, profile: str, is_allowed: bool, play: Play
) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("web-0")
        await machine.start("web-0", "sleep", "1000", seccomp=profile)
        code, _, _ = await machine.run("web-0", "unshare", "--user", "true")
        assert (code == 0) is is_allowed
        assert (await machine.run("web-0", "sh", "-c", "ls / | head -1 && date"))[0] == 0
        _, status, _ = await machine.run("web-0", "grep", "Seccomp:", "/proc/self/status")
        assert status.split()[1] == ("0" if is_allowed else "2")

    play(tier, scenario)


NO_MKDIR = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}],
}


@pytest.mark.shell
@pytest.mark.anyone
@pytest.mark.parametrize("tier", SPACES)
@pytest.mark.parametrize("user", [None, 1000])
def test_a_profile_of_ones_own_refuses_what_it_says(tier: str, user: int | None, play: Play) -> None:
    """Also to programs run beside the container's own, whoever they are; and they gain no rights by it."""

    async def scenario(machine: Machine) -> None:
        folder = machine.place / "seccomp" / "profiles"
        folder.mkdir(parents=True)
        (folder / "x.json").write_text(json.dumps(NO_MKDIR))
        words = "grep CapEff /proc/self/status; mkdir /tmp/a 2>/dev/null; echo ended $?; sleep 1000"
        for name, profile in (("with", "Localhost/profiles/x.json"), ("free", "")):
            await machine.sandbox(name)
            await machine.start(name, "sh", "-c", words, seccomp=profile, run_as_user=user)
        (free, rights), (held, others) = [await _said_and_done(machine, name) for name in ("free", "with")]
        assert (free, rights) == ("0", others), "the same rights"
        assert held == "1"
        code, _, told = await machine.run("with", "mkdir", "/tmp/b")
        assert (code, "Operation not permitted" in told) == (1, True)
        assert (await machine.run("with", "touch", "/tmp/b"))[0] == 0

    play(tier, scenario)


async def _said_and_done(machine: Machine, name: str) -> tuple[str, str]:
    """How its `mkdir` ended, and its capabilities."""
    said = b""
    while b"ended" not in said:
        await asyncio.sleep(0.01)
        said = LogReader(machine.log(name)).read()
    rights, ended = said.decode().splitlines()
    return ended.split()[-1], rights.split()[-1]


@pytest.mark.shell
@pytest.mark.anyone
@pytest.mark.parametrize("tier", SPACES)
def test_a_strict_profile_is_about_the_program_and_not_about_what_starts_it(tier: str, play: Play) -> None:
    """Only what `true` needs is allowed, and none of what makes a container."""
    allowed = """execve brk mmap mprotect munmap access openat newfstatat fstat read pread64 close arch_prctl exit_group
        set_tid_address set_robust_list rseq prlimit64 getrandom"""
    rule = {"names": allowed.split(), "action": "SCMP_ACT_ALLOW"}
    profile = {"defaultAction": "SCMP_ACT_KILL", "syscalls": [rule]}

    async def scenario(machine: Machine) -> None:
        (machine.place / "seccomp").mkdir()
        (machine.place / "seccomp" / "strict.json").write_text(json.dumps(profile))
        await machine.sandbox("a")
        order = {"seccomp": "Localhost/strict.json", "run_as_user": 1000}
        await machine.start("a", "/bin/true", **order)
        assert (await machine.exited("a")).exit_code == 0
        await machine.start("a", "/bin/mkdir", "/tmp/x", container="d", **order)
        assert (await machine.exited("a", "d")).exit_code == 128 + 31, "SIGSYS"

    play(tier, scenario)


@pytest.mark.shell
@pytest.mark.anyone
@pytest.mark.parametrize(
    "text, told", [(None, "no such file or directory"), ("{}", "defaultAction: null is not known")]
)
def test_a_profile_that_cannot_be_used_makes_no_container(text: str | None, told: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        path = machine.place / "seccomp" / "x.json"
        if text is not None:
            path.parent.mkdir()
            path.write_text(text)
        await machine.sandbox("a")
        event = await machine.start("a", "sleep", "1000", seccomp="Localhost/x.json")
        assert isinstance(event, ContainerNotCreated) and event.reason == "CreateContainerError"
        assert f'cannot load seccomp profile "{path}": {told}' in event.message

    play("user", scenario)


def test_a_capability_lifts_what_it_is_about() -> None:
    mount, keyctl = 165, 250
    assert {mount, keyctl} <= set(seccomp.refused("x86_64", ()))
    assert mount not in seccomp.refused("x86_64", ("SYS_ADMIN",)) and keyctl in seccomp.refused(
        "x86_64", ("SYS_ADMIN",)
    )
    assert seccomp.program("RuntimeDefault", ("ALL",), "x86_64") == seccomp.program("", (), "x86_64") == ""


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64"])
def test_a_filter_is_whole(machine: str) -> None:
    """Every instruction has eight bytes, every jump lands inside the program, and the last one returns."""
    program = bytes.fromhex(seccomp.program("RuntimeDefault", (), machine))
    lines = [program[place : place + 8] for place in range(0, len(program), 8)]
    assert len(program) % 8 == 0 and all(len(line) == 8 for line in lines)
    jumps = [(place, line[2], line[3]) for place, line in enumerate(lines) if line[0] in (0x15, 0x35, 0x45)]
    assert jumps and all(place + 1 + max(yes, no) < len(lines) for place, yes, no in jumps)
    assert lines[-1][0] == 0x06


@pytest.mark.shell
def test_limits_that_are_not_enforced_are_told(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000")
        told = await machine.answer(ResizeContainer(pod("a"), "uid-a", "c", 0, 64 << 20), kind=ContainerResized)
        assert told.trouble in ("", "Infeasible") and bool(told.message) == bool(told.trouble)
        return told.trouble

    play("user", scenario)
