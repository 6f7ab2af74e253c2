"""The circle with real processes and a real kubectl: what issue 2 says must be seen."""

import itertools
import re
import subprocess
import time
from typing import Any

import pytest

from tests.shells.cluster import EXAMPLE, Cluster, is_ready, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

WEB = ("web-0", "web-1", "web-2")


@pytest.fixture
def web(anywhere: Cluster) -> Cluster:
    """The circle turns on every runtime."""
    return anywhere


def uids(cluster: Cluster) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in cluster.pods().items()}


def restarts(cluster: Cluster) -> int:
    return sum(pod["status"]["containerStatuses"][0]["restartCount"] for pod in cluster.pods().values())


def address(cluster: Cluster, pod: str) -> str:
    return cluster.stead("dns", f"{pod}.nginx.default.svc.cluster.local").split()[-1]


def ready_since(pod: Any) -> str:
    return next(c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready")


def roll(cluster: Cluster, value: str) -> None:
    """Change the template in the way that changes nothing else."""
    patch = f'{{"spec":{{"template":{{"metadata":{{"annotations":{{"roll":"{value}"}}}}}}}}}}'
    cluster.kubectl("patch", "sts", "web", "--type=merge", "-p", patch)


def rolled(cluster: Cluster) -> dict[str, str]:
    return {name: pod["metadata"].get("annotations", {}).get("roll", "") for name, pod in cluster.pods().items()}


def test_three_pods_appear_in_order_and_answer_by_name_with_their_own_files(web: Cluster) -> None:
    pods = web.pods()
    for before, after in itertools.pairwise(WEB):
        assert ready_since(pods[before]) <= pods[after]["metadata"]["creationTimestamp"]
    told = [line.split()[2] for line in web.output().splitlines() if " Ready at " in line]
    assert told == list(WEB)
    assert len({pod["status"]["podIP"] for pod in pods.values()}) == 3
    for name in WEB:
        web.write_page(name, f"I am {name}")
    for name in WEB:
        assert web.page(name) == f"I am {name}"
        assert web.kubectl("exec", name, "--", "hostname", "-f").strip() == f"{name}.nginx.default.svc.cluster.local"
        assert address(web, name) == pods[name]["status"]["podIP"]


def test_a_deleted_pod_comes_back_in_its_own_stead(web: Cluster) -> None:
    web.write_page("web-1", "before")
    old = web.pods()["web-1"]
    web.kubectl("delete", "pod", "web-1")
    web.wait_ready(*WEB)
    new = web.pods()["web-1"]
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert new["metadata"]["labels"] == old["metadata"]["labels"]
    assert new["spec"]["hostname"] == "web-1"
    assert new["spec"]["volumes"][0] == old["spec"]["volumes"][0]
    until(lambda: address(web, "web-1") == new["status"]["podIP"], seconds=1, wish="DNS follows within a second")
    assert web.page("web-1") == "before"


def test_scaling_is_ordered_both_ways_and_claims_are_taken_up_again(web: Cluster) -> None:
    web.kubectl("scale", "sts", "web", "--replicas=5")
    web.wait_ready(*WEB, "web-3", "web-4")
    web.write_page("web-4", "four")
    going: list[str] = []
    with subprocess.Popen(
        ["tail", "-n", "0", "-F", str(web.data.parent / "stead.out")], stdout=subprocess.PIPE, text=True
    ) as tail:
        web.kubectl("scale", "sts", "web", "--replicas=2")
        web.wait_ready("web-0", "web-1")
        until(lambda: list(web.pods()) == ["web-0", "web-1"], wish="two pods")
        tail.terminate()
        assert tail.stdout is not None
        going = re.findall(r"\s(web-\d)\s+gone", tail.stdout.read(), re.MULTILINE)
    assert going == ["web-4", "web-3", "web-2"]
    assert [claim["metadata"]["name"] for claim in web.get("pvc")["items"]] == [f"www-web-{i}" for i in range(5)]
    web.kubectl("scale", "sts", "web", "--replicas=5")
    web.wait_ready(*WEB, "web-3", "web-4")
    assert web.page("web-4") == "four"


def test_an_update_rolls_down_stops_at_the_partition_and_is_undone(web: Cluster) -> None:
    first = web.get("sts", "web")["status"]["currentRevision"]
    web.kubectl("patch", "sts", "web", "-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}}')
    before = uids(web)
    roll(web, "b")
    until(lambda: rolled(web).get("web-2") == "b" and web.ready() == list(WEB), wish="web-2 rolled")
    time.sleep(1)
    assert rolled(web) == {"web-0": "", "web-1": "", "web-2": "b"}
    assert {name: uid for name, uid in uids(web).items() if name != "web-2"} == {
        name: uid for name, uid in before.items() if name != "web-2"
    }
    web.kubectl("patch", "sts", "web", "-p", '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}')
    web.kubectl("rollout", "status", "sts/web", "--timeout=60s")
    until(lambda: set(rolled(web).values()) == {"b"} and web.ready() == list(WEB), wish="all rolled")
    web.kubectl("rollout", "undo", "sts/web")
    until(lambda: set(rolled(web).values()) == {""} and web.ready() == list(WEB), wish="all undone")
    until(lambda: web.get("sts", "web")["status"]["currentRevision"] == first, wish="the first revision's name")


def test_after_kill_9_pods_are_adopted_and_the_roll_out_goes_on(web: Cluster) -> None:
    web.write_page("web-0", "kept")
    before = uids(web)
    web.crash()
    web.up()
    web.wait_ready(*WEB)
    assert uids(web) == before
    assert restarts(web) == 0
    assert web.page("web-0") == "kept"
    web.kubectl("patch", "sts", "web", "--type=merge", "-p", '{"spec":{"minReadySeconds":2}}')
    roll(web, "b")
    acknowledged = web.kubectl("create", "configmap", "acknowledged", "--from-literal=a=b")
    assert "created" in acknowledged
    until(lambda: rolled(web).get("web-2") == "b", wish="the roll-out to begin")
    assert rolled(web)["web-0"] == ""
    web.crash()
    web.up()
    until(lambda: set(rolled(web).values()) == {"b"} and web.ready() == list(WEB), wish="the roll-out to end")
    assert restarts(web) == 0
    assert web.get("configmap", "acknowledged")["data"] == {"a": "b"}


def test_a_set_deleted_and_created_again_finds_its_bytes(web: Cluster) -> None:
    for name in WEB:
        web.write_page(name, f"I am {name}")
    web.kubectl("delete", "sts", "web")
    until(lambda: not web.pods(), wish="no pods")
    web.kubectl("apply", "-f", str(EXAMPLE))
    web.wait_ready(*WEB)
    assert [web.page(name) for name in WEB] == [f"I am {name}" for name in WEB]


def test_logs_are_followed(web: Cluster) -> None:
    web.kubectl("exec", "web-1", "--", "sh", "-c", "echo here > /usr/share/nginx/html/seen-1")
    assert web.page("web-1", "/seen-1") == "here"
    assert until(lambda: "/seen-1" in web.kubectl("logs", "web-1"), wish="the request in the log")
    assert "web-1" in web.kubectl("get", "pods", "-o", "wide")
    assert is_ready(web.pods()["web-1"])


def test_down_and_up_again_keeps_everything(web: Cluster) -> None:
    web.write_page("web-2", "over night")
    web.down()
    web.up()
    web.wait_ready(*WEB)
    assert web.page("web-2") == "over night"
