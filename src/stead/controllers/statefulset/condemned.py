"""The walk down over ordinals that must go (SD in controller.md)."""

from collections.abc import Iterator

from stead.controllers.statefulset import claims, reasons
from stead.controllers.statefulset.identity import HIGHEST
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.replicas import keep_claims
from stead.controllers.statefulset.roster import Slot
from stead.controllers.statefulset.steps import GO_ON, Step, act, in_batches, in_order
from stead.machinery import meta
from stead.machinery.plan import Delete, Plan
from stead.machinery.times import Now


def walk(observed: Observed, now: Now) -> Step:
    """First the claims of all condemned get their owners right, then pods go from the top (SD-2)."""
    claims_step = _claims(observed)
    if claims_step.is_last:
        return claims_step
    pods = _ordered(observed, now) if observed.is_ordered else _parallel(observed)
    return Step(claims_step.plan + pods.plan, pods.is_last)


def _claims(observed: Observed) -> Step:
    due = ((slot.ordinal, keep_claims(observed, slot.pod, slot.ordinal)) for slot in _with_wrong_owners(observed))
    if observed.is_ordered:
        return in_order(plan for _, plan in due)
    return in_batches((_place(observed, ordinal), plan) for ordinal, plan in due)


def _with_wrong_owners(observed: Observed) -> Iterator[Slot]:
    spec = observed.spec
    for ordinal in observed.roster.work.outside(spec.first, spec.last):
        slot = observed.roster.at[ordinal]
        kept = claims.existing(spec, ordinal, observed.claim)
        if not all(claims.is_kept_right(spec, claim, slot.pod) for claim in kept):
            yield slot


def _ordered(observed: Observed, now: Now) -> Step:
    """SD-3, SD-4: the highest goes; a sick one only where it is the first sick pod of the whole set."""
    spec, roster = observed.spec, observed.roster
    highest = next(roster.occupied.outside(spec.first, spec.last), None)
    if highest is None:
        return GO_ON
    slot = roster.at[highest]
    if slot.is_terminating:
        return Step(Plan(waiting=(reasons.going(observed, slot, "SD-3"),)), is_last=True)
    if not slot.is_ready or observed.is_unavailable(slot, now.wall):
        lowest = _lowest_sick(observed, now.wall)
        if lowest != highest:
            other = roster.at.get(highest if lowest is None else lowest, slot)
            return Step(Plan(waiting=(reasons.two_sick(observed, slot, other),)), is_last=True)
    waiting = (reasons.going(observed, slot, "SD-2"),)
    return Step(_delete(observed, slot) + Plan(waiting=waiting), is_last=True)


def _parallel(observed: Observed) -> Step:
    """SD-5: all that are not terminating yet, at once; those that are keep their place in the batches."""
    spec, roster = observed.spec, observed.roster
    going = sorted((o for live in roster.live.values() for o in live.outside(spec.first, spec.last)), reverse=True)
    return in_batches((_place(observed, ordinal), _delete(observed, roster.at[ordinal])) for ordinal in going)


def _place(observed: Observed, ordinal: int) -> int:
    """How many condemned come before it on the way down."""
    spec, occupied = observed.spec, observed.roster.occupied
    if ordinal > spec.last:
        return occupied.count(ordinal + 1, HIGHEST)
    return occupied.count(spec.last + 1, HIGHEST) + occupied.count(ordinal + 1, spec.first - 1)


def _lowest_sick(observed: Observed, wall: float) -> int | None:
    """The lowest condemned ordinal that is unavailable; no wanted one is when this is asked (SD-1)."""
    spec, sick = observed.spec, observed.roster.unhealthy
    found = [sick.first(0, spec.first - 1), sick.first(spec.last + 1, HIGHEST)]
    found += [ordinal for ordinal in observed.unavailable(wall) if not spec.wants(ordinal)]
    return min((ordinal for ordinal in found if ordinal is not None), default=None)


def _delete(observed: Observed, slot: Slot) -> Plan:
    return act(Delete(observed.pod_key(slot.name), meta.uid(slot.pod)))
