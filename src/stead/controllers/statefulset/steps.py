"""What a walk answers: a plan, and whether the round ends with it."""

from collections.abc import Iterable
from itertools import chain, groupby

from msgspec import Struct

from stead.machinery.plan import NOTHING, Action, Fence, Plan

FENCE = Fence()
MOST_ACTIONS = 500  # of one walk in one round; the rest has the next, which follows at once
_LARGEST_BATCH = 500
_FENCED = Plan((FENCE,))


class Step(Struct, frozen=True):
    """`is_last`: nothing after it in this round, status aside (an ordered set's stop; an error).

    `rolled` is how many pods it ends for a roll-out (ST-4).
    """

    plan: Plan = NOTHING
    is_last: bool = False
    rolled: int = 0


GO_ON = Step()


def in_order(plans: Iterable[Plan]) -> Step:
    """One after the other, each only if those before went well: how an ordered set works."""
    done: list[Plan] = []
    actions = 0
    for plan in plans:
        done.append(plan if not plan.actions else plan + _FENCED)
        actions += len(plan.actions)
        if plan.is_failed:
            return Step(total(done), is_last=True)
        if actions >= MOST_ACTIONS:
            return _later(done)
    return Step(total(done))


def in_batches(plans: Iterable[tuple[int, Plan]]) -> Step:
    """Slow start: batches of 1, 2, 4 .. 500 slots; an error lets its batch finish and ends the round (PR-11, SD-5).

    In come (index of the slot, its plan), ascending; slots that need nothing may be left out.
    """
    done: list[Plan] = []
    actions = 0
    for _, batch in groupby(plans, key=lambda one: batch_of(one[0])):
        plan = total(plan for _, plan in batch)
        done.append(plan if not plan.actions else plan + _FENCED)
        actions += len(plan.actions)
        if plan.is_failed:
            return Step(total(done), is_last=True)
        if actions >= MOST_ACTIONS:
            return _later(done)
    return Step(total(done))


def batch_of(index: int) -> int:
    """Which slow-start batch a slot falls into: 0; 1-2; 3-6; ...; 255-510; then 500 at a time."""
    doubling = (index + 1).bit_length() - 1
    return doubling if doubling < 9 else 9 + (index - 511) // _LARGEST_BATCH


def total(plans: Iterable[Plan]) -> Plan:
    """All plans as one; in one go, for there may be hundreds."""
    found = [plan for plan in plans if plan is not NOTHING]
    wakes = [plan.wake_after_seconds for plan in found if plan.wake_after_seconds is not None]
    return Plan(
        tuple(chain.from_iterable([plan.actions for plan in found])),
        tuple(chain.from_iterable([plan.always for plan in found])),
        tuple(chain.from_iterable([plan.waiting for plan in found])),
        min(wakes) if wakes else None,
        any(plan.is_failed for plan in found),
    )


def _later(done: list[Plan]) -> Step:
    return Step(total([*done, Plan(wake_after_seconds=0)]), is_last=True)


def act(*actions: Action | Fence) -> Plan:
    return Plan(actions)
