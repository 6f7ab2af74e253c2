"""Namespaces: empty a terminating one, pods first, then let it go; its conditions say what is left (3.7)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from stead.kinds.registry import BUILT_IN
from stead.machinery import errors, meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Delete,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Update,
    Waiting,
)
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

FINALIZER = "kubernetes"
PRIVATE = frozenset(("Sandbox", "RemovedVolume"))  # what the kernel notes for itself
TOLD = 3  # objects named in a wait

# type, and (status, reason, message) where there is nothing to complain of
CALM = {
    "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "False",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "False",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("False", "ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": (
        "False",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
}


class Observed(Struct, frozen=True):
    namespace: Json
    content: tuple[tuple[str, Json], ...]  # (kind id, object): the pods, or where there are none all others


class Namespaces:
    name = "namespace"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Namespace":
            return [event.key]
        if not event.key.namespace:
            return []
        space = Key("Namespace", "", event.key.namespace)
        obj = cache.get(space)
        return [space] if obj is not None and meta.is_terminating(obj) and _is_telling(event) else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        namespace = cache.get(key)
        if namespace is None or not meta.is_terminating(namespace):
            return None
        pods = tuple(("Pod", pod) for pod in cache.all("Pod", key.name))
        kinds = [kind for kind in cache.kinds() if kind not in PRIVATE]
        return Observed(namespace, pods or tuple((kind, obj) for kind in kinds for obj in cache.all(kind, key.name)))

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if not observed.content:
            return _let_go(observed.namespace, now)
        going = [(kind, obj) for kind, obj in observed.content if not meta.is_terminating(obj)]
        deletions = tuple(Delete(key_of(kind, obj), meta.uid(obj)) for kind, obj in going)
        told = () if going else _conditions(observed.namespace, observed.content, now)
        return Plan((*deletions, *told), waiting=(_waiting(observed.content),))

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """What is gone already is as it should be."""
        is_gone = isinstance(outcome, Refused) and outcome.reason == "NotFound"
        return Reaction(is_failure=False) if is_gone else NO_REACTION


def _is_telling(event: WatchEvent) -> bool:
    """Something came, began to go, went, or is held by others than before."""
    if event.type != "MODIFIED" or event.old is None:
        return True
    return _held(event.obj) != _held(event.old)


def _held(obj: Json) -> tuple[bool, list[str]]:
    return meta.is_terminating(obj), meta.finalizers(obj)


def _let_go(namespace: Json, now: Now) -> Plan:
    """Take our finalizer; another's in its spec may still hold the empty namespace."""
    finalizers = dig(namespace, "spec", "finalizers", default=[])
    if FINALIZER not in finalizers:
        return Plan(_conditions(namespace, (), now))
    kept = [name for name in finalizers if name != FINALIZER]
    named = {"name": meta.name(namespace), "uid": meta.uid(namespace)}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": named, "spec": {"finalizers": kept}}
    return Plan((Update(body, subresource="finalize"),))


def _waiting(content: Sequence[tuple[str, Json]]) -> Waiting:
    names = ", ".join(f"{kind} {meta.name(obj)}" for kind, obj in content[:TOLD])
    more = f" and {len(content) - TOLD} more" if len(content) > TOLD else ""
    held = next(((kind, obj) for kind, obj in content if meta.finalizers(obj)), None)
    remedy = f"{held[0]} {meta.name(held[1])} has finalizers: {', '.join(meta.finalizers(held[1]))}" if held else ""
    return Waiting(f"{names}{more} still there", "3.7", key_of(*content[0]), remedy=remedy)


# --- conditions


def _conditions(namespace: Json, content: Sequence[tuple[str, Json]], now: Now) -> tuple[Patch, ...]:
    told = {**CALM, **_remaining(content)}
    found = {one["type"]: one for one in dig(namespace, "status", "conditions", default=[])}
    wanted = [_condition(type_, said, found.get(type_), now) for type_, said in told.items()]
    kept = [one for type_, one in found.items() if type_ not in told]
    if [*kept, *wanted] == list(found.values()):
        return ()
    status = {"conditions": [*kept, *wanted]}
    return (Patch(key_of("Namespace", namespace), {"status": status}, subresource="status"),)


def _condition(type_: str, said: tuple[str, str, str], found: Json | None, now: Now) -> dict[str, Any]:
    status, reason, message = said
    since = found["lastTransitionTime"] if found is not None and found["status"] == status else now.text
    return {"type": type_, "status": status, "lastTransitionTime": since, "reason": reason, "message": message}


def _remaining(content: Sequence[tuple[str, Json]]) -> dict[str, tuple[str, str, str]]:
    told: dict[str, tuple[str, str, str]] = {}
    if content:
        counts = Counter(_resource(kind) for kind, _ in content)
        texts = sorted(f"{resource} has {count} resource instances" for resource, count in counts.items())
        message = f"Some resources are remaining: {', '.join(texts)}"
        told["NamespaceContentRemaining"] = ("True", "SomeResourcesRemain", message)
    finalizers = Counter(name for _, obj in content for name in meta.finalizers(obj))
    if finalizers:
        texts = sorted(f"{name} in {count} resource instances" for name, count in finalizers.items())
        message = f"Some content in the namespace has finalizers remaining: {', '.join(texts)}"
        told["NamespaceFinalizersRemaining"] = ("True", "SomeFinalizersRemain", message)
    return told


def _resource(kind_id: str) -> str:
    """`pods.`, `statefulsets.apps`: how the conditions call a kind."""
    name, _, group = kind_id.partition(".")
    try:
        kind = BUILT_IN.by_id(kind_id)
    except (KeyError, errors.ApiError):
        return f"{name.lower()}s.{group}"
    return f"{kind.plural}.{kind.group}"
