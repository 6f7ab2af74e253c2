"""What a node asks before it takes a pod, in the kubelet's order and words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.tenants import Room, Tenants
from stead.machinery.cache import Cache
from stead.machinery.keys import key_of
from stead.machinery.runtime import RunSandbox, SandboxRunning
from stead.machinery.times import Now

from .world import START, WEB, World, a_container, a_node, a_pod

TAINT = {"key": "gpu", "value": "yes", "effect": "NoExecute"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def asking(name="web-0", /, pod=None, **requests):
    """A pod that asks for resources: `ephemeral_storage` is `ephemeral-storage`."""
    requests = {resource.replace("_", "-"): amount for resource, amount in requests.items()}
    made = a_pod(a_container(resources={"requests": requests}), uid=name, **(pod or {}))
    return {**made, "metadata": {**made["metadata"], "name": name}}


def a_node_with(labels=None, taints=None, **allocatable):
    node = a_node()
    metadata = {**node["metadata"], "labels": labels or {}}
    status = {**node["status"], "allocatable": {"cpu": "2", "memory": "1Gi", "pods": "2", **allocatable}}
    return {**node, "metadata": metadata, "spec": {"taints": taints or []}, "status": status}


def affinity(*values):
    terms = [{"matchExpressions": [{"key": "disk", "operator": "In", "values": list(values)}]}]
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}}}


NOT_CHOSEN = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
LACKING = "Node didn't have enough resource: "
REFUSALS = {
    "processors": ({}, asking(cpu="1500m"), "OutOfcpu", f"{LACKING}cpu, requested: 1500, used: 600, capacity: 2000"),
    "memory": (
        {},
        asking(memory="1Gi"),
        "OutOfmemory",
        f"{LACKING}memory, requested: 1073741824, used: 104857600, capacity: 1073741824",
    ),
    "pods": ({"pods": "1"}, asking(), "OutOfpods", f"{LACKING}pods, requested: 1, used: 1, capacity: 1"),
    "disk": (
        {},
        asking(ephemeral_storage="1Ki"),
        "OutOfephemeral-storage",
        f"{LACKING}ephemeral-storage, requested: 1024, used: 0, capacity: 0",
    ),
    "a device": (
        {"example.com/gpu": "1"},
        asking(**{"example.com/gpu": "2"}),
        "OutOfexample.com/gpu",
        f"{LACKING}example.com/gpu, requested: 2, used: 0, capacity: 1",
    ),
    "processors before memory": (
        {},
        asking(memory="1Gi", cpu="2"),
        "OutOfcpu",
        f"{LACKING}cpu, requested: 2000, used: 600, capacity: 2000",
    ),
    "room before labels": (
        {},
        asking(pod={"nodeSelector": {"disk": "ssd"}}, cpu="2"),
        "OutOfcpu",
        f"{LACKING}cpu, requested: 2000, used: 600, capacity: 2000",
    ),
    "selector": ({}, asking(pod={"nodeSelector": {"disk": "ssd"}}), "NodeAffinity", NOT_CHOSEN),
    "affinity": ({"labels": {"disk": "hdd"}}, asking(pod=affinity("ssd")), "NodeAffinity", NOT_CHOSEN),
    "taint": (
        {"taints": [TAINT]},
        asking(),
        "TaintToleration",
        "Predicate TaintToleration failed: node(s) had untolerated taint(s)",
    ),
    "system": (
        {},
        asking(pod={"os": {"name": "windows"}}),
        "PodOSNotSupported",
        "Failed to admit pod as the OS field doesn't match node OS",
    ),
    "strict groups": (
        {},
        asking(pod={"securityContext": {"supplementalGroupsPolicy": "Strict"}}),
        "SupplementalGroupsPolicyNotSupported",
        "SupplementalGroupsPolicy=Strict is not supported in this node",
    ),
}


@pytest.mark.parametrize("node, pod, reason, message", REFUSALS.values(), ids=REFUSALS)
def test_what_a_node_refuses(node, pod, reason, message):
    """The other pod there asks for 600m and 100Mi; the refused one is told of once, and never again."""
    world = World(a_node_with(), asking("other", cpu="600m", memory="100Mi"))
    world.run(1)
    world.put(a_node_with(**node), pod)
    world.run(5)
    assert {**world.get()["status"], "conditions": None} == {
        "phase": "Failed",
        "reason": reason,
        "message": f"Pod was rejected: {message}",
        "startTime": "2026-01-01T00:00:01Z",
        "observedGeneration": 1,
        "conditions": None,
    }
    assert world.told.count(("Warning", reason, message)) == 1
    assert len(world.sent_of(RunSandbox)) == 1


TAKEN = {
    "what is left": ({}, asking(cpu="1400m", memory="924Mi")),
    "an unknown device": ({}, asking(**{"example.com/gpu": "2"})),
    "chosen": ({"labels": {"disk": "ssd"}}, asking(pod={"nodeSelector": {"disk": "ssd"}, **affinity("ssd", "hdd")})),
    "tolerated": ({"taints": [TAINT]}, asking(pod={"tolerations": [{"operator": "Exists"}]})),
    "only kept away": ({"taints": [{**TAINT, "effect": "NoSchedule"}]}, asking()),
    "linux": ({}, asking(pod={"os": {"name": "linux"}})),
}


@pytest.mark.parametrize("node, pod", TAKEN.values(), ids=TAKEN)
def test_what_a_node_takes(node, pod):
    world = World(a_node_with(), asking("other", cpu="600m", memory="100Mi"))
    world.run(1)
    world.put(a_node_with(**node), pod)
    world.run(5)
    assert world.get()["status"]["phase"] == "Running"


def test_a_label_that_names_another_system():
    pod = asking()
    labels = {"kubernetes.io/os": "windows"}
    world = World({**pod, "metadata": {**pod["metadata"], "labels": labels}})
    world.run(5)
    assert world.get()["status"]["reason"] == "PodOSSelectorNodeLabelDoesNotMatch"


def test_a_pod_that_was_taken_stays():
    """Neither labels nor taints nor a smaller node put it out: that is what others are for."""
    world = World(a_node_with(labels={"disk": "ssd"}), asking(pod={"nodeSelector": {"disk": "ssd"}}, cpu="1"))
    world.run(5)
    world.put(a_node_with(taints=[TAINT], cpu="100m"))
    world.put({**world.get(), "metadata": {**world.get()["metadata"], "labels": {"app": "x"}}})
    world.run(5)
    assert world.get()["status"]["phase"] == "Running"


def test_who_ends_makes_room():
    world = World(a_node_with(), asking("other", pod={"restartPolicy": "Never"}, cpu="2"))
    world.run(1)
    other = key_of("Pod", asking("other"))
    world.put({**world.get(other), "status": {**world.get(other)["status"], "phase": "Succeeded"}}, asking(cpu="2"))
    world.run(5)
    assert world.get()["status"]["phase"] == "Running"


def test_a_refused_pod_goes_at_once_when_it_is_deleted():
    world = World(a_node_with(), asking(cpu="3"))
    world.run(1)
    world.delete()
    world.run(1)
    assert world.get() is None and world.sent == []


# --- ports and knobs


def with_port(number, name="web-0", **fields):
    pod = a_pod(a_container(ports=[{"containerPort": 80, "hostPort": number, **fields}]))
    return {**pod, "metadata": {**pod["metadata"], "name": name, "uid": name}}


@pytest.mark.parametrize(
    "first, second, phase",
    [
        ((8080, {}), (8080, {}), "Failed"),
        ((8080, {}), (8081, {}), "Running"),
        ((8080, {}), (8080, {"protocol": "UDP"}), "Running"),
        ((8080, {"hostIP": "10.0.0.1"}), (8080, {"hostIP": "10.0.0.2"}), "Running"),
        ((8080, {"hostIP": "10.0.0.1"}), (8080, {}), "Failed"),
        ((8080, {"protocol": "UDP"}), (8080, {"protocol": "UDP", "hostIP": "10.0.0.1"}), "Failed"),
        ((8080, {"protocol": "SCTP"}), (8080, {"protocol": "SCTP"}), "Failed"),
        ((8080, {"protocol": "SCTP"}), (8080, {"protocol": "UDP"}), "Running"),
    ],
)
def test_a_port_of_the_host_is_given_once(first, second, phase):
    world = World(with_port(first[0], "other", **first[1]))
    world.run()
    world.put(with_port(second[0], **second[1]))
    world.run(5)
    status = world.get()["status"]
    assert status["phase"] == phase
    if phase == "Failed":
        told = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
        assert (status["reason"], status["message"]) == ("NodePorts", f"Pod was rejected: {told}")
        assert world.told[-1] == ("Warning", "NodePorts", told)
        assert len(world.sent_of(RunSandbox)) == 1


@pytest.mark.parametrize(
    "knob, phase, message",
    [
        ("net.ipv4.tcp_syncookies", "Running", None),
        ("kernel.sem", "Failed", 'Pod was rejected: forbidden sysctl: "kernel.sem" not allowlisted'),
    ],
)
def test_a_pod_turns_only_knobs_that_are_safe(knob, phase, message):
    world = World(a_pod(securityContext={"sysctls": [{"name": knob, "value": "1"}]}))
    world.run(5)
    assert (world.get()["status"]["phase"], world.get()["status"].get("message")) == (phase, message)
    sent = world.sent_of(RunSandbox)
    assert [order.sysctls for order in sent] == ([((knob, "1"),)] if phase == "Running" else [])


# --- the room of a node, folded forward

NAMES, NODES = ("a", "b", "c", "d"), ("n1", "n2")


def drawn_pod(name, node, cpu, port, phase, is_taken, uid):
    ports = [{"containerPort": 80, "hostPort": 8000 + port}] if port else []
    pod = a_pod(a_container(resources={"requests": {"cpu": f"{cpu}m"}}, ports=ports), uid=f"{name}{uid}", nodeName=node)
    status = {"phase": phase, **({"startTime": "2026-01-01T00:00:00Z"} if is_taken else {})}
    return {**pod, "metadata": {**pod["metadata"], "name": name}, "status": status}


DRAWN_PODS = st.builds(
    drawn_pod,
    st.sampled_from(NAMES),
    st.sampled_from((*NODES, "")),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from(("Pending", "Running", "Succeeded", "Failed")),
    st.booleans(),
    st.integers(0, 1),
)
RECORDS = st.tuples(st.sampled_from(NAMES), st.integers(0, 1), st.booleans())
CHANGES = st.one_of(DRAWN_PODS, RECORDS, st.sampled_from(NAMES))


def change(cache, drawn):
    """A pod is written, one is removed (its name), or something is heard of one's sandbox, or its end."""
    if isinstance(drawn, dict):
        cache.put(key_of("Pod", drawn), drawn)
    elif isinstance(drawn, str):
        cache.put(WEB._replace(name=drawn), None)
    else:
        name, uid, is_there = drawn
        running = SandboxRunning(WEB._replace(name=name), f"{name}{uid}", ())
        record = sandbox.fold(None, running, Now(START, 0.0)) if is_there else None
        cache.put(sandbox.key_for(f"{name}{uid}"), record)


@given(st.lists(CHANGES, max_size=30))
@settings(max_examples=200, deadline=None)
def test_room_folded_forward_equals_built_from_scratch(drawn):
    folded, later = Tenants(), Tenants()
    cache = Cache([folded])
    for one in drawn:
        change(cache, one)
    fresh = Cache([later])
    for kind in ("Pod", sandbox.KIND):
        for obj in cache.all(kind):
            fresh.put(sandbox.key_for(sandbox.uid_of(obj)) if kind == sandbox.KIND else key_of(kind, obj), obj)
    assert folded.rooms == later.rooms
    assert all(room != Room() for room in folded.rooms.values())
