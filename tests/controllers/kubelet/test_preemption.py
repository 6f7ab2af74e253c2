"""A critical pod finds room, as long as there is any to be had (the kubelet's own preemption)."""

import pytest

from .test_admission import a_node_with, asking
from .world import WEB, World

MESSAGE = "Preempted in order to admit critical pod"


def critical(**requests):
    return asking(pod={"priority": 2_000_001_000, "priorityClassName": "system-node-critical"}, **requests)


def gone(world):
    """The names of those that had to go."""
    pods = world.cache.all("Pod")
    return sorted(pod["metadata"]["name"] for pod in pods if pod["status"].get("reason") == "Preempting")


def best_effort(name):
    return asking(name)


def guaranteed(name, cpu):
    pod = asking(name, cpu=cpu, memory="10Mi")
    (container,) = pod["spec"]["containers"]
    resources = {"requests": container["resources"]["requests"], "limits": container["resources"]["requests"]}
    return {**pod, "spec": {**pod["spec"], "containers": [{**container, "resources": resources}]}}


ROOM = {
    "there is enough": ([asking("a", cpu="1")], {"cpu": "1"}, []),
    "one must go": ([asking("a", cpu="1"), asking("b", cpu="500m")], {"cpu": "1"}, ["b"]),
    "the nearest one": ([asking("a", cpu="300m"), asking("b", cpu="800m")], {"cpu": "1400m"}, ["b"]),
    "the smaller of two": ([asking("a", cpu="900m"), asking("b", cpu="700m")], {"cpu": "1"}, ["b"]),
    "several": ([asking("a", cpu="900m"), asking("b", cpu="900m")], {"cpu": "2"}, ["a", "b"]),
    "who was promised less": ([guaranteed("a", "500m"), asking("b", cpu="1500m")], {"cpu": "500m"}, ["b"]),
    "a place among the pods": ([best_effort("a"), asking("b", cpu="1"), asking("c", cpu="1")], {}, ["a"]),
}


@pytest.mark.parametrize(("others", "requests", "expected"), ROOM.values(), ids=ROOM)
def test_who_goes(others, requests, expected):
    world = World(a_node_with(pods=str(len(others) + (requests != {}))), *others)
    world.run(2)
    world.put(critical(**requests))
    world.run(40)
    assert (gone(world), world.get()["status"]["phase"]) == (expected, "Running")
    assert world.told.count(("Warning", "Preempting", MESSAGE)) == len(expected)


def test_what_is_told_of_who_had_to_go():
    world = World(a_node_with(), asking("a", cpu="2"))
    world.run(2)
    world.put(critical(cpu="1"))
    world.run(40)
    status = world.get(WEB._replace(name="a"))["status"]
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Preempting", MESSAGE)
    (target,) = [one for one in status["conditions"] if one["type"] == "DisruptionTarget"]
    assert (target["status"], target["reason"], target["message"]) == (
        "True",
        "TerminationByKubelet",
        "Pod was preempted by Kubelet to accommodate a critical pod.",
    )
    assert status["containerStatuses"][0]["state"].keys() == {"terminated"}


def test_where_nobody_can_make_room():
    world = World(a_node_with(), asking("a", cpu="1"))
    world.run(2)
    world.put(critical(cpu="3"))
    world.run(5)
    status = world.get()["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "UnexpectedAdmissionError")
    assert status["message"] == (
        "Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error "
        "finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]"
    )
    assert gone(world) == []


def test_room_does_not_help_who_is_wrong_here():
    world = World(a_node_with(), asking("a", cpu="1"))
    world.run(2)
    pod = critical(cpu="2")
    world.put({**pod, "spec": {**pod["spec"], "nodeSelector": {"disk": "ssd"}}})
    world.run(5)
    assert (world.get()["status"]["reason"], gone(world)) == ("NodeAffinity", [])


def test_an_ordinary_pod_drives_nobody_out():
    world = World(a_node_with(), asking("a", cpu="1"))
    world.run(2)
    world.put(asking(pod={"priority": 1_000_000}, cpu="2"))
    world.run(5)
    assert (world.get()["status"]["reason"], gone(world)) == ("OutOfcpu", [])
