"""The claim binder: claim meets volume, and a volume whose claim is gone is released (3.3 in around.md).

Claims and volumes refer to each other; the volume's `claimRef` is written first and decides, so two claims can never
have one volume.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from stead.machinery import meta, quantity, selectors
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Calm, Emit, Patch, Plan, Waiting
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
CLAIM, VOLUME = "PersistentVolumeClaim", "PersistentVolume"


@dataclass(frozen=True, slots=True)
class Observed:
    """A claim with its class and the volumes it may have, or a volume with its claim."""

    key: Key
    obj: Json
    claim: Json | None = None  # of a volume: the claim its claimRef names
    volume: Json | None = None  # of a claim: the volume it has, or that already refers to it
    candidates: tuple[Json, ...] = ()
    storage_class: Json | None = None
    default_class: str = ""


class Binder(Calm):
    name = "binder"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind = event.key.kind
        if kind == CLAIM:
            volume = dig(event.obj, "spec", "volumeName", default="")
            return [event.key, *([Key(VOLUME, "", volume)] if volume else [])]
        if kind == VOLUME:
            return [event.key, *_claims_that_could_use(event.obj, cache)]
        if kind == "StorageClass":
            return [key_of(CLAIM, claim) for claim in cache.all(CLAIM) if not _is_bound(claim)]
        return []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(key)
        if obj is None:
            return None
        if key.kind == VOLUME:
            reference = dig(obj, "spec", "claimRef", default={})
            return Observed(key, obj, claim=cache.get(_claim_key(reference)) if reference else None)
        observed = Observed(key, obj, volume=_volume_of(obj, cache))
        if _is_bound(obj) or observed.volume is not None:
            return observed
        name = dig(obj, "spec", "storageClassName")
        return replace(
            observed,
            candidates=tuple(v for v in cache.all(VOLUME) if _fits(v, obj)),
            storage_class=cache.get(Key("StorageClass", "", name or "")),
            default_class=default_class(cache) if name is None else "",
        )

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        return _volume(observed) if observed.key.kind == VOLUME else _claim(observed)


def default_class(cache: Cache) -> str:
    """The name of the default StorageClass, "" without one: the newest, then by name (3.3.5)."""
    marked = [c for c in cache.all("StorageClass") if meta.annotations(c).get(DEFAULT_CLASS) == "true"]
    marked.sort(key=meta.name)
    marked.sort(key=lambda c: str(c["metadata"].get("creationTimestamp", "")), reverse=True)
    return meta.name(marked[0]) if marked else ""


# --- volumes


def _volume(observed: Observed) -> Plan:
    volume, reference = observed.obj, dig(observed.obj, "spec", "claimRef", default={})
    if meta.is_terminating(volume) and not reference:
        return Plan()
    if not reference:
        return _phase(volume, "Available")
    claim = observed.claim
    if not reference.get("uid"):  # reserved by a person for a claim that may not exist yet
        return _phase(volume, "Available")
    if claim is None or meta.uid(claim) != reference["uid"]:
        return _phase(volume, "Released")
    return _phase(volume, "Bound")


def _phase(volume: Json, phase: str) -> Plan:
    if dig(volume, "status", "phase") in (phase, "Failed"):
        return Plan()
    return Plan((Patch(key_of(VOLUME, volume), {"status": {"phase": phase}}, subresource="status"),))


def _claims_that_could_use(volume: Json, cache: Cache) -> list[Key]:
    reference = dig(volume, "spec", "claimRef")
    if reference:
        return [_claim_key(reference)]
    return [key_of(CLAIM, claim) for claim in cache.all(CLAIM) if not _is_bound(claim)]


def _claim_key(reference: Json) -> Key:
    return Key(CLAIM, reference.get("namespace", ""), reference.get("name", ""))


# --- claims


def _claim(observed: Observed) -> Plan:
    claim, volume = observed.obj, observed.volume
    if _is_bound(claim):
        return _still_bound(claim, volume)
    if volume is not None:
        return _bind(claim, volume)
    if meta.is_terminating(claim):
        return Plan()
    wanted = dig(claim, "spec", "volumeName")
    if wanted:
        return Plan(waiting=(_wait(claim, f'volume "{wanted}" does not exist', f"create PersistentVolume {wanted}"),))
    if observed.default_class:
        return Plan((Patch(observed.key, {"spec": {"storageClassName": observed.default_class}}),))
    if observed.candidates:
        return _bind(claim, min(observed.candidates, key=_size))
    return _nothing_fits(observed)


def _bind(claim: Json, volume: Json) -> Plan:
    """Volume first: whoever writes its claimRef has it. Preconditions make a race lose, not share."""
    reference = {
        "apiVersion": "v1",
        "kind": CLAIM,
        "namespace": meta.namespace(claim),
        "name": meta.name(claim),
        "uid": meta.uid(claim),
    }
    actions: list[Patch] = []
    volume_key, claim_key = key_of(VOLUME, volume), key_of(CLAIM, claim)
    marks = {BOUND_BY_CONTROLLER: "yes"}
    if dig(volume, "spec", "claimRef", "uid") != meta.uid(claim):
        body = {"metadata": {"annotations": marks}, "spec": {"claimRef": reference}}
        actions.append(Patch(volume_key, body, if_revision=meta.resource_version(volume)))
    if dig(volume, "status", "phase") != "Bound":
        actions.append(Patch(volume_key, {"status": {"phase": "Bound"}}, subresource="status"))
    if dig(claim, "spec", "volumeName") != volume_key.name or BIND_COMPLETED not in meta.annotations(claim):
        by_us = {} if dig(claim, "spec", "volumeName") else marks
        annotations = {"annotations": {BIND_COMPLETED: "yes", **by_us}}
        chosen = {"metadata": annotations, "spec": {"volumeName": volume_key.name}}
        actions.append(Patch(claim_key, chosen, uid=meta.uid(claim)))
    status = {
        "phase": "Bound",
        "accessModes": dig(volume, "spec", "accessModes", default=[]),
        "capacity": dig(volume, "spec", "capacity", default={}),
    }
    actions.append(Patch(claim_key, {"status": status}, subresource="status", uid=meta.uid(claim)))
    return Plan(tuple(actions))


def _still_bound(claim: Json, volume: Json | None) -> Plan:
    if volume is not None or meta.is_terminating(claim):
        return Plan()
    patch = Patch(key_of(CLAIM, claim), {"status": {"phase": "Lost"}}, subresource="status", uid=meta.uid(claim))
    told = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
    return Plan((patch, Emit(claim, "Warning", "ClaimLost", told)))


def _nothing_fits(observed: Observed) -> Plan:
    claim, class_ = observed.obj, observed.storage_class
    name = dig(claim, "spec", "storageClassName", default="")
    if class_ is None and name:
        remedy = f"create the StorageClass {name}, or use one that exists"
        told = f'storageclass.storage.k8s.io "{name}" not found'
        return Plan((Emit(claim, "Warning", "ProvisioningFailed", told),), waiting=(_wait(claim, told, remedy),))
    if class_ is None:
        told = "no persistent volumes available for this claim and no storage class is set"
        remedy = "set storageClassName, mark a class as default, or create a matching PersistentVolume"
        return Plan((Emit(claim, "Normal", "FailedBinding", told),), waiting=(_wait(claim, told, remedy),))
    if class_.get("volumeBindingMode") == "WaitForFirstConsumer" and not _has_node(claim):
        told = "waiting for first consumer to be created before binding"
        return Plan((Emit(claim, "Normal", "WaitForFirstConsumer", told),), waiting=(_wait(claim, told, ""),))
    return Plan(waiting=(_wait(claim, f"the provisioner {class_['provisioner']} has not made a volume yet", ""),))


def _wait(claim: Json, text: str, remedy: str) -> Waiting:
    return Waiting(text, "3.3", key_of(CLAIM, claim), str(claim["metadata"].get("creationTimestamp", "")), remedy)


# --- matching


def _volume_of(claim: Json, cache: Cache) -> Json | None:
    """The volume a claim has or is promised: by volumeName, or by a claimRef that names the claim."""
    name = dig(claim, "spec", "volumeName")
    if name:
        volume = cache.get(Key(VOLUME, "", name))
        return volume if volume is not None and _may_have(volume, claim) else None
    return next((v for v in cache.all(VOLUME) if dig(v, "spec", "claimRef") and _may_have(v, claim)), None)


def _may_have(volume: Json, claim: Json) -> bool:
    reference = dig(volume, "spec", "claimRef")
    if not reference:
        return True
    uid = reference.get("uid", "")
    return _claim_key(reference) == key_of(CLAIM, claim) and uid in ("", meta.uid(claim))


def _fits(volume: Json, claim: Json) -> bool:
    """3.3.2: free, same class and mode, large enough, all access modes, selected."""
    spec, wanted = volume["spec"], claim["spec"]
    if spec.get("claimRef") or meta.is_terminating(volume):
        return False
    if spec.get("storageClassName", "") != wanted.get("storageClassName", ""):
        return False
    if spec.get("volumeMode", "Filesystem") != wanted.get("volumeMode", "Filesystem"):
        return False
    if not set(wanted.get("accessModes", ())) <= set(spec.get("accessModes", ())):
        return False
    selector = wanted.get("selector")
    if selector and not selectors.from_object(selector).matches(meta.labels(volume)):
        return False
    return _size(volume) >= quantity.value(dig(wanted, "resources", "requests", "storage", default="0"))


def _size(volume: Json) -> Fraction:
    return quantity.value(dig(volume, "spec", "capacity", "storage", default="0"))


def _is_bound(claim: Json) -> bool:
    return BIND_COMPLETED in meta.annotations(claim) and dig(claim, "status", "phase") in ("Bound", "Lost")


def _has_node(claim: Json) -> bool:
    return "volume.kubernetes.io/selected-node" in meta.annotations(claim)
