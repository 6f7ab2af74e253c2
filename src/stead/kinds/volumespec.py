"""What a PersistentVolume's spec may not be, and what of it may not change (V-5)."""

from stead.kinds.claimspec import VOLUME_MODES, mode_errors
from stead.kinds.numbers import POSITIVE
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields, quantity
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json

_RECLAIM = ["Delete", "Recycle", "Retain"]
SOURCES = (
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "hostPath",
    "glusterfs",
    "nfs",
    "rbd",
    "iscsi",
    "flexVolume",
    "cinder",
    "cephfs",
    "fc",
    "flocker",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)


def validate_volume_spec(spec: Json) -> list[FieldError]:
    errors = mode_errors(spec.get("accessModes") or [], "spec.accessModes", "")
    errors += _capacity_errors(spec.get("capacity") or {})
    policy = spec.get("persistentVolumeReclaimPolicy")
    if policy and policy not in _RECLAIM:
        errors.append(fields.not_supported("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM))
    errors += _source_errors(spec)
    if class_name := spec.get("storageClassName"):
        errors += [fields.invalid("spec.storageClassName", class_name, f) for f in subdomain_faults(class_name)]
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(fields.not_supported("spec.volumeMode", mode, VOLUME_MODES))
    return errors


def _capacity_errors(capacity: Json) -> list[FieldError]:
    if "storage" not in capacity:
        return [fields.not_supported("spec.capacity", dict(capacity), ["storage"])]
    return [
        fields.invalid(f"spec.capacity[{name}]", amount, POSITIVE)
        for name, amount in sorted(capacity.items())
        if quantity.compare(amount, "0") <= 0
    ]


def _source_errors(spec: Json) -> list[FieldError]:
    given = [source for source in SOURCES if spec.get(source) is not None]
    if not given:
        return [fields.required("spec", "must specify a volume type")]
    told = "may not specify more than 1 volume type"
    errors = [fields.forbidden(f"spec.{source}", told) for source in given[1:]]
    path = (spec.get("hostPath") or {}).get("path", "")
    if given[0] == "hostPath" and not path:
        errors.append(fields.required("spec.hostPath.path"))
    return errors


def validate_volume_spec_update(new: Json, old: Json) -> list[FieldError]:
    errors = validate_volume_spec(new)
    if _source_of(new) != _source_of(old):
        told = "spec.persistentvolumesource is immutable after creation"
        errors.append(fields.forbidden("spec.persistentvolumesource", told))
    if new.get("volumeMode") != old.get("volumeMode"):
        errors.append(fields.invalid("spec.volumeMode", new.get("volumeMode"), "field is immutable"))
    if old.get("nodeAffinity") is not None and new.get("nodeAffinity") != old.get("nodeAffinity"):
        errors.append(fields.invalid("spec.nodeAffinity", new.get("nodeAffinity"), "field is immutable"))
    return errors


def _source_of(spec: Json) -> Json:
    return {source: spec[source] for source in SOURCES if spec.get(source) is not None}
