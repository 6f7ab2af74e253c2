"""PersistentVolumeClaim: what a pod asks for in storage."""

from collections.abc import Sequence

from stead.kinds import claimfit, objectmeta
from stead.kinds.checks import Errors, faults, known
from stead.kinds.claimspec import validate_claim_spec, validate_claim_spec_update, with_sources
from stead.kinds.columns import AGE, NAME, access_modes, at
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.kinds.volumes import default_claim_spec
from stead.kinds.volumewarnings import persistent_claim_warnings
from stead.machinery import fields, meta, quantity
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

PENDING = {"phase": "Pending"}


def default(obj: Json) -> Json:
    """D-6."""
    status = obj.get("status") or {}
    return {
        **obj,
        "spec": default_claim_spec(obj.get("spec") or {}),
        "status": status if status.get("phase") else {**status, **PENDING},
    }


def prepare_create(obj: Json) -> Json:
    return {**obj, "spec": with_sources(obj["spec"], {}), "status": PENDING}


def prepare_update(new: Json, old: Json) -> Json:
    spec = with_sources(new["spec"], old["spec"])
    return {**new, "spec": spec, "status": old.get("status") or PENDING}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old["spec"]}


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *validate_claim_spec(obj["spec"], "spec")]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    """V-3. Upstream looks at the new claim by itself first, and then again as a change."""
    errors = [*objectmeta.common(new, old), *validate_create(new), *objectmeta.changed(new, old), *validate_create(new)]
    return [*errors, *validate_claim_spec_update(new, old)]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    """What was found, and how far a resize has come: amounts below nothing, resources that no claim has."""
    status: Json = new.get("status") or {}
    errors = objectmeta.validate_update(new, old)
    for resource, amount in sorted((status.get("capacity") or {}).items()):
        errors += _amount_errors(amount, f"status.capacity[{resource}]")
    for resource, word in sorted((status.get("allocatedResourceStatuses") or {}).items()):
        path = "status.allocatedResourceStatus"  # so upstream spells it, and it shows the resource, not the word
        errors += _resource_errors(resource, path)
        errors += [] if word in _RESIZING else [fields.not_supported(path, resource, _RESIZING)]
    for resource, amount in sorted((status.get("allocatedResources") or {}).items()):
        path = "status.allocatedResources"
        errors += _resource_errors(resource, path) or _amount_errors(amount, f"{path}[{resource}]")
    return errors


def _amount_errors(amount: str, path: str) -> Errors:
    found = quantity.parse(amount).value
    return [fields.invalid(path, found, "must be a valid resource quantity")] if found < 0 else []


def _resource_errors(resource: str, path: str) -> Errors:
    """Of the resources without a domain, or of Kubernetes' own, a claim has its storage alone."""
    if found := qualified_name_faults(resource):
        return faults(path, resource, found)
    is_native = "/" not in resource or "kubernetes.io/" in resource
    return known(path, resource, ["storage"]) if is_native else []


_RESIZING = [
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
]


def _phase(obj: Json, now: Now) -> str:
    return "Terminating" if meta.is_terminating(obj) else str(dig(obj, "status", "phase", default=""))


def _capacity(obj: Json, now: Now) -> str:
    """Told of a claim that names its volume; nothing of it yet is 0."""
    bound = dig(obj, "spec", "volumeName", default="")
    return str(dig(obj, "status", "capacity", "storage", default="0")) if bound else ""


def _modes(obj: Json, now: Now) -> str:
    bound = dig(obj, "spec", "volumeName", default="")
    return access_modes(dig(obj, "status", "accessModes", default=[])) if bound else ""


PERSISTENT_VOLUME_CLAIM = Kind(
    id="PersistentVolumeClaim",
    name="PersistentVolumeClaim",
    plural="persistentvolumeclaims",
    version="v1",
    short_names=("pvc",),
    type="core.v1.PersistentVolumeClaim",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=lambda new, old: persistent_claim_warnings(new),
    columns=(
        NAME,
        Column("Status", _phase, description="Pending, Bound or Lost."),
        Column("Volume", at("spec", "volumeName"), description="The volume it is bound to."),
        Column("Capacity", _capacity, description="How much the volume holds."),
        Column("Access Modes", _modes, description="How the volume may be mounted."),
        Column("StorageClass", lambda obj, now: claimfit.class_of(obj), description="The class it asks for."),
        Column(
            "VolumeAttributesClass",
            at("spec", "volumeAttributesClassName", default="<unset>"),
            description="The attributes it asks for.",
        ),
        AGE,
        Column("VolumeMode", at("spec", "volumeMode", default="<unset>"), priority=1, description="Files or a block."),
    ),
    subresources=(Subresource("status"),),
)
