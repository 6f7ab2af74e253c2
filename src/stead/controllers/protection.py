"""Protection: a claim in use and a bound volume outlive their deletion until they are free (3.3.7 in around.md)."""

from collections.abc import Iterable
from dataclasses import dataclass

from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Calm, Patch, Plan, Waiting
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"
FINALIZERS = {CLAIM: "kubernetes.io/pvc-protection", VOLUME: "kubernetes.io/pv-protection"}


class Users:
    """An index from claim to the pods that use it and have a node; whatever their phase."""

    def __init__(self) -> None:
        self.pods: dict[Key, dict[str, None]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Pod":
            return
        before, after = _used(old), _used(new)
        for claim in before:
            if claim not in after:
                self.pods.get(claim, {}).pop(key.name, None)
        for claim in after:
            self.pods.setdefault(claim, {})[key.name] = None


@dataclass(frozen=True, slots=True)
class Observed:
    key: Key
    obj: Json
    users: tuple[str, ...]


class Protection(Calm):
    name = "protection"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind in FINALIZERS:
            return [event.key] if meta.is_terminating(event.obj) else []
        return _used(event.old or event.obj) if event.key.kind == "Pod" and event.type == "DELETED" else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(key)
        if obj is None or not meta.is_terminating(obj) or FINALIZERS[key.kind] not in meta.finalizers(obj):
            return None
        if key.kind == CLAIM:
            return Observed(key, obj, tuple(cache.index(Users).pods.get(key, ())))
        is_bound = dig(obj, "status", "phase") == "Bound"
        return Observed(key, obj, (str(dig(obj, "spec", "claimRef", "name")),) if is_bound else ())

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if observed.users:
            told = f"{observed.key.name} is still used by {', '.join(observed.users)}"
            return Plan(waiting=(Waiting(told, "3.3.7", observed.key),))
        kept = [name for name in meta.finalizers(observed.obj) if name != FINALIZERS[observed.key.kind]]
        body = {"metadata": {"finalizers": kept or None}}
        return Plan((Patch(observed.key, body, uid=meta.uid(observed.obj)),))


def _used(pod: Json | None) -> list[Key]:
    if pod is None:
        return []
    view = PodView(pod)
    return [Key(CLAIM, meta.namespace(pod), name) for name in view.claim_names()] if view.node else []
