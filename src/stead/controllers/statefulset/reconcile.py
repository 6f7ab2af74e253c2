"""The order of the steps, and nothing else (SY-1)."""

from collections.abc import Iterator

from stead.controllers import ownership
from stead.controllers.statefulset import condemned, reasons, replicas, revisions, status, update
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.revisions import History
from stead.controllers.statefulset.steps import FENCE, Step, act, total
from stead.machinery import meta
from stead.machinery.plan import NOTHING, Plan
from stead.machinery.times import Now


def reconcile(observed: Observed, now: Now) -> Plan:
    """One round of one set: members, history, the walks, status, and what of the history may go."""
    taken = revisions.adopt(observed)
    if taken.is_failed:
        return taken + Plan(waiting=(reasons.orphan_revisions(observed),))
    history = revisions.resolve(observed)
    steps = [] if observed.spec.is_terminating else list(_walks(observed, history, now))
    report = status.report(observed, history, now, sum(step.rolled for step in steps))
    return total(
        (
            taken,
            _claim_pods(observed),
            history.plan,
            *(step.plan for step in steps),
            Plan(always=(report,)) if report else NOTHING,
            revisions.truncate(observed, history),
            Plan(waiting=reasons.standing(observed, history)),
            _wake(observed, now),
        )
    )


def _walks(observed: Observed, history: History, now: Now) -> Iterator[Step]:
    """Up, down, then the roll-out; the first that is the last ends the round (SD-1)."""
    down_first = observed.spec.is_parallel and observed.profile.condemns_before_filling
    walks = [lambda: replicas.walk(observed, history, now), lambda: condemned.walk(observed, now)]
    for walk in [*(reversed(walks) if down_first else walks), lambda: update.walk(observed, history, now)]:
        step = walk()
        yield step
        if step.is_last:
            return


def _claim_pods(observed: Observed) -> Plan:
    """CL-2, CL-3: let go of what no longer matches, take in what does, before anything else."""
    owner, uid = observed.spec.owner, observed.spec.uid
    strays = {meta.name(pod): pod for pod in observed.strays} if not observed.spec.is_terminating else {}
    leaving = {**observed.family.to_release, **strays}
    coming = observed.family.to_adopt
    if not leaving and not coming:
        return NOTHING
    released = [ownership.release(observed.pod_key(name), pod, uid) for name, pod in leaving.items()]
    adopted = [ownership.adopt(observed.pod_key(name), pod, owner) for name, pod in coming.items()]
    asked = (ownership.still_there(observed.key, observed.obj), FENCE) if adopted else ()
    return act(*released, *asked, *adopted, FENCE)


def _wake(observed: Observed, now: Now) -> Plan:
    """Q-4, Q-5: look again when the next pod becomes available."""
    unripe = observed.roster.unripe(now.wall)
    if not unripe:
        return NOTHING
    remaining = unripe[0][0] - now.wall
    is_known = remaining != float("inf")
    return Plan(wake_after_seconds=remaining if is_known else observed.spec.min_ready_seconds)
