"""Several nodes on one machine, with real processes and a real kubectl (issue 5, item 2; 3.6 in around.md)."""

import itertools
import json
import os
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from stead.runtimes.native.sandbox import recorded_shim
from tests.shells.cluster import EXAMPLE, Cluster, a_cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

NODES = ("stead", "stead-2", "stead-3")
WEB = ("web-0", "web-1", "web-2")
QUICK = ("--node-monitor-grace-period", "3s", "--default-unreachable-toleration-seconds", "1")
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: www}
spec: {type: NodePort, selector: {app: nginx}, ports: [{port: 80}]}
"""


@pytest.fixture
def three(cluster: Cluster) -> Cluster:
    """The first example on three nodes in two zones."""
    cluster.up(EXAMPLE, options=("--nodes", "3", "--zones", "a,b", *QUICK))
    cluster.wait_ready(*WEB)
    return cluster


def homes(cluster: Cluster) -> dict[str, str]:
    return {name: pod["spec"].get("nodeName", "") for name, pod in cluster.pods().items()}


def uid(cluster: Cluster, pod: str) -> str:
    return str(cluster.pods()[pod]["metadata"]["uid"])


def ready_word(cluster: Cluster, node: str) -> str:
    conditions = cluster.get("node", node)["status"]["conditions"]
    return str(next(one["status"] for one in conditions if one["type"] == "Ready"))


def is_terminating(cluster: Cluster, pod: str) -> bool:
    return "deletionTimestamp" in cluster.pods().get(pod, {"metadata": {}})["metadata"]


def places(cluster: Cluster, pod: str) -> list[str]:
    """The nodes that have processes of a pod of that name, whatever the API says."""
    found = []
    for file in cluster.data.glob("node*/pods/*/sandbox.json"):
        known: Any = json.loads(file.read_text())
        if known["pod"][2] == pod and recorded_shim(str(file.parent)) is not None:
            found.append(file.parts[-4])
    return found


def server(cluster: Cluster, pod: str) -> int:
    """The pid of the web server of a pod that runs, 0 where none does: what its shim has recorded."""
    for file in cluster.data.glob("node*/pods/*/sandbox.json"):
        if json.loads(file.read_text())["pod"][2] == pod:
            state: Any = json.loads((file.parent / "state.json").read_text())
            return next((int(one["pid"]) for one in state["containers"] if one.get("is_running")), 0)
    return 0


def fetch(cluster: Cluster, pod: str, url: str) -> str:
    script = f"import urllib.request as u; print(u.urlopen('{url}', timeout=3).read().decode())"
    return cluster.kubectl("exec", pod, "--", "python3", "-c", script, check=False).strip()


def test_they_spread_and_reach_each_other_from_everywhere(three: Cluster) -> None:
    """By name, by address, and through a service, from every node."""
    assert homes(three) == dict(zip(WEB, NODES, strict=True))
    for name in WEB:
        three.write_page(name, f"I am {name}")
    three.kubectl("apply", "-f", "-", stdin=SERVICE)
    until(lambda: fetch(three, "web-0", "http://www").startswith("I am"), wish="the service to be served")
    addresses = {name: pod["status"]["podIP"] for name, pod in three.pods().items()}
    for one, other in itertools.permutations(WEB, 2):
        assert fetch(three, one, f"http://{other}.nginx") == f"I am {other}"
        assert fetch(three, one, f"http://{addresses[other]}") == f"I am {other}"
    assert {fetch(three, name, "http://www")[:4] for name in WEB} == {"I am"}
    port = three.get("service", "www")["spec"]["ports"][0]["nodePort"]
    for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):  # every node has its port, and its own loopback address here
        with urllib.request.urlopen(f"http://{host}:{port}", timeout=5) as answer:
            assert answer.read().decode().startswith("I am")
    nodes = three.get("nodes")["items"]
    assert [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes] == ["a", "b", "a"]
    assert [node["spec"]["podCIDR"] for node in nodes] == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]
    assert len({node["status"]["addresses"][0]["address"] for node in nodes}) == 3
    assert {pod["status"]["hostIP"] for pod in three.pods().values()} == {
        node["status"]["addresses"][0]["address"] for node in nodes
    }


def test_a_drained_pod_finds_its_data_elsewhere(three: Cluster) -> None:
    three.write_page("web-1", "carried")
    before = uid(three, "web-1")
    assert "node/stead-2 drained" in three.kubectl("drain", "stead-2", "--ignore-daemonsets", "--timeout=60s")
    three.wait_ready(*WEB)
    assert uid(three, "web-1") != before
    assert homes(three)["web-1"] in ("stead", "stead-3")
    assert fetch(three, "web-0", "http://web-1.nginx") == "carried"
    assert "SchedulingDisabled" in three.kubectl("get", "nodes")
    for name in ("stead", "stead-3"):
        three.kubectl("cordon", name)
    three.kubectl("delete", "pod", "web-0", "--wait=false")
    words = "0/3 nodes are available: 3 node(s) were unschedulable. no new claims to deallocate, preemption: "
    until(lambda: words in three.kubectl("get", "events", "-o", "wide"), wish=words)
    three.kubectl("uncordon", "stead-2")
    three.wait_ready(*WEB)
    assert homes(three)["web-0"] == "stead-2"


def test_a_node_that_is_cut_off_keeps_its_pod_and_its_pods_name(three: Cluster) -> None:
    """3.6.1 and 3.6.2: Terminating, and no other of its name, until the node is heard again."""
    three.write_page("web-2", "mine")
    before = uid(three, "web-2")
    assert "is cut off" in three.stead("node", "cut", "stead-3")
    assert "is cut off" in three.kubectl("exec", "web-2", "--", "true", check=False)
    assert fetch(three, "web-0", "http://web-2.nginx") != "mine"
    until(lambda: ready_word(three, "stead-3") == "Unknown", wish="stead-3 Unknown")
    until(lambda: is_terminating(three, "web-2"), wish="web-2 evicted")
    assert (uid(three, "web-2"), places(three, "web-2")) == (before, ["node-3"])
    told = three.stead("explain", "pod/web-2")
    assert "node stead-3 stopped posting its status" in told and "kubectl delete node stead-3" in told
    three.crash()
    three.up(options=QUICK)
    assert "cut off" in three.stead("node", "list")
    assert (uid(three, "web-2"), places(three, "web-2")) == (before, ["node-3"])
    assert fetch(three, "web-0", "http://web-2.nginx") != "mine"
    was = server(three, "web-2")
    os.kill(was, signal.SIGKILL)  # what dies there is started again, though this stead has never told it anything
    until(lambda: server(three, "web-2") not in (0, was), seconds=20, wish="the server of web-2 to be started again")
    assert (uid(three, "web-2"), places(three, "web-2")) == (before, ["node-3"])
    assert "back on the network" in three.stead("node", "heal", "stead-3")
    three.wait_ready(*WEB)
    assert uid(three, "web-2") != before and len(places(three, "web-2")) == 1
    assert fetch(three, "web-0", "http://web-2.nginx") == "mine"


def test_out_of_a_cut_by_force(three: Cluster) -> None:
    """3.6.3: a pod is torn out and runs twice, as its user wanted; back on the network, the old one is ended."""
    before = uid(three, "web-1")
    three.stead("node", "cut", "stead-2")
    until(lambda: ready_word(three, "stead-2") == "Unknown", wish="stead-2 Unknown")
    three.kubectl("delete", "pod", "web-1", "--force", "--grace-period=0")
    until(lambda: three.ready() == list(WEB) and homes(three)["web-1"] != "stead-2", wish="web-1 elsewhere")
    assert uid(three, "web-1") != before and len(places(three, "web-1")) == 2
    three.kubectl("delete", "node", "stead-2")
    assert "not registered" in three.stead("node", "list")
    three.stead("node", "heal", "stead-2")
    until(lambda: len(places(three, "web-1")) == 1, wish="the old web-1 ended")
    until(lambda: ready_word(three, "stead-2") == "True", wish="stead-2 registered again")


def test_a_node_that_is_off_stays_off_until_it_is_started(three: Cluster) -> None:
    """After kill -9 all that ran is adopted; what was switched off is still off."""
    three.write_page("web-1", "kept")
    before = {name: uid(three, name) for name in WEB}
    assert "is off" in three.stead("node", "stop", "stead-2")
    until(lambda: places(three, "web-1") == [], seconds=5, wish="nothing of web-1 to run")
    three.crash()
    three.up(options=QUICK)
    three.wait_ready("web-0", "web-2")
    assert {name: uid(three, name) for name in ("web-0", "web-2")} == {
        name: before[name] for name in ("web-0", "web-2")
    }
    until(lambda: is_terminating(three, "web-1"), wish="web-1 evicted")
    listed = three.stead("node", "list")
    assert [line.split()[1] for line in listed.splitlines()[1:]] == ["on", "off", "on"]
    assert "is off" in three.kubectl("logs", "web-1", check=False)
    assert re.search(r"node stead-2: (Ready|Unknown) for \w+, its machine is off", three.stead("status"))
    assert "stead node start stead-2" in " ".join(three.stead("doctor").split())
    taint = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    three.kubectl("taint", "node", "stead-2", taint)
    three.wait_ready(*WEB)
    assert homes(three)["web-1"] != "stead-2"
    assert fetch(three, "web-0", "http://web-1.nginx") == "kept"
    assert "is on" in three.stead("node", "start", "stead-2")
    three.kubectl("taint", "node", "stead-2", f"{taint}-")
    until(lambda: ready_word(three, "stead-2") == "True", wish="stead-2 Ready")


def test_a_living_cluster_grows(cluster: Cluster) -> None:
    """Pods of one node run on while stead is started anew with two more, and reach what comes there."""
    cluster.up(EXAMPLE)
    cluster.wait_ready(*WEB)
    before = {name: uid(cluster, name) for name in WEB}
    cluster.crash()
    cluster.up(options=("--nodes", "3"))
    cluster.kubectl("scale", "statefulset", "web", "--replicas=5")
    cluster.wait_ready(*WEB, "web-3", "web-4")
    assert {name: uid(cluster, name) for name in WEB} == before
    assert sorted(homes(cluster)[name] for name in ("web-3", "web-4")) == ["stead-2", "stead-3"]
    cluster.write_page("web-3", "new")
    cluster.write_page("web-0", "old")
    assert fetch(cluster, "web-0", "http://web-3.nginx") == "new"
    assert fetch(cluster, "web-4", "http://web-0.nginx") == "old"
    cluster.crash()
    cluster.up()
    assert len(cluster.get("nodes")["items"]) == 3
    assert "on" in cluster.stead("node", "list")


GREEDY = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: greedy}
spec:
  serviceName: greedy
  replicas: 3
  selector: {matchLabels: {app: greedy}}
  template:
    metadata: {labels: {app: greedy}}
    spec: {containers: [{name: c, image: "nginx", resources: {requests: {cpu: 600m}}}]}
"""


def test_what_a_node_offers_is_told_and_held(folder: Path) -> None:
    """`--node-cpu` and `--node-memory`, kept for the next start; raised, they let in what waited."""
    with a_cluster(folder, runtime="simulated") as cluster:
        cluster.up(options=("--nodes", "2", "--node-cpu", "1", "--node-memory", "1Gi,2Gi"))
        cluster.kubectl("apply", "-f", "-", stdin=GREEDY)
        cluster.wait_ready("greedy-0", "greedy-1")
        status = [node["status"] for node in cluster.get("nodes")["items"]]
        assert [one["capacity"]["cpu"] for one in status] == ["1", "1"]
        assert [one["allocatable"]["memory"] for one in status] == ["1Gi", "2Gi"]
        pending = until(lambda: dict(cluster.pods()).get("greedy-2"), wish="greedy-2")
        told = until(lambda: cluster.get("pod", "greedy-2")["status"].get("conditions"), wish="its condition")
        assert pending["status"]["phase"] == "Pending"
        assert told[0]["message"].startswith("0/2 nodes are available: 2 Insufficient cpu.")
        cluster.crash()
        cluster.up()
        assert cluster.get("node", "stead")["status"]["capacity"]["cpu"] == "1"
        cluster.crash()
        cluster.up(options=("--node-cpu", "1,2"))
        cluster.wait_ready("greedy-0", "greedy-1", "greedy-2")
        assert homes(cluster)["greedy-2"] == "stead-2"


def test_what_cannot_be_cut_is_said(folder: Path) -> None:
    """In the plain tier a process is the host's: only the control plane loses it."""
    with a_cluster(folder, runtime="plain") as cluster:
        cluster.up(options=("--nodes", "2"))
        told = cluster.stead("node", "cut", "stead-2")
        assert "is cut off" in told and "they still reach the others" in told
        assert "still reach" not in cluster.stead("node", "heal", "stead-2")


def test_a_keeper_that_dies_takes_no_network_with_it(cluster: Cluster) -> None:
    """Also where no pod holds it: nodes stay joined, and DNS, services and the API are where they were."""
    cluster.up(options=("--nodes", "2", *QUICK))
    cluster.stead("node", "cut", "stead-2")
    for file in cluster.data.glob("node*/keeper.json"):
        os.kill(json.loads(file.read_text())["pid"], signal.SIGKILL)
    cluster.stead("node", "heal", "stead-2")
    until(lambda: ready_word(cluster, "stead-2") == "True", wish="stead-2 Ready")
    cluster.kubectl("apply", "-f", str(EXAMPLE))
    cluster.wait_ready(*WEB)
    assert set(homes(cluster).values()) == {"stead", "stead-2"}
    for name in WEB:
        cluster.write_page(name, f"I am {name}")
    for one, other in itertools.permutations(WEB, 2):
        assert fetch(cluster, one, f"http://{other}.nginx") == f"I am {other}"


def test_orders_that_make_no_sense(cluster: Cluster) -> None:
    cluster.up(options=("--nodes", "2"))
    assert "there is no node nobody; there is stead, stead-2" in cluster.stead("node", "stop", "nobody", check=False)
    cluster.stead("node", "stop", "stead-2")
    told = cluster.stead("node", "cut", "stead-2", check=False)
    assert "node stead-2 is off: stead node start stead-2 comes first" in told
    cluster.down()
    told = cluster.stead("up", "--port", "0", "--nodes", "1", check=False)
    assert "has 2 nodes already" in told
    engine = ("--runtime", "cri", "--cri-endpoint", "unix:///run/x.sock")
    told = cluster.stead("up", "--port", "0", "--nodes", "3", *engine, check=False)
    assert "--nodes 3 with --cri-endpoint" in told and "without --cri-endpoint stead starts one for each node" in told
