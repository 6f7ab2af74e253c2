"""An ordinary user to whom users are lent: pods with several users, and nothing of theirs that stays behind."""

import asyncio
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from stead.machinery.runtime import (
    ContainerStarted,
    EmptyDir,
    File,
    MeasureStorage,
    Mount,
    RemoveVolume,
    StorageMeasured,
    UpdateVolume,
    VolumeFiles,
    VolumeRemoved,
)
from stead.runtimes import lending
from stead.runtimes.logs import LogReader
from stead.runtimes.native import probe, subordinates
from stead.runtimes.native.subordinates import Lent, Range

from .conftest import Machine, Play, pod
from .ocimaking import Layout, host_programs, layer, special

TIER = "lent"


def text_of(ranges: str) -> Range:
    return subordinates._largest(ranges)


def test_the_largest_range_counts_by_name_or_by_number(tmp_path: Path) -> None:
    name, uid = subordinates._name(), os.getuid()
    lines = f"other:1:900000\n{name}:100000:65536\n{uid}:300000:70000\n{name}:bad:9\n{uid}:5\n\n"
    (tmp_path / "subuid").write_text(lines)
    assert text_of(str(tmp_path / "subuid")) == Range(300000, 70000)
    assert text_of(str(tmp_path / "none")) == Range(0, 0)


def test_what_is_lacking_is_told_as_something_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, nothing, tools = tmp_path / "given", tmp_path / "nothing", tmp_path / "bin"
    given.write_text(f"{os.getuid()}:100000:65536\n")
    monkeypatch.setenv("PATH", str(tools))
    assert "apt-get install uidmap" in subordinates.lacking()
    tools.mkdir()
    for tool in ("newuidmap", "newgidmap"):
        (tools / tool).write_text("#!/bin/sh\nexit 1\n")
        (tools / tool).chmod(0o755)
    monkeypatch.setattr(subordinates, "_FILES", (str(given), str(nothing)))
    assert subordinates.lacking().endswith(f":100000:65536 to {nothing}") and subordinates.ranges() is None
    monkeypatch.setattr(subordinates, "_FILES", (str(given), str(given)))
    assert subordinates.ranges() == Lent(Range(100000, 65536), Range(100000, 65536))


@pytest.mark.shell
def test_users_of_a_pod_have_files_of_their_own_and_all_goes_with_it(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        cache, claim = EmptyDir("cache"), machine.place / "claim"
        claim.mkdir()
        claim.chmod(0o777)
        order = MeasureStorage(pod("a"), "uid-a", ("cache",), ())
        await machine.sandbox("a", volumes=(cache,))
        mounts = (Mount("volume:cache", "/cache"), Mount(str(claim), "/data"))
        secret = "umask 077; mkdir /cache/own /data/own; head -c 2000000 /dev/zero > /cache/own/x; touch /data/own/x"
        await machine.start("a", "sh", "-c", secret, mounts=mounts, run_as_user=999)
        assert (await machine.exited("a")).exit_code == 0
        outside = os.stat(claim / "own")
        assert outside.st_uid == lending.lent().users.first + 998 and stat.S_IMODE(outside.st_mode) == 0o700
        told: StorageMeasured = await machine.answer(order, kind=StorageMeasured)
        assert told.volumes["cache"] >= 2_000_000
        layer = "mkdir -m 700 /var/lib/own /var/lib/own/a; chown -R 70:70 /var/lib/own"
        root = f"set -e; cat /cache/own/x > /dev/null; {layer}; stat -c %u /data/own"
        await machine.start("a", "sh", "-c", root, mounts=mounts, attempt=1)
        assert (await machine.exited("a", attempt=1)).exit_code == 0
        assert LogReader(machine.log("a", attempt=1)).read() == b"999\n"
        part = (Mount(str(claim / "own" / "part"), "/part", within=str(claim)),)
        assert isinstance(await machine.start("a", "true", mounts=part, attempt=2), ContainerStarted)
        await machine.remove("a")
        assert list((machine.place / "node" / "pods").iterdir()) == []
        assert list((machine.place / "node" / "removed").iterdir()) == []
        machine.send(RemoveVolume("v", str(claim)))
        assert (await machine.until(VolumeRemoved)).error == "" and not claim.exists()

    play(TIER, scenario)


@pytest.mark.shell
def test_a_user_that_was_not_lent_is_this_one(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", fs_group=1_000_650_000)
        await machine.start("a", "sh", "-c", "id -u; sleep 60", run_as_user=1_000_650_000, groups=(7, 1_000_650_000))
        assert (await machine.run("a", "id", "-u"))[1] == "1000650000\n"

    play(TIER, scenario)


@pytest.mark.shell
def test_the_groups_volumes_are_given_also_what_changes_later(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        files = VolumeFiles("files", (File("a", b"1", 0o640),))
        await machine.sandbox("a", fs_group=2000, volumes=(files, EmptyDir("cache"), EmptyDir("fast", is_memory=True)))
        names = ("files", "cache", "fast")
        mounts = tuple(Mount(f"volume:{name}", f"/{name}") for name in names)
        await machine.start("a", "sleep", "60", mounts=mounts, run_as_user=999)
        assert (await machine.run("a", "stat", "-c", "%g", *(f"/{name}" for name in names)))[1] == "2000\n" * 3
        assert (await machine.run("a", "cat", "/files/a"))[1] == "1"
        machine.send(UpdateVolume(pod("a"), "uid-a", VolumeFiles("files", (File("a", b"2", 0o640),))))
        while (await machine.run("a", "cat", "/files/a"))[1] != "2":
            await asyncio.sleep(0.01)

    play(TIER, scenario)


def owned(name: str, uid: int, *, is_directory: bool = False) -> tarfile.TarInfo:
    entry = special(name, tarfile.DIRTYPE if is_directory else tarfile.REGTYPE)
    entry.uid = entry.gid = uid
    entry.mode = 0o700 if is_directory else 0o600
    return entry


@pytest.mark.shell
def test_an_image_keeps_its_owners_and_can_be_removed(play: Play) -> None:
    """Layers with owners lie beside those without; both go with the image."""
    own: dict[str, Any] = {"srv": owned("srv", 70, is_directory=True), "srv/x": owned("srv/x", 70)}
    far: dict[str, Any] = {"far": owned("far", 1_000_650_000)}
    content = layer({**host_programs("sh", "cat", "stat", "sleep"), **own, **far})

    async def scenario(machine: Machine) -> None:
        images = machine.runtime.images
        images.import_file(Layout([content], {"User": "70"}).write(machine.place / "oci", "owned:1"))
        await machine.sandbox("a")
        started = await machine.start("a", "sleep", "60", image="owned:1")
        assert isinstance(started, ContainerStarted), started
        assert (await machine.run("a", "stat", "-c", "%u:%g", "/srv", "/srv/x", "/far"))[1] == "70:70\n70:70\n0:0\n"
        assert (await machine.run("a", "cat", "/srv/x"))[0] == 0
        await machine.stop("a", 0)
        assert images.layers.name == f"layers-{lending.lent().users.first}-{lending.lent().groups.first}"
        assert images.remove("owned:1") and list(images.layers.iterdir()) == []

    play(TIER, scenario)


@pytest.mark.shell
def test_a_hostile_layer_is_refused_there_too_and_nothing_stays(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        images = machine.runtime.images
        layout = Layout([layer({"../out": b"x"})]).write(machine.place / "oci", "bad:1")
        with pytest.raises(Exception, match="climbs out of its root"):
            images.import_file(layout)
        assert list(images.layers.iterdir()) == []

    play(TIER, scenario)


@pytest.mark.shell
def test_a_keeper_that_is_killed_is_followed_by_one_with_the_same_users(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000", run_as_user=999)
        keeper = await machine.runtime._node.keeper()
        os.kill((await keeper.ask("hello"))["pid"], 9)
        await machine.restarted()
        assert machine.runtime._node.users == 1 + lending.lent().users.size
        await machine.sandbox("b")
        await machine.start("b", "sleep", "1000", run_as_user=998)
        assert (await machine.run("b", "id", "-u"))[1] == "998\n" and (await machine.run("a", "id", "-u"))[1] == "999\n"

    play(TIER, scenario)


@pytest.mark.shell
def test_the_doctor_says_whose_users_they_are(play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        (told,) = [fact for fact in probe.facts() if fact.what == "several users in one pod"]
        lent = lending.lent()
        assert told.is_allowed and f"({lent.users.first} to {lent.users.first + lent.users.size - 1})" in told.meaning

    play(TIER, scenario)
