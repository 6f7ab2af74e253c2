"""Real pods through a containerd of our own: root only, where containerd and runc are installed."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from stead.machinery.runtime import (
    ContainerExited,
    ContainerStarted,
    EmptyDir,
    File,
    ImageFailed,
    ImageReady,
    Mount,
    PullImage,
    SandboxFailed,
    SandboxRunning,
    UpdateVolume,
    VolumeFiles,
)
from stead.runtimes.cri.runtime import CriRuntime, CriTrouble, Settings
from stead.runtimes.logs import LogReader
from stead.runtimes.native import descriptors, linux

from .conftest import Machine, now, pod
from .ocimaking import Layout, host_programs, layer

pytestmark = [
    pytest.mark.shell,
    pytest.mark.skipif(os.geteuid() != 0, reason="a containerd of our own needs root"),
    pytest.mark.skipif(not shutil.which("containerd"), reason="containerd is not installed"),
]

IMAGE = "example.org/shell:1"
PROGRAMS = ("sh", "cat", "echo", "hostname", "id", "ls", "python3", "sleep", "stty", "touch", "true")


class CriMachine(Machine):
    """One node's runtime over an engine, driven as the kernel drives it."""

    def __init__(self, place: Path):
        super().__init__(place, "cri")

    def _fresh(self) -> Any:
        settings = Settings(self.place / "images", is_pulling=False)
        return CriRuntime(self.place / "cri", settings)

    async def start(self, name: str, *argv: str, **more: Any) -> Any:
        return await super().start(name, *argv, **{"image": IMAGE, **more})


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
