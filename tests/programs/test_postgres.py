"""PostgreSQL: a primary and a streaming replica by ordinal; either may go, the data stay and are streamed on."""

import pytest

from tests.programs.gear import run_example
from tests.shells.cluster import Cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

PODS = ("postgres-0", "postgres-1")
PRIMARY, REPLICA = PODS


@pytest.fixture(scope="module")
def postgres(cluster: Cluster) -> Cluster:
    run_example(cluster, "postgres").wait_ready(*PODS)
    sql(cluster, PRIMARY, "create table seen (word text)")
    return cluster


def sql(cluster: Cluster, pod: str, text: str, check: bool = True) -> str:
    words = ("psql", "--username=postgres", "--no-align", "--tuples-only", "--quiet", "--command", text)
    return cluster.kubectl("exec", pod, "-c", "postgres", "--", *words, check=check).strip()


def words_at(cluster: Cluster, pod: str) -> list[str]:
    return sql(cluster, pod, "select word from seen order by 1", check=False).split()


def write(cluster: Cluster, word: str) -> None:
    sql(cluster, PRIMARY, f"insert into seen values ('{word}')")


def replace(cluster: Cluster, pod: str) -> None:
    """Delete a pod and wait for the one that takes its place."""
    uid = cluster.pods()[pod]["metadata"]["uid"]
    cluster.kubectl("delete", "pod", pod)
    until(lambda: cluster.ready() == list(PODS) and cluster.pods()[pod]["metadata"]["uid"] != uid, wish=f"{pod} back")


def is_replicated(cluster: Cluster, word: str) -> None:
    until(lambda: word in words_at(cluster, REPLICA), wish=f"{word} at the replica")


def test_the_replica_has_copied_the_primary_and_follows_it(postgres: Cluster) -> None:
    write(postgres, "a")
    is_replicated(postgres, "a")
    assert [sql(postgres, pod, "select pg_is_in_recovery()") for pod in PODS] == ["f", "t"]
    streams = sql(postgres, PRIMARY, "select application_name, state from pg_stat_replication")
    assert streams == "postgres-1|streaming"
    refused = sql(postgres, REPLICA, "insert into seen values ('x')", check=False)
    assert "read-only transaction" in refused


def test_others_reach_it_by_name_with_the_password_of_its_secret(postgres: Cluster) -> None:
    ask = "psql --host=postgres-0.postgres --username=postgres -Atc 'select 1'"
    assert postgres.kubectl("exec", REPLICA, "-c", "postgres", "--", "sh", "-c", ask).strip() == "1"
    wrong = f"PGPASSWORD=wrong {ask}"
    assert "authentication failed" in postgres.kubectl(
        "exec", REPLICA, "-c", "postgres", "--", "sh", "-c", wrong, check=False
    )


def test_the_primary_returns_with_its_data_and_is_followed_again(postgres: Cluster) -> None:
    write(postgres, "before-primary")
    replace(postgres, PRIMARY)
    assert "before-primary" in words_at(postgres, PRIMARY)
    write(postgres, "after-primary")
    is_replicated(postgres, "after-primary")


def test_the_replica_returns_and_catches_up_without_a_new_copy(postgres: Cluster) -> None:
    write(postgres, "before-replica")
    is_replicated(postgres, "before-replica")
    uid = postgres.pods()[REPLICA]["metadata"]["uid"]
    postgres.kubectl("delete", "pod", REPLICA, "--wait=false")
    write(postgres, "meanwhile")
    until(lambda: postgres.pods().get(REPLICA, {"metadata": {"uid": uid}})["metadata"]["uid"] != uid, wish="a new pod")
    until(lambda: postgres.ready() == list(PODS), wish="the replica back")
    is_replicated(postgres, "meanwhile")
    assert postgres.kubectl("logs", REPLICA, "-c", "prepare") == ""
