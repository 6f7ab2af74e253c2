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


class Observed(Struct, frozen=True):
    """A pod and the taints of its node that drive out."""

    key: Key
    pod: Json
    taints: tuple[Json, ...]


class TaintEviction:
    name = "tainteviction"
    kinds = ("Pod", "Node")

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Node" and event.type != "DELETED":
            is_same = event.old is not None and _driving(event.old) == _driving(event.obj)
            return [] if is_same else cache.index(Placed).on(event.key.name)
        if event.key.kind != "Pod" or event.type == "DELETED" or _is_said(event.obj, event.old):
            return []
        return [event.key] if _driving(_node(cache, event.obj)) else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        pod = cache.get(key)
        if pod is None or meta.is_terminating(pod):
            return None
        found = _driving(_node(cache, pod))
        return Observed(key, pod, tuple(found)) if found else None

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        due = _due(observed, now)
        if due is None:
            return Plan()
        if due <= now.wall:
            return _eviction(observed, now)
        told = f"{observed.key.name} is deleted then, if its node is still tainted {observed.taints[0]['key']}"
        return Plan(waiting=(Waiting(told, "3.6.1", observed.key),), wake_after_seconds=due - now.wall)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """The pod is gone already."""
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
        "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "lastTransitionTime": now.text,
    }
    others = [one for one in dig(pod, "status", "conditions", default=[]) if one["type"] != "DisruptionTarget"]
    body = {"status": {"conditions": [*others, condition]}}
    revision = meta.resource_version(pod)
    return Plan(
        (
            Emit(pod, "Normal", "TaintManagerEviction", f"Marking for deletion Pod {key.namespace}/{key.name}"),
            Patch(key, body, subresource="status", uid=meta.uid(pod), if_revision=revision),
            Fence(),
            Delete(key, meta.uid(pod)),
        )
    )


def _driving(node: Json | None) -> list[Json]:
    return taints.of(node, taints.DRIVES_OUT)


def _node(cache: Cache, pod: Json) -> Json | None:
    return cache.get(Key("Node", "", node_of(pod)))


def _is_said(pod: Json, old: Json | None) -> bool:
    """Whether a pod said before where it is and what it bears."""
    return old is not None and (pod["spec"] is old["spec"] or _said(pod) == _said(old))


def _said(pod: Json) -> tuple[Any, ...]:
    return node_of(pod), dig(pod, "spec", "tolerations", default=[])
