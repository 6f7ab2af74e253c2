"""Eviction: a delete that asks the pod's disruption budget first."""

from typing import Any

from msgspec.structs import replace

from stead.api import deletion, verbs
from stead.api.core import Call, Core, key_in
from stead.api.options import DeleteOptions
from stead.api.verbs import Place
from stead.kinds.pod import PodView
from stead.machinery import errors, meta, selectors
from stead.machinery.errors import Forbidden, Nameless, TooManyRequests
from stead.machinery.objects import Json, dig

REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
MOST_DISRUPTED = 2000
RETRY_SECONDS = 10
EVICTED = {"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
TOO_MANY = Nameless("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")


def evict(core: Core, call: Call, place: Place, options: DeleteOptions) -> Json | None:
    """Delete the pod if its budget lets it; raises NotFound, TooManyRequests, Forbidden.

    Answers the Status that refuses a pod with several budgets: upstream sends it as if all were well.
    """
    row = core.store.get(place.key)
    if row is not None and not _needs_no_budget(PodView(row.obj)):
        budgets = _budgets(core, row.obj)
        if len(budgets) > 1:
            return TOO_MANY.status()
        if budgets and not _may_ignore(budgets[0], PodView(row.obj)):
            _spend(core, call, budgets[0], place.name)
        options = _told(core, call, place, (row.obj, options))
    deletion.delete(core, call, place, options)
    return None


def _told(core: Core, call: Call, place: Place, asked: tuple[Json, DeleteOptions]) -> DeleteOptions:
    """The pod says why it goes (3.5.4). Answers what is left to be asked of it. Raises Conflict."""
    pod, options = asked
    deletion.check(place.kind, pod, options)
    condition = {"type": "DisruptionTarget", "status": "True", "lastProbeTime": None, **EVICTED}

    def change(old: Json) -> Json:
        others = [one for one in dig(old, "status", "conditions", default=[]) if one["type"] != "DisruptionTarget"]
        conditions = [*others, {**condition, "lastTransitionTime": call.now.text}]
        return {**old, "status": {**(old.get("status") or {}), "conditions": conditions}}

    status = Place(place.kind, place.key, "status")
    verbs.update(core, Call(call.now, call.user, is_dry_run=call.is_dry_run), status, change)
    return replace(options, revision="")


def _needs_no_budget(pod: PodView) -> bool:
    """A pod that does not count cannot be missed."""
    return pod.is_terminal or pod.is_terminating or pod.phase == "Pending"


def _budgets(core: Core, pod: Json) -> list[Json]:
    return [
        row.obj
        for row in core.store.rows("PodDisruptionBudget", meta.namespace(pod))
        if selectors.from_object(dig(row.obj, "spec", "selector")).matches(meta.labels(pod))
    ]


def _may_ignore(budget: Json, pod: PodView) -> bool:
    """A pod that is not ready may go: always, or (the default) while the others are enough."""
    if pod.has_ready_condition:
        return False
    if dig(budget, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    healthy, wanted = _counts(budget)
    return healthy >= wanted > 0


def _counts(budget: Json) -> tuple[int, int]:
    status = budget.get("status") or {}
    return status.get("currentHealthy", 0), status.get("desiredHealthy", 0)


def _spend(core: Core, call: Call, budget: Json, pod: str) -> None:
    """Take one disruption from the budget and write down for whom."""
    name, status = meta.name(budget), budget.get("status") or {}
    allowed = status.get("disruptionsAllowed", 0)
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        told = f"The disruption budget {name} is still being processed by the server."
        raise _refusal(told, RETRY_SECONDS)
    if allowed < 0:
        raise _forbidden(name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or {}) > MOST_DISRUPTED:
        raise _forbidden(name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed == 0:
        raise _refusal(f"The disruption budget {name} {_want(budget)}", None)

    def change(old: Json) -> Json:
        return {**old, "status": _spent(old.get("status") or {}, pod, call)}

    kind = core.registry.by_id("PodDisruptionBudget")
    place = Place(kind, key_in(kind, meta.namespace(budget), name), "status")
    verbs.update(core, Call(call.now, call.user, is_dry_run=call.is_dry_run), place, change)


def _want(budget: Json) -> str:
    """Why no disruption is allowed; counts are not told where they could not be reckoned, or do not say why."""
    healthy, wanted = _counts(budget)
    conditions: list[Json] = dig(budget, "status", "conditions", default=[])
    told: Json = next((one for one in conditions if one["type"] == "DisruptionAllowed"), {})
    reason, message = told.get("reason", ""), told.get("message", "") if told.get("status") == "False" else ""
    refused = "does not allow evicting pods currently"
    if message and reason == "SyncFailed":
        return f"{refused} because it failed sync: {message}"
    if healthy <= wanted:
        return f"needs {wanted} healthy pods and has {healthy} currently"
    return f"{refused} ({reason}): {message}" if message else refused


def _spent(status: Json, pod: str, call: Call) -> Json:
    left = status["disruptionsAllowed"] - 1
    disrupted = {**(status.get("disruptedPods") or {}), pod: call.now.text}
    spent: dict[str, Any] = {**status, "disruptionsAllowed": left, "disruptedPods": disrupted}
    if left == 0:
        conditions = [found for found in status.get("conditions") or () if found["type"] != "DisruptionAllowed"]
        spent["conditions"] = [*conditions, _nothing_left(status, call)]
    return spent


def _nothing_left(status: Json, call: Call) -> Json:
    return {
        "type": "DisruptionAllowed",
        "status": "False",
        "observedGeneration": status.get("observedGeneration", 0),
        "lastTransitionTime": call.now.text,
        "reason": "InsufficientPods",
        "message": "",
    }


def _forbidden(name: str, why: str) -> Forbidden:
    resource = errors.qualified("poddisruptionbudget", "policy")  # in the singular, for once
    details = errors.named("poddisruptionbudget", "policy", name)
    return Forbidden(f'{resource} "{name}" is forbidden: {why}', details=details)


def _refusal(told: str, retry_after_seconds: int | None) -> TooManyRequests:
    cause = {"reason": "DisruptionBudget", "message": told}
    return TooManyRequests(REFUSED, details={"causes": [cause]}, retry_after_seconds=retry_after_seconds)
