"""What becomes of a claim: it has its volume, gets one, waits for one, or has lost it (3.3.1 to 3.3.5).

The volume's `claimRef` is written first and decides: the write is refused if the volume has changed since it was
looked at, and nothing else is written then. So two claims can never have one volume.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from stead.controllers.binder import volumes
from stead.controllers.binder.shelves import BIND_COMPLETED, CLAIM, VOLUME, is_bound, volume_name
from stead.kinds.claimfit import class_of, is_kept_for, mismatch, size
from stead.machinery import meta
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Action, Emit, Fence, Patch, Plan, Waiting
from stead.machinery.times import Now

SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONER_MARKS = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
NO_PROVISIONER = "kubernetes.io/no-provisioner"
DIRECTORY = "stead.dev/directory"  # stead's own, which tells for itself
LATE = "WaitForFirstConsumer"


class Observed(Struct, frozen=True):
    """A claim and all that decides over it.

    `volume` is the one it names; `kept` are large enough volumes whose claimRef names it; `free` are those that fit.
    """

    claim: Json
    volume: Json | None = None
    kept: tuple[Json, ...] = ()
    free: tuple[Json, ...] = ()
    storage_class: Json | None = None
    default_class: str = ""
    seekers: tuple[str, ...] = ()


def is_late(claim: Json, storage_class: Json | None) -> bool:
    """3.3.3: nothing is chosen before a pod's node is known."""
    return dig(storage_class, "volumeBindingMode") == LATE and SELECTED_NODE not in meta.annotations(claim)


def plan(observed: Observed, now: Now) -> Plan:
    """What to do about a claim: the first of these that applies."""
    claim = observed.claim
    if is_bound(claim):
        return _held(claim, observed.volume, now)
    if meta.is_terminating(claim):
        return Plan()
    if volume_name(claim):
        return _named(claim, observed.volume, now)
    if observed.kept:
        return bind(claim, _smallest(observed.kept), now)
    if observed.free and not is_late(claim, observed.storage_class):
        return bind(claim, _smallest(observed.free), now)
    if observed.default_class:
        body = {"spec": {"storageClassName": observed.default_class}}
        return Plan((Patch(key_of(CLAIM, claim), body, uid=meta.uid(claim)),))
    return _nothing_fits(observed)


def bind(claim: Json, volume: Json, now: Now) -> Plan:
    """Write what is not written yet, the volume's side first."""
    actions: list[Action | Fence] = []
    volume_key, claim_key = key_of(VOLUME, volume), key_of(CLAIM, claim)
    marks = {volumes.BOUND_BY_CONTROLLER: "yes"}
    if dig(volume, "spec", "claimRef", "uid") != meta.uid(claim):
        body: dict[str, Any] = {"spec": {"claimRef": _reference(claim)}}
        if not is_kept_for(volume, claim):
            body["metadata"] = {"annotations": marks}
        actions += [Patch(volume_key, body, if_revision=meta.resource_version(volume)), Fence()]
    if dig(volume, "status", "phase") != "Bound":
        actions.append(volumes.phase_patch(volume, "Bound", now))
    if volume_name(claim) != volume_key.name or not is_bound(claim):
        chosen = {} if volume_name(claim) else marks
        body = {"metadata": {"annotations": {BIND_COMPLETED: "yes", **chosen}}, "spec": {"volumeName": volume_key.name}}
        actions += [Patch(claim_key, body, uid=meta.uid(claim)), Fence()]
    if dig(claim, "status", "phase") != "Bound":
        status = {
            "phase": "Bound",
            "accessModes": dig(volume, "spec", "accessModes", default=[]),
            "capacity": dig(volume, "spec", "capacity", default={}),
        }
        actions.append(Patch(claim_key, {"status": status}, subresource="status", uid=meta.uid(claim)))
    return Plan(tuple(actions))


def _reference(claim: Json) -> dict[str, str]:
    return {
        "apiVersion": "v1",
        "kind": CLAIM,
        "namespace": meta.namespace(claim),
        "name": meta.name(claim),
        "uid": meta.uid(claim),
    }


def _smallest(found: Iterable[Json]) -> Json:
    return min(found, key=lambda volume: (size(volume), meta.name(volume)))


def _held(claim: Json, volume: Json | None, now: Now) -> Plan:
    """A claim that was bound once: its volume is there, taken by another, or gone."""
    if not volume_name(claim):
        told = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        return _lost(claim, "ClaimLost", told)
    if volume is None:
        return _lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
    if dig(volume, "spec", "claimRef", "uid", default=meta.uid(claim)) != meta.uid(claim):
        told = "Two claims are bound to the same volume, this one is bound incorrectly"
        return _lost(claim, "ClaimMisbound", told)
    return bind(claim, volume, now)


def _lost(claim: Json, reason: str, told: str) -> Plan:
    waiting = (Waiting(told.rstrip("!"), "3.3.1", key_of(CLAIM, claim)),)
    if dig(claim, "status", "phase") == "Lost":
        return Plan(waiting=waiting)
    patch = Patch(key_of(CLAIM, claim), {"status": {"phase": "Lost"}}, subresource="status", uid=meta.uid(claim))
    return Plan((patch, Emit(claim, "Warning", reason, told)), waiting=waiting)


def _named(claim: Json, volume: Json | None, now: Now) -> Plan:
    """A person chose the volume by its name."""
    name = volume_name(claim)
    if volume is None:
        return Plan(waiting=(_wait(claim, f'volume "{name}" does not exist', f"create PersistentVolume {name}"),))
    if is_kept_for(volume, claim):
        return bind(claim, volume, now)
    if dig(volume, "spec", "claimRef"):
        told = f'volume "{name}" already bound to a different claim.'
        return _told(claim, ("Warning", "FailedBinding", told), f"free PersistentVolume {name}")
    wrong = mismatch(volume, claim)
    if wrong:
        told = f'Cannot bind to requested volume "{name}": {wrong}'
        return Plan((Emit(claim, "Warning", "VolumeMismatch", told),), waiting=(_wait(claim, told),))
    return bind(claim, volume, now)


def _nothing_fits(observed: Observed) -> Plan:
    claim, class_ = observed.claim, observed.storage_class
    name = class_of(claim)
    if is_late(claim, class_):
        return _awaiting_consumer(observed)
    if class_ is None and name:
        told = f'storageclass.storage.k8s.io "{name}" not found'
        remedy = f"create the StorageClass {name}, or use one that exists"
        return _told(claim, ("Warning", "ProvisioningFailed", told), remedy)
    if class_ is None:
        told = "no persistent volumes available for this claim and no storage class is set"
        remedy = "set storageClassName, mark a class as default, or create a matching PersistentVolume"
        return _told(claim, ("Normal", "FailedBinding", told), remedy)
    if class_["provisioner"] == NO_PROVISIONER:
        told = f"no volume plugin matched name: {NO_PROVISIONER}"
        return _told(claim, ("Warning", "ProvisioningFailed", told), f"create a PersistentVolume of class {name}")
    return _awaiting_provisioner(claim, str(class_["provisioner"]))


def _awaiting_consumer(observed: Observed) -> Plan:
    seekers = observed.seekers
    if not seekers:
        told = "waiting for first consumer to be created before binding"
        return _told(observed.claim, ("Normal", "WaitForFirstConsumer", told))
    pods = "pods" if len(seekers) > 1 else "pod"
    told = f"waiting for {pods} {','.join(seekers)} to be scheduled"
    return _told(observed.claim, ("Normal", "WaitForPodScheduled", told))


def _awaiting_provisioner(claim: Json, provisioner: str) -> Plan:
    """The annotations say who is to make the volume."""
    marks = dict.fromkeys(PROVISIONER_MARKS, provisioner)
    plan = Plan((Patch(key_of(CLAIM, claim), {"metadata": {"annotations": marks}}, uid=meta.uid(claim)),))
    if all(meta.annotations(claim).get(mark) == provisioner for mark in marks):
        plan = Plan()
    if provisioner == DIRECTORY:
        return plan + Plan(waiting=(_wait(claim, f"the provisioner {DIRECTORY} has not made a volume yet"),))
    told = (
        f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered."
    )
    remedy = f"run {provisioner}, or use a class of {DIRECTORY}"
    return plan + _told(claim, ("Normal", "ExternalProvisioning", told), remedy)


def _told(claim: Json, event: tuple[str, str, str], remedy: str = "") -> Plan:
    type_, reason, message = event
    return Plan((Emit(claim, type_, reason, message),), waiting=(_wait(claim, message.rstrip("."), remedy),))


def _wait(claim: Json, text: str, remedy: str = "") -> Waiting:
    about: Key = key_of(CLAIM, claim)
    return Waiting(text, "3.3", about, str(claim["metadata"].get("creationTimestamp", "")), remedy)
