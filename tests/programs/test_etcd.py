"""etcd: members that find each other by name, one that goes and comes, and a roll that loses no acknowledged write."""

import json

import pytest

from tests.programs.gear import reference, run_example
from tests.shells.cluster import Cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

MEMBERS = ("etcd-0", "etcd-1", "etcd-2")
ENDPOINTS = ",".join(f"http://{name}.etcd:2379" for name in MEMBERS)
WRITER = """
i=0
while true; do
  i=$((i + 1))
  etcdctl --endpoints="$ENDPOINTS" --command-timeout=2s put "key-$i" "$i" > /dev/null && echo "written $i"
done
"""


@pytest.fixture(scope="module")
def etcd(cluster: Cluster) -> Cluster:
    run_example(cluster, "etcd").wait_ready(*MEMBERS)
    return cluster


def ctl(cluster: Cluster, pod: str, *words: str, check: bool = True) -> str:
    return cluster.kubectl("exec", pod, "--", "etcdctl", *words, check=check)


def members(cluster: Cluster) -> dict[str, tuple[int, str]]:
    """Name to identity and where its peers find it."""
    told = json.loads(ctl(cluster, "etcd-0", "member", "list", "-w", "json"))["members"]
    return {member["name"]: (member["ID"], member["peerURLs"][0]) for member in told}


def seen_by(cluster: Cluster, pod: str, key: str) -> str:
    """What this member alone has, without asking the others."""
    return ctl(cluster, pod, "get", key, "--consistency=s", "--print-value-only", check=False).strip()


def test_three_members_find_each_other_by_name(etcd: Cluster) -> None:
    assert {name: url for name, (_, url) in members(etcd).items()} == {m: f"http://{m}.etcd:2380" for m in MEMBERS}
    ctl(etcd, "etcd-0", "put", "greeting", "hello")
    for name in MEMBERS:
        until(lambda name=name: seen_by(etcd, name, "greeting") == "hello", wish=f"the key at {name}")
    told = ctl(etcd, "etcd-2", f"--endpoints={ENDPOINTS}", "endpoint", "status").splitlines()
    assert [line.split(",")[0] for line in told] == ENDPOINTS.split(",")


@pytest.mark.parametrize("lost", ["etcd-0", "etcd-2"])
def test_a_lost_member_returns_with_its_data_and_catches_up(etcd: Cluster, lost: str) -> None:
    before, other = members(etcd), "etcd-1"
    ctl(etcd, lost, "put", f"before-{lost}", "1")
    uid = etcd.pods()[lost]["metadata"]["uid"]
    etcd.kubectl("delete", "pod", lost, "--grace-period=0", "--force")
    until(lambda: "OK" in ctl(etcd, other, "put", f"meanwhile-{lost}", "2", check=False), wish="the others go on")
    until(lambda: etcd.ready() == list(MEMBERS), wish=f"{lost} back")
    assert etcd.pods()[lost]["metadata"]["uid"] != uid
    assert members(etcd) == before
    assert seen_by(etcd, lost, f"before-{lost}") == "1"
    until(lambda: seen_by(etcd, lost, f"meanwhile-{lost}") == "2", wish=f"{lost} catches up")


def writer(cluster: Cluster) -> str:
    """A pod that writes one key after the other through whoever answers, and says which were acknowledged."""
    container = {
        "name": "writer",
        "image": reference("etcd"),
        "command": ["sh", "-c", WRITER],
        "env": [{"name": "ENDPOINTS", "value": ENDPOINTS}],
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "writer"}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    return "writer"


def acknowledged(cluster: Cluster) -> set[str]:
    told = cluster.kubectl("logs", "writer", check=False).splitlines()
    return {line.split()[1] for line in told if line.startswith("written ")}


def test_a_roll_goes_one_by_one_and_no_acknowledged_write_is_lost(etcd: Cluster) -> None:
    before = {name: etcd.pods()[name]["metadata"]["uid"] for name in MEMBERS}
    writer(etcd)
    until(lambda: acknowledged(etcd), wish="the first write")
    written_before = len(acknowledged(etcd))
    etcd.kubectl("rollout", "restart", "statefulset/etcd")
    fewest = 3

    def is_rolled() -> bool:
        nonlocal fewest
        pods = etcd.pods()
        ready = [name for name in etcd.ready() if name in MEMBERS]
        fewest = min(fewest, len(ready))
        return len(ready) == 3 and all(pods[name]["metadata"]["uid"] != before[name] for name in MEMBERS)

    until(is_rolled, wish="all three rolled")
    until(lambda: len(acknowledged(etcd)) > written_before + 5, wish="writes go on")
    etcd.kubectl("delete", "pod", "writer", "--wait=false")
    wanted = acknowledged(etcd)
    found = ctl(etcd, "etcd-0", "get", "key-", "--prefix", "--print-value-only").split()
    assert wanted - set(found) == set()
    assert fewest == 2, "quorum: never more than one away"
    until(lambda: etcd.ready() == list(MEMBERS), wish="only the members")
