"""Taints that drive out: a pod that does not tolerate one goes at once, or when its patience is over (3.6.1)."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from stead.kinds import taints
from stead.kinds.placed import Placed, node_of
from stead.machinery import meta, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Delete,
    Done,
    Emit,
    Fence,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Waiting,
)
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

REASON = "DeletionByTaintManager"
SPARED = "Cancelling deletion of"


class Patience(Placed):
    """An index: the pods that were to go after a while, and are not any more, until somebody is told."""

    kinds = ("Pod", "Node")

    def __init__(self) -> None:
        super().__init__()
        self.spared: dict[Key, Json] = {}
        self._taints: dict[str, list[Json]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Node":
            self._turn(key.name, new)
        elif key.kind == "Pod":
            taints_ = self._taints.get(node_of(new or old), [])
            if taints_ and old is not None:
                self._compare(key, old, taints_, taints_ if new is not None else [], new)
            super().apply(key, old, new)

    def _turn(self, node: str, new: Json | None) -> None:
        before, after = self._taints.pop(node, []), _driving(new)
        if after:
            self._taints[node] = after
        if before != after and new is not None:
            for key, pod in self.on(node).items():
                self._compare(key, pod, before, after, pod)

    def _compare(self, key: Key, pod: Json, before: list[Json], after: list[Json], new: Json | None) -> None:
        if _is_awaited(new, after):
            self.spared.pop(key, None)
        elif _is_awaited(pod, before) and not (new is not None and _is_marked(new)):
            self.spared[key] = pod


class Observed(Struct, frozen=True):
    """A pod and the taints of its node that drive out. `is_spared`: it was to go after a while."""

    key: Key
    pod: Json
    taints: tuple[Json, ...]
    patience: Patience
    is_spared: bool = False


class TaintEviction:
    name = "tainteviction"
    kinds = ("Pod", "Node")

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Node" and event.type != "DELETED":
            is_same = event.old is not None and _driving(event.old) == _driving(event.obj)
            return [] if is_same else cache.index(Placed).on(event.key.name)
        if event.key in cache.index(Patience).spared:
            return [event.key]
        if event.key.kind != "Pod" or event.type == "DELETED" or _is_said(event.obj, event.old):
            return []
        return [event.key] if _driving(_node(cache, event.obj)) else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        pod, patience = cache.get(key), cache.index(Patience)
        spared = patience.spared.get(key)
        found = _driving(_node(cache, pod)) if pod is not None and not meta.is_terminating(pod) else []
        about = pod if pod is not None else spared
        if about is None or not (found or spared):
            return None
        return Observed(key, about, tuple(found), patience, spared is not None)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        spared = Plan((_told(observed, SPARED),)) if observed.is_spared else Plan()
        due = _due(observed, now)
        if due is None:
            return spared
        if due <= now.wall:
            return spared + _eviction(observed, now)
        told = f"{observed.key.name} is deleted then, if its node is still tainted {observed.taints[0]['key']}"
        return Plan(waiting=(Waiting(told, "3.6.1", observed.key),), wake_after_seconds=due - now.wall)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """Somebody was told that the pod is spared. The pod is gone already."""
        if isinstance(action, Emit) and action.message.startswith(SPARED) and isinstance(outcome, Done):
            observed.patience.spared.pop(observed.key, None)
        is_gone = isinstance(outcome, Refused) and outcome.reason == "NotFound"
        return Reaction(is_failure=False) if is_gone else NO_REACTION


def _due(observed: Observed, now: Now) -> float | None:
    """When the pod must go (wall seconds), now if it does not tolerate some taint; None where it may stay for ever."""
    dues: list[float] = []
    for taint in observed.taints:
        found = next(taints.tolerations_of(observed.pod, taint), None)  # the first decides, others are not looked at
        if found is None:
            return now.wall
        patience, since = found.get("tolerationSeconds"), taint.get("timeAdded")
        if patience is not None:
            met = max(times.from_text(since), _came(observed.pod)) if since else now.wall
            dues.append(met + max(0, patience))
    return min(dues, default=None)


def _came(pod: Json) -> float:
    """When the pod was given its node (wall seconds): a taint that was there before begins to count then."""
    placed = meta.condition(pod, "PodScheduled") or {}
    since = placed.get("lastTransitionTime") if placed.get("status") == "True" else None
    return times.from_text(str(since or pod["metadata"]["creationTimestamp"]))


def _eviction(observed: Observed, now: Now) -> Plan:
    key, pod = observed.key, observed.pod
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": REASON,
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": now.text,
    }
    others = [one for one in dig(pod, "status", "conditions", default=[]) if one["type"] != "DisruptionTarget"]
    body = {"status": {"conditions": [*others, condition]}}
    revision = meta.resource_version(pod)
    return Plan(
        (
            _told(observed, "Marking for deletion"),
            Patch(key, body, subresource="status", uid=meta.uid(pod), if_revision=revision),
            Fence(),
            Delete(key, meta.uid(pod)),
        )
    )


def _told(observed: Observed, what: str) -> Emit:
    key = observed.key
    return Emit(observed.pod, "Normal", "TaintManagerEviction", f"{what} Pod {key.namespace}/{key.name}")


def _is_awaited(pod: Json | None, found: Iterable[Json]) -> bool:
    """Whether the pod goes after a while: it tolerates all that drives out, and something not for ever."""
    if pod is None or _is_marked(pod):
        return False
    used = [next(taints.tolerations_of(pod, taint), None) for taint in found]
    return None not in used and any(one is not None and one.get("tolerationSeconds") is not None for one in used)


def _is_marked(pod: Json) -> bool:
    """Whether it goes for its node's taints."""
    return (meta.condition(pod, "DisruptionTarget") or {}).get("reason") == REASON


def _driving(node: Json | None) -> list[Json]:
    return taints.of(node, taints.DRIVES_OUT)


def _node(cache: Cache, pod: Json) -> Json | None:
    return cache.get(Key("Node", "", node_of(pod)))


def _is_said(pod: Json, old: Json | None) -> bool:
    """Whether a pod said before where it is and what it bears."""
    return old is not None and (pod["spec"] is old["spec"] or _said(pod) == _said(old))


def _said(pod: Json) -> tuple[Any, ...]:
    return node_of(pod), dig(pod, "spec", "tolerations", default=[])
