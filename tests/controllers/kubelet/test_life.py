"""A pod's whole life on a node: up, ready, restarted with back-off, stopped with grace, gone (3.8 in around.md)."""

from stead.machinery.runtime import RemoveSandbox, StartContainer, StopContainer

from .world import WEB, World, a_container, a_pod, a_probe


def test_a_pod_comes_up():
    world = World(a_pod())
    world.run()
    assert world.shown[-1] == "Running 1/1 running"
    assert world.status()["restartCount"] == 0 and world.status()["containerID"].startswith("simulated://")
    assert world.get()["status"]["podIP"] == "10.44.0.3"
    assert world.reasons() == ["Runtime", "Pulled", "Created", "Started"]


def test_conditions_of_a_ready_pod():
    world = World(a_pod())
    world.run()
    conditions = {entry["type"]: entry["status"] for entry in world.get()["status"]["conditions"]}
    names = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
    assert conditions == dict.fromkeys(names, "True")


def test_ready_by_probe():
    world = World(a_pod(a_container(readinessProbe=a_probe(periodSeconds=1)), annotations={"ready-after": "3s"}))
    world.run(2)
    assert world.shown[-1] == "Running 0/1 running" and world.condition("Ready") == "False"
    world.run(2)
    assert world.shown[-1] == "Running 1/1 running" and world.condition("Ready") == "True"


def test_deleted_with_grace():
    world = World(a_pod(annotations={"stop-after": "2s"}))
    world.run(5)
    world.delete()
    world.run(1)
    assert world.get() is not None and world.sent_of(StopContainer)[0].grace_seconds == 10
    world.run(1)
    assert world.shown[-2:] == ["-Succeeded 0/1 Completed", "gone"]
    assert world.record is None and len(world.sent_of(RemoveSandbox)) == 1


def test_a_container_that_ignores_the_stop_signal_is_killed_after_its_grace():
    world = World(a_pod(annotations={"stop-after": "1h"}))
    world.run(5)
    world.delete()
    world.run(9)
    assert world.get() is not None
    world.run(1.1)
    assert world.get() is None and world.shown[-2] == "-Failed 0/1 Error"


def test_restarts_back_off():
    world = World(a_pod(annotations={"exit-after": "1s", "exit-code": "3"}))
    world.run(1)
    assert world.status()["restartCount"] == 1 and world.shown[-1] == "Running 1/1 running"
    world.run(1)
    assert world.shown[-1] == "Running 0/1 CrashLoopBackOff"
    assert world.status()["lastState"]["terminated"]["exitCode"] == 3
    waits = world.status()["state"]["waiting"]["message"]
    assert waits == "back-off 10s restarting failed container=c pod=web-0_default(u1)"
    world.run(10)
    assert world.status()["restartCount"] == 2
    world.run(1 + 19)
    assert world.status()["restartCount"] == 2
    world.run(1)
    assert world.status()["restartCount"] == 3


def test_back_off_ends_at_five_minutes_and_is_forgiven_after_ten():
    world = World(a_pod(annotations={"exit-after": "1s", "exit-code": "1", "exit-attempts": "9"}))
    world.run(3600)
    starts = len(world.sent_of(StartContainer))
    assert starts == 10
    world.runtime.crash("u1", "c")
    world.run()
    assert world.status()["restartCount"] == 10, "ran for long: started again at once"


def test_calm_when_all_is_well():
    world = World(a_pod(a_container(readinessProbe=a_probe())))
    world.run(60)
    changes = len(world.shown)
    world.run(600)
    assert len(world.shown) == changes


def test_a_pod_of_another_node_is_not_touched():
    world = World(a_pod(nodeName="elsewhere"))
    world.run(10)
    assert world.sent == [] and world.get(WEB)["status"]["phase"] == "Pending"
