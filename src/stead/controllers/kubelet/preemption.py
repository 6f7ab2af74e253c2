"""Room for a critical pod: whom its node drives out for it. For any other pod nobody is ever driven out.

As upstream's kubelet chooses: those that were promised least go first, each time the one that comes nearest to what is
lacking, and of two that come equally near the smaller.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from stead.controllers.kubelet import admission
from stead.controllers.kubelet.observed import is_critical
from stead.controllers.kubelet.round import Failure, Round
from stead.controllers.kubelet.tenants import Lack, counted
from stead.kinds import podlife, podrequests
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Action, Emit, Patch, Plan

PROMISED = ("BestEffort", "Burstable", "Guaranteed")
REASON, MESSAGE = "Preempting", "Preempted in order to admit critical pod"
WHY = "Pod was preempted by Kubelet to accommodate a critical pod."

Needs: TypeAlias = Mapping[str, int]  # what is lacking, by resource


class Candidate(Struct, frozen=True):
    key: Key
    pod: Json
    asks: Mapping[str, int]


def refusal(round_: Round) -> Failure | None:
    """Why the node does not take the pod, None if it does, or did. For a critical one others may have to go."""
    found = next(admission.refusals(round_), None)
    if found is None or not is_critical(round_.pod) or not found.reason.startswith(admission.OUT_OF):
        return found
    node = round_.observed.node
    other = next(admission.predicates(round_, node), None) if node is not None else None
    return other or _hopeless(round_)


def _hopeless(round_: Round) -> Failure | None:
    """There would not be room for it whoever went."""
    needs, candidates = _needs(round_), _candidates(round_)
    lacking = _without(needs, candidates)
    if not lacking:
        return None
    told = "".join(f"(res: {name}, q: {count}), " for name, count in lacking.items())
    why = f"no set of running pods found to reclaim resources: [{told}]"
    why = f"preemption: error finding a set of pods to preempt: {why}"
    recovering = "Unexpected error while attempting to recover from admission failure"
    return Failure("UnexpectedAdmissionError", f"{recovering}: {why}")


def plan(round_: Round) -> Plan:
    """Those who must go fail, each with its grace; who is told of it."""
    if admission.is_taken(round_) or not is_critical(round_.pod) or round_.is_terminating:
        return NOTHING
    needs = _needs(round_)
    victims = _victims(_candidates(round_), needs) if needs else []
    return Plan(tuple(action for victim in victims for action in _driven_out(victim, round_)))


def _driven_out(victim: Candidate, round_: Round) -> Iterable[Action]:
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "TerminationByKubelet",
        "message": WHY,
        "lastTransitionTime": round_.now.text,
    }
    others = [one for one in dig(victim.pod, "status", "conditions", default=[]) if one["type"] != "DisruptionTarget"]
    status = {"phase": "Failed", "reason": REASON, "message": MESSAGE, "conditions": [*others, condition]}
    yield Emit(victim.pod, "Warning", REASON, MESSAGE)
    yield Patch(victim.key, {"status": status}, subresource="status", uid=meta.uid(victim.pod))


# --- who


def _needs(round_: Round) -> Needs:
    node = round_.observed.node
    found: Iterable[Lack] = ()
    if node is not None and not any(True for _ in admission.predicates(round_, node)):
        found = round_.observed.room.lacking(round_.observed.key, round_.pod, node)
    return {lack.resource: lack.requested - (lack.capacity - lack.used) for lack in found}


def _candidates(round_: Round) -> list[Candidate]:
    own = int(dig(round_.pod, "spec", "priority", default=0))
    beside = round_.observed.beside.items()
    return [Candidate(key, pod, _asks(pod)) for key, pod in beside if _priority(pod) < own]


def _priority(pod: Json) -> int:
    return int(dig(pod, "spec", "priority", default=0) or 0)


def _asks(pod: Json) -> dict[str, int]:
    return {"pods": 1, **{name: counted(name, nanos) for name, nanos in podrequests.amounts(pod).items()}}


def _without(needs: Needs, candidates: Iterable[Candidate]) -> Needs:
    """What would still be lacking if they were gone."""
    left = dict(needs)
    for candidate in candidates:
        left = {name: count - candidate.asks.get(name, 0) for name, count in left.items()}
    return {name: count for name, count in left.items() if count > 0}


def _victims(candidates: list[Candidate], needs: Needs) -> list[Candidate]:
    """From those that were promised most downwards: of each class only who is needed though all lower ones go."""
    classes: dict[str, list[Candidate]] = {name: [] for name in PROMISED}
    for candidate in candidates:
        classes[podlife.qos_class(candidate.pod)].append(candidate)
    least, some, most = (classes[name] for name in PROMISED)
    of_most = _nearest(most, _without(needs, [*least, *some]))
    of_some = _nearest(some, _without(needs, [*least, *of_most]))
    return [*_nearest(least, _without(needs, [*of_some, *of_most])), *of_some, *of_most]


def _nearest(candidates: list[Candidate], needs: Needs) -> list[Candidate]:
    left, chosen = list(candidates), []
    while needs and left:
        best = min(left, key=lambda one: (_distance(one, needs), _size(one)))
        left.remove(best)
        chosen.append(best)
        needs = _without(needs, [best])
    return chosen


def _distance(candidate: Candidate, needs: Needs) -> float:
    """What would be lacking still, each resource by its share."""
    shares = (max(0, count - candidate.asks.get(name, 0)) / count for name, count in needs.items())
    return sum(share * share for share in shares)


def _size(candidate: Candidate) -> tuple[Any, ...]:
    return candidate.asks.get("memory", 0), candidate.asks.get("cpu", 0), candidate.asks.get("ephemeral-storage", 0)
