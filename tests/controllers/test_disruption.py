"""What a disruption budget allows (3.5)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.machinery import meta
from stead.machinery.objects import Json, dig
from tests.controllers.world import World

COUNTS = ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")


@pytest.fixture
def world() -> World:
    return World("disruption")


def a_set(name: str = "web", replicas: int = 3) -> Json:
    containers = [{"name": "c", "image": "i"}]
    template = {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "nginx"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}


def a_budget(name: str = "pdb", **spec: Any) -> Json:
    body = {"selector": {"matchLabels": {"app": "nginx"}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": body}


def replica(world: World, owner: Json, ordinal: int, *, is_ready: bool = True) -> None:
    refs = {"ownerReferences": [meta.owner_reference(owner)]}
    world.pod(f"web-{ordinal}", f"10.0.0.{ordinal}", is_ready=is_ready, meta=refs)


def status(world: World, name: str = "pdb") -> Json:
    found: Json = dig(world.get("PodDisruptionBudget", name), "status", default={})
    return found


def counts(world: World) -> tuple[int, ...]:
    return tuple(status(world)[name] for name in COUNTS)


def reason(world: World) -> str:
    return str(status(world)["conditions"][0]["reason"])


@pytest.mark.parametrize(
    ("spec", "replicas", "ready", "unready", "expected"),
    [
        # expected, healthy, desired, allowed
        ({"minAvailable": 2}, 3, 3, 0, (3, 3, 2, 1)),
        ({"minAvailable": 3}, 3, 3, 0, (3, 3, 3, 0)),
        ({"minAvailable": 2}, 5, 3, 0, (3, 3, 2, 1)),  # a number counts the pods that are there
        ({"minAvailable": "50%"}, 5, 3, 0, (5, 3, 3, 0)),  # a share is one of the set's scale, rounded up
        ({"maxUnavailable": 1}, 3, 3, 0, (3, 3, 2, 1)),
        ({"maxUnavailable": 1}, 3, 2, 1, (3, 2, 2, 0)),
        ({"maxUnavailable": "30%"}, 5, 5, 0, (5, 5, 3, 2)),
        ({"maxUnavailable": 9}, 3, 3, 0, (3, 3, 0, 3)),
        ({"maxUnavailable": 0}, 3, 3, 0, (3, 3, 3, 0)),
        ({"minAvailable": 0}, 3, 0, 0, (0, 0, 0, 0)),
        ({"minAvailable": 4}, 3, 3, 0, (3, 3, 4, 0)),
    ],
)
def test_arithmetic(
    world: World, spec: Json, replicas: int, ready: int, unready: int, expected: tuple[int, ...]
) -> None:
    """3.5.1"""
    owner = world.put(a_set(replicas=replicas))
    for ordinal in range(ready + unready):
        replica(world, owner, ordinal, is_ready=ordinal < ready)
    world.put(a_budget(**spec))
    world.run()
    assert counts(world) == expected
    assert reason(world) == ("SufficientPods" if expected[3] else "InsufficientPods")
    assert status(world)["observedGeneration"] == 1


def test_terminating_pods_are_not_healthy(world: World) -> None:
    """3.5.1"""
    owner = world.put(a_set())
    for ordinal in range(3):
        replica(world, owner, ordinal)
    world.put(a_budget(minAvailable=2))
    world.run()
    assert counts(world) == (3, 3, 2, 1)
    world.delete("Pod", "web-1")
    world.run()
    assert counts(world) == (3, 2, 2, 0)


def test_what_happens_to_pods_and_scale_is_followed(world: World) -> None:
    owner = world.put(a_set())
    world.put(a_budget(maxUnavailable=1))
    world.run()
    for ordinal in range(3):
        replica(world, owner, ordinal)
    world.run()
    assert counts(world) == (3, 3, 2, 1)
    world.scale("web", 5)
    world.run()
    assert counts(world) == (5, 3, 4, 0)
    world.tell("web-0", is_ready=False)
    world.run()
    assert counts(world) == (5, 2, 4, 0)
    world.patch("PodDisruptionBudget", "pdb", {"spec": {"maxUnavailable": 4}})
    world.run()
    assert counts(world) == (5, 2, 1, 1)
    assert status(world)["observedGeneration"] == 2


def test_an_eviction_is_earned_back_when_the_pod_is_seen_to_go(world: World) -> None:
    """3.5.3: until then its entry protects against spending twice."""
    owner = world.put(a_set())
    for ordinal in range(3):
        replica(world, owner, ordinal)
    world.put(a_budget(minAvailable=1))
    world.run()
    assert evict(world, "web-0") == 201
    assert status(world)["disruptedPods"] == {"web-0": world.now.text}
    world.run()
    assert counts(world) == (3, 2, 1, 1)
    assert "disruptedPods" not in status(world)
    assert evict(world, "web-1") == 201
    world.run()
    assert counts(world) == (3, 1, 1, 0)
    assert evict(world, "web-2") == 429


def test_whoever_is_evicted_says_so(world: World) -> None:
    """3.5.4"""
    world.pod("web-0", "10.0.0.1", is_ready=True)
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web-0"}}
    stale = {**body, "deleteOptions": {"preconditions": {"uid": "other"}}}
    assert world.request("POST", "/api/v1/namespaces/default/pods/web-0/eviction", stale).code == 409
    assert meta.condition(world.get("Pod", "web-0") or {}, "DisruptionTarget") is None
    revision = meta.resource_version(world.get("Pod", "web-0") or {})
    fresh = {**body, "deleteOptions": {"preconditions": {"resourceVersion": revision}}}
    assert world.request("POST", "/api/v1/namespaces/default/pods/web-0/eviction", fresh).code == 201
    found = world.get("Pod", "web-0") or {}
    condition = meta.condition(found, "DisruptionTarget") or {}
    assert meta.is_terminating(found)
    assert (condition["status"], condition["reason"]) == ("True", "EvictionByEvictionAPI")
    assert condition["message"] == "Eviction API: evicting"


def test_an_eviction_that_did_not_come_about_is_given_back(world: World) -> None:
    """3.5.3: after two minutes, and the pod is told of."""
    owner = world.put(a_set())
    for ordinal in range(3):
        replica(world, owner, ordinal)
    world.put(a_budget(minAvailable=2))
    world.run()
    world.set_status("PodDisruptionBudget", "pdb", {"disruptedPods": {"web-0": world.now.text}})
    world.run()
    assert counts(world) == (3, 2, 2, 0)
    world.run(119)
    assert counts(world) == (3, 2, 2, 0)
    world.run(2)
    assert counts(world) == (3, 3, 2, 1)
    assert world.events("web-0") == ["NotDeleted"]


def test_shares_of_nobodys_scale_cannot_be_told(world: World) -> None:
    """3.5.1"""
    ghost = {**a_set("ghost"), "metadata": {"name": "ghost", "uid": "ghost-uid"}}
    replica(world, ghost, 0)
    world.put(a_budget(maxUnavailable=1))
    world.run()
    assert (reason(world), status(world)["disruptionsAllowed"]) == ("SyncFailed", 0)
    assert world.events("pdb") == ["CalculateExpectedPodCountFailed"]


def test_pods_of_nobody_count_only_by_number(world: World) -> None:
    world.pod("alone", "10.0.0.1", is_ready=True)
    world.put(a_budget("share", maxUnavailable=1))
    world.put(a_budget("number", minAvailable=0))
    world.run()
    assert [status(world, name)["disruptionsAllowed"] for name in ("share", "number")] == [0, 1]
    assert world.events("share") == ["UnmanagedPods"]
    assert world.messages("share") == [
        "Pods selected by this PodDisruptionBudget (selector: "
        "&LabelSelector{MatchLabels:map[string]string{app: nginx,},MatchExpressions:[]LabelSelectorRequirement{},}) "
        "were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may "
        "result in undefined behavior. To account for these pods please set "
        '".spec.minAvailable" field of the PDB to an integer value.'
    ]


def test_a_budget_without_pods_says_so(world: World) -> None:
    world.put(a_budget(minAvailable=1))
    world.run()
    assert world.events("pdb") == ["NoPods"]
    assert counts(world) == (0, 0, 1, 0)


def test_the_empty_selector_covers_all_and_none_covers_none(world: World) -> None:
    world.pod("a", "10.0.0.1", is_ready=True)
    world.put(a_budget("all", minAvailable=0, selector={}))
    none = a_budget("none", minAvailable=0)
    world.put({**none, "spec": {"minAvailable": 0}})
    world.run()
    assert [status(world, name)["expectedPods"] for name in ("all", "none")] == [1, 0]


def evict(world: World, name: str) -> int:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    return world.request("POST", f"/api/v1/namespaces/default/pods/{name}/eviction", body).code


DEEDS = st.lists(
    st.tuples(st.sampled_from(["create", "ready", "unready", "delete", "end"]), st.integers(0, 3)), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(DEEDS, st.integers(0, 4))
def test_added_up_is_the_same_as_counted(deeds: list[tuple[str, int]], least: int) -> None:
    world = World("disruption")
    owner = world.put(a_set(replicas=4))
    world.put(a_budget(minAvailable=least))
    for deed, ordinal in deeds:
        name = f"web-{ordinal}"
        is_there = world.get("Pod", name) is not None
        if deed == "create" and not is_there:
            replica(world, owner, ordinal, is_ready=False)
        elif deed in ("ready", "unready") and is_there:
            world.tell(name, is_ready=deed == "ready")
        elif deed == "delete" and is_there:
            world.delete("Pod", name)
        elif deed == "end" and is_there:
            world.end_pod(name)
        world.run()
    world.run()
    pods = world.all("Pod")
    healthy = sum(meta.has_condition(pod, "Ready") and not meta.is_terminating(pod) for pod in pods)
    assert counts(world) == (len(pods), healthy, least, max(0, healthy - least) if pods else 0)
