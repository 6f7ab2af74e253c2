"""A node falls silent, and what becomes of its pods (3.6)."""

import pytest

from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Refused
from tests.controllers.world import World, a_node

LEAVES = {
    "key": "node.kubernetes.io/unreachable",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 300,
}


@pytest.fixture
def world() -> World:
    """The first of two nodes is the one to be silenced."""
    made = World("node", "nodelife", "tainteviction", "podgc", nodes=2)
    made.run(60)
    return made


def silence(world: World) -> None:
    """The node is not heard any more."""
    world.refuse = lambda controller, action: Refused("Timeout") if controller.name == "node" else None


def speak(world: World) -> None:
    world.refuse = lambda controller, action: None


def node(world: World) -> Json:
    found = world.get("Node", world.config.node, "")
    assert found is not None
    return found


def ready(world: World) -> str:
    return str((meta.condition(node(world), "Ready") or {})["status"])


def taints(world: World) -> list[str]:
    found = dig(node(world), "spec", "taints", default=[])
    return [f"{taint['key'].removeprefix('node.kubernetes.io/')}:{taint['effect']}" for taint in found]


def test_a_node_that_speaks_has_no_taints(world: World) -> None:
    world.run(600)
    assert (ready(world), taints(world)) == ("True", [])


def test_fifty_seconds_of_silence(world: World) -> None:
    """3.6.1"""
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    silence(world)
    world.run(35)
    assert (ready(world), taints(world)) == ("True", [])
    world.run(16)
    assert (ready(world), taints(world)) == ("Unknown", ["unreachable:NoSchedule", "unreachable:NoExecute"])
    conditions = {one["type"]: (one["status"], one["reason"]) for one in node(world)["status"]["conditions"]}
    assert set(conditions.values()) == {("Unknown", "NodeStatusUnknown")}
    assert meta.has_condition(world.get("Pod", "web-0") or {}, "Ready", "False")
    assert "NodeNotReady" in world.events("web-0")
    assert "NodeNotReady" in world.events(world.config.node)


def test_back_again_it_is_as_before(world: World) -> None:
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    silence(world)
    world.run(200)
    speak(world)
    world.run(700)
    assert (ready(world), taints(world)) == ("True", [])
    assert not meta.is_terminating(world.get("Pod", "web-0") or {})
    assert world.events(world.config.node).count("NodeReady") == 1


def about(world: World, name: str = "") -> list[tuple[str, str, str]]:
    """Who tells what, in which words, of a node or a pod."""
    found = [one for one in world.all("Event", None) if one["involvedObject"]["name"] == (name or world.config.node)]
    return [(one["source"]["component"], one["reason"], one["message"]) for one in found]


def test_what_is_told_of_a_node_that_comes_is_lost_and_comes_back(world: World) -> None:
    name = world.config.node
    healthy = ("NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady")
    came = [("kubelet", "Starting", "Starting kubelet.")]
    came += [("kubelet", reason, f"Node {name} status is now: {reason}") for reason in healthy]
    came += [("node-controller", "RegisteredNode", f"Node {name} event: Registered Node {name} in Controller")]
    assert sorted(about(world)) == sorted(came)
    silence(world)
    world.run(60)
    assert about(world)[len(came) :] == [
        ("node-controller", "NodeNotReady", f"Node {name} status is now: NodeNotReady"),
    ]
    speak(world)
    world.run(700)
    counts = [one["count"] for one in world.all("Event", None) if one["reason"] in healthy]
    assert sorted(counts) == [1, 1, 1, 1, 2, 2, 2, 2], "of the other node once"


def test_a_node_that_is_removed_is_told_of() -> None:
    world = World("nodelife")
    world.put(a_node("n1"))
    world.run(1)
    world.delete("Node", "n1", "")
    world.run(1)
    assert about(world, "n1") == [
        ("node-controller", "RegisteredNode", "Node n1 event: Registered Node n1 in Controller"),
        ("node-controller", "RemovingNode", "Node n1 event: Removing Node n1 from Controller"),
    ]


def test_a_cordon_is_told_once(world: World) -> None:
    name = world.config.node
    for cordoned in (True, False):
        world.patch("Node", name, {"spec": {"unschedulable": cordoned}}, "")
        world.run(20)
    told = [(who, reason, text) for who, reason, text in about(world) if "Schedulable" in reason]
    assert told == [
        ("kubelet", "NodeNotSchedulable", f"Node {name} status is now: NodeNotSchedulable"),
        ("kubelet", "NodeSchedulable", f"Node {name} status is now: NodeSchedulable"),
    ]
    assert {one["count"] for one in world.all("Event", None) if "Schedulable" in one["reason"]} == {1}


MARKING, CANCELLING = "Marking for deletion Pod default/web-0", "Cancelling deletion of Pod default/web-0"


def evictions(world: World) -> list[str]:
    return [text for who, reason, text in about(world, "web-0") if reason == "TaintManagerEviction"]


def test_a_node_that_comes_back_in_time_spares_its_pods(world: World) -> None:
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    silence(world)
    world.run(200)
    speak(world)
    world.run(60)
    assert evictions(world) == [CANCELLING]
    silence(world)
    world.run(400)
    assert evictions(world) == [CANCELLING, MARKING]


SLOW = {"key": "slow", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("the taint goes", [CANCELLING]),
        ("another taint it cannot bear", [CANCELLING, MARKING]),
        ("it may stay for ever", [CANCELLING]),
        ("it is deleted", [CANCELLING]),
        ("nothing", [MARKING]),
        ("the node goes", []),
    ],
)
def test_a_pod_that_was_to_go(what: str, expected: list[str]) -> None:
    world = World("tainteviction")
    world.put(a_node("n1", taints=[{"key": "slow", "effect": "NoExecute", "timeAdded": world.now.text}]))
    world.pod("web-0", tolerations=[SLOW])
    world.run(10)
    assert evictions(world) == []
    if what == "the taint goes":
        world.patch("Node", "n1", {"spec": {"taints": None}}, "")
    elif what == "another taint it cannot bear":
        taints_ = [{"key": key, "effect": "NoExecute"} for key in ("slow", "gpu")]
        world.patch("Node", "n1", {"spec": {"taints": taints_}}, "")
    elif what == "it may stay for ever":
        more = (world.get("Pod", "web-0") or {})["spec"]["tolerations"]
        for_ever = [{**one, "tolerationSeconds": None} if one["key"] == "slow" else one for one in more]
        world.patch("Pod", "web-0", {"spec": {"tolerations": for_ever}})
    elif what == "it is deleted":
        world.end_pod("web-0")
    elif what == "the node goes":
        world.delete("Node", "n1", "")
    world.run(100)
    assert evictions(world) == expected


def test_pods_go_after_five_minutes_and_stay_terminating(world: World) -> None:
    """3.6.1 and 3.6.2: nobody can confirm the end, so the name stays taken."""
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    silence(world)
    world.run(340)
    assert not meta.is_terminating(world.get("Pod", "web-0") or {})
    world.run(20)
    found = world.get("Pod", "web-0") or {}
    condition = meta.condition(found, "DisruptionTarget") or {}
    assert meta.is_terminating(found)
    assert (condition["reason"], condition["message"]) == (
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
    )
    assert "TaintManagerEviction" in world.events("web-0")
    world.run(3600)
    assert world.get("Pod", "web-0") is not None


@pytest.mark.parametrize("way", ["delete the node", "out of service"])
def test_the_ways_out(world: World, way: str) -> None:
    """3.6.3"""
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    silence(world)
    world.run(60)
    if way == "delete the node":
        world.delete("Node", world.config.node, "")
    else:
        out = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        world.patch("Node", world.config.node, {"spec": {"taints": [*node(world)["spec"]["taints"], out]}}, "")
    world.run(50)
    assert world.get("Pod", "web-0") is None


@pytest.mark.parametrize(
    ("tolerations", "after"),
    [
        ([], 0),
        ([{"key": "gpu", "operator": "Exists"}], None),
        ([{"operator": "Exists"}], None),
        ([{"key": "gpu", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 20}], 20),
        ([{"key": "gpu", "value": "no"}], 0),
        ([{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}], 0),
        (
            [
                {"key": "gpu", "operator": "Exists"},
                {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5},
            ],
            None,
        ),
        (
            [
                {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20},
                {"operator": "Exists"},
            ],
            20,
        ),
    ],
)
def test_how_long_a_taint_is_borne(world: World, tolerations: list[Json], after: int | None) -> None:
    """3.6.1: the patience of a toleration counts from when the taint came."""
    world.pod("web-0", "10.0.0.1", node=world.config.node, tolerations=tolerations)
    taint = {"key": "gpu", "value": "yes", "effect": "NoExecute"}
    world.patch("Node", world.config.node, {"spec": {"taints": [taint]}}, "")
    gone = None
    for second in range(60):
        world.run(1)
        if gone is None and meta.is_terminating(world.get("Pod", "web-0") or {}):
            gone = second
    assert gone is None if after is None else gone is not None and after - 1 <= gone <= after + 1


def test_patience_begins_when_the_pod_comes_to_a_tainted_node(world: World) -> None:
    """3.6.1: it would be driven out at once otherwise, again and again."""
    taint = {"key": "gpu", "value": "yes", "effect": "NoExecute"}
    world.patch("Node", world.config.node, {"spec": {"taints": [taint]}}, "")
    world.run(100)
    patient = {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 20}
    world.pod("web-0", "10.0.0.1", node=world.config.node, tolerations=[patient])
    world.run(18)
    assert not meta.is_terminating(world.get("Pod", "web-0") or {})
    world.run(4)
    assert meta.is_terminating(world.get("Pod", "web-0") or {})


def test_patience_outlives_a_restart_and_ends_with_the_taint(world: World) -> None:
    world.pod("web-0", "10.0.0.1", node=world.config.node)
    silence(world)
    world.run(300)
    world.crash()
    world.run(40)
    assert not meta.is_terminating(world.get("Pod", "web-0") or {})
    speak(world)
    world.run(3600)
    assert not meta.is_terminating(world.get("Pod", "web-0") or {})


def test_after_a_long_pause_nobody_is_judged_at_once(world: World) -> None:
    """stead was stopped for an hour, or the machine slept: the first word is the node's."""
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    world.jump(3600)
    world.crash()
    world.run(120)
    world.jump(3600)
    world.patch("Node", world.config.node, {"spec": {"unschedulable": True}}, "")
    world.run(120)
    assert "NodeNotReady" not in world.events(world.config.node)
    assert meta.has_condition(world.get("Pod", "web-0") or {}, "Ready")


def test_cordoned_is_a_taint_too(world: World) -> None:
    world.patch("Node", world.config.node, {"spec": {"unschedulable": True}}, "")
    world.run()
    assert taints(world) == ["unschedulable:NoSchedule"]
    world.patch("Node", world.config.node, {"spec": {"unschedulable": None}}, "")
    world.run()
    assert taints(world) == []


def test_taints_of_others_are_left(world: World) -> None:
    world.patch("Node", world.config.node, {"spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}}, "")
    silence(world)
    world.run(60)
    assert taints(world) == ["gpu:NoSchedule", "unreachable:NoSchedule", "unreachable:NoExecute"]


def test_a_node_that_never_spoke(world: World) -> None:
    """It is given a minute."""
    world.put(a_node("mute"))
    world.run(59)
    assert meta.condition(world.get("Node", "mute", "") or {}, "Ready") is None
    world.run(2)
    found = meta.condition(world.get("Node", "mute", "") or {}, "Ready") or {}
    assert (found["status"], found["reason"]) == ("Unknown", "NodeStatusNeverUpdated")


def test_where_no_node_is_ready_nobody_is_driven_out() -> None:
    """It is the network then, and not the nodes; as soon as one is heard, the others' patience begins."""
    world = World("node", "nodelife", "tainteviction", nodes=2)
    world.run(60)
    world.pod("web-0", "10.0.0.1", is_ready=True, node=world.config.node)
    world.refuse = lambda controller, action: (
        Refused("Timeout") if controller.name.partition("/")[0] == "node" else None
    )
    world.run(3600)
    assert (ready(world), taints(world)) == ("Unknown", ["unreachable:NoSchedule"])
    assert not meta.is_terminating(world.get("Pod", "web-0") or {})
    silence(world)
    world.run(1100)  # until the other's next try is due
    assert taints(world) == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    world.run(310)
    assert meta.is_terminating(world.get("Pod", "web-0") or {})


def test_a_quiet_hour_is_cheap(world: World) -> None:
    world.rounds.clear()
    world.run(3600)
    assert len(world.rounds) < 2000
    assert world.failures() == []
