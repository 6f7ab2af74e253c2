"""Pods that were bound by hand, and what is told of their images, with the real API (3.4 and 3.8)."""

from typing import Any

from stead.machinery import meta
from stead.machinery.objects import Json, dig
from tests.controllers.world import World, a_pod

NODE = "stead"


def bound(name: str, *, cpu: str = "100m", marks: Json | None = None, **spec: Any) -> Json:
    """A pod whose nodeName was written by whoever made it."""
    container = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": cpu}}}
    marks = {f"simulation.stead.dev/{key}": value for key, value in (marks or {}).items()}
    return a_pod(name, meta={"annotations": marks}, containers=[container], nodeName=NODE, **spec)


def a_world(cpu: str = "1") -> World:
    world = World("kubelet", "node")
    world.set_status("Node", NODE, {"allocatable": {"cpu": cpu, "memory": "1Gi", "pods": "10"}}, "")
    world.run()
    return world


def phases(world: World) -> dict[str, str]:
    return {meta.name(pod): pod["status"].get("reason") or pod["status"]["phase"] for pod in world.all("Pod")}


def test_of_two_that_come_together_the_first_has_the_room() -> None:
    world = a_world()
    for name in ("a", "b"):
        world.put(bound(name, cpu="600m"))
    world.run(5)
    assert phases(world) == {"a": "Running", "b": "OutOfcpu"}
    assert world.messages("b") == ["Node didn't have enough resource: cpu, requested: 600, used: 600, capacity: 1000"]


def test_who_waits_for_a_volume_has_its_room_too() -> None:
    """Nothing runs of it yet, but it was taken."""
    world = a_world()
    for name in ("a", "b"):
        world.put(bound(name, cpu="600m", volumes=[{"name": "v", "configMap": {"name": "none"}}]))
    world.run(5)
    assert phases(world) == {"a": "Pending", "b": "OutOfcpu"}


def test_a_refused_pod_is_told_of_as_upstream_tells() -> None:
    world = a_world()
    world.put(bound("a", cpu="2"))
    world.run(60)
    pod = world.get("Pod", "a") or {}
    assert pod["status"] == {
        "phase": "Failed",
        "reason": "OutOfcpu",
        "message": "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1000",
        "qosClass": "Burstable",
        "startTime": dig(pod, "status", "startTime"),
        "observedGeneration": 1,
    }
    (event,) = [event for event in world.all("Event") if event["involvedObject"]["name"] == "a"]
    assert (event["type"], event["reason"]) == ("Warning", "OutOfcpu")
    assert event["message"] == pod["status"]["message"].removeprefix("Pod was rejected: ")
    assert event["source"] == {"component": "kubelet", "host": NODE}


def test_room_is_as_it_was_after_a_crash() -> None:
    world = a_world()
    world.put(bound("a", cpu="600m"))
    world.run(5)
    world.crash()
    world.put(bound("b", cpu="600m"))
    world.run(5)
    assert phases(world) == {"a": "Running", "b": "OutOfcpu"}
    world.delete("Pod", "a")
    world.run(60)
    world.put(bound("c", cpu="600m"))
    world.run(5)
    assert phases(world) == {"b": "OutOfcpu", "c": "Running"}


# --- images


def told(world: World, name: str) -> list[tuple[str, str]]:
    """Of its container."""
    about = [(event, event["involvedObject"]) for event in world.all("Event")]
    found = [event for event, on in about if (on["name"], on.get("fieldPath")) == (name, "spec.containers{c}")]
    return [(event["reason"], event["message"]) for event in found]


def test_a_pull_is_told_when_it_begins_and_when_it_is_done() -> None:
    world = a_world()
    world.put(bound("a", marks={"pull-after": "72s"}))
    world.run(10)
    assert told(world, "a") == [("Pulling", 'Pulling image "nginx:1"')]
    world.run(80)
    assert told(world, "a")[1:] == [
        (
            "Pulled",
            'Successfully pulled image "nginx:1" in 1m12s (1m12s including waiting). Image size: 0 bytes.',
        ),
        ("Created", "Container created"),
        ("Started", "Container started"),
    ]


def test_an_image_that_is_there_is_not_pulled() -> None:
    world = a_world()
    world.put(bound("a", marks={"pull-after": "1s"}))
    world.run(5)
    world.put(bound("b"))
    world.run(5)
    assert told(world, "b")[0] == (
        "Pulled",
        'Container image "nginx:1" already present on machine and can be accessed by the pod',
    )


def test_a_pull_that_fails() -> None:
    world = a_world()
    world.put(bound("a", marks={"image-missing": "true"}))
    world.run(5)
    assert told(world, "a") == [
        ("Pulling", 'Pulling image "nginx:1"'),
        ("Failed", 'Failed to pull image "nginx:1": failed to resolve reference "nginx:1": not found'),
        ("Failed", "Error: ErrImagePull"),
        ("BackOff", 'Back-off pulling image "nginx:1"'),
        ("Failed", "Error: ImagePullBackOff"),
    ]
