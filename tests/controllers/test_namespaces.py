"""A namespace is emptied, pods first, and then goes (3.7); what every other one has."""

import pytest

from stead.machinery.objects import Json, dig
from stead.machinery.plan import Delete
from tests.controllers.world import World, a_config, a_pod, refused


@pytest.fixture
def world() -> World:
    made = World("namespace", "garbage", "serviceaccount")
    made.put(a_namespace("red"))
    made.run()
    return made


def a_namespace(name: str, *finalizers: str) -> Json:
    spec = {"finalizers": list(finalizers)} if finalizers else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": spec}


def in_red(obj: Json) -> Json:
    return {**obj, "metadata": {**obj["metadata"], "namespace": "red"}}


def told(world: World) -> dict[str, tuple[str, str]]:
    conditions = dig(world.get("Namespace", "red", ""), "status", "conditions", default=[])
    return {one["type"]: (one["status"], one["message"]) for one in conditions}


def test_an_empty_namespace_goes_at_once(world: World) -> None:
    world.delete("Namespace", "red", "")
    world.run()
    assert world.get("Namespace", "red", "") is None
    assert world.all("ServiceAccount", "red") == []


def test_pods_go_before_all_else(world: World) -> None:
    """3.7: ordered deletion; a pod in its grace may still need its config."""
    world.put(in_red(a_config("config")))
    world.put(in_red(a_pod("web-0", nodeName="n1")))
    world.run()
    world.delete("Namespace", "red", "")
    world.run(5)
    assert world.names("Pod", "red") == ["web-0"]
    assert "config" in world.names("ConfigMap", "red")
    assert told(world)["NamespaceContentRemaining"] == (
        "True",
        "Some resources are remaining: pods. has 1 resource instances",
    )
    assert world.waits_of("Namespace", "red", "") == ["Pod web-0 still there"]
    world.delete("Pod", "web-0", "red", grace_seconds=0)
    world.run()
    assert world.get("Namespace", "red", "") is None


def test_finalizers_hold_and_are_told_of(world: World) -> None:
    """3.7"""
    world.put(in_red(a_config("one", finalizers=["example.com/a", "example.com/b"])))
    world.put(in_red(a_config("two", finalizers=["example.com/a"])))
    world.delete("Namespace", "red", "")
    world.run()
    assert told(world) == {
        "NamespaceDeletionDiscoveryFailure": ("False", "All resources successfully discovered"),
        "NamespaceDeletionGroupVersionParsingFailure": ("False", "All legacy kube types successfully parsed"),
        "NamespaceDeletionContentFailure": (
            "False",
            "All content successfully deleted, may be waiting on finalization",
        ),
        "NamespaceContentRemaining": (
            "True",
            "Some resources are remaining: configmaps. has 2 resource instances",
        ),
        "NamespaceFinalizersRemaining": (
            "True",
            "Some content in the namespace has finalizers remaining: "
            "example.com/a in 2 resource instances, example.com/b in 1 resource instances",
        ),
    }
    world.patch("ConfigMap", "one", {"metadata": {"finalizers": ["example.com/b"]}}, "red")
    world.run()
    assert told(world)["NamespaceFinalizersRemaining"][1].endswith(
        "example.com/a in 1 resource instances, example.com/b in 1 resource instances"
    )
    for name in ("one", "two"):
        world.patch("ConfigMap", name, {"metadata": {"finalizers": None}}, "red")
    world.run()
    assert world.get("Namespace", "red", "") is None


def test_conditions_keep_the_time_of_their_last_turn(world: World) -> None:
    for name in ("one", "two"):
        world.put(in_red(a_config(name, finalizers=["example.com/a"])))
    world.delete("Namespace", "red", "")
    world.run()
    since = [one["lastTransitionTime"] for one in dig(world.get("Namespace", "red", ""), "status", "conditions")]
    world.run(30)
    world.patch("ConfigMap", "two", {"metadata": {"finalizers": None}}, "red")
    world.run()
    assert told(world)["NamespaceContentRemaining"][1].endswith("configmaps. has 1 resource instances")
    conditions = dig(world.get("Namespace", "red", ""), "status", "conditions")
    assert [one["lastTransitionTime"] for one in conditions] == since


def test_a_namespace_with_a_finalizer_of_its_own_stays_empty(world: World) -> None:
    world.put(a_namespace("blue", "example.com/keeper"))
    world.put({**a_config("one"), "metadata": {"name": "one", "namespace": "blue"}})
    world.run()
    world.delete("Namespace", "blue", "")
    world.run(60)
    found = world.get("Namespace", "blue", "")
    assert dig(found, "spec", "finalizers") == ["example.com/keeper"]
    assert world.all("ConfigMap", "blue") == []


def test_nothing_new_comes_into_a_terminating_namespace(world: World) -> None:
    """3.7"""
    world.put(in_red(a_config("one", finalizers=["example.com/a"])))
    world.delete("Namespace", "red", "")
    world.run()
    assert refused(lambda: world.put(in_red(a_pod("web-0")))) == "Forbidden"


def test_nothing_is_deleted_twice_and_nothing_fails(world: World) -> None:
    for number in range(50):
        world.put(in_red(a_config(f"c{number}")))
    world.run()
    world.rounds.clear()
    world.delete("Namespace", "red", "")
    world.run()
    deleted = [action.key for each in world.rounds for action, _ in each.deeds if isinstance(action, Delete)]
    assert len(deleted) == len(set(deleted))
    assert world.failures() == []
    assert world.get("Namespace", "red", "") is None


def test_every_namespace_has_an_account(world: World) -> None:
    assert world.names("ServiceAccount", "red") == ["default"]
    world.delete("ServiceAccount", "default", "red")
    world.run()
    assert world.names("ServiceAccount", "red") == ["default"]


def test_every_namespace_has_the_clusters_certificate() -> None:
    world = World("root-ca")
    world.put(a_namespace("red"))
    world.run()
    found = world.get("ConfigMap", "kube-root-ca.crt", "red")
    assert found is not None
    world.patch("ConfigMap", "kube-root-ca.crt", {"data": {"ca.crt": "forged"}}, "red")
    world.run()
    assert dig(world.get("ConfigMap", "kube-root-ca.crt", "red"), "data") == found["data"]
