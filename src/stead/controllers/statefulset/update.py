"""Rolling a new template out: which pods to end now (RU in controller.md)."""

from msgspec import Struct

from stead.controllers.statefulset import reasons
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.revisions import History
from stead.controllers.statefulset.roster import Slot
from stead.controllers.statefulset.steps import FENCE, Step, act
from stead.machinery import meta
from stead.machinery.intstr import scaled
from stead.machinery.objects import dig
from stead.machinery.plan import Delete, Plan, Waiting
from stead.machinery.times import Now


class Budget(Struct, frozen=True):
    """How many slots may be out of service, and how many are: the two gauges of 1.14."""

    most: int
    unavailable: int

    @property
    def left(self) -> int:
        return self.most - self.unavailable


def walk(observed: Observed, history: History, now: Now) -> Step:
    """RU-1 to RU-8. Every deletion lowers `status.currentReplicas` by one (ST-4): see `status.report`."""
    waiting = reasons.staying_old(observed, history)
    if observed.spec.is_on_delete:
        return Step(Plan(waiting=waiting))
    ended, why = _targets(observed, history, now)
    plan = act(*(item for slot in ended for item in (_delete(observed, slot), FENCE)))
    rolled = tuple(reasons.rolled(observed, slot, history) for slot in ended[:1])
    return Step(plan + Plan(waiting=rolled + why + waiting), is_last=True, rolled=len(ended))


def targets(observed: Observed, history: History, now: Now) -> list[Slot]:
    """The pods that a roll-out ends in this round, in the order it ends them."""
    return [] if observed.spec.is_on_delete else _targets(observed, history, now)[0]


def budget(observed: Observed, wall: float) -> Budget:
    """RU-5, RU-6: the share rounds down and is at least one; slots below the partition and empty ones count too."""
    spec, roster = observed.spec, observed.roster
    written = dig(spec.rolling, "maxUnavailable")
    most = 1 if written is None else max(1, scaled(written, spec.replicas, rounds_up=False))
    occupied = roster.occupied.count(spec.first, spec.last)
    sick = roster.unhealthy.count(spec.first, spec.last)
    unripe = sum(spec.wants(o) and o not in roster.unhealthy for o in observed.unavailable(wall))
    return Budget(most, spec.replicas - occupied + sick + unripe)


def _targets(observed: Observed, history: History, now: Now) -> tuple[list[Slot], tuple[Waiting, ...]]:
    if observed.profile.has_max_unavailable:
        return _within_budget(observed, history, now)
    return _one_by_one(observed, history, now)


def _one_by_one(observed: Observed, history: History, now: Now) -> tuple[list[Slot], tuple[Waiting, ...]]:
    """RU-2: from the top, the first old pod goes, unless one above it is still unavailable."""
    low, high = _low(observed), observed.spec.last
    old = _highest_old(observed, history, high)
    sick = _highest_unavailable(observed, now.wall)
    if old is not None and (sick is None or old >= sick):
        return [observed.roster.at[old]], ()
    slot = observed.roster.at.get(sick) if sick is not None and sick >= low else None
    if slot is None:
        return [], ()
    return [], (reasons.not_there_yet(observed, slot, history, "RU-2"),)


def _within_budget(observed: Observed, history: History, now: Now) -> tuple[list[Slot], tuple[Waiting, ...]]:
    """RU-5, and with `rolls_broken_first` the two phases of RU-8."""
    spent = budget(observed, now.wall)
    if _highest_old(observed, history, observed.spec.last) is None:
        return [], ()
    broken = _broken(observed, history, spent.most, now.wall) if observed.profile.rolls_broken_first else []
    if spent.left <= 0:
        over = () if broken else (reasons.over_budget(observed, spent.most, spent.unavailable),)
        return broken, over
    taken = {slot.ordinal for slot in broken}
    healthy: list[Slot] = []
    ordinal = _highest_old(observed, history, observed.spec.last)
    while ordinal is not None and len(healthy) < spent.left:
        if ordinal not in taken:
            healthy.append(observed.roster.at[ordinal])
        ordinal = _highest_old(observed, history, ordinal - 1)
    return [*broken, *healthy], ()


def _broken(observed: Observed, history: History, most: int, wall: float) -> list[Slot]:
    """Old pods that are out of service anyway, from the top."""
    found: list[Slot] = []
    sick = {*observed.roster.unhealthy.between(_low(observed), observed.spec.last), *observed.unavailable(wall)}
    for ordinal in sorted(sick, reverse=True):
        slot = observed.roster.at[ordinal]
        is_old = slot.revision != history.update.name and not slot.is_terminating
        if is_old and _low(observed) <= ordinal <= observed.spec.last and len(found) < most:
            found.append(slot)
    return found


def _low(observed: Observed) -> int:
    """RU-3: the partition is an index, so the lowest ordinal that rolls is that far above the first."""
    return observed.spec.first + observed.spec.partition


def _highest_old(observed: Observed, history: History, high: int) -> int | None:
    """The highest pod, not terminating, that is not at the update revision."""
    low = _low(observed)
    found = [live.last(low, high) for name, live in observed.roster.live.items() if name != history.update.name]
    return max((ordinal for ordinal in found if ordinal is not None), default=None)


def _highest_unavailable(observed: Observed, wall: float) -> int | None:
    spec, roster = observed.spec, observed.roster
    found = [roster.unhealthy.last(spec.first, spec.last), roster.occupied.last_gap(spec.first, spec.last)]
    found += [ordinal for ordinal in observed.unavailable(wall) if spec.wants(ordinal)]
    return max((ordinal for ordinal in found if ordinal is not None), default=None)


def _delete(observed: Observed, slot: Slot) -> Delete:
    return Delete(observed.pod_key(slot.name), meta.uid(slot.pod))
