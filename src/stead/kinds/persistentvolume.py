"""PersistentVolume: a piece of storage that claims can have."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import claimfit, objectmeta
from stead.kinds.columns import AGE, NAME, access_modes, at
from stead.kinds.defaulting import by_member, filled
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import subdomain_faults
from stead.kinds.volumes import PERSISTENT_SOURCES
from stead.kinds.volumespec import validate_volume_spec, validate_volume_spec_update
from stead.kinds.volumewarnings import persistent_volume_warnings
from stead.machinery import meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now


def default(obj: Json) -> Json:
    """D-6."""
    spec = filled(obj.get("spec") or {}, persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    status = obj.get("status") or {}
    return {
        **obj,
        "spec": by_member(spec, PERSISTENT_SOURCES),
        "status": status if status.get("phase") else {**status, "phase": "Pending"},
    }


def prepare_create(obj: Json) -> Json:
    """A new volume is Pending since its creation (stamped before this is called)."""
    status: dict[str, Any] = {"phase": "Pending"}
    if created := obj["metadata"].get("creationTimestamp"):
        status["lastPhaseTransitionTime"] = created
    return {**obj, "status": status}


def prepare_update(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or {}}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old["spec"]}


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *validate_volume_spec(obj["spec"], meta.name(obj))]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    """V-5. Upstream looks at the new volume by itself first, and then again as a change."""
    errors = [*objectmeta.common(new, old), *validate_create(new), *validate_create(new)]
    return [*errors, *validate_volume_spec_update(new["spec"], old["spec"])]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    return objectmeta.validate_update(new, old)


def _phase(obj: Json, now: Now) -> str:
    return "Terminating" if meta.is_terminating(obj) else str(dig(obj, "status", "phase", default=""))


def _claim(obj: Json, now: Now) -> str:
    claim = dig(obj, "spec", "claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


def _modes(obj: Json, now: Now) -> str:
    return access_modes(dig(obj, "spec", "accessModes", default=[]))


PERSISTENT_VOLUME = Kind(
    id="PersistentVolume",
    name="PersistentVolume",
    plural="persistentvolumes",
    version="v1",
    is_namespaced=False,
    short_names=("pv",),
    type="core.v1.PersistentVolume",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=lambda new, old: persistent_volume_warnings(new),
    columns=(
        NAME,
        Column("Capacity", at("spec", "capacity", "storage"), description="How much it holds."),
        Column("Access Modes", _modes, description="How it may be mounted."),
        Column("Reclaim Policy", at("spec", "persistentVolumeReclaimPolicy"), description="What becomes of it freed."),
        Column("Status", _phase, description="Pending, Available, Bound, Released or Failed."),
        Column("Claim", _claim, description="Whose it is."),
        Column("StorageClass", lambda obj, now: claimfit.class_of(obj), description="The class it belongs to."),
        Column(
            "VolumeAttributesClass",
            at("spec", "volumeAttributesClassName", default="<unset>"),
            description="The attributes it has.",
        ),
        Column("Reason", at("status", "reason"), description="Why it is in this state."),
        AGE,
        Column("VolumeMode", at("spec", "volumeMode", default="<unset>"), priority=1, description="Files or a block."),
    ),
    subresources=(Subresource("status"),),
)
