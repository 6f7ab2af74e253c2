"""What becomes of a volume: Available, Bound, Released; or free again, its claim being elsewhere (3.3.1, 3.3.6)."""

from typing import Any

from stead.controllers.binder.shelves import VOLUME, volume_name
from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Emit, Patch, Plan
from stead.machinery.times import Now

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


def plan(volume: Json, claim: Json | None, now: Now) -> Plan:
    """`claim` is the bearer of the name in the volume's claimRef, if there is one."""
    uid = dig(volume, "spec", "claimRef", "uid", default="")
    if not uid:  # free, or kept by a person for a claim that has not taken it yet
        return _phase(volume, "Available", now)
    if claim is None or meta.uid(claim) != uid:
        return _phase(volume, "Released", now)
    has = volume_name(claim)
    if not has:
        return _mismatch(volume, claim)  # the claim's own round binds them
    return _phase(volume, "Bound", now) if has == meta.name(volume) else _spared(volume, now)


def _phase(volume: Json, phase: str, now: Now) -> Plan:
    found = dig(volume, "status", "phase")
    if found == phase or (phase == "Released" and found == "Failed"):
        return Plan()
    return Plan((phase_patch(volume, phase, now, if_revision=meta.resource_version(volume)),))


def phase_patch(volume: Json, phase: str, now: Now, if_revision: str = "") -> Patch:
    """Write the phase and when it began; what was said of the one before is taken away."""
    status = {"phase": phase, "lastPhaseTransitionTime": now.text, "message": None, "reason": None}
    return Patch(key_of(VOLUME, volume), {"status": status}, subresource="status", if_revision=if_revision)


def _mismatch(volume: Json, claim: Json) -> Plan:
    if dig(volume, "spec", "volumeMode", default="Filesystem") == dig(
        claim, "spec", "volumeMode", default="Filesystem"
    ):
        return Plan()
    of_volume = (
        f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{meta.name(claim)}" '
        "due to incompatible volumeMode."
    )
    of_claim = (
        f'Cannot bind PersistentVolume "{meta.name(volume)}" to requested PersistentVolumeClaim '
        "due to incompatible volumeMode."
    )
    return Plan(
        (
            Emit(volume, "Warning", "VolumeMismatch", of_volume),
            Emit(claim, "Warning", "VolumeMismatch", of_claim),
        )
    )


def _spared(volume: Json, now: Now) -> Plan:
    """Its claim has another: a volume made for it is not needed, any other is free for the next."""
    marks = meta.annotations(volume)
    is_disposable = dig(volume, "spec", "persistentVolumeReclaimPolicy") == "Delete"
    if PROVISIONED_BY in marks and is_disposable:
        return _phase(volume, "Released", now)
    body: dict[str, Any] = {"spec": {"claimRef": {"uid": None}}}
    if BOUND_BY_CONTROLLER in marks:
        body = {"metadata": {"annotations": {BOUND_BY_CONTROLLER: None}}, "spec": {"claimRef": None}}
    return Plan((Patch(key_of(VOLUME, volume), body, if_revision=meta.resource_version(volume)),))
