"""Which container starts when, what it waits for, and what its status says meanwhile (3.8 in around.md)."""

import pytest

from stead.machinery.runtime import PullImage, ResizeContainer, RunSandbox, StartContainer, StopContainer

from .world import World, a_container, a_pod, a_probe


def started(world):
    return [(action.container, action.attempt) for action in world.sent_of(StartContainer)]


def phases(world):
    """What was shown, without what was shown twice."""
    return [line for line, before in zip(world.shown, [None, *world.shown], strict=False) if line != before]


def test_init_containers_run_one_after_the_other():
    inits = [a_container("one"), a_container("two")]
    world = World(a_pod(initContainers=inits, annotations={"one.exit-after": "2s", "two.exit-after": "2s"}))
    world.run(1)
    assert started(world) == [("one", 0)]
    assert world.shown[-1] == "Pending 0/1 running PodInitializing PodInitializing"
    assert world.condition("Initialized") == "False"
    world.run(2)
    assert started(world)[-1] == ("two", 0)
    world.run(2)
    assert world.shown[-1] == "Running 1/1 Completed Completed running"
    assert world.condition("Initialized") == "True" and world.status("one")["ready"]


def test_a_failing_init_container_backs_off():
    pod = a_pod(initContainers=[a_container("one")], annotations={"one.exit-after": "1s", "one.exit-code": "1"})
    world = World(pod)
    world.run(3)
    assert world.shown[-1] == "Pending 0/1 CrashLoopBackOff PodInitializing"
    assert started(world) == [("one", 0), ("one", 1)]


def test_a_failing_init_container_of_a_pod_that_never_restarts_fails_the_pod():
    script = {"one.exit-after": "1s", "one.exit-code": "1"}
    world = World(a_pod(initContainers=[a_container("one")], restartPolicy="Never", annotations=script))
    world.run(60)
    assert world.shown[-1] == "Failed 0/1 Error PodInitializing" and started(world) == [("one", 0)]


def test_a_sidecar_starts_first_and_stops_last():
    side = a_container("side", restartPolicy="Always", startupProbe=a_probe(periodSeconds=1))
    world = World(a_pod(initContainers=[side], annotations={"side.ready-after": "3s", "c.stop-after": "2s"}))
    world.run(2)
    assert started(world) == [("side", 0)]
    world.run(3)
    assert started(world) == [("side", 0), ("c", 0)]
    assert world.shown[-1] == "Running 1/1 running running"
    world.delete()
    world.run(1)
    assert [action.container for action in world.sent_of(StopContainer)] == ["c"]
    world.run(2)
    assert [action.container for action in world.sent_of(StopContainer)] == ["c", "side"]
    assert world.get() is None


def test_a_sidecar_does_not_keep_a_finished_pod():
    side = a_container("side", restartPolicy="Always")
    world = World(a_pod(initContainers=[side], restartPolicy="Never", annotations={"c.exit-after": "5s"}))
    world.run(6)
    assert world.shown[-1] == "Succeeded 0/1 Completed Completed"
    assert world.condition("Ready") == "False"


@pytest.mark.parametrize(
    "policy, code, phase, starts",
    [
        ("Never", "0", "Succeeded", 1),
        ("Never", "1", "Failed", 1),
        ("OnFailure", "0", "Succeeded", 1),
        ("OnFailure", "1", "Running", 2),
        ("Always", "0", "Running", 2),
    ],
)
def test_restart_policy(policy, code, phase, starts):
    world = World(a_pod(restartPolicy=policy, annotations={"exit-after": "1s", "exit-code": code}))
    world.run(5)
    assert world.get()["status"]["phase"] == phase and len(started(world)) == starts


def test_an_image_that_is_missing():
    world = World(a_pod(annotations={"image-missing": "true"}))
    world.run(1)
    assert world.shown[-1] == "Pending 0/1 ErrImagePull"
    world.run(2)
    assert world.shown[-1] == "Pending 0/1 ImagePullBackOff"
    assert world.reasons() == ["Runtime", "Pulling", "Failed", "Failed", "BackOff", "Failed"]
    world.run(160)
    assert len(world.sent_of(PullImage)) == 5, "at 0, 10, 30, 70 and 150 seconds"


def test_a_missing_config_map_is_waited_for():
    env = [{"name": "COLOR", "valueFrom": {"configMapKeyRef": {"name": "colors", "key": "sky"}}}]
    world = World(a_pod(a_container(env=env)))
    world.run(30)
    assert world.shown[-1] == "Pending 0/1 CreateContainerConfigError"
    assert world.told[-1] == ("Warning", "Failed", 'Error: configmap "colors" not found')
    world.put({"kind": "ConfigMap", "metadata": {"name": "colors", "namespace": "default"}, "data": {"sky": "blue"}})
    world.run()
    assert world.shown[-1] == "Running 1/1 running"
    assert world.sent_of(StartContainer)[0].environment == (("COLOR", "blue"),)


@pytest.mark.parametrize("policy, pulls", [("Always", 2), ("IfNotPresent", 1), ("Never", 0)])
def test_every_start_asks_for_the_image(policy, pulls):
    script = {"exit-after": "1s", "exit-attempts": "2", "pull-after": "2s"}
    world = World(a_pod(a_container(imagePullPolicy=policy), annotations=script))
    world.run(20)
    assert [action.policy for action in world.sent_of(PullImage)] == [policy] * 3, "the first start and two more"
    pulled = [message for _, reason, message in world.told if reason == "Pulled"]
    is_pull = ["present on machine" not in message for message in pulled]
    assert is_pull == [n < pulls or policy == "Always" for n in range(3)]


def test_an_image_that_went_while_its_container_ran():
    script = {"exit-after": "1s", "exit-code": "1", "image-attempts": "1"}
    world = World(a_pod(annotations=script))
    world.run(2)
    assert phases(world)[-2:] == ["Running 0/1 Error", "Running 0/1 ErrImagePull"]
    assert world.status()["lastState"]["terminated"]["exitCode"] == 1
    world.run(2)
    assert world.shown[-1] == "Running 0/1 ImagePullBackOff" and world.status()["restartCount"] == 0
    told = world.reasons()[world.reasons().index("Started") + 1 :]
    assert told == ["Pulling", "Failed", "Failed", "BackOff", "Failed"]
    world.run(160)
    assert len(world.sent_of(PullImage)) == 1 + 5, "after the end at once, 10, 30, 70 and 150 seconds later"
    pod = world.get()
    world.put({**pod, "spec": {**pod["spec"], "containers": [a_container(image="nginx:2")]}})
    world.run()
    assert len(world.sent_of(PullImage)) == 7, "another image does not wait for the first"


def test_the_image_of_an_init_container_is_asked_for_with_every_start():
    script = {"one.exit-after": "1s", "one.exit-code": "1", "one.exit-attempts": "1", "one.pull-after": "1s"}
    world = World(a_pod(initContainers=[a_container("one", imagePullPolicy="Always")], annotations=script))
    world.run(10)
    assert [action.container for action in world.sent_of(PullImage)] == ["one", "one"]


def test_an_image_that_is_never_pulled_is_looked_for_every_ten_seconds():
    world = World(a_pod(a_container(imagePullPolicy="Never"), annotations={"image-missing": "true"}))
    world.run(35)
    assert world.shown[-1] == "Pending 0/1 ErrImageNeverPull" and len(world.sent_of(PullImage)) == 4
    missing = 'Container image "nginx:1" is not present with pull policy of Never'
    assert world.told[-2:] == [
        ("Warning", "ErrImageNeverPull", missing),
        ("Warning", "Failed", "Error: ErrImageNeverPull"),
    ]


def test_every_change_of_a_crashing_pod():
    world = World(a_pod(annotations={"exit-after": "1s", "exit-code": "1", "exit-attempts": "2"}))
    world.run(60)
    assert phases(world) == [
        "Pending 0/1",
        "Pending 0/1 ContainerCreating",
        "Running 1/1 running",
        "Running 0/1 Error",
        "Running 1/1 running",
        "Running 0/1 CrashLoopBackOff",
        "Running 1/1 running",
    ]


def test_a_deadline_ends_the_pod():
    world = World(a_pod(activeDeadlineSeconds=30))
    world.run(40)
    status = world.get()["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert world.runtime.running() == []
    assert world.reasons().count("DeadlineExceeded") == 1


def test_readiness_gates_hold_ready_back():
    world = World(a_pod(readinessGates=[{"conditionType": "example.com/fed"}]))
    world.run()
    assert (world.condition("ContainersReady"), world.condition("Ready")) == ("True", "False")
    pod = world.get()
    fed = {"type": "example.com/fed", "status": "True"}
    world.put({**pod, "status": {**pod["status"], "conditions": [*pod["status"]["conditions"], fed]}})
    world.run()
    assert world.condition("Ready") == "True" and world.condition("example.com/fed") == "True"


def test_a_changed_image_restarts_the_container():
    world = World(a_pod())
    world.run(5)
    pod = world.get()
    world.put({**pod, "spec": {**pod["spec"], "containers": [a_container(image="nginx:2")]}})
    world.run(5)
    assert started(world) == [("c", 0), ("c", 1)] and world.sent_of(StartContainer)[1].image == "nginx:2"
    assert ("Normal", "Killing", "Container c definition changed, will be restarted") in world.told
    assert world.status()["imageID"] == "simulated://nginx:2"


def test_a_container_may_have_rules_of_its_own():
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    container = a_container(restartPolicy="Never", restartPolicyRules=rules)
    for code, starts in (("42", 2), ("1", 1)):
        script = {"exit-after": "1s", "exit-code": code, "exit-attempts": "1"}
        world = World(a_pod(container, annotations=script))
        world.run(5)
        assert len(started(world)) == starts


def test_credentials_go_with_the_pull():
    secret = {"kind": "Secret", "metadata": {"name": "registry", "namespace": "default"}}
    secret["data"] = {".dockerconfigjson": "e30="}
    world = World(secret, a_pod(imagePullSecrets=[{"name": "registry"}, {"name": "none"}]))
    world.run()
    assert world.sent_of(PullImage)[0].credentials == (b"{}",)


def debugged(world, **fields):
    """`kubectl debug`: one more ephemeral container in the pod's spec."""
    pod = world.get()
    spec = {**pod["spec"], "ephemeralContainers": [a_container("debugger", **fields)]}
    world.put({**pod, "spec": spec, "metadata": {**pod["metadata"], "generation": 2}})


def test_an_ephemeral_container_starts_in_a_running_pod_and_never_again():
    world = World(a_pod(annotations={"debugger.exit-after": "5s", "debugger.exit-code": "1"}))
    world.run(1)
    debugged(world, targetContainerName="c", stdin=True, tty=True)
    world.run(1)
    assert started(world) == [("c", 0), ("debugger", 0)]
    start = world.sent_of(StartContainer)[-1]
    assert (start.target, start.has_stdin, start.has_tty) == ("c", True, True)
    (told,) = world.get()["status"]["ephemeralContainerStatuses"]
    assert "running" in told["state"] and told["ready"] is False
    world.run(60)
    (told,) = world.get()["status"]["ephemeralContainerStatuses"]
    assert told["state"]["terminated"]["exitCode"] == 1
    assert started(world) == [("c", 0), ("debugger", 0)]
    assert world.shown[-1] == "Running 1/1 running" and world.condition("Ready") == "True"


def test_an_ephemeral_container_waits_for_its_target():
    world = World(a_pod())
    world.run(1)
    debugged(world, targetContainerName="nobody")
    world.run(1)
    (told,) = world.get()["status"]["ephemeralContainerStatuses"]
    assert told["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": "unable to find target container nobody",
    }


def test_an_ephemeral_container_is_adopted_and_ends_with_its_pod():
    world = World(a_pod())
    world.run(1)
    debugged(world)
    world.run(1)
    world.restart()
    world.run(1)
    assert len(started(world)) == 2
    world.delete()
    world.run(30)
    assert {action.container for action in world.sent_of(StopContainer)} == {"c", "debugger"}
    assert world.get() is None


def test_an_ephemeral_container_does_not_keep_a_finished_pod():
    world = World(a_pod(restartPolicy="Never", annotations={"c.exit-after": "5s"}))
    world.run(1)
    debugged(world)
    world.run(20)
    assert world.get()["status"]["phase"] == "Succeeded"
    assert [action.container for action in world.sent_of(StopContainer)] == ["debugger"]


def limited(memory, **fields):
    return a_container(resources={"limits": {"memory": memory}}, **fields)


def resized(world, memory):
    """`kubectl patch --subresource resize`."""
    pod = world.get()
    (container,) = pod["spec"]["containers"]
    spec = {**pod["spec"], "containers": [{**container, "resources": {"limits": {"memory": memory}}}]}
    world.put({**pod, "spec": spec, "metadata": {**pod["metadata"], "generation": 2}})


def test_a_container_gets_other_limits_while_it_runs():
    world = World(a_pod(limited("64Mi")))
    world.run(1)
    resized(world, "128Mi")
    world.run(1)
    (asked,) = world.sent_of(ResizeContainer)
    assert asked.memory_limit_bytes == 128 << 20
    assert world.status()["resources"] == {"limits": {"memory": "128Mi"}} and world.status()["restartCount"] == 0
    assert not any(entry["type"].startswith("PodResize") for entry in world.get()["status"]["conditions"])


def test_a_resize_that_is_refused_is_told_and_tried_again():
    world = World(a_pod(limited("64Mi")))
    world.run(1)
    world.runtime.refuses_resize = ("Infeasible", "there are no limits here")
    resized(world, "128Mi")
    world.run(1)
    told = next(entry for entry in world.get()["status"]["conditions"] if entry["type"] == "PodResizePending")
    assert (told["reason"], told["message"]) == ("Infeasible", "there are no limits here")
    assert world.status()["resources"] == {"limits": {"memory": "64Mi"}}
    world.runtime.refuses_resize = None
    world.run(15)
    assert world.status()["resources"] == {"limits": {"memory": "128Mi"}}
    assert len(world.sent_of(ResizeContainer)) == 2


def test_a_resize_may_restart_the_container():
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    world = World(a_pod(limited("64Mi", resizePolicy=policy)))
    world.run(1)
    resized(world, "128Mi")
    world.run(5)
    assert not world.sent_of(ResizeContainer)
    assert started(world) == [("c", 0), ("c", 1)]
    assert world.status()["resources"] == {"limits": {"memory": "128Mi"}}
    assert "Container c resize requires restart" in [message for _, _, message in world.told]


def test_a_restart_of_stead_does_not_forget_a_resize():
    world = World(a_pod(limited("64Mi")))
    world.run(1)
    world.runtime.refuses_resize = ("Error", "busy")
    resized(world, "128Mi")
    world.run(1)
    world.runtime.refuses_resize = None
    world.restart()
    world.run(1)
    assert world.status()["resources"] == {"limits": {"memory": "128Mi"}}


def test_a_pods_own_limits_are_its_sandboxs():
    world = World(a_pod(limited("64Mi"), resources={"limits": {"memory": "128Mi", "cpu": "500m"}}))
    world.run(1)
    (sandbox,) = world.sent_of(RunSandbox)
    assert (sandbox.memory_limit_bytes, sandbox.cpu_limit_millis) == (128 << 20, 500)
    assert world.sent_of(StartContainer)[0].memory_limit_bytes == 64 << 20


def test_what_cannot_be_run_says_so_and_backs_off():
    """A container was made each time, and each time it is told that its program could not be run."""
    world = World(a_pod(annotations={"start-fails": "true"}))
    world.run(1)
    assert world.shown[-1] == "Running 0/1 RunContainerError"
    told = "simulated: the script says no"
    assert world.status()["state"] == {"waiting": {"reason": "RunContainerError", "message": told}}
    ended = world.status()["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (128, "StartError", told)
    world.run(4)
    assert world.shown[-1] == "Running 0/1 CrashLoopBackOff"
    world.run(20)
    reasons = world.reasons()
    assert (reasons.count("Created"), reasons.count("Failed"), reasons.count("Started")) == (3, 3, 0)


def test_a_start_that_fails_for_good():
    world = World(a_pod(restartPolicy="Never", annotations={"start-fails": "true"}))
    world.run(5)
    assert world.get()["status"]["phase"] == "Failed"
    assert world.status()["state"]["terminated"]["reason"] == "StartError" and "signal" not in world.status()["state"]
    assert world.reasons()[-2:] == ["Created", "Failed"]


def test_what_cannot_be_made_waits_without_an_attempt_and_is_tried_again():
    world = World(a_pod(annotations={"create-failures": "2"}))
    world.run(5)
    assert world.shown[-1] == "Pending 0/1 CreateContainerError" and world.status()["restartCount"] == 0
    told = "simulated: the script says no"
    assert world.status()["state"] == {"waiting": {"reason": "CreateContainerError", "message": told}}
    assert ("Warning", "Failed", f"Error: {told}") in world.told
    world.run(11)
    assert world.shown[-1] == "Pending 0/1 CreateContainerError" and started(world) == [("c", 0), ("c", 0)]
    assert world.reasons() == ["Runtime", "Pulled", "Failed", "Pulled", "Failed"], "each time it is tried"
    world.run(10)
    assert phases(world)[-2:] == ["Pending 0/1 CreateContainerError", "Running 1/1 running"]
    assert world.status()["restartCount"] == 0 and started(world)[-1] == ("c", 0)


def test_a_restart_that_cannot_be_made_keeps_the_last_end():
    world = World(a_pod(annotations={"exit-after": "5s", "exit-code": "3", "exit-attempts": "1"}))
    world.run(2)
    pod = next(iter(world.runtime._pods.values()))
    pod.script = {**pod.script, "simulation.stead.dev/create-failures": "1"}
    world.run(6)
    status = world.status()
    assert status["state"]["waiting"]["reason"] == "CreateContainerError"
    assert status["lastState"]["terminated"]["exitCode"] == 3 and status["restartCount"] == 0
    world.run(11)
    assert world.shown[-1] == "Running 1/1 running" and world.status()["restartCount"] == 1
    assert world.status()["lastState"]["terminated"]["exitCode"] == 3
