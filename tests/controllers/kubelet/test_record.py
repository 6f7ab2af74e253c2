"""The record: what was asked and heard, whatever comes late, twice or out of order."""

from copy import deepcopy

import pytest

from stead.controllers.kubelet.backoff import after_failures, delay_after, next_delay
from stead.controllers.kubelet.sandbox import entry_of, fold, live_containers, pod_of, uid_of
from stead.machinery.keys import Key
from stead.machinery.runtime import (
    ContainerExited,
    ContainerStarted,
    ImageReady,
    Probed,
    RemoveSandbox,
    RunProbe,
    RunSandbox,
    SandboxFailed,
    SandboxRemoved,
    SandboxRunning,
    StartContainer,
    StopContainer,
)
from stead.machinery.times import Now

POD = Key("Pod", "default", "web-0")
OF = (POD, "u1")
RUN = RunSandbox(*OF, "web-0")
RUNNING = SandboxRunning(*OF, ("10.44.0.3",), is_new=True)
REMOVE, REMOVED = RemoveSandbox(*OF), SandboxRemoved(*OF)
STOP = StopContainer(*OF, "c", 10)


def start(attempt=0):
    return StartContainer(*OF, "c", attempt, "nginx")


def begun(attempt=0, at=1000.0):
    return ContainerStarted(*OF, "c", attempt, f"id-{attempt}", "image", at)


def ended(attempt=0, at=1000.0, code=1):
    return ContainerExited(*OF, "c", attempt, f"id-{attempt}", code, "Error", at, at)


def probe(**thresholds):
    return RunProbe(*OF, "c", 0, "readiness", {}, 1, **thresholds)


def said(is_success):
    return Probed(*OF, "c", 0, "readiness", is_success)


def folded(*whats, seconds=0.0):
    """The record after all of these, `seconds` apart; and nothing given is ever changed."""
    record = None
    for step, what in enumerate(whats):
        before = deepcopy(record)
        old, record = record, fold(record, what, Now(1000 + step * seconds, step * seconds))
        assert old == before
    return record


@pytest.mark.parametrize(
    "whats, state",
    [
        ((RUN,), "starting"),
        ((RUN, RUNNING), "running"),
        ((RUNNING,), "running"),
        ((RUN, SandboxFailed(*OF, "no")), "failed"),
        ((RUN, SandboxFailed(*OF, "no"), RUN), "starting"),
        ((RUN, RUNNING, REMOVE), "removing"),
        ((RUN, REMOVE, RUNNING), "removing"),
    ],
)
def test_the_sandbox(whats, state):
    record = folded(*whats)
    assert record["state"] == state and pod_of(record) == POD and uid_of(record) == "u1"


@pytest.mark.parametrize("whats", [(RUN, REMOVE, REMOVED), (REMOVED,), (REMOVE,), (STOP,), (probe(), said(True))])
def test_nothing_is_left(whats):
    assert folded(*whats) is None


def test_an_image_that_comes_too_late():
    assert folded(ImageReady(*OF, "c", "image")) is None


@pytest.mark.parametrize(
    "whats, state, attempt",
    [
        ((start(),), "starting", 0),
        ((start(), begun()), "running", 0),
        ((start(), begun(), STOP), "stopping", 0),
        ((start(), STOP, begun()), "stopping", 0),
        ((start(), begun(), ended()), "exited", 0),
        ((start(), ended(), begun()), "exited", 0),
        ((start(), begun(), ended(), start(1)), "starting", 1),
        ((start(), begun(), ended(), start(1), ended(0)), "starting", 1),
        ((start(), begun(), ended(), start(1), begun(0)), "starting", 1),
        ((start(), begun(), start()), "running", 0),
        ((begun(3),), "running", 3),
        ((ended(3),), "exited", 3),
        ((start(), begun(), SandboxFailed(*OF, "rebooted")), "exited", 0),
    ],
)
def test_a_container(whats, state, attempt):
    record = folded(RUN, RUNNING, *whats)
    entry = entry_of(record, "c")
    assert (entry["state"], entry["attempt"]) == (state, attempt)
    assert live_containers(record) == ([] if state == "exited" else ["c"])


def test_what_was_found_running_is_known():
    assert entry_of(folded(RUNNING, begun(2, at=990)), "c")["is_adopted"]
    assert not entry_of(folded(RUNNING, start(), begun()), "c")["is_adopted"]
    assert entry_of(folded(RUNNING, start(2), begun(2, at=900)), "c")["is_adopted"], "it ran before it was asked for"


def test_the_end_before_is_kept():
    entry = entry_of(folded(start(), begun(), ended(code=3), start(1), begun(1)), "c")
    assert (entry["last"]["code"], entry["last"]["id"]) == (3, "id-0")


@pytest.mark.parametrize(
    "answers, verdict, run",
    [
        ([True], True, 1),
        ([False], None, 1),
        ([False] * 3, False, 3),
        ([True, False, False], True, 2),
        ([True, False, False, True, False], True, 1),
        ([False, False, False, True], True, 1),
    ],
)
def test_verdicts(answers, verdict, run):
    whats = [what for answer in answers for what in (probe(failure_threshold=3), said(answer))]
    counters = entry_of(folded(start(), begun(), *whats), "c")["probes"]["readiness"]
    assert (counters["verdict"], counters["run"], counters["is_in_flight"]) == (verdict, run, False)


def test_back_off_doubles_until_five_minutes():
    delays, entry = [], {}
    for _ in range(8):
        delays.append(delay_after(entry))
        entry = {"backoff": next_delay(entry), "began": 0.0, "at": 1.0}
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    assert delay_after({"backoff": 300.0, "began": 0.0, "at": 601.0}) == 0
    assert [after_failures(count) for count in (0, 1, 2, 6, 99)] == [0, 10, 20, 300, 300]
