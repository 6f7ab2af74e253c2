"""Disruption budgets: how many pods may be evicted now (3.5 in around.md).

The API spends from `disruptionsAllowed` when it lets an eviction pass; this controller earns it back. Members and their
health are added up as events come, so that a round costs the same however many pods a budget covers.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from stead.kinds.pod import PodView
from stead.kinds.registry import BUILT_IN
from stead.machinery import intstr, meta, selectors, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.membership import Membership
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Action, Calm, Emit, Plan, Update
from stead.machinery.selectors import Selector
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

BUDGET = "PodDisruptionBudget"
PATIENCE_SECONDS = 120  # for an eviction that was let pass to be seen (3.5.3)
ALLOWED = "DisruptionAllowed"


class Tally(Struct):
    """The members of a budget that are healthy, and all of them by who controls them ("" for nobody)."""

    healthy: dict[str, None] = field(default_factory=dict)
    controlled: dict[str, dict[str, None]] = field(default_factory=dict)
    controllers: dict[str, Json] = field(default_factory=dict)  # references by uid


class Budgets(Membership):
    """An index: the tally of every budget."""

    kind = BUDGET
    kinds = ("Pod", BUDGET)

    def __init__(self) -> None:
        super().__init__()
        self.tallies: dict[Key, Tally] = {}

    def selector_of(self, obj: Json) -> Selector | None:
        return selectors.from_object(dig(obj, "spec", "selector"))

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == BUDGET and new is not None:
            self.tallies.setdefault(key, Tally())
        super().apply(key, old, new)
        if key.kind == BUDGET and new is None:
            self.tallies.pop(key, None)

    def turned(self, owner: Key, pod: str, old: Json | None, new: Json | None) -> None:
        tally = self.tallies[owner]
        before, after = _controller_uid(old), _controller_uid(new)
        if old is not None and before != after:
            tally.controlled[before].pop(pod, None)
            if not tally.controlled[before]:
                del tally.controlled[before]
                tally.controllers.pop(before, None)
        if new is not None:
            tally.controlled.setdefault(after, {})[pod] = None
            tally.controllers[after] = meta.controller_of(new) or {}
        if new is not None and _is_healthy(new):
            tally.healthy[pod] = None
        else:
            tally.healthy.pop(pod, None)


class Observed(Struct, frozen=True):
    """A budget, its members by name and its tally, read on the spot; `scale` None: what `fault` says is in the way."""

    budget: Json
    pods: Mapping[str, Json]
    tally: Tally
    scale: int | None
    fault: str = ""


class Disruption(Calm):
    name = "disruption"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == BUDGET:
            return [event.key] if event.type != "DELETED" else []
        index = cache.index(Budgets)
        if event.key.kind == "Pod":
            if index.is_idle:
                return []
            if event.old is not None and event.type == "MODIFIED" and _shown(event.obj) == _shown(event.old):
                return []
            return dict.fromkeys([*index.of(event.old or event.obj), *index.of(event.obj)])
        if "replicas" not in dig(event.obj, "spec", default={}):
            return []
        uid, space = meta.uid(event.obj), event.key.namespace
        return [key for key, tally in index.tallies.items() if key.namespace == space and uid in tally.controllers]

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        budget = cache.get(key)
        if budget is None:
            return None
        index = cache.index(Budgets)
        tally = index.tallies[key]
        scale, fault = _scale(cache, tally, key.namespace)
        return Observed(budget, index.members.get(key, {}), tally, scale, fault)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        disrupted, late, left = _disrupted(observed, now)
        status = _status(observed, disrupted, now)
        told = tuple(_not_deleted(observed, name) for name in late)
        wake = Plan(wake_after_seconds=left)
        if status == {name: value for name, value in dig(observed.budget, "status", default={}).items() if value != {}}:
            return Plan(told) + wake
        return (
            Plan((Update({**observed.budget, "status": status}, subresource="status"), *told, *_events(observed)))
            + wake
        )


# --- arithmetic (3.5.1)


def _status(observed: Observed, disrupted: Json, now: Now) -> dict[str, Any]:
    counts = _counts(observed, disrupted)
    generation = observed.budget["metadata"].get("generation", 0)
    if counts is None:
        before = dig(observed.budget, "status", default={})
        condition = _condition(observed, ("False", "SyncFailed", observed.fault), now)
        return {**before, "disruptionsAllowed": 0, "observedGeneration": generation, "conditions": [condition]}
    is_allowed = counts["disruptionsAllowed"] > 0
    said = ("True", "SufficientPods", "") if is_allowed else ("False", "InsufficientPods", "")
    found = {**counts, "observedGeneration": generation, "conditions": [_condition(observed, said, now)]}
    return {**found, "disruptedPods": dict(disrupted)} if disrupted else found


def _counts(observed: Observed, disrupted: Json) -> dict[str, int] | None:
    """None where what is wanted is a share of a scale that nobody tells."""
    spec = observed.budget["spec"]
    healthy = (
        sum(name not in disrupted for name in observed.tally.healthy) if disrupted else len(observed.tally.healthy)
    )
    most, least = spec.get("maxUnavailable"), spec.get("minAvailable")
    expected = observed.scale
    if most is None and (least is None or isinstance(least, int)):
        expected = len(observed.pods) if least is not None else 0
    if expected is None:
        return None
    if most is not None:
        wanted = max(0, expected - intstr.scaled(most, expected, rounds_up=True))
    else:
        wanted = intstr.scaled(least, expected, rounds_up=True) if least is not None else 0
    allowed = max(0, healthy - wanted) if expected > 0 else 0
    return {
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
    }


def _condition(observed: Observed, said: tuple[str, str, str], now: Now) -> dict[str, Any]:
    status, reason, message = said
    found = meta.condition(observed.budget, ALLOWED)
    since = found["lastTransitionTime"] if found is not None and found["status"] == status else now.text
    return {
        "type": ALLOWED,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": observed.budget["metadata"].get("generation", 0),
        "lastTransitionTime": since,
    }


def _scale(cache: Cache, tally: Tally, namespace: str) -> tuple[int | None, str]:
    """What the controllers of the members want together; pods that nobody controls do not count."""
    total = 0
    for uid, reference in tally.controllers.items():
        if not uid:
            continue
        controller = cache.get(_key(reference, namespace))
        replicas = dig(controller, "spec", "replicas")
        if controller is None or meta.uid(controller) != uid or replicas is None:
            pod = next(iter(tally.controlled[uid]))
            return None, f'found no controllers for pod "{pod}"'
        total += int(replicas)
    return total, ""


def _key(reference: Json, namespace: str) -> Key:
    kind = BUILT_IN.by_type(reference.get("apiVersion", ""), reference["kind"])
    group, slash, _ = str(reference.get("apiVersion", "")).partition("/")
    custom = f"{reference['kind']}.{group}" if slash else str(reference["kind"])
    return Key(kind.id if kind is not None else custom, namespace, reference["name"])


# --- evictions that were let pass (3.5.3)


def _disrupted(observed: Observed, now: Now) -> tuple[dict[str, str], list[str], float | None]:
    """The entries that still count, the pods that should have gone, and when to look again."""
    kept: dict[str, str] = {}
    late: list[str] = []
    left: list[float] = []
    for name, since in dig(observed.budget, "status", "disruptedPods", default={}).items():
        pod = observed.pods.get(name)
        if pod is None or meta.is_terminating(pod):
            continue
        rest = times.from_text(since) + PATIENCE_SECONDS - now.wall
        if rest > 0:
            kept[name] = since
            left.append(rest)
        else:
            late.append(name)
    return kept, late, min(left, default=None)


def _not_deleted(observed: Observed, pod: str) -> Action:
    budget = observed.budget
    told = f"Pod was expected by PDB {meta.namespace(budget)}/{meta.name(budget)} to be deleted but it wasn't"
    return Emit(observed.pods[pod], "Warning", "NotDeleted", told)


def _events(observed: Observed) -> Iterable[Action]:
    budget, spec = observed.budget, observed.budget["spec"]
    if not observed.pods:
        yield Emit(budget, "Normal", "NoPods", "No matching pods found")
    if observed.scale is None:
        told = f"Failed to calculate the number of expected pods: {observed.fault}"
        yield Emit(budget, "Warning", "CalculateExpectedPodCountFailed", told)
    if "" in observed.tally.controlled and not isinstance(spec.get("minAvailable"), int):
        told = (
            f"Pods selected by this PodDisruptionBudget (selector: {_shown_selector(spec.get('selector'))}) were "
            "found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may "
            'result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB '
            "to an integer value."
        )
        yield Emit(budget, "Warning", "UnmanagedPods", told)


def _shown_selector(selector: Json | None) -> str:
    """As Go prints a pointer to one."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    asked = "".join(
        f"LabelSelectorRequirement{{Key:{one['key']},Operator:{one['operator']},"
        f"Values:[{' '.join(one.get('values') or ())}],}},"
        for one in selector.get("matchExpressions") or ()
    )
    asked = f"[]LabelSelectorRequirement{{{asked}}}"
    return f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:{asked},}}"


# --- pods


def _is_healthy(pod: Json) -> bool:
    return not meta.is_terminating(pod) and meta.has_condition(pod, "Ready")


def _controller_uid(pod: Json | None) -> str:
    reference = meta.controller_of(pod) if pod is not None else None
    return str(reference["uid"]) if reference is not None else ""


def _shown(pod: Json) -> tuple[Any, ...]:
    return PodView(pod).has_ready_condition, meta.is_terminating(pod), meta.labels(pod), _controller_uid(pod)
