"""Startup, liveness, readiness and hooks over time."""

from stead.machinery.runtime import RunProbe, StartContainer, StopContainer

from .world import World, a_container, a_pod, a_probe


def test_readiness_is_found_soon_and_lost_after_the_threshold():
    world = World(a_pod(a_container(readinessProbe=a_probe()), annotations={"ready-after": "1s"}))
    world.run(2)
    assert world.condition("Ready") == "True", "asked more often while it is young"
    world.runtime.set_ready("u1", "c", False)
    world.run(20)
    assert world.condition("Ready") == "True", "one or two failures are not enough"
    world.run(20)
    assert world.condition("Ready") == "False" and world.status()["restartCount"] == 0
    assert ("Warning", "Unhealthy", "Readiness probe failed: simulated: the script says no") in world.told
    world.runtime.set_ready("u1", "c", True)
    world.run(10)
    assert world.condition("Ready") == "True"


def test_initial_delay():
    world = World(a_pod(a_container(readinessProbe=a_probe(initialDelaySeconds=7))))
    world.run(6.5)
    assert world.condition("Ready") == "False" and world.sent_of(RunProbe) == []
    world.run(1)
    assert world.condition("Ready") == "True"


def test_liveness_restarts_the_container():
    script = {"sick-after": "25s", "stop-after": "1s"}
    world = World(a_pod(a_container(livenessProbe=a_probe()), annotations=script))
    world.run(29)
    assert world.status()["restartCount"] == 0
    world.run(25)
    assert world.status()["restartCount"] == 1 and world.shown[-1] == "Running 1/1 running"
    assert ("Normal", "Killing", "Container c failed liveness probe, will be restarted") in world.told
    assert world.sent_of(StopContainer)[0].grace_seconds == 10


def test_a_slow_start_is_not_killed_before_its_time():
    startup = a_probe(periodSeconds=5, failureThreshold=6)
    pod = a_pod(a_container(startupProbe=startup, livenessProbe=a_probe()), annotations={"ready-after": "29s"})
    world = World(pod)
    world.run(28)
    assert world.shown[-1] == "Running 0/1 running" and world.status()["started"] is False
    world.run(5)
    assert world.shown[-1] == "Running 1/1 running" and world.status()["started"] is True
    assert world.sent_of(StopContainer) == []


def test_a_start_that_never_ends_is_restarted():
    startup = a_probe(periodSeconds=1, failureThreshold=5)
    world = World(a_pod(a_container(startupProbe=startup), annotations={"ready-after": "1h"}))
    world.run(8)
    assert world.status()["restartCount"] == 1
    assert ("Normal", "Killing", "Container c failed startup probe, will be restarted") in world.told


def test_named_ports_become_numbers():
    probe = {"httpGet": {"port": "web", "path": "/"}}
    world = World(a_pod(a_container(ports=[{"name": "web", "containerPort": 8080}], readinessProbe=probe)))
    world.run()
    assert world.sent_of(RunProbe)[0].handler == {"httpGet": {"port": 8080, "path": "/"}}


def test_post_start_comes_before_running():
    hook = {"postStart": {"exec": {"command": ["true"]}}}
    world = World(a_pod(a_container(lifecycle=hook, readinessProbe=a_probe())))
    world.run()
    assert [action.probe for action in world.sent_of(RunProbe)] == ["postStart", "readiness"]
    assert world.shown[-1] == "Running 1/1 running"


def test_post_start_sleep():
    world = World(a_pod(a_container(lifecycle={"postStart": {"sleep": {"seconds": 4}}})))
    world.run(3)
    assert world.shown[-1] == "Pending 0/1 ContainerCreating"
    world.run(2)
    assert world.shown[-1] == "Running 1/1 running"


def test_restarted_containers_are_probed_anew():
    world = World(a_pod(a_container(readinessProbe=a_probe()), annotations={"ready-after": "2s"}))
    world.run(5)
    world.runtime.crash("u1", "c")
    world.run(1)
    assert world.shown[-1] == "Running 0/1 running" and world.sent_of(StartContainer)[-1].attempt == 1
    world.run(3)
    assert world.shown[-1] == "Running 1/1 running"
