"""Namespaces: empty a terminating one, pods first, then let it go (3.7 in around.md)."""

from collections.abc import Iterable
from dataclasses import dataclass

from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Calm, Delete, Patch, Plan, Waiting
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

PRIVATE = frozenset(("Sandbox", "RemovedVolume"))


@dataclass(frozen=True, slots=True)
class Observed:
    namespace: Json
    pods: tuple[Json, ...]
    others: tuple[tuple[str, Json], ...]  # (kind id, object)


class Namespaces(Calm):
    name = "namespace"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Namespace":
            return [event.key]
        space = Key("Namespace", "", event.key.namespace)
        obj = cache.get(space) if event.key.namespace else None
        return [space] if obj is not None and meta.is_terminating(obj) else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        namespace = cache.get(key)
        if namespace is None or not meta.is_terminating(namespace):
            return None
        kinds = [kind for kind in cache.kinds() if kind not in PRIVATE and kind != "Pod"]
        others = tuple((kind, obj) for kind in kinds for obj in cache.all(kind, key.name))
        return Observed(namespace, tuple(cache.all("Pod", key.name)), others)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if observed.pods:
            return _emptying([("Pod", pod) for pod in observed.pods])
        if observed.others:
            return _emptying(list(observed.others))
        if "kubernetes" not in dig(observed.namespace, "spec", "finalizers", default=[]):
            return Plan()
        kept = [name for name in observed.namespace["spec"]["finalizers"] if name != "kubernetes"]
        key = key_of("Namespace", observed.namespace)
        return Plan((Patch(key, {"spec": {"finalizers": kept}}, subresource="finalize"),))


def _emptying(objects: list[tuple[str, Json]]) -> Plan:
    """Delete what is not on its way yet; wait for the rest."""
    going = tuple(Delete(key_of(kind, obj), meta.uid(obj)) for kind, obj in objects if not meta.is_terminating(obj))
    names = ", ".join(f"{kind} {meta.name(obj)}" for kind, obj in objects[:3])
    more = f" and {len(objects) - 3} more" if len(objects) > 3 else ""
    return Plan(going, waiting=(Waiting(f"{names}{more} still there", "3.7"),))
