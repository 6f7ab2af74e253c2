"""The walk up over wanted ordinals: fill gaps, replace what ended, repair, and in an ordered set stop at trouble."""

from heapq import merge

from stead.controllers.statefulset import claims, events, identity, reasons
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.revisions import History
from stead.controllers.statefulset.roster import Slot
from stead.controllers.statefulset.slots import Revision
from stead.controllers.statefulset.steps import Step, act, in_batches, in_order, total
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Create, Delete, Emit, Plan, Update
from stead.machinery.times import Now


def walk(observed: Observed, history: History, now: Now) -> Step:
    """PR-1 to PR-11; `is_last` where nothing below, no scale-down and no roll-out, may happen."""
    return _ordered(observed, history, now) if observed.is_ordered else _parallel(observed, history)


def _ordered(observed: Observed, history: History, now: Now) -> Step:
    """One by one from below; the first ordinal in trouble ends the round."""
    spec, roster, stop = observed.spec, observed.roster, first_trouble(observed, now.wall)
    below = spec.last if stop is None else stop - 1
    repairs = in_order(_repair(observed, roster.at[o]) for o in roster.work.between(spec.first, below))
    if repairs.is_last or stop is None:
        return repairs
    slot = roster.at.get(stop)
    last = _fill(observed, history, stop) if slot is None else _halt(observed, history, slot)
    return Step(repairs.plan + last, is_last=True)


def _parallel(observed: Observed, history: History) -> Step:
    """All at once, in batches of slow start; only what needs something is looked at."""
    spec, roster = observed.spec, observed.roster
    gaps = roster.occupied.gaps(spec.first, spec.last)
    due = merge(roster.work.between(spec.first, spec.last), gaps)
    plans = ((ordinal - spec.first, _tend(observed, history, ordinal)) for ordinal in due)
    step = in_batches(plans)
    plan = step.plan
    few = reasons.few(plan.waiting)
    return Step(Plan(plan.actions, plan.always, few, plan.wake_after_seconds, plan.is_failed), step.is_last)


def first_trouble(observed: Observed, wall: float) -> int | None:
    """The lowest wanted ordinal that is missing, terminating, not Running and Ready, or not yet available."""
    spec, roster = observed.spec, observed.roster
    low, high = spec.first, spec.last
    found = [roster.occupied.first_gap(low, high), roster.unready.first(low, high)]
    found += [ordinal for ordinal in observed.unavailable(wall) if low <= ordinal <= high]
    return min((ordinal for ordinal in found if ordinal is not None), default=None)


def revision_for(observed: Observed, history: History, ordinal: int) -> Revision:
    """RE-2: which revision a missing replica comes back at. The partition is offset by the first ordinal here."""
    spec = observed.spec
    if spec.is_on_delete:
        return history.update
    kept = dig(observed.status, "currentReplicas", default=0) if spec.rolling is None else spec.partition
    return history.current if ordinal < spec.first + kept else history.update


def _tend(observed: Observed, history: History, ordinal: int) -> Plan:
    """One slot of a parallel set: nothing that goes on in it keeps it from being repaired, but its end."""
    slot = observed.roster.at.get(ordinal)
    if slot is None:
        return _fill(observed, history, ordinal)
    plan = _relieve(observed, slot)
    return plan if plan.is_failed or slot.is_terminal else plan + _repair(observed, slot)


def _halt(observed: Observed, history: History, slot: Slot) -> Plan:
    """Where an ordered set stops: what can be done for this replica, and why nothing else is (PR-4 to PR-6)."""
    return _relieve(observed, slot) + Plan(waiting=(reasons.not_there_yet(observed, slot, history),))


def _relieve(observed: Observed, slot: Slot) -> Plan:
    """PR-1: one that ended goes. PR-3: one that is Pending gets its claims."""
    if slot.is_terminal:
        return NOTHING if slot.is_terminating else act(Delete(observed.pod_key(slot.name), meta.uid(slot.pod)))
    return _claims_of_pending(observed, slot) if slot.is_pending else NOTHING


def _fill(observed: Observed, history: History, ordinal: int) -> Plan:
    """PR-2: claims first, then the pod, then the claims' owners."""
    spec = observed.spec
    stale = claims.stale(spec, ordinal, observed.claim)
    if stale is not None:
        return Plan(waiting=(reasons.stale_claim(observed, ordinal, stale),))
    made = [Create(claim) for claim in claims.missing(spec, ordinal, observed.claim)]
    leaving = list(claims.terminating(spec, ordinal, observed.claim))
    if leaving:
        waiting = tuple(reasons.terminating_claim(observed, ordinal, claim) for claim in leaving)
        if identity.pod_name(spec, ordinal) in observed.family.pods:
            waiting = (reasons.to_be_created(observed, ordinal, ""), *waiting)
        return Plan((*made, _no_pod(observed, ordinal, leaving)), waiting=waiting, is_failed=True)
    revision = revision_for(observed, history, ordinal)
    pod = identity.pod(spec, ordinal, history.template(observed, revision), revision.name)
    waiting = (reasons.to_be_created(observed, ordinal, revision.name),)
    return Plan((*made, Create(pod)), waiting=waiting) + keep_claims(observed, pod, ordinal)


def _no_pod(observed: Observed, ordinal: int, leaving: list[Json]) -> Emit:
    """PVC-3: the event of a pod that could not be made for its claims."""
    errors = [f"pvc {meta.name(claim)} is being deleted" for claim in leaving]
    error = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    return events.of_pod(observed, "Create", identity.pod_name(observed.spec, ordinal), error)


def _claims_of_pending(observed: Observed, slot: Slot) -> Plan:
    """PVC-5 and PVC-6."""
    spec = observed.spec
    made = act(*(Create(claim) for claim in claims.missing(spec, slot.ordinal, observed.claim)))
    leaving = list(claims.terminating(spec, slot.ordinal, observed.claim))
    if leaving:
        waiting = tuple(reasons.terminating_claim(observed, slot.ordinal, claim) for claim in leaving)
        return made + Plan(waiting=waiting, is_failed=True)
    return made + keep_claims(observed, slot.pod, slot.ordinal)


def _repair(observed: Observed, slot: Slot) -> Plan:
    """PR-7: put identity, storage and the claims' owners right; the pod is written whichever of them was off.

    A pod that is only just being adopted has its turn next round, when its resourceVersion is known.
    """
    spec, pod = observed.spec, slot.pod
    if slot.name in observed.family.to_adopt:
        return NOTHING
    kept = claims.existing(spec, slot.ordinal, observed.claim)
    is_owned_right = slot.is_pending or all(claims.is_kept_right(spec, claim, pod) for claim in kept)
    has_storage = identity.has_storage(spec, pod, slot.ordinal)
    if is_owned_right and has_storage and identity.matches(spec, pod):
        return NOTHING
    made = [] if has_storage else [Create(claim) for claim in claims.missing(spec, slot.ordinal, observed.claim)]
    owners = NOTHING if is_owned_right else keep_claims(observed, pod, slot.ordinal)
    odd = () if slot.name == identity.pod_name(spec, slot.ordinal) else (reasons.odd_name(observed, slot),)
    waiting = odd if has_storage else (*odd, reasons.wrong_volumes(observed, slot))
    return act(*made) + owners + Plan((Update(identity.repaired(spec, pod, slot.ordinal)),), waiting=waiting)


def keep_claims(observed: Observed, pod: Json, ordinal: int) -> Plan:
    """One retention pass over the claims of a pod that are there (RP-1, RP-4, RP-8)."""
    return total(_keep(observed, pod, claim) for claim in claims.existing(observed.spec, ordinal, observed.claim))


def _keep(observed: Observed, pod: Json, claim: Json) -> Plan:
    spec = observed.spec
    told = [events.conflicting(observed, claim)] if claims.has_conflict(spec, claim, pod) else []
    return act(*told, *([] if claims.is_kept_right(spec, claim, pod) else [claims.keep(spec, claim, pod)]))
