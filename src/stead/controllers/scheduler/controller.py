"""The controller: whom a change concerns, and what becomes of a pod in line."""

from collections.abc import Iterable
from typing import Any

from stead.controllers.scheduler import obstacles, storage
from stead.controllers.scheduler.line import CLAIM, Line
from stead.controllers.scheduler.neighbours import Neighbourhood
from stead.controllers.scheduler.observed import Observed, observe
from stead.controllers.scheduler.rules import against, rules
from stead.controllers.scheduler.scores import SELECTED_NODE, best
from stead.kinds.claimfit import reserved_for
from stead.kinds.nodeterms import named_nodes
from stead.kinds.placed import node_of, why_unplaced
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Bind,
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

GATED = "Scheduling is blocked due to non-empty scheduling gates"
NO_NODES = "no nodes available to schedule pods"


class Scheduler:
    """One pod a round, the best of all nodes that will do. Nobody is driven out to make room."""

    name = "scheduler"
    kinds = ("Pod", "Node", CLAIM, "PersistentVolume", "StorageClass")

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind, line = event.key.kind, cache.index(Line)
        if kind == "Pod":
            return _of_pod(event, line)
        if kind == "Node":
            is_same = event.type == "DELETED" or (event.old is not None and _offers(event.old) == _offers(event.obj))
            return [] if is_same else list(line.waiting)
        if kind == CLAIM:
            return line.seekers(event.key)
        if kind == "PersistentVolume":
            claim = reserved_for(event.obj)
            return line.seekers(claim) if claim is not None else line.claiming()
        return line.claiming() if kind == "StorageClass" else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        return observe(cache, key)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if dig(observed.pod, "spec", "schedulingGates", default=[]):
            return _refused(observed, "SchedulingGated", GATED, now)
        if not observed.nodes:
            return _refused(observed, "Unschedulable", NO_NODES, now)
        blocked = _conflict(observed.pod) or storage.blocked(observed.claims)
        if blocked:
            told = obstacles.told_of_all(len(observed.nodes), blocked)
            return _refused(observed, "Unschedulable", told, now)
        neighbours = Neighbourhood(observed)
        asked = rules(neighbours)
        found = [(node, against(observed, node, asked)) for node in observed.nodes.values()]
        feasible = [node for node, obstacles_ in found if not obstacles_]
        if not feasible:
            told = obstacles.told(observed.pod, [obstacles_ for _, obstacles_ in found])
            return _refused(observed, "Unschedulable", told, now)
        return _placed(observed, best(observed, feasible, neighbours) if feasible[1:] else feasible[0])

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """A pod just bound takes its room at once; one that is gone needs none."""
        if isinstance(action, Bind) and isinstance(outcome, Done):
            observed.line.assume(action.pod, action.node)
        is_gone = isinstance(outcome, Refused) and outcome.reason == "NotFound"
        return Reaction(is_failure=False) if is_gone else NO_REACTION


# --- whom a change concerns


def _of_pod(event: WatchEvent, line: Line) -> list[Key]:
    """The pod itself if it is in line; all in line where room is made; where others are, those that look at that."""
    found = [event.key] if event.key in line.waiting and event.type != "DELETED" else []
    had_node, has_node = node_of(event.old), node_of(event.obj)
    if not had_node and not has_node:
        return found
    if event.type == "DELETED" or (event.old is not None and _is_leaving(event.obj) and not _is_leaving(event.old)):
        return list(line.waiting)
    is_moved = event.old is None or had_node != has_node or meta.labels(event.obj) != meta.labels(event.old)
    return line.sociable() if is_moved else found


def _is_leaving(pod: Json) -> bool:
    return meta.is_terminating(pod) or PodView(pod).is_terminal


def _offers(node: Json) -> tuple[Any, ...]:
    """All of a node that a rule looks at."""
    spec = node.get("spec") or {}
    return meta.labels(node), spec.get("unschedulable"), spec.get("taints"), dig(node, "status", "allocatable")


# --- answers


def _conflict(pod: Json) -> str:
    """Terms of node affinity by name that no node can satisfy together."""
    return "pod affinity terms conflict" if named_nodes(pod) == frozenset() else ""


def _placed(observed: Observed, node: Json) -> Plan:
    """Bind the pod; or first give its late claims the node and wait until they are bound."""
    pod, name = observed.pod, meta.name(node)
    late = [claim.obj for claim in observed.claims if claim.obj is not None and not claim.is_bound]
    if late:
        asked = [claim for claim in late if meta.annotations(claim).get(SELECTED_NODE) != name]
        body = {"metadata": {"annotations": {SELECTED_NODE: name}}}
        patches = tuple(Patch(key_of(CLAIM, claim), body, uid=meta.uid(claim)) for claim in asked)
        texts = [(f"claim {meta.name(claim)} is not bound yet", key_of(CLAIM, claim)) for claim in late]
        return Plan(patches, waiting=tuple(Waiting(text, "3.3.3", key) for text, key in texts))
    told = f"Successfully assigned {meta.namespace(pod)}/{meta.name(pod)} to {name}"
    bind = Bind(observed.key, meta.uid(pod), name)
    return Plan((bind, Fence(), Emit(pod, "Normal", "Scheduled", told)))


def _refused(observed: Observed, reason: str, message: str, now: Now) -> Plan:
    """PodScheduled is False, and once for each new message an event says why."""
    pod = observed.pod
    waiting = (Waiting(why_unplaced(message), "3.4", observed.key),)
    found = meta.condition(pod, "PodScheduled")
    if found is not None and (found.get("reason"), found.get("message")) == (reason, message):
        return Plan(waiting=waiting)
    since = found["lastTransitionTime"] if found is not None and found["status"] == "False" else now.text
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    others = [one for one in dig(pod, "status", "conditions", default=[]) if one["type"] != "PodScheduled"]
    body = {"status": {"conditions": [*others, condition]}}
    patch = Patch(observed.key, body, subresource="status", uid=meta.uid(pod))
    event = (Emit(pod, "Warning", "FailedScheduling", message),) if reason == "Unschedulable" else ()
    return Plan((patch, *event), waiting=waiting)
