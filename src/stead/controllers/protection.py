"""Protection: a claim in use and a bound volume outlive their deletion until they are free (3.3.7 in around.md)."""

from collections.abc import Iterable

from msgspec import Struct

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

    kinds = ("Pod",)

    def __init__(self) -> None:
        self.pods: dict[Key, dict[str, None]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Pod" or (old is not None and new is not None and old["spec"] is new["spec"]):
            return
        before, after = _used(old), _used(new)
        for claim in before:
            if claim not in after:
                self._leave(claim, key.name)
        for claim in after:
            self.pods.setdefault(claim, {})[key.name] = None

    def _leave(self, claim: Key, pod: str) -> None:
        users = self.pods.get(claim, {})
        users.pop(pod, None)
        if not users:
            self.pods.pop(claim, None)


class Observed(Struct, frozen=True):
    key: Key
    obj: Json
    users: tuple[str, ...]


class Protection(Calm):
    name = "protection"
    kinds = ("Pod", *FINALIZERS)

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind in FINALIZERS:
            return [event.key] if meta.is_terminating(event.obj) and event.type != "DELETED" else []
        return _used(event.obj) if event.key.kind == "Pod" and event.type == "DELETED" else []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(key)
        if obj is None or not meta.is_terminating(obj) or FINALIZERS[key.kind] not in meta.finalizers(obj):
            return None
        if key.kind == CLAIM:
            return Observed(key, obj, tuple(cache.index(Users).pods.get(key, ())))
        is_bound = dig(obj, "status", "phase") == "Bound"
        return Observed(key, obj, (_claim_of(obj),) if is_bound else ())

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if observed.users:
            told = f"{observed.key.name} is still used by {', '.join(observed.users)}"
            since = str(observed.obj["metadata"]["deletionTimestamp"])
            return Plan(waiting=(Waiting(told, "3.3.7", observed.key, since),))
        kept = [name for name in meta.finalizers(observed.obj) if name != FINALIZERS[observed.key.kind]]
        body = {"metadata": {"finalizers": kept or None}}
        revision = meta.resource_version(observed.obj)
        return Plan((Patch(observed.key, body, uid=meta.uid(observed.obj), if_revision=revision),))


def _claim_of(volume: Json) -> str:
    reference = dig(volume, "spec", "claimRef", default={})
    return f"claim {reference.get('namespace', '')}/{reference.get('name', '')}"


def _used(pod: Json | None) -> list[Key]:
    if pod is None:
        return []
    view = PodView(pod)
    return [Key(CLAIM, meta.namespace(pod), name) for name in view.claim_names()] if view.node else []
