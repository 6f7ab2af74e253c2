"""Why is it not there yet? What stands around a set: finalizers, gates, lost volumes, other schedulers, quotas."""

from collections.abc import Callable
from typing import Any

import pytest

from stead.machinery.objects import Json, dig, with_value
from stead.simulation.shell import Simulation
from tests.stories.test_explain import CLASS, SERVICE, a_web, in_order, stuck, told, up

HOLD = {"metadata": {"finalizers": ["example.com/hold"]}}


def with_pods(**spec: Any) -> Json:
    web = a_web()
    return with_value(web, ("spec", "template", "spec"), {**dig(web, "spec", "template", "spec"), **spec})


def closed_gate() -> Simulation:
    return stuck(SERVICE, CLASS, with_pods(readinessGates=[{"conditionType": "example.com/ok"}]))


def scheduling_gate() -> Simulation:
    return stuck(SERVICE, CLASS, with_pods(schedulingGates=[{"name": "example.com/later"}]))


def other_scheduler() -> Simulation:
    return stuck(SERVICE, CLASS, with_pods(schedulerName="mine"))


def missing_volume() -> Simulation:
    return stuck(SERVICE, CLASS, with_pods(volumes=[{"name": "settings", "configMap": {"name": "settings"}}]))


def unknown_class() -> Simulation:
    return stuck(SERVICE, CLASS, with_pods(priorityClassName="urgent"))


def cordoned() -> Simulation:
    simulation = up()
    simulation.patch("Node", "stead", {"spec": {"unschedulable": True}}, "")
    simulation.delete("Pod", "web-1")
    simulation.run_for(60)
    return simulation


def lost_volume() -> Simulation:
    simulation = up()
    volume = dig(simulation.get("PersistentVolumeClaim", "www-web-1"), "spec", "volumeName")
    simulation.patch("PersistentVolume", volume, {"metadata": {"finalizers": None}}, "")
    simulation.delete("PersistentVolume", volume, "")
    simulation.run_for(10)
    simulation.delete("Pod", "web-1")
    simulation.run_for(60)
    return simulation


def held_set() -> Simulation:
    simulation = up()
    simulation.patch("StatefulSet", "web", HOLD)
    simulation.delete("StatefulSet", "web")
    simulation.run_for(60)
    return simulation


def foreground() -> Simulation:
    """One of its pods is held."""
    simulation = up()
    simulation.patch("Pod", "web-1", HOLD)
    simulation.delete("StatefulSet", "web", policy="Foreground")
    simulation.run_for(60)
    return simulation


def limited(simulation: Simulation, **hard: str) -> Simulation:
    spec = {"hard": {name.replace("_", "."): value for name, value in hard.items()}}
    simulation.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": spec})
    simulation.run_for(5)
    simulation.scale("web", 5)
    simulation.run_for(60)
    return simulation


def claims_quota() -> Simulation:
    return limited(up(), persistentvolumeclaims="3")


def quota_that_wants_requests() -> Simulation:
    return limited(up(), requests_cpu="1")


STORIES: list[tuple[Callable[[], Simulation], tuple[str, ...]]] = [
    (
        closed_gate,
        ("readiness gate example.com/ok is not open", "leave readinessGates out", "kubectl delete pod web-0"),
    ),
    (scheduling_gate, ("it has no node: Scheduling is blocked", "whoever set the gates must take them off")),
    (other_scheduler, ('its scheduler "mine" has not looked at it', 'run the scheduler "mine", or leave out')),
    (missing_volume, ('configmap "settings" not found', "kubectl create configmap settings --from-literal=KEY=VALUE")),
    (unknown_class, ("web-0 cannot be created", "leave out priorityClassName: kubectl edit statefulset web")),
    (cordoned, ("it has no node", "what to do: kubectl uncordon stead")),
    (
        lost_volume,
        ("its claim www-web-1 has lost its volume", "kubectl delete pvc www-web-1 && kubectl delete pod web-1"),
    ),
    (held_set, ("is being deleted", "it is held by example.com/hold", "kubectl patch statefulset web --type=merge")),
    (foreground, ("it is being deleted", "rule SY-4", "Pod web-1 must go first", "it is held by example.com/hold")),
    (claims_quota, ("exceeded quota", 'resourcequota small -p \'{"spec":{"hard":{"persistentvolumeclaims":"5"}}}\'')),
    (quota_that_wants_requests, ("must specify requests.cpu", "kubectl set resources statefulset web --requests=cpu=")),
]


@pytest.mark.parametrize(("story", "parts"), STORIES, ids=[story.__name__ for story, _ in STORIES])
def test_a_wait_is_told_with_its_remedy(story: Callable[[], Simulation], parts: tuple[str, ...]) -> None:
    assert in_order(told(story()), *parts)


def test_nothing_is_said_twice_and_nothing_untrue_of_a_set_that_goes() -> None:
    text = told(foreground())
    assert "PVC-7" not in text and "nobody has told it" not in text
    lines = [line for line in told(missing_volume()).splitlines() if "MountVolume" in line]
    assert len(lines) == 1


def test_a_lost_volume_is_replaced_as_it_says() -> None:
    simulation = lost_volume()
    simulation.delete("PersistentVolumeClaim", "www-web-1")
    simulation.delete("Pod", "web-1")
    simulation.settle()
    assert dig(simulation.get("PersistentVolumeClaim", "www-web-1"), "status", "phase") == "Bound"


def test_a_quota_of_claims_that_is_raised_as_it_says_lets_all_come() -> None:
    simulation = claims_quota()
    simulation.patch("ResourceQuota", "small", {"spec": {"hard": {"persistentvolumeclaims": "5"}}})
    simulation.settle()
    assert len(simulation.pods()) == 5


@pytest.mark.parametrize("kind", ["Pod", "StatefulSet"])
def test_what_is_held_is_let_go_as_it_says(kind: str) -> None:
    simulation = foreground() if kind == "Pod" else held_set()
    name = "web-1" if kind == "Pod" else "web"
    simulation.patch(kind, name, {"metadata": {"finalizers": None}})
    simulation.run_until(lambda: simulation.get("StatefulSet", "web") is None, seconds=60)
