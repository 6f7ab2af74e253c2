"""A pod that ends: deleted, past its deadline, or with nothing left to do. S-7 in api.md, 3.8 in around.md."""

from math import inf

from stead.controllers.kubelet import probes, termination
from stead.controllers.kubelet.backoff import A_MOMENT
from stead.controllers.kubelet.observed import TERMINAL
from stead.controllers.kubelet.report import report, wait
from stead.controllers.kubelet.round import Failure, Round
from stead.machinery import meta, times
from stead.machinery.objects import dig
from stead.machinery.plan import NOTHING, Delete, Plan
from stead.machinery.runtime import RemoveSandbox

EVICTED_GRACE_SECONDS = 1.0
OVERDUE = Failure("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


def deleted(round_: Round) -> Plan:
    """A deleted pod: containers stop, its last status is written, and it is deleted for good."""
    record, pod, grace = round_.observed.record, round_.pod, termination.deletion_grace(round_.pod)
    if round_.lives.live:
        plan = termination.stop_all(round_, grace, termination.deletion_began(round_))
        for life in round_.lives.live:
            if life.state in ("running", "stopping"):
                plan += probes.walk(round_.observed, life, round_.now, is_terminating=True)
        return plan + report(round_) + wait(round_, "its containers stop")
    if pod["metadata"].get("deletionGracePeriodSeconds") != 0:
        final = Delete(round_.observed.key, round_.uid, grace_seconds=0)
        return report(round_) + Plan(always=(final,))
    if record and record["state"] != "removing":
        return report(round_) + Plan((RemoveSandbox(round_.observed.key, round_.uid),))
    return wait(round_, f"it is held by {', '.join(meta.finalizers(pod))}")


def is_over(round_: Round) -> bool:
    """Its containers ended for good, or its status says so already."""
    lives = round_.lives
    if dig(round_.pod, "status", "phase") in TERMINAL:
        return True
    inits = [life for life in lives.inits if not life.is_sidecar]
    if not lives.has_begun and any(life.is_over and not life.has_succeeded for life in inits):
        return True
    return bool(lives.mains) and all(life.is_over for life in lives.mains)


def over(round_: Round) -> Plan:
    """What still runs (sidecars) stops; the pod stays to be looked at. One that was never taken stays as it is."""
    if round_.observed.record is None and dig(round_.pod, "status", "phase") in TERMINAL:
        return NOTHING
    ends = [life.entry["at"] for life in round_.lives.all if life.state == "exited"]
    since = max(ends, default=round_.observed.record["at"] if round_.observed.record else 0.0)
    return termination.stop_all(round_, termination.spec_grace(round_.pod), since) + report(round_)


def overdue(round_: Round) -> Plan:
    """The pod was active for longer than it may be: it fails."""
    since = round_.now.mono - max(0.0, round_.now.wall - _deadline(round_))
    stopping = termination.stop_all(round_, termination.spec_grace(round_.pod), since)
    is_told = dig(round_.pod, "status", "reason") == OVERDUE.reason
    event = round_.event("Normal", OVERDUE.reason, OVERDUE.message)
    return stopping + report(round_, failure=OVERDUE) + (NOTHING if is_told else Plan((event,)))


def evicted(round_: Round, failure: Failure) -> Plan:
    """The pod took more of the node than it may: it is killed at once, and fails."""
    stopping = termination.stop_all(round_, EVICTED_GRACE_SECONDS, round_.now.mono)
    is_told = dig(round_.pod, "status", "reason") == failure.reason
    event = round_.event("Warning", failure.reason, failure.message)
    return stopping + report(round_, failure=failure) + (NOTHING if is_told else Plan((event,)))


def is_past_deadline(round_: Round) -> bool:
    return round_.now.wall >= _deadline(round_)


def deadline(round_: Round) -> Plan:
    """Wakes when activeDeadlineSeconds are over."""
    end = _deadline(round_)
    return NOTHING if end == inf else Plan(wake_after_seconds=max(A_MOMENT, end - round_.now.wall))


def _deadline(round_: Round) -> float:
    """Wall seconds."""
    seconds, since = round_.pod["spec"].get("activeDeadlineSeconds"), dig(round_.pod, "status", "startTime")
    return inf if seconds is None or not since else times.from_text(since) + seconds
