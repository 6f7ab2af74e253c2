"""The simulated runtime keeps the port's promises, in virtual time."""

from random import Random

import pytest

from stead.machinery.keys import Key
from stead.machinery.runtime import (
    ContainerExited,
    ContainerStarted,
    ImageFailed,
    ImagePulling,
    ImageReady,
    Probed,
    PullImage,
    RemoveSandbox,
    RemoveVolume,
    RunProbe,
    RunSandbox,
    SandboxFailed,
    SandboxRemoved,
    SandboxRunning,
    StartContainer,
    StopContainer,
    VolumeRemoved,
)
from stead.machinery.times import Now
from stead.runtimes.simulated import Settings, SimulatedRuntime

POD, UID = Key("Pod", "default", "web-0"), "u1"


class Clock:
    """Sends at a moment, and gathers what is told until the next."""

    def __init__(self, settings=None, **script):
        self.runtime = SimulatedRuntime(Random(7), settings)
        self.mono = 0.0
        self.script = {f"simulation.stead.dev/{word.replace('_', '-')}": text for word, text in script.items()}
        self.send(RunSandbox(POD, UID, "web-0", annotations=self.script))

    @property
    def now(self):
        return Now(1000 + self.mono, self.mono)

    def send(self, *actions):
        for action in actions:
            self.runtime.send(action, self.now)

    def start(self, attempt=0):
        self.send(StartContainer(POD, UID, "c", attempt, "nginx"))

    def probe(self, name="readiness"):
        self.send(RunProbe(POD, UID, "c", 0, name, {}, 1))
        return self.until(self.mono)[-1].is_success

    def until(self, mono):
        events = []
        while (wake := self.runtime.next_wake()) is not None and wake <= mono:
            self.mono = max(self.mono, wake)
            events += self.runtime.take(self.now)
        self.mono = mono
        return events


def kinds(events):
    return [type(event) for event in events]


def test_a_container_from_start_to_stop():
    clock = Clock(start_after="2s", stop_after="3s")
    clock.start()
    (sandbox,) = clock.until(1)
    assert sandbox.ips == ("10.44.0.3",) and sandbox.is_new and "simulated" in sandbox.note
    (started,) = clock.until(2)
    assert isinstance(started, ContainerStarted) and started.container_id.startswith("simulated://")
    clock.send(StopContainer(POD, UID, "c", 10))
    assert clock.until(4.9) == []
    (exited,) = clock.until(5)
    assert (exited.exit_code, exited.reason, exited.started, exited.finished) == (0, "Completed", 1002, 1005)
    clock.send(RemoveSandbox(POD, UID))
    assert kinds(clock.until(5)) == [SandboxRemoved] and clock.runtime.next_wake() is None


@pytest.mark.parametrize("grace, code, seconds", [(5, 0, 3), (3, 0, 3), (2, 137, 2), (0, 137, 0)])
def test_grace(grace, code, seconds):
    clock = Clock(stop_after="3s")
    clock.start()
    clock.until(1)
    clock.send(StopContainer(POD, UID, "c", grace))
    (exited,) = clock.until(60)
    assert (exited.exit_code, exited.finished) == (code, 1001 + seconds)


def test_actions_may_be_repeated():
    clock = Clock()
    clock.start()
    first = clock.until(1)[-1]
    clock.send(RunSandbox(POD, UID, "web-0"))
    clock.start()
    sandbox, again = clock.until(2)
    assert again == first and not sandbox.is_new


def test_the_script_ends_attempts():
    clock = Clock(exit_after="5s", exit_code="3", exit_attempts="1")
    clock.start(0)
    assert clock.until(10)[-1].exit_code == 3
    clock.start(1)
    assert kinds(clock.until(100)) == [ContainerStarted]


def test_words_for_one_container():
    clock = Clock(**{"c.exit-after": "1s", "exit-after": "1h"})
    clock.start()
    assert kinds(clock.until(2))[-1] is ContainerExited


def test_probes_follow_the_script():
    clock = Clock(ready_after="3s", sick_after="10s")
    clock.start()
    clock.until(2)
    assert (clock.probe(), clock.probe("startup"), clock.probe("liveness")) == (False, False, True)
    clock.until(3)
    assert clock.probe()
    clock.runtime.set_ready(UID, "c", False)
    assert not clock.probe()
    clock.until(10)
    assert not clock.probe("liveness")


def test_images():
    clock = Clock(pull_after="4s")
    clock.send(PullImage(POD, UID, "c", "nginx", "Always"))
    assert kinds(clock.until(3)) == [SandboxRunning, ImagePulling]
    (ready,) = clock.until(4)
    assert isinstance(ready, ImageReady) and ready.pulled_seconds == 4
    clock = Clock(image_missing="true")
    clock.send(PullImage(POD, UID, "c", "nginx", "Always"))
    assert kinds(clock.until(0)) == [SandboxRunning, ImagePulling, ImageFailed]
    clock = Clock(image_missing="true")
    clock.send(PullImage(POD, UID, "c", "nginx", "Never"))
    assert kinds(clock.until(0)) == [SandboxRunning, ImageFailed]


def test_cut_off_and_back():
    clock = Clock()
    clock.start()
    clock.until(1)
    clock.runtime.lose()
    clock.runtime.crash(UID, "c", 9)
    clock.send(StopContainer(POD, UID, "c", 0))
    assert clock.until(50) == [] and clock.runtime.next_wake() is None
    clock.runtime.recover(clock.now)
    events = clock.until(50)
    assert isinstance(events[-1], ContainerExited) and SandboxRunning in kinds(events)


def test_a_restart_of_stead_is_told_what_runs():
    clock = Clock()
    clock.start()
    clock.until(1)
    clock.runtime.recover(clock.now)
    assert kinds(clock.until(1)) == [SandboxRunning, ContainerStarted]


def test_a_reboot_takes_everything():
    clock = Clock()
    clock.start()
    clock.until(1)
    clock.runtime.reboot()
    assert kinds(clock.until(1)) == [SandboxFailed] and clock.runtime.running() == []


def test_what_is_late_for_a_removed_pod_is_not_told():
    clock = Clock(start_after="5s")
    clock.start()
    clock.send(RemoveSandbox(POD, UID))
    assert kinds(clock.until(60)) == [SandboxRunning, SandboxRemoved]


def test_every_sandbox_has_an_address_of_its_own():
    clock = Clock()
    clock.send(*(RunSandbox(Key("Pod", "default", f"p-{i}"), f"p{i}", f"p-{i}") for i in range(600)))
    addresses = [event.ips for event in clock.until(0)]
    assert len(set(addresses)) == 601 and addresses[300] == ("10.44.1.49",)


def test_spread_is_drawn_from_the_seed():
    settings = Settings(start_seconds=1, spread=1)
    clocks = [Clock(settings), Clock(settings)]
    for clock in clocks:
        clock.start()
    one, other = (clock.until(5)[-1] for clock in clocks)
    assert one == other and 1001 < one.started < 1002


def test_volumes_can_be_removed():
    clock = Clock()
    clock.send(RemoveVolume("pv-1", "/srv/pv-1"))
    assert kinds(clock.until(0)) == [SandboxRunning, VolumeRemoved]


def test_hooks_and_probes_of_what_does_not_run():
    clock = Clock()
    clock.send(RunProbe(POD, UID, "c", 0, "readiness", {}, 1))
    assert Probed not in kinds(clock.until(1))
