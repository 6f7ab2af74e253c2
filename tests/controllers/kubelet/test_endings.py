"""How pods end: hooks, grace, force, finalizers; and what survives stead, the runtime and the machine."""

import pytest

from stead.machinery.keys import Key
from stead.machinery.runtime import MeasureStorage, RemoveSandbox, RunProbe, RunSandbox, StartContainer, StopContainer

from .world import WEB, World, a_container, a_pod, a_probe


def test_pre_stop_runs_before_the_stop_signal():
    hook = {"preStop": {"exec": {"command": ["drain"]}}}
    world = World(a_pod(a_container(lifecycle=hook)))
    world.run(5)
    world.delete()
    world.run()
    kinds = [type(action) for action in world.sent]
    assert kinds.index(RunProbe) < kinds.index(StopContainer) and world.get() is None
    assert world.reasons().count("Killing") == 1


def test_pre_stop_sleep_is_part_of_the_grace():
    world = World(
        a_pod(a_container(lifecycle={"preStop": {"sleep": {"seconds": 4}}}), annotations={"stop-after": "1h"})
    )
    world.run(5)
    world.delete()
    world.run(3)
    assert world.sent_of(StopContainer) == []
    world.run(2)
    assert world.sent_of(StopContainer)[0].grace_seconds == 6
    world.run(6)
    assert world.get() is None


def test_a_container_that_cannot_be_reached_is_not_asked_to_stop_over_and_over():
    world = World(a_pod(terminationGracePeriodSeconds=2))
    world.run(60)
    world.runtime.lose()
    world.put({**world.get(), "status": {**world.get()["status"], "phase": "Failed", "reason": "Evicted"}})
    world.run(5)
    assert 1 <= len(world.sent_of(StopContainer)) <= 2


def test_a_later_deletion_shortens_the_grace():
    world = World(a_pod(annotations={"stop-after": "1h"}, terminationGracePeriodSeconds=600))
    world.run(5)
    world.delete()
    world.run(5)
    world.delete(grace=10)
    world.run(6)
    assert world.get() is None and world.mono < 20


def test_a_terminating_pod_is_ready_until_it_has_stopped():
    world = World(a_pod(a_container(readinessProbe=a_probe()), annotations={"stop-after": "5s"}))
    world.run(5)
    world.delete()
    world.run(4)
    assert world.shown[-1] == "-Running 1/1 running"
    world.run(2)
    assert world.shown[-2:] == ["-Succeeded 0/1 Completed", "gone"]


def test_a_finalizer_holds_the_object_but_not_the_sandbox():
    pod = a_pod()
    world = World({**pod, "metadata": {**pod["metadata"], "finalizers": ["example.com/wait"]}})
    world.run(5)
    world.delete()
    world.run(60)
    assert world.shown[-1] == "-Succeeded 0/1 Completed" and world.record is None


def test_deleted_by_force():
    world = World(a_pod(annotations={"stop-after": "1h"}))
    world.run(5)
    world.delete(grace=0)
    assert world.get() is None
    world.run(3)
    assert world.record is None and world.runtime.running() == []


def test_the_next_bearer_of_a_name_waits_for_the_one_before():
    world = World(a_pod(annotations={"stop-after": "1s"}))
    world.run(5)
    world.delete(grace=0)
    world.put(a_pod(uid="u2"))
    world.run(0.5)
    assert [action.uid for action in world.sent_of(RunSandbox)] == ["u1"]
    world.run(1)
    assert [action.uid for action in world.sent_of(RunSandbox)] == ["u1", "u2"]
    assert world.shown[-1] == "Running 1/1 running"


def test_deleted_before_it_started():
    claim = {"name": "www", "persistentVolumeClaim": {"claimName": "www-web-0"}}
    world = World(a_pod(volumes=[claim]))
    world.run(5)
    assert world.shown[-1] == "Pending 0/1 ContainerCreating"
    world.delete()
    world.run()
    assert world.get() is None and world.sent == []


def test_deleted_while_its_image_is_pulled():
    world = World(a_pod(annotations={"pull-after": "1m"}))
    world.run(5)
    world.delete()
    world.run()
    assert world.get() is None and world.record is None and world.sent_of(StartContainer) == []


# --- what survives


def test_a_running_pod_is_adopted_not_restarted():
    world = World(a_pod(a_container(readinessProbe=a_probe())))
    world.run(30)
    before, sent = world.get(), len(world.sent)
    world.restart()
    world.run(60)
    assert world.get() is before and world.shown[-1] == "Running 1/1 running"
    assert {type(action) for action in world.sent[sent:]} <= {RunProbe}


def test_ready_is_kept_until_a_probe_says_otherwise():
    world = World(a_pod(a_container(readinessProbe=a_probe(failureThreshold=1))))
    world.run(30)
    world.runtime.set_ready("u1", "c", False)
    world.restart()
    world._turn()
    assert world.condition("Ready") == "True"
    world.run(11)
    assert world.condition("Ready") == "False"


def test_restart_counts_go_on_after_a_restart_of_stead():
    world = World(a_pod(annotations={"exit-after": "1s", "exit-code": "1", "exit-attempts": "3"}))
    world.run(60)
    assert world.status()["restartCount"] == 3
    world.restart()
    world.run(10)
    assert world.status()["restartCount"] == 3 and world.status()["lastState"]["terminated"]["exitCode"] == 1
    world.runtime.crash("u1", "c")
    world.run(1)
    assert world.status()["restartCount"] == 4


def test_a_pod_in_back_off_stays_in_order_after_a_restart_of_stead():
    world = World(a_pod(annotations={"exit-after": "1s", "exit-code": "1"}))
    world.run(5)
    assert world.shown[-1] == "Running 0/1 CrashLoopBackOff"
    world.restart()
    world.run(1)
    assert world.status()["restartCount"] == 2, "back-off starts anew, the count does not"


def test_init_containers_do_not_run_again_for_an_adopted_pod():
    world = World(a_pod(initContainers=[a_container("one")], annotations={"one.exit-after": "1s"}))
    world.run(5)
    world.restart()
    world.run(5)
    assert [action.container for action in world.sent_of(StartContainer)] == ["one", "c"]
    assert world.shown[-1] == "Running 1/1 Completed running"


def test_a_deletion_goes_on_after_a_restart_of_stead():
    world = World(a_pod(annotations={"stop-after": "8s"}))
    world.run(5)
    world.delete()
    world.run(4)
    world.restart()
    world.run(7)
    assert world.get() is None and world.record is None


def test_after_a_reboot_the_pod_runs_again_in_a_new_sandbox():
    init = a_container("one")
    world = World(a_pod(initContainers=[init], annotations={"one.exit-after": "1s"}))
    world.run(5)
    address = world.get()["status"]["podIP"]
    world.runtime.reboot()
    world.run(5)
    assert world.shown[-1] == "Running 1/1 Completed running"
    assert (world.status()["restartCount"], world.status("one")["restartCount"]) == (1, 1)
    assert world.status()["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert world.get()["status"]["podIP"] != address


def test_after_a_reboot_of_stead_and_machine_counts_go_on():
    world = World(a_pod())
    world.run(5)
    world.runtime.reboot()
    world.runtime.take(world.now)
    world.restart()
    world.run(5)
    assert world.shown[-1] == "Running 1/1 running" and world.status()["restartCount"] == 1
    assert world.status()["lastState"]["terminated"]["exitCode"] == 137


def test_a_sandbox_of_nobody_is_removed():
    world = World(a_pod())
    world.run(5)
    world.cache.put(WEB, None)
    world.restart()
    world.run(5)
    assert world.record is None and [type(action) for action in world.sent][-1] is RemoveSandbox
    assert world.get(Key("Pod", "default", "web-0")) is None


@pytest.mark.parametrize(
    "spec, taken, message",
    [
        (
            {"volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}]},
            {"cache": 2 << 20},
            'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
        ),
        (
            {"containers": [a_container(resources={"limits": {"ephemeral-storage": "1Mi"}})]},
            {"c": 2 << 20},
            'Container c exceeded its local ephemeral storage limit "1Mi". ',
        ),
    ],
)
def test_a_pod_that_takes_too_much_of_the_disk_is_evicted(spec, taken, message):
    world = World({**a_pod(), "spec": {**a_pod()["spec"], **spec}})
    world.run(25)
    assert world.shown[-1] == "Running 1/1 running"
    world.runtime.taken_bytes = taken
    world.run(15)
    status = world.get()["status"]
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", "Evicted", message)
    assert world.told.count(("Warning", "Evicted", message)) == 1


def test_nobody_measures_a_pod_without_limits():
    world = World(a_pod(volumes=[{"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]))
    world.run(60)
    assert not world.sent_of(MeasureStorage)
