"""Whose processes, knobs and system calls a container shares: real pods in the tiers that have namespaces."""

from pathlib import Path

import pytest

from stead.machinery.runtime import (
    ContainerExited,
    ContainerResized,
    ContainerStarted,
    ResizeContainer,
    RunSandbox,
    SandboxFailed,
)
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
