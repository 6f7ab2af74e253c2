"""What is told of a pod that no node will do for, whole, in upstream's words, order and counting (3.4)."""

from typing import Any

import pytest

from stead.kinds.placed import why_unplaced
from stead.machinery import meta
from stead.machinery.objects import Json
from stead.machinery.plan import Refused
from tests.controllers.test_scheduler import (
    HOST,
    NO_SCHEDULE,
    ZONE,
    asks,
    home,
    local,
    message,
    near,
    node,
    pod,
    spread,
)
from tests.controllers.world import World, a_claim, a_volume

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NO_HELP, NO_VICTIMS = "Preemption is not helpful for scheduling", "No preemption victims found for incoming pod"


@pytest.fixture
def world() -> World:
    return World("scheduler", "binder")


def told(count: int, reasons: str, preemption: str) -> str:
    return (
        f"0/{count} nodes are available: {reasons}. "
        f"no new claims to deallocate, preemption: 0/{count} nodes are available: {preemption}."
    )


def by_name(*terms: list[str]) -> dict[str, Any]:
    """Required node affinity, a term for each list, with a requirement for each of its names."""
    requirements = [[{"key": "metadata.name", "operator": "In", "values": [name]} for name in names] for names in terms]
    selector = {"nodeSelectorTerms": [{"matchFields": fields} for fields in requirements]}
    return {"affinity": {"nodeAffinity": {REQUIRED: selector}}}


A_DEVICE = {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"example.com/gpu": "1"}}}]}
FULL_ROW = {
    "cordoned": ("n1", {}, "node(s) were unschedulable", NO_HELP),
    "taint": ("n2", {}, "node(s) had untolerated taint(s)", NO_HELP),
    "selector": ("n3", {"nodeSelector": {"disk": "ssd"}}, "node(s) didn't match Pod's node affinity/selector", NO_HELP),
    "ports": (
        "n3",
        asks(ports=[{"containerPort": 80, "hostPort": 80}]),
        "node(s) didn't have free ports for the requested pod ports",
        NO_VICTIMS,
    ),
    "pods": ("n4", {}, "Too many pods", NO_VICTIMS),
    "used up": ("n3", asks(cpu="3500m"), "Insufficient cpu", NO_VICTIMS),
    "too small": ("n3", asks(cpu="5"), "Insufficient cpu", NO_HELP),
    "memory": ("n3", asks(memory="9Gi"), "Insufficient memory", NO_HELP),
    "disk": ("n3", asks(**{"ephemeral-storage": "1Gi"}), "Insufficient ephemeral-storage", NO_HELP),
    "device": ("n3", A_DEVICE, "Insufficient example.com/gpu", NO_HELP),
    "friends": ("n3", near("podAffinity", app="db"), "node(s) didn't match pod affinity rules", NO_HELP),
    "foes": ("n3", near("podAntiAffinity"), "node(s) didn't match pod anti-affinity rules", NO_VICTIMS),
    "unwelcome": (
        "n3",
        {"labels": {"app": "shunned"}},
        "node(s) didn't satisfy existing pods anti-affinity rules",
        NO_VICTIMS,
    ),
    "uneven": ("n3", spread(key=HOST), "node(s) didn't match pod topology spread constraints", NO_VICTIMS),
    "no such topology": (
        "n3",
        spread(),
        "node(s) didn't match pod topology spread constraints (missing required label)",
        NO_HELP,
    ),
}


@pytest.mark.parametrize(("where", "fields", "reason", "preemption"), FULL_ROW.values(), ids=FULL_ROW)
def test_one_node_one_reason(world: World, where: str, fields: Json, reason: str, preemption: str) -> None:
    """`n3` has a pod that asks for a processor, port 80 of the host, and not to be near those that are shunned; `n0`,
    tainted and empty, makes a skew of 1 too much.
    """
    if where == "n3":
        node(world, "n3", pods="10")
        first = asks(cpu="1", ports=[{"containerPort": 80, "hostPort": 80}])
        pod(world, "first", **first, **near("podAntiAffinity", app="shunned"))
        world.run()
    elif where == "n2":
        node(world, "n2", taints=[NO_SCHEDULE])
    else:
        node(world, where, pods="0" if where == "n4" else "10")
    if where == "n1":
        world.patch("Node", "n1", {"spec": {"unschedulable": True}}, "")
    count, reasons, preemptions = 1, f"1 {reason}", f"1 {preemption}"
    if reason == "node(s) didn't match pod topology spread constraints":
        node(world, "n0", taints=[NO_SCHEDULE])
        count, reasons = 2, f"1 {reason}, 1 node(s) had untolerated taint(s)"
        preemptions = f"1 {NO_VICTIMS}, 1 {NO_HELP}"
    pod(world, "web-0", **fields)
    world.run()
    assert message(world, "web-0") == told(count, reasons, preemptions)
    assert world.messages("web-0") == [message(world, "web-0")]


def test_reasons_are_counted_and_sorted_as_text(world: World) -> None:
    """Sorted with their counts in front, as upstream does: 10 comes before 2."""
    for number in range(10):
        node(world, f"small-{number}", cpu="1", memory="1Gi")
    for number in range(2):
        node(world, f"tainted-{number}", taints=[NO_SCHEDULE])
    pod(world, "web-0", **asks(cpu="2", memory="2Gi"))
    world.run()
    reasons = "10 Insufficient cpu, 10 Insufficient memory, 2 node(s) had untolerated taint(s)"
    assert message(world, "web-0") == told(12, reasons, f"12 {NO_HELP}")


def test_a_pod_that_names_its_nodes_is_not_held_against_the_others(world: World) -> None:
    node(world, "n1", cpu="1")
    node(world, "n2", taints=[NO_SCHEDULE])
    node(world, "n3")
    pod(world, "web-0", **asks(cpu="2"), **by_name(["n1"], ["n2"], ["gone"]))
    world.run()
    assert message(world, "web-0") == told(
        3,
        "1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity], 1 node(s) had untolerated taint(s)",
        f"3 {NO_HELP}",
    )
    world.patch("Node", "n2", {"spec": {"taints": None}}, "")
    world.run()
    assert home(world, "web-0") == "n2"


def test_names_that_exclude_each_other(world: World) -> None:
    node(world, "n1")
    pod(world, "web-0", **by_name(["n1"], ["n1", "n2"]))
    world.run()
    assert message(world, "web-0") == "0/1 nodes are available: pod affinity terms conflict. not found"


# --- claims


def in_zone(name: str, zone: str) -> Json:
    return a_volume(name, labels={ZONE: zone})


def test_a_volume_of_another_zone(world: World) -> None:
    node(world, "n1", "east")
    node(world, "n2")
    world.put(in_zone("v", "west__north"))
    world.put(a_claim("c"))
    pod(world, "web-0", claims=["c"], nodeSelector={HOST: "n1"})
    world.run()
    reasons = "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had no available volume zone"
    assert message(world, "web-0") == told(2, reasons, f"2 {NO_HELP}")
    node(world, "n3", "north")
    pod(world, "web-1", claims=["c"], nodeSelector={HOST: "n3"})
    pod(world, "web-2", claims=["c"], nodeSelector={HOST: "n2"})
    world.run()
    assert [home(world, name) for name in ("web-1", "web-2")] == ["n3", "n2"]


def test_a_node_may_have_two_things_against_it(world: World) -> None:
    """One claim's volume is out of its reach, and for the other there is none."""
    node(world, "n1")
    world.put(local("v", "n2"))
    world.put(a_claim("bound"))
    world.run()
    late = {"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}
    world.put({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "late"}, **late})
    world.put(a_claim("late", class_name="late"))
    pod(world, "web-0", claims=["bound", "late"])
    world.run()
    assert message(world, "web-0") == told(
        1,
        "1 node(s) didn't find available persistent volumes to bind, "
        "1 node(s) didn't match PersistentVolume's node affinity",
        f"1 {NO_HELP}",
    )


def test_a_claim_that_lost_its_volume(world: World) -> None:
    node(world, "n1")
    world.put(a_volume("v"))
    world.put(a_claim("c"))
    world.run()
    lose(world, "v")
    world.run()
    pod(world, "web-0", claims=["c"])
    world.run()
    assert message(world, "web-0") == (
        '0/1 nodes are available: persistentvolumeclaim "c" bound to non-existent persistentvolume "v". not found'
    )


def test_a_volume_that_is_gone_before_its_claim_knows() -> None:
    world = World("scheduler", "binder")
    node(world, "n1")
    world.put(a_volume("v"))
    world.put(a_claim("c"))
    world.run()
    world.refuse = lambda controller, action: Refused("Timeout") if controller.name == "binder" else None
    lose(world, "v")
    pod(world, "web-0", claims=["c"])
    world.run()
    assert message(world, "web-0") == '0/1 nodes are available: persistentvolume "v" not found. not found'


def lose(world: World, volume: str) -> None:
    """Somebody takes a bound volume away by force."""
    world.patch("PersistentVolume", volume, {"metadata": {"finalizers": None}}, "")
    world.delete("PersistentVolume", volume, "")


@pytest.mark.parametrize(
    "message_, short",
    [
        ("0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are available: 1 x.", "1 Too many pods"),
        ("0/1 nodes are available: 1 Too many pods. no new claims to deallocate, preemption: x.", "1 Too many pods"),
        ('0/1 nodes are available: claim "c" not found. not found', 'claim "c" not found'),
        ('0/1 nodes are available: claim "c" not found.', 'claim "c" not found'),
        ("no nodes available to schedule pods", "no nodes available to schedule pods"),
    ],
)
def test_why_in_short(message_: str, short: str) -> None:
    """Of any version of upstream's scheduler."""
    assert why_unplaced(message_).removeprefix("0/1 nodes are available: ") == short


def test_a_pod_placed_is_told_where(world: World) -> None:
    node(world, "n1")
    pod(world, "web-0")
    world.run()
    (event,) = world.all("Event")
    assert (event["type"], event["reason"]) == ("Normal", "Scheduled")
    assert event["message"] == "Successfully assigned default/web-0 to n1"
    assert event["source"]["component"] == event["reportingComponent"] == "default-scheduler"
    assert meta.has_condition(world.get("Pod", "web-0") or {}, "PodScheduled")
