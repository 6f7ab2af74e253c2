"""What a set tells in Events: exact reasons and message shapes (EV, section 1.11)."""

from stead.controllers.statefulset.observed import Observed
from stead.machinery import meta
from stead.machinery.objects import Json
from stead.machinery.plan import Emit


def of_pod(observed: Observed, verb: str, pod: str, error: str = "") -> Emit:
    """`verb` is Create, Update or Delete; with `error` it failed."""
    about = f"{verb} Pod {pod} in StatefulSet {observed.spec.name}"
    if error:
        return Emit(observed.obj, "Warning", f"Failed{verb}", f"{about} failed error: {error}")
    return Emit(observed.obj, "Normal", f"Successful{verb}", f"{about} successful")


def of_claim(observed: Observed, claim: str, pod: str, error: str = "") -> Emit:
    """The creation of a claim. The two shapes differ by a "for"; that is how it is."""
    place = f"in StatefulSet {observed.spec.name}"
    if error:
        message = f"Create Claim {claim} for Pod {pod} {place} failed error: {error}"
        return Emit(observed.obj, "Warning", "FailedCreate", message)
    return Emit(observed.obj, "Normal", "SuccessfulCreate", f"Create Claim {claim} Pod {pod} {place} success")


def conflicting(observed: Observed, claim: Json) -> Emit:
    """RP-4."""
    message = f"PersistentVolumeClaim {meta.name(claim)} is controlled by another owner: retention policy not applied"
    return Emit(observed.obj, "Warning", "ConflictingController", message)
