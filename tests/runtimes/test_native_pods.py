"""Real pods, in every tier this machine allows: the first example's life, and what happens when things are killed."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from stead.machinery.runtime import (
    ContainerExited,
    ContainerStarted,
    EmptyDir,
    File,
    MeasureStorage,
    Mount,
    SandboxFailed,
    SandboxRunning,
    StorageMeasured,
    UpdateVolume,
    VolumeFiles,
)
from stead.runtimes.logs import LogReader
from stead.runtimes.native import descriptors, sandbox

from .conftest import Machine, Play, pod

pytestmark = pytest.mark.shell

TIERS = ("root", "user", "lent", "plain")
SPACES = ("root", "user", "lent")
OWNERS = ("root", "lent")  # where pods have several users
WEB = "k8s.gcr.io/nginx-slim:0.8"
HTML = "/usr/share/nginx/html"


async def web(machine: Machine, name: str) -> SandboxRunning:
    """One replica of the first example, with its own volume."""
    volume = machine.place / f"www-{name}"
    volume.mkdir(exist_ok=True)
    (volume / "index.html").write_text(f"I am {name}\n")
    running = await machine.sandbox(name, domain="nginx.default.svc.cluster.local", searches=("svc.cluster.local",))
    started = await machine.start(name, image=WEB, mounts=(Mount(str(volume), HTML),))
    assert isinstance(started, ContainerStarted), started
    return running


@pytest.mark.parametrize("tier", TIERS)
def test_each_replica_serves_its_own_volume_at_its_own_address(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        running = [await web(machine, f"web-{i}") for i in range(3)]
        assert [await machine.get(f"web-{i}") for i in range(3)] == [f"I am web-{i}\n" for i in range(3)]
        assert len({event.ips for event in running}) == 3
        assert {bool(event.note) for event in running} == {tier == "plain"}
        ended = await machine.stop("web-1", grace_seconds=10)
        assert (ended.exit_code, ended.reason) == (0, "Completed")
        assert "GET / HTTP/1.0" in Path(machine.log("web-1")).read_text()

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_a_pod_knows_its_names(tier: str, play: Play) -> None:
    """around.md 3.2.10: `/etc/hosts` carries address, full name and short name; resolv.conf asks the node."""

    async def scenario(machine: Machine) -> None:
        running = await web(machine, "web-0")
        script = "hostname; hostname -f; cat /etc/resolv.conf; cat /etc/hosts"
        _, out, _ = await machine.run("web-0", "sh", "-c", script)
        short, full, *rest = out.splitlines()
        assert (short, full) == ("web-0", "web-0.nginx.default.svc.cluster.local")
        assert rest[:3] == [
            "search svc.cluster.local",
            f"nameserver {machine.runtime.dns_address}",
            "options ndots:5",
        ]
        assert f"{running.ips[0]}\tweb-0.nginx.default.svc.cluster.local\tweb-0" in rest

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_stead_is_killed_and_adopts_its_pods(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        before = await web(machine, "web-0")
        first = machine.seen[-1]
        await machine.sandbox("job")
        await machine.start("job", "sh", "-c", "exit 7")
        await machine.exited("job")
        events = await machine.restarted()
        by_uid = {uid: [e for e in events if e.uid == uid] for uid in ("uid-web-0", "uid-job")}
        running, started = by_uid["uid-web-0"]
        assert isinstance(running, SandboxRunning) and (running.ips, running.is_new) == (before.ips, False)
        assert started == first
        assert await machine.get("web-0") == "I am web-0\n"
        ended = by_uid["uid-job"][1]
        assert isinstance(ended, ContainerExited) and ended.exit_code == 7
        assert await machine.sandbox("new") not in events and running.ips not in [machine.seen[-1].ips]

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_a_repeated_start_starts_nothing(tier: str, play: Play) -> None:
    """The identity of a start is (uid, container, attempt): said twice, even by two steads, it is one process."""

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        once = await machine.start("a", "sleep", "1000")
        again = await machine.start("a", "sleep", "1000")
        assert once == again
        await machine.restarted()
        assert await machine.start("a", "sleep", "1000") == once
        assert (await machine.sandbox("a")).is_new is False

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_the_keeper_is_killed_and_the_next_one_finds_the_same_network(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        before = await web(machine, "web-0")
        keeper = await machine.runtime._node.keeper()
        os.kill((await keeper.ask("hello"))["pid"], signal.SIGKILL)
        while keeper.is_open:
            await asyncio.sleep(0.001)
        assert await machine.get("web-0") == "I am web-0\n"
        await web(machine, "web-1")
        fetch = f"import urllib.request as u; print(u.urlopen('http://{before.ips[0]}/').read().decode())"
        code, out, err = await machine.run("web-1", "python3", "-c", fetch)
        assert (code, out.strip()) == (0, "I am web-0"), err

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_a_killed_shim_takes_its_containers_along_and_can_be_replaced(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        before = await web(machine, "web-0")
        shim = sandbox.recorded_shim(machine.runtime._node.pods["uid-web-0"].directory)
        assert shim is not None
        os.kill(shim, signal.SIGKILL)
        await machine.until(SandboxFailed)
        ended = await machine.exited("web-0")
        assert (ended.exit_code, ended.reason) == (137, "ContainerStatusUnknown")
        after = await machine.sandbox("web-0")
        assert (after.ips, after.is_new) == (before.ips, True)
        assert isinstance(await machine.start("web-0", image=WEB, attempt=1), ContainerStarted)

    play(tier, scenario)


ENDS = [
    ("exit 0", 0, 0, "Completed"),
    ("exit 3", 3, 0, "Error"),
    ("kill -9 $$", 137, 9, "Error"),
]


@pytest.mark.parametrize("tier", TIERS)
def test_how_containers_end(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        for attempt, (script, code, number, reason) in enumerate(ENDS):
            line = script if number == 0 or tier == "plain" else "sh -c 'kill -9 $$'; exit 137"
            await machine.start("a", "sh", "-c", f"echo {attempt}; {line}", attempt=attempt)
            ended = await machine.exited("a", attempt=attempt)
            assert (ended.exit_code, ended.reason) == (code, reason)
            assert Path(machine.log("a", attempt=attempt)).read_text().splitlines()[0].endswith(f"stdout F {attempt}")
        missing = await machine.start("a", "/no/such/program", attempt=9)
        assert (missing.exit_code, missing.reason) == (128, "StartError")
        assert missing.message == 'exec: "/no/such/program": stat /no/such/program: no such file or directory'
        missing = await machine.start("a", "nosuch", attempt=10)
        assert missing.message == 'exec: "nosuch": executable file not found in $PATH'
        missing = await machine.start("a", "/etc/passwd", attempt=11)
        assert missing.message == 'exec: "/etc/passwd": permission denied', missing
        if tier != "plain":
            lost = await machine.start("a", "true", attempt=12, working_directory="/etc/passwd")
            assert lost.message == 'chdir to the working directory ("/etc/passwd") failed: not a directory'
        assert not Path(machine.log("a", attempt=0)).exists()  # the last but one is kept, older ones are not

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_who_ignores_sigterm_is_killed_after_its_grace_with_all_its_children(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        stubborn = "trap '' TERM; (sleep 1000 & echo child $!; wait) & echo up; while :; do sleep 0.1; done"
        await machine.start("a", "sh", "-c", stubborn)
        while "up" not in Path(machine.log("a")).read_text():
            pass
        ended = await machine.stop("a", grace_seconds=0.3)
        assert (ended.exit_code, ended.signal, ended.reason) == (137, 9, "Error")
        assert 0.3 <= ended.finished - ended.started < 10

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_containers_of_a_pod_share_its_network_and_its_volumes_but_not_their_processes(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        volume = EmptyDir("shared")
        await machine.sandbox("a", volumes=(volume,))
        mounts = (Mount("volume:shared", "/shared"),)
        serve = "echo hello > /shared/index.html; cd /shared; exec python3 -m http.server 8000"
        await machine.start("a", "sh", "-c", serve, container="server", mounts=mounts)
        await machine.start("a", "sleep", "1000", container="c", mounts=mounts)
        assert await machine.get("a", "/", 8000) == "hello\n"
        script = "cat /shared/index.html; ls -d /proc/[0-9]* | wc -l; hostname"
        code, out, _ = await machine.run("a", "sh", "-c", script)
        first, count, name = out.split()
        assert (code, first, name) == (0, "hello", "a") and int(count) < 6

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_a_containers_writes_stay_its_own(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000")
        await machine.start("a", "sleep", "1000", container="d")
        code, _, err = await machine.run("a", "sh", "-c", "echo x > /stead-was-here; echo y > /var/log/stead-was-here")
        assert code == 0, err
        assert not Path("/stead-was-here").exists() and not Path("/var/log/stead-was-here").exists()
        assert (await machine.run("a", "ls", "/stead-was-here", container="d"))[0] != 0
        hidden = await machine.run("a", "ls", "-A", str(machine.place / "node"))
        assert hidden[1] == ""  # stead's own directory is not for pods

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_files_of_a_volume_change_at_once_and_as_a_whole(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        old = VolumeFiles("config", (File("a", b"1"), File("deep/b", b"1")))
        new = VolumeFiles("config", (File("a", b"2"), File("c", b"2", 0o400)))
        await machine.sandbox("a", volumes=(old,))
        await machine.start("a", "sleep", "1000", mounts=(Mount("volume:config", "/etc/config", is_read_only=True),))
        assert (await machine.run("a", "sh", "-c", "cd /etc/config; cat a deep/b"))[1] == "11"
        machine.send(UpdateVolume(pod("a"), "uid-a", new))
        while (await machine.run("a", "cat", "/etc/config/a"))[1] != "2":
            pass
        code, out, err = await machine.run("a", "sh", "-c", "cd /etc/config; ls; touch x")
        assert (code != 0, out.split()) == (True, ["a", "c"]) and "Read-only" in err

    play(tier, scenario)


@pytest.mark.parametrize("tier", ("root",))
def test_who_takes_more_memory_than_allowed_is_killed_and_it_is_told(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        facts = {fact.what: fact.is_allowed for fact in machine.runtime.node_facts()}
        if not facts["limits by control groups"]:
            pytest.skip("control groups are not ours")
        await machine.sandbox("a")
        greedy = "b = bytearray(200 << 20); print(len(b))"
        await machine.start("a", "python3", "-c", greedy, memory_limit_bytes=32 << 20)
        ended = await machine.exited("a")
        assert (ended.exit_code, ended.reason) == (137, "OOMKilled")

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_nothing_of_a_removed_pod_is_left(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await web(machine, "web-0")
        await machine.remove("web-0")
        assert list((machine.place / "node" / "pods").iterdir()) == []
        assert list((machine.place / "node" / "removed").iterdir()) == []
        assert (machine.place / "www-web-0" / "index.html").read_text() == "I am web-0\n"
        await machine.remove("web-0")  # may be repeated

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_run_as_user(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sh", "-c", "id -u; id -g; sleep 1000", run_as_user=1000, run_as_group=3000)
        while len(Path(machine.log("a")).read_text().splitlines()) < 2:
            pass
        reader = LogReader(machine.log("a"))
        assert reader.read() == b"1000\n3000\n"
        assert (await machine.run("a", "id", "-u"))[1] == "1000\n"

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_a_socket_on_the_nodes_address_answers_pods(tier: str, play: Play) -> None:
    """The cluster's DNS listens there, also as an ordinary user."""

    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sleep", "1000")
        server = await machine.runtime.bind_udp(53)
        to = machine.runtime.dns_address
        ask = f"import socket; s = socket.socket(2, 2); s.sendto(b'?', ('{to}', 53)); print(s.recv(9))"
        session = await machine.runtime.exec("uid-a", "c", ["python3", "-c", ask])
        await descriptors.readable(server.fileno())
        question, client = server.recvfrom(512)
        assert question == b"?"
        server.sendto(b"yes", client)
        assert await session.read() == b"b'yes'\n"
        session.close()
        server.close()

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_a_volume_in_memory_is_shared_limited_and_gone_with_its_pod(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", volumes=(EmptyDir("fast", is_memory=True, size_limit_bytes=1 << 20),))
        mounts = (Mount("volume:fast", "/fast"),)
        await machine.start("a", "sleep", "1000", mounts=mounts)
        await machine.start("a", "sleep", "1000", container="d", mounts=mounts)
        await machine.run("a", "sh", "-c", "echo hello > /fast/x")
        assert (await machine.run("a", "cat", "/fast/x", container="d"))[1] == "hello\n"
        code, _, err = await machine.run("a", "dd", "if=/dev/zero", "of=/fast/y", "bs=1M", "count=2")
        assert code != 0 and "No space left" in err
        await machine.restarted()
        assert (await machine.run("a", "cat", "/fast/x"))[1] == "hello\n"
        assert not (machine.place / "node" / "pods" / "uid-a" / "volumes" / "fast" / "x").exists()

    play(tier, scenario)


@pytest.mark.parametrize("tier", ("root",))
def test_a_pod_in_the_hosts_network(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", is_host_network=True)
        await machine.start("a", "sleep", "1000")
        inside = (await machine.run("a", "readlink", "/proc/self/ns/net"))[1].strip()
        assert inside == os.readlink("/proc/self/ns/net")
        assert (await machine.run("a", "cat", "/etc/hosts"))[1].strip() == Path("/etc/hosts").read_text().strip()

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_who_is_not_root_may_still_write_to_dev_stdout(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", fs_group=2000)
        await machine.start("a", "sh", "-c", "echo hi > /dev/stdout; echo $HOME; id -G", run_as_user=1234)
        await machine.exited("a")
        said = LogReader(machine.log("a")).read().decode().splitlines()
        assert said[:2] == ["hi", "/"], said
        assert tier == "user" or said[2] == "0 2000"

    play(tier, scenario)


@pytest.mark.parametrize("tier", SPACES)
def test_a_mount_inside_a_read_only_volume(tier: str, play: Play) -> None:
    """A secret inside a configMap's directory: its place is made first, and stays when the files are replaced."""

    async def scenario(machine: Machine) -> None:
        outer, inner = (VolumeFiles(name, (File(name, name.encode()),)) for name in ("outer", "inner"))
        await machine.sandbox("a", volumes=(outer, inner))
        mounts = (Mount("volume:outer", "/mnt/settings", True), Mount("volume:inner", "/mnt/settings/secret", True))
        started = await machine.start("a", "sleep", "60", mounts=mounts)
        assert isinstance(started, ContainerStarted), started
        machine.send(UpdateVolume(pod("a"), "uid-a", VolumeFiles("outer", (File("outer", b"new"),))))
        await machine.start(
            "a", "cat", "/mnt/settings/outer", "/mnt/settings/secret/inner", mounts=mounts, container="d"
        )
        await machine.exited("a", "d")
        assert LogReader(machine.log("a", "d")).read().decode().split() == ["newinner"]

    play(tier, scenario)


@pytest.mark.parametrize("tier", OWNERS)
def test_a_claims_volume_is_given_to_the_pods_group_once(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        volume = machine.place / "claim"
        volume.mkdir(mode=0o755)
        await machine.sandbox("a", fs_group=2000)
        for attempt, command in enumerate(("mkdir -m 700 /data/own", "stat -c %a:%g /data /data/own")):
            mounts = (Mount(str(volume), "/data", is_grouped=True),)
            await machine.start("a", "sh", "-c", command, attempt=attempt, mounts=mounts, run_as_user=1234)
            await machine.exited("a", attempt=attempt)
        assert LogReader(machine.log("a", attempt=1)).read().decode().split() == ["2775:2000", "2700:2000"]

    play(tier, scenario)


@pytest.mark.parametrize("tier", OWNERS)
def test_groups_and_capabilities_are_those_asked_for(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", fs_group=2000)
        look = "id -G; grep -E '^(CapBnd|NoNewPrivs)' /proc/self/status"
        wanted = {"capabilities_added": ("NET_ADMIN",), "capabilities_dropped": ("ALL",), "may_gain_privileges": False}
        await machine.start("a", "sh", "-c", look, groups=(3000,), **wanted)
        await machine.exited("a")
        said = LogReader(machine.log("a")).read().decode().splitlines()
        assert said == ["0 2000 3000", f"CapBnd:\t{1 << 12:016x}", "NoNewPrivs:\t1"]

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    "script, more, message",
    [
        ("echo -n done > /dev/termination-log", {}, "done"),
        ("echo -n done > /tmp/words; exit 1", {"termination_message_path": "/tmp/words"}, "done"),
        ("echo one; echo two >&2; exit 1", {"falls_back_to_log": True}, "one\ntwo\n"),
        ("echo -n mine > /dev/termination-log; echo one; exit 1", {"falls_back_to_log": True}, "mine"),
        ("echo one", {"falls_back_to_log": True}, ""),
        ("echo one; exit 1", {}, ""),
    ],
)
def test_last_words_are_told(tier: str, script: str, more: Any, message: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a")
        await machine.start("a", "sh", "-c", script, **more)
        told = (await machine.exited("a")).message
        assert sorted(told.splitlines()) == sorted(message.splitlines())

    play(tier, scenario)


@pytest.mark.parametrize("tier", TIERS)
def test_what_a_pod_takes_of_the_disk_is_measured(tier: str, play: Play) -> None:
    async def scenario(machine: Machine) -> None:
        await machine.sandbox("a", volumes=(EmptyDir("cache"),))
        script = "head -c 3000000 /dev/zero > /cache/big; head -c 1000000 /dev/zero | tr '\\0' x; sleep 1000"
        await machine.start("a", "sh", "-c", script, mounts=(Mount("volume:cache", "/cache"),))
        order = MeasureStorage(pod("a"), "uid-a", ("cache",), ("c",))
        deadline = time.monotonic() + 20
        told = StorageMeasured(pod("a"), "uid-a", {"cache": 0}, {"c": 0})
        while told.containers["c"] < 1_000_000 or told.volumes["cache"] < 3_000_000:
            told = await machine.answer(order, kind=StorageMeasured)
            assert time.monotonic() < deadline, told
        assert told.volumes["cache"] < 4_000_000

    play(tier, scenario)
