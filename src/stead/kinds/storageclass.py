"""StorageClass: how volumes of a class are made."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.columns import AGE, at
from stead.kinds.defaulting import filled
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json
from stead.machinery.times import Now

_RECLAIM = ["Delete", "Retain"]
_BINDING = ["Immediate", "WaitForFirstConsumer"]
_IS_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_LIMIT_PARAMETERS = 512
_LIMIT_PARAMETER_BYTES = 256 * 1024


def is_default(obj: Json) -> bool:
    """Whether claims that name no class get this one."""
    return any(meta.annotations(obj).get(key) == "true" for key in _IS_DEFAULT)


def default(obj: Json) -> Json:
    """D-6."""
    return filled(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _validate(obj: Json) -> list[FieldError]:
    errors = _provisioner_errors(obj.get("provisioner", ""))
    errors += _parameter_errors(obj.get("parameters") or {})
    if obj.get("reclaimPolicy") not in _RECLAIM:
        errors.append(fields.not_supported("reclaimPolicy", obj.get("reclaimPolicy"), _RECLAIM))
    if obj.get("volumeBindingMode") not in _BINDING:
        errors.append(fields.not_supported("volumeBindingMode", obj.get("volumeBindingMode"), _BINDING))
    return errors


def _provisioner_errors(provisioner: str) -> list[FieldError]:
    if not provisioner:
        return [fields.required("provisioner")]
    faults = qualified_name_faults(provisioner.lower())
    return [fields.invalid("provisioner", provisioner, fault) for fault in faults]


def _parameter_errors(parameters: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(parameters) > _LIMIT_PARAMETERS:
        text = f"Too long: may not be more than {_LIMIT_PARAMETERS} bytes"
        errors.append(FieldError("parameters", fields.TOO_LONG, text))
    for key in parameters:
        if not key:
            errors.append(fields.invalid("parameters", key, "field can not be empty."))
    if sum(len(key) + len(str(value)) for key, value in parameters.items()) > _LIMIT_PARAMETER_BYTES:
        errors.append(fields.too_long("parameters", _LIMIT_PARAMETER_BYTES))
    return errors


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *_validate(obj)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    """All that decides how a volume is made stays as it was."""
    errors = [*objectmeta.validate_update(new, old)]
    if (new.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(fields.forbidden("parameters", "updates to parameters are forbidden."))
    if new.get("provisioner") != old.get("provisioner"):
        errors.append(fields.forbidden("provisioner", "updates to provisioner are forbidden."))
    if new.get("reclaimPolicy") != old.get("reclaimPolicy"):
        errors.append(fields.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden."))
    return errors


def _name(obj: Json, now: Now) -> str:
    return f"{meta.name(obj)} (default)" if is_default(obj) else meta.name(obj)


STORAGE_CLASS = Kind(
    id="StorageClass",
    name="StorageClass",
    plural="storageclasses",
    version="v1",
    group="storage.k8s.io",
    is_namespaced=False,
    short_names=("sc",),
    type="storage.v1.StorageClass",
    default=default,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(
        Column("Name", _name, format="name", description="The class, marked where it is the default."),
        Column("Provisioner", at("provisioner"), description="Who makes its volumes."),
        Column("ReclaimPolicy", at("reclaimPolicy", default="Delete"), description="What becomes of a freed volume."),
        Column("VolumeBindingMode", at("volumeBindingMode", default="Immediate"), description="When claims are bound."),
        Column("AllowVolumeExpansion", at("allowVolumeExpansion", default=False), description="Whether claims grow."),
        AGE,
    ),
)
