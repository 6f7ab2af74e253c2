"""The scheduler: a pod without a node gets one, or is told in upstream's words why none will do (3.4 in around.md)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Bind, Calm, Emit, Patch, Plan, Waiting
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

SELECTED_NODE = "volume.kubernetes.io/selected-node"
WAKING_KINDS = frozenset(("Node", "PersistentVolumeClaim", "PersistentVolume", "StorageClass"))


class Unscheduled:
    """An index of the pods that have no node yet."""

    def __init__(self) -> None:
        self.pods: dict[Key, Json] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Pod":
            return
        if new is not None and _is_ours(new):
            self.pods[key] = new
        else:
            self.pods.pop(key, None)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the pod with its volume and class, as far as they exist."""

    name: str
    obj: Json | None
    volume: Json | None
    is_late: bool  # its class waits for the first consumer


@dataclass(frozen=True, slots=True)
class Observed:
    pod: PodView
    nodes: tuple[Json, ...]
    claims: tuple[Claim, ...]


class Scheduler(Calm):
    name = "scheduler"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Pod":
            return [event.key] if event.key in cache.index(Unscheduled).pods else []
        if event.key.kind in WAKING_KINDS:
            return list(cache.index(Unscheduled).pods)
        return []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        pod = cache.index(Unscheduled).pods.get(key)
        if pod is None:
            return None
        view = PodView(pod)
        claims = tuple(_claim(cache, key.namespace, name) for name in view.claim_names())
        return Observed(view, tuple(cache.all("Node")), claims)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        pod = observed.pod
        if dig(pod.obj, "spec", "schedulingGates", default=[]):
            return _unschedulable(
                pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", now
            )
        blocked = _claims_block(observed.claims)
        if blocked:
            return _unschedulable(pod, "Unschedulable", _told(len(observed.nodes), {blocked: None}), now)
        refusals: dict[str, int | None] = {}
        for node in observed.nodes:
            refusal = next((words for words, holds in RULES if not holds(observed, node)), None)
            if refusal is None:
                return _placed(observed, node)
            refusals[refusal] = (refusals.get(refusal) or 0) + 1
        return _unschedulable(pod, "Unschedulable", _told(len(observed.nodes), refusals), now)


# --- what a node must satisfy, in the order it is asked, with upstream's words for each refusal


def _is_open(observed: Observed, node: Json) -> bool:
    return not dig(node, "spec", "unschedulable") or _tolerates(
        observed.pod, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    )


def _has_no_bad_taint(observed: Observed, node: Json) -> bool:
    taints = dig(node, "spec", "taints", default=[])
    return all(_tolerates(observed.pod, taint) for taint in taints if taint["effect"] in ("NoSchedule", "NoExecute"))


def _is_selected(observed: Observed, node: Json) -> bool:
    selector = dig(observed.pod.obj, "spec", "nodeSelector", default={})
    labels = meta.labels(node)
    if any(labels.get(name) != value for name, value in selector.items()):
        return False
    affinity = dig(observed.pod.obj, "spec", "affinity", "nodeAffinity", default={})
    wanted = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return wanted is None or _any_term(wanted["nodeSelectorTerms"], node)


def _can_reach_volumes(observed: Observed, node: Json) -> bool:
    wanted = [dig(claim.volume, "spec", "nodeAffinity", "required") for claim in observed.claims if claim.volume]
    return all(terms is None or _any_term(terms["nodeSelectorTerms"], node) for terms in wanted)


RULES: tuple[tuple[str, Callable[[Observed, Json], bool]], ...] = (
    ("node(s) were unschedulable", _is_open),
    ("node(s) had untolerated taint(s)", _has_no_bad_taint),
    ("node(s) didn't match Pod's node affinity/selector", _is_selected),
    ("node(s) didn't match PersistentVolume's node affinity", _can_reach_volumes),
)


def _tolerates(pod: PodView, taint: Json) -> bool:
    return any(_covers(toleration, taint) for toleration in dig(pod.obj, "spec", "tolerations", default=[]))


def _covers(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"]) and toleration.get("value", "") == taint.get("value", "")


def _any_term(terms: list[Json], node: Json) -> bool:
    return any(_matches(term, node) for term in terms)


def _matches(term: Json, node: Json) -> bool:
    labels = meta.labels(node)
    asked = [(r, labels.get(r["key"])) for r in term.get("matchExpressions") or []]
    asked += [(r, meta.name(node)) for r in term.get("matchFields") or [] if r["key"] == "metadata.name"]
    return bool(asked) and all(OPERATORS[r["operator"]](value, r.get("values") or []) for r, value in asked)


OPERATORS: dict[str, Callable[[str | None, list[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, values: value is not None,
    "DoesNotExist": lambda value, values: value is None,
    "Gt": lambda value, values: value is not None and int(value) > int(values[0]),
    "Lt": lambda value, values: value is not None and int(value) < int(values[0]),
}


# --- claims


def _claim(cache: Cache, namespace: str, name: str) -> Claim:
    obj = cache.get(Key("PersistentVolumeClaim", namespace, name))
    if obj is None:
        return Claim(name, None, None, is_late=False)
    volume = cache.get(Key("PersistentVolume", "", dig(obj, "spec", "volumeName", default="")))
    class_ = cache.get(Key("StorageClass", "", dig(obj, "spec", "storageClassName", default="")))
    return Claim(name, obj, volume, is_late=dig(class_, "volumeBindingMode") == "WaitForFirstConsumer")


def _claims_block(claims: tuple[Claim, ...]) -> str:
    """Why no node can do, because of a claim; "" if none does."""
    for claim in claims:
        if claim.obj is None:
            return f'persistentvolumeclaim "{claim.name}" not found'
        if meta.is_terminating(claim.obj):
            return f'persistentvolumeclaim "{claim.name}" is being deleted'
    if any(not _is_bound(claim) and not claim.is_late for claim in claims):
        return "pod has unbound immediate PersistentVolumeClaims"
    return ""


def _is_bound(claim: Claim) -> bool:
    return bool(dig(claim.obj, "status", "phase") == "Bound")


# --- answers


def _placed(observed: Observed, node: Json) -> Plan:
    """Bind the pod; or first give its late claims the node and wait until they are bound."""
    pod, name = observed.pod, meta.name(node)
    late = [claim.obj for claim in observed.claims if claim.obj and not _is_bound(claim)]
    if late:
        asked = [obj for obj in late if meta.annotations(obj).get(SELECTED_NODE) != name]
        body = {"metadata": {"annotations": {SELECTED_NODE: name}}}
        patches = tuple(Patch(key_of("PersistentVolumeClaim", obj), body) for obj in asked)
        waiting = tuple(
            Waiting(f"claim {meta.name(obj)} is not bound yet", "3.3.3", key_of("PersistentVolumeClaim", obj))
            for obj in late
        )
        return Plan(patches, waiting=waiting)
    told = f"Successfully assigned {meta.namespace(pod.obj)}/{pod.name} to {name}"
    return Plan((Bind(key_of("Pod", pod.obj), pod.uid, name), Emit(pod.obj, "Normal", "Scheduled", told)))


def _told(nodes: int, refusals: dict[str, int | None]) -> str:
    counted = sorted(f"{count} {words}" if count else words for words, count in refusals.items())
    return f"0/{nodes} nodes are available: {', '.join(counted) or 'no nodes available to schedule pods'}."


def _unschedulable(pod: PodView, reason: str, message: str, now: Now) -> Plan:
    waiting = (Waiting(message.rstrip("."), "3.4", key_of("Pod", pod.obj)),)
    found = meta.condition(pod.obj, "PodScheduled")
    if found and (found.get("reason"), found.get("message")) == (reason, message):
        return Plan(waiting=waiting)
    since = found["lastTransitionTime"] if found and found["status"] == "False" else now.text
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
    others = [c for c in dig(pod.obj, "status", "conditions", default=[]) if c["type"] != "PodScheduled"]
    body = {"status": {"conditions": [*others, condition]}}
    patch = Patch(key_of("Pod", pod.obj), body, subresource="status", uid=pod.uid)
    event = (Emit(pod.obj, "Warning", "FailedScheduling", message),) if reason == "Unschedulable" else ()
    return Plan((patch, *event), waiting=waiting)


def _is_ours(pod: Json) -> bool:
    view = PodView(pod)
    scheduler = dig(pod, "spec", "schedulerName", default="default-scheduler")
    return not view.node and not view.is_terminating and not view.is_terminal and scheduler == "default-scheduler"
