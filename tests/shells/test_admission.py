"""What a node says of itself, of pods that were bound to it by hand, and of resizes, as a real kubectl shows it."""

import json
from typing import Any

import pytest

from tests.shells.cluster import EXAMPLE, Cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


@pytest.fixture
def small(cluster: Cluster) -> Cluster:
    """The first example on a node of one processor."""
    cluster.up(EXAMPLE, options=("--node-cpu", "1"))
    cluster.wait_ready("web-0", "web-1", "web-2")
    return cluster


def apply(cluster: Cluster, name: str, *, cpu: str = "", **spec: Any) -> None:
    container = {"name": "c", "image": "host:static", "resources": {"requests": {"cpu": cpu}} if cpu else {}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "nodeName": "stead", **spec}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))


def test_pods_that_were_bound_by_hand(small: Cluster) -> None:
    apply(small, "fits", cpu="600m")
    small.wait_ready("fits", "web-0", "web-1", "web-2")
    apply(small, "greedy", cpu="600m")
    apply(small, "elsewhere", nodeSelector={"disk": "ssd"})
    until(lambda: "OutOfcpu" in small.kubectl("get", "pod", "greedy"), wish="greedy is refused")
    told = small.kubectl("describe", "pod", "greedy")
    assert "Pod was rejected: Node didn't have enough resource: cpu, requested: 600, used: 600, capacity: 1000" in told
    assert "OutOfcpu  " in told.partition("Events:")[2]
    until(lambda: "NodeAffinity" in small.kubectl("get", "pod", "elsewhere"), wish="elsewhere is refused")
    resources = {"requests": {"cpu": "900m"}}
    patch = json.dumps({"spec": {"containers": [{"name": "c", "resources": resources}]}})
    small.kubectl("patch", "pod", "fits", "--subresource", "resize", "-p", patch)
    until(lambda: small.get("pod", "fits")["status"]["containerStatuses"][0]["allocatedResources"]["cpu"] == "900m")
    patch = patch.replace("900m", "2")
    small.kubectl("patch", "pod", "fits", "--subresource", "resize", "-p", patch)
    until(lambda: "ResizeInfeasible" in small.kubectl("describe", "pod", "fits"), wish="it is told that it cannot be")
    small.kubectl("delete", "pod", "fits", "greedy", "elsewhere", "--now")


def test_what_describe_shows_of_a_node_and_a_pod(small: Cluster) -> None:
    """Events of the kubelet bear the node's name for a uid; kubectl finds both sorts."""
    told = small.kubectl("describe", "node", "stead").partition("Events:")[2]
    for reason in ("Starting", "RegisteredNode", "NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeReady"):
        assert reason in told, told
    small.kubectl("cordon", "stead")
    until(lambda: "NodeNotSchedulable" in small.kubectl("describe", "node", "stead"), wish="the cordon is told")
    small.kubectl("uncordon", "stead")
    until(lambda: "NodeSchedulable" in small.kubectl("describe", "node", "stead"), wish="that it is open again too")
    pod = small.kubectl("describe", "pod", "web-0").partition("Events:")[2]
    assert "already present on machine and can be accessed by the pod" in pod or "Successfully pulled image" in pod
    assert "Container created" in pod and "Container started" in pod
    events = json.loads(small.kubectl("get", "events", "-o", "json", "--field-selector", "involvedObject.name=web-0"))
    parts = {one["reason"]: one["involvedObject"].get("fieldPath") for one in events["items"]}
    assert (parts["Started"], parts["Scheduled"]) == ("spec.containers{nginx}", None)
