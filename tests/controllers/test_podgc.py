"""Pods that nobody will ever end (3.6.3, 3.7)."""

import pytest

from stead.controllers import podgc
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from tests.controllers.world import World, a_node


@pytest.fixture
def world() -> World:
    made = World("podgc")
    made.put(a_node("n1"))
    made.run()
    return made


def is_there(world: World, *names: str) -> list[bool]:
    return [world.get("Pod", name) is not None for name in names]


def ready(world: World, status: str, node: str = "n1") -> None:
    condition = {"type": "Ready", "status": status, "lastTransitionTime": world.now.text}
    world.set_status("Node", node, {"conditions": [condition]}, "")


def test_a_terminating_pod_without_a_node_goes(world: World) -> None:
    """3.7"""
    world.pod("pending", node="", meta={"finalizers": ["example.com/a"]})
    world.delete("Pod", "pending")
    assert is_there(world, "pending") == [True]
    world.patch("Pod", "pending", {"metadata": {"finalizers": None}})
    world.run()
    assert is_there(world, "pending") == [False]


def test_pods_of_a_missing_node_go_after_its_quarantine(world: World) -> None:
    """3.6.3: forty seconds; marked Failed, with the reason, as a watcher sees it before they are gone."""
    world.pod("web-0", "10.0.0.1", is_ready=True, meta={"finalizers": ["example.com/a"]})
    world.pod("web-1", "10.0.0.2")
    world.run()
    world.delete("Node", "n1", "")
    world.run(39)
    assert is_there(world, "web-0", "web-1") == [True, True]
    world.run(2)
    assert is_there(world, "web-0", "web-1") == [True, False]
    found = world.get("Pod", "web-0") or {}
    condition = meta.condition(found, "DisruptionTarget") or {}
    assert dig(found, "status", "phase") == "Failed"
    assert (condition["reason"], condition["message"]) == ("DeletionByPodGC", "PodGC: node no longer exists")


def test_a_node_that_comes_back_keeps_its_pods(world: World) -> None:
    world.pod("web-0", "10.0.0.1")
    world.delete("Node", "n1", "")
    world.run(30)
    world.put(a_node("n1"))
    world.run(60)
    assert is_there(world, "web-0") == [True]
    world.delete("Node", "n1", "")
    world.run(30)
    assert is_there(world, "web-0") == [True]
    world.run(15)
    assert is_there(world, "web-0") == [False]


def test_the_quarantine_outlives_a_restart(world: World) -> None:
    """How long the node has been gone is in the store, not in memory."""
    world.pod("web-0", "10.0.0.1")
    world.delete("Node", "n1", "")
    world.run(30)
    world.crash()
    world.run(8)
    assert is_there(world, "web-0") == [True]
    world.run(4)
    assert is_there(world, "web-0") == [False]


def test_nothing_is_left_of_the_quarantine(world: World) -> None:
    world.pod("web-0", "10.0.0.1")
    world.delete("Node", "n1", "")
    world.run(1)
    assert world.names("Lease", "kube-node-lease") == ["podgc-n1"]
    world.run(60)
    assert world.names("Lease", "kube-node-lease") == []
    before = len(world.rounds)
    world.run(600)
    assert len(world.rounds) == before


OUT: Json = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("status", "taints", "expected"),
    [
        ("Unknown", [OUT], [True, False]),
        ("False", [OUT], [True, False]),
        ("True", [OUT], [True, True]),
        ("Unknown", [], [True, True]),
    ],
)
def test_a_node_given_up_by_a_person(world: World, status: str, taints: list[Json], expected: list[bool]) -> None:
    """3.6.3: its terminating pods are removed, but only if it does not say itself that it is well."""
    world.pod("running", "10.0.0.1")
    world.pod("going", "10.0.0.2")
    world.delete("Pod", "going")
    ready(world, status)
    world.patch("Node", "n1", {"spec": {"taints": taints or None}}, "")
    world.run(300)
    assert is_there(world, "running", "going") == expected


def test_a_pod_deleted_after_its_node_was_given_up_goes_too(world: World) -> None:
    world.pod("web-0", "10.0.0.1")
    ready(world, "Unknown")
    world.patch("Node", "n1", {"spec": {"taints": [OUT]}}, "")
    world.run(1)
    world.delete("Pod", "web-0")
    world.run()
    assert is_there(world, "web-0") == [False]


def test_pods_that_are_done_stay_until_they_are_too_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """3.7: then the evicted go first, and then the oldest."""
    monkeypatch.setattr(podgc, "MOST_TERMINAL", 2)
    for name in ("a", "b", "c"):
        world.pod(name, "10.0.0.1")
        world.tell(name, phase="Succeeded")
        world.run(1)
    assert world.names("Pod") == ["b", "c"]
    world.pod("d", "10.0.0.1")
    world.set_status("Pod", "d", {"phase": "Failed", "reason": "Evicted"})
    world.run()
    assert world.names("Pod") == ["b", "c"]
