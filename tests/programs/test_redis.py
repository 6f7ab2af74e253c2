"""Redis: a master and a replica that follows it by name; either may go, the data stay and flow on."""

import pytest

from tests.programs.gear import run_example
from tests.shells.cluster import Cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

PODS = ("redis-0", "redis-1")
MASTER, REPLICA = PODS


@pytest.fixture(scope="module")
def redis(cluster: Cluster) -> Cluster:
    run_example(cluster, "redis").wait_ready(*PODS)
    return cluster


def cli(cluster: Cluster, pod: str, *words: str) -> str:
    return cluster.kubectl("exec", pod, "--", "redis-cli", *words, check=False).strip()


def write(cluster: Cluster, key: str) -> None:
    """Acknowledged, and on the disk of the one who acknowledged it."""
    assert cli(cluster, MASTER, "set", key, "1") == "OK"


def is_replicated(cluster: Cluster, key: str) -> None:
    until(lambda: cli(cluster, REPLICA, "get", key) == "1", wish=f"{key} at the replica")


@pytest.mark.parametrize("lost", PODS)
def test_one_returns_with_its_data_and_they_find_each_other_again(redis: Cluster, lost: str) -> None:
    write(redis, f"before-{lost}")
    is_replicated(redis, f"before-{lost}")
    uid = redis.pods()[lost]["metadata"]["uid"]
    redis.kubectl("delete", "pod", lost)
    until(lambda: redis.ready() == list(PODS) and redis.pods()[lost]["metadata"]["uid"] != uid, wish=f"{lost} back")
    assert cli(redis, lost, "get", f"before-{lost}") == "1"
    write(redis, f"after-{lost}")
    is_replicated(redis, f"after-{lost}")


def test_the_replica_only_reads_and_keeps_its_own_file(redis: Cluster) -> None:
    assert "READONLY" in cli(redis, REPLICA, "set", "x", "1")
    assert redis.kubectl("exec", REPLICA, "--", "ls", "/data/appendonlydir").strip() != ""
    owner = redis.kubectl("exec", MASTER, "--", "id", "-u").strip()
    assert owner == "999"
