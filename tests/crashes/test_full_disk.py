"""A disk that is really full: a small file system of stead's own, filled through the API and by a pod.

As root on tmpfs and on ext4, as an ordinary user on tmpfs. What `test_store_faults` says of the store is seen here of
all of stead: its files beside the store, the pods' logs, a restart.
"""

import http.client
import json
import os
import threading
from typing import Any

import pytest

from tests.crashes import disks, living, story
from tests.crashes.disks import SteadOnDisk, a_stead_on
from tests.crashes.rolling import PODS, SETS, stateful_set
from tests.crashes.writing import MERGE, PLACE
from tests.shells.cluster import until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

PROGRAM = """
trap 'exit 0' TERM
n=0
while :; do n=$((n+1)); echo line $n of a log that goes on while the disk is full; sleep 0.05; done
"""
PLACES = [("tmpfs", "native"), ("tmpfs", "simulated"), ("ext4", "native")]


def needs_root(kind: str) -> None:
    if kind == "ext4" and os.geteuid() != 0:
        pytest.skip("an ordinary user can mount no ext4")


def ready(stead: SteadOnDisk) -> int:
    return int(stead.client.ask("GET", f"{SETS}/c")[1].get("status", {}).get("readyReplicas", 0))


def scaled(stead: SteadOnDisk, replicas: int) -> tuple[int, Any]:
    return stead.client.ask("PATCH", f"{SETS}/c", {"spec": {"replicas": replicas}}, MERGE)


def written_until_refused(stead: SteadOnDisk, name: str, size: int) -> list[str]:
    """Names of the objects that were acknowledged before one was told 503, with Retry-After and a reason."""
    kept: list[str] = []
    while True:
        body = {"metadata": {"name": f"{name}{len(kept)}"}, "data": {"k": "x" * size}}
        answer = stead.client.open("POST", PLACE, body)
        told = json.loads(answer.read())
        if answer.status != 201:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), told
            assert "full" in told["message"]
            assert "stead doctor" in told["message"]
            return kept
        kept.append(told["metadata"]["name"])


class Heard(threading.Thread):
    """A watch that is open all the while: the names of what was made."""

    def __init__(self, stead: SteadOnDisk) -> None:
        super().__init__(daemon=True)
        self._client = stead.new_client()
        self._path = (
            f"{PLACE}?watch=1&resourceVersion={stead.client.ask('GET', PLACE)[1]['metadata']['resourceVersion']}"
        )
        self.names: list[str] = []
        self.start()

    def run(self) -> None:
        try:
            for line in self._client.open("GET", self._path):
                self.names.append(json.loads(line)["object"]["metadata"]["name"])
        except (OSError, http.client.HTTPException, ValueError):
            self._client.close()


def mains(stead: SteadOnDisk) -> list[int]:
    """The containers' first processes, without their sleeps; what is about to become one is its parent's twin."""
    loops = {pid for pid in stead.containers() if b"of a log" in living.command_line(pid)}
    return sorted(pid for pid in loops if living.parent(pid) not in loops)


def last_line(stead: SteadOnDisk) -> str:
    return str(stead.client.ask("GET", f"{PODS}/c-0/log?tailLines=1")[1])


@pytest.mark.parametrize(("kind", "runtime"), PLACES)
def test_a_full_disk_refuses_writes_and_nothing_else(kind: str, runtime: str) -> None:
    needs_root(kind)
    with a_stead_on(kind, runtime, megabytes=12) as stead:
        stead.disk.take(4)
        stead.client.ask("POST", SETS, stateful_set(stead, PROGRAM))
        until(lambda: ready(stead) == 2, wish="two pods")
        heard, pids = Heard(stead), mains(stead)
        kept = written_until_refused(stead, "large", 300_000)
        kept += written_until_refused(stead, "small", 1)
        if runtime == "native":
            stead.disk.run("sh", "-c", f"cat /dev/zero > $(ls -d {stead.inside}/volumes/* | head -1)/fill")
        stead.disk.fill()

        assert scaled(stead, 3)[0] == 503
        assert stead.client.ask("GET", PLACE)[0] == stead.client.ask("GET", "/readyz")[0] == 200
        until(lambda: heard.names == kept, wish="the watch goes on")
        assert ready(stead) == 2
        assert mains(stead) == pids, "pods go on"
        assert stead.output().count("nothing changes until it can") <= 1
        doctor = " ".join(stead.command("doctor").split())
        assert "0 MB left" in doctor
        assert "all goes on by itself" in doctor

        stead.kill()
        stead.start()
        stead.await_up()
        assert stead.client.ask("GET", f"{PLACE}/{kept[-1]}")[0] == 200
        assert scaled(stead, 3)[0] == 503
        assert mains(stead) == pids, "pods go on, and nobody starts them twice"

        stead.disk.run("sh", "-c", f"rm -f {stead.inside}/volumes/*/fill")
        stead.disk.empty()
        until(lambda: scaled(stead, 3)[0] == 200, wish="writes are taken again")
        until(lambda: ready(stead) == 3, wish="controllers pick up")
        there = [item["metadata"]["name"] for item in stead.client.ask("GET", PLACE)[1]["items"]]
        assert sorted(there) == sorted([*kept, "kube-root-ca.crt"])
        if runtime == "native":
            before = last_line(stead)
            until(lambda: last_line(stead) != before, wish="its log goes on")
            assert set(pids) < set(mains(stead)), "no container has ended of all this"
        assert not story.take_down(stead), stead.output()


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_who_leaves_a_full_disk_comes_back_to_it(kind: str) -> None:
    """A clean end and a start while the disk is full; only the first start of all needs room, and says so."""
    needs_root(kind)
    with a_stead_on(kind, "simulated", megabytes=10) as stead:
        stead.client.ask("POST", PLACE, {"metadata": {"name": "kept"}, "data": {"k": "v"}})
        stead.disk.fill()
        stead.stop()
        assert stead.process is not None
        assert stead.process.returncode == 0, stead.output()
        stead.disk.fill()
        first = stead.disk.run(*disks.up(stead.disk.place / "other", 0, "simulated"))
        assert "make room" in first
        stead.start()
        stead.await_up()
        assert stead.client.ask("GET", f"{PLACE}/kept")[0] == 200
        assert stead.client.ask("DELETE", f"{PLACE}/kept")[0] == 503
        stead.disk.empty()
        until(lambda: stead.client.ask("DELETE", f"{PLACE}/kept")[0] == 200)
        until(lambda: "127.0.0.1" in stead.command("status"), wish="other commands find it again")
