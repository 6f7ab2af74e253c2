"""Resizes that need room, or are of the pod as a whole, and what is told of them (1.36)."""

import pytest

from stead.machinery.runtime import ResizeContainer, ResizeSandbox

from .test_admission import a_node_with, asking
from .world import WEB, World, a_container, a_pod


def resized(world, resources=None, **requests):
    """`kubectl patch --subresource resize`: of the container, or (`resources`) of the whole."""
    pod = world.get()
    (container,) = pod["spec"]["containers"]
    own = {"containers": [{**container, "resources": {"requests": requests}}]} if requests else {}
    spec = {**pod["spec"], **own, **({"resources": resources} if resources else {})}
    generation = pod["metadata"]["generation"] + 1
    world.put({**pod, "spec": spec, "metadata": {**pod["metadata"], "generation": generation}})


def pending(world):
    found = [one for one in world.get()["status"]["conditions"] if one["type"] == "PodResizePending"]
    return [(one["reason"], one["message"]) for one in found]


def told(world):
    return [event for event in world.told if event[1].startswith("Resize")]


DEFERRED = "Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000"


@pytest.fixture
def world():
    """A node of two processors, web-0 asks for one and another for 600m."""
    made = World(a_node_with(), asking("other", cpu="600m"), asking(cpu="1"))
    made.run(5)
    return made


def test_a_resize_waits_for_room(world):
    resized(world, cpu="1500m")
    world.run(1)
    assert pending(world) == [("Deferred", DEFERRED)]
    (waits,) = world.kubelet.reconcile(world.kubelet.observe(world.cache, WEB), world.now).waiting
    assert str(waits) == f"web-0: its resize is Deferred: {DEFERRED}"
    assert world.status()["allocatedResources"] == {"cpu": "1"}
    assert world.status()["resources"] == {"requests": {"cpu": "1"}}
    asked = '{"containers":[{"name":"c","resources":{"requests":{"cpu":"1500m"}}}],"generation":2,'
    assert told(world) == [("Warning", "ResizeDeferred", f'Pod resize Deferred: {asked}"error":"{DEFERRED}"}}')]
    world.run(60)
    assert len(told(world)) == 1, "once"
    world.delete(WEB._replace(name="other"))
    world.run(30)
    assert pending(world) == []
    assert world.status()["allocatedResources"] == {"cpu": "1500m"}
    assert [reason for _, reason, _ in told(world)[1:]] == ["ResizeStarted", "ResizeCompleted"]


def test_who_waits_for_more_does_not_keep_it_from_others(world):
    resized(world, cpu="1500m")
    world.run(1)
    world.put(a_node_with(pods="3"), asking("third", cpu="400m"))
    world.run(15)
    assert world.get(WEB._replace(name="third"))["status"]["phase"] == "Running"
    assert pending(world) == [("Deferred", DEFERRED.replace("600", "1000"))]


def test_a_resize_that_no_node_of_this_size_can_bear(world):
    resized(world, cpu="3")
    world.run(1)
    message = "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"
    assert pending(world) == [("Infeasible", message)]
    assert [(type_, reason) for type_, reason, _ in told(world)] == [("Warning", "ResizeInfeasible")]
    resized(world, cpu="1")
    world.run(1)
    assert pending(world) == []


def test_a_smaller_request_needs_nobody(world):
    resized(world, cpu="500m")
    world.run(1)
    assert (pending(world), world.status()["allocatedResources"]) == ([], {"cpu": "500m"})
    summary = '{"containers":[{"name":"c","resources":{"requests":{"cpu":"500m"}}}],"generation":2}'
    assert told(world) == [
        ("Normal", "ResizeStarted", f"Pod resize started: {summary}"),
        ("Normal", "ResizeCompleted", f"Pod resize completed: {summary}"),
    ]


WHOLE = {"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "64Mi"}}
MORE = {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "128Mi"}}


def test_a_pod_gets_other_limits_as_a_whole():
    world = World(a_pod(a_container(), resources=WHOLE))
    world.run(1)
    assert (world.get()["status"]["resources"], world.get()["status"]["allocatedResources"]) == (WHOLE, {"cpu": "1"})
    resized(world, MORE)
    world.run(1)
    (asked,) = world.sent_of(ResizeSandbox)
    assert (asked.memory_limit_bytes, asked.cpu_limit_millis) == (128 << 20, 2000)
    assert world.sent_of(ResizeContainer) == []
    assert world.get()["status"]["resources"] == MORE and world.status()["restartCount"] == 0
    assert [reason for _, reason, _ in told(world)] == ["ResizeStarted", "ResizeCompleted"]


def test_a_whole_that_cannot_be_resized_says_so_and_is_tried_again():
    world = World(a_pod(a_container(), resources=WHOLE))
    world.run(1)
    world.runtime.refuses_resize = ("Error", "device or resource busy")
    resized(world, MORE)
    world.run(1)
    (found,) = [one for one in world.get()["status"]["conditions"] if one["type"].startswith("PodResize")]
    assert (found["type"], found["reason"], found["message"]) == (
        "PodResizeInProgress",
        "Error",
        "device or resource busy",
    )
    assert world.get()["status"]["resources"] == WHOLE
    assert [reason for _, reason, _ in told(world)] == ["ResizeStarted", "ResizeError"]
    world.runtime.refuses_resize = None
    world.run(15)
    assert world.get()["status"]["resources"] == MORE
    assert [reason for _, reason, _ in told(world)][2:] == ["ResizeCompleted"]


def test_a_restart_of_stead_does_not_forget_the_whole():
    world = World(a_pod(a_container(), resources=WHOLE))
    world.run(1)
    world.restart()
    resized(world, MORE)
    world.run(5)
    assert world.get()["status"]["resources"] == MORE
    assert len(world.sent_of(ResizeSandbox)) == 1
