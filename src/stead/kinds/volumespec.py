"""What a PersistentVolume's spec may not be, and what of it may not change (V-5)."""

from stead.kinds.checks import Errors, known, needed, positive_quantity, unchanged
from stead.kinds.claimspec import VOLUME_MODES, class_errors, mode_errors
from stead.kinds.schedulingrules import validate_node_selector
from stead.kinds.shownstructs import difference
from stead.kinds.volumerules import driver_errors, host_path_errors
from stead.machinery import fields
from stead.machinery.objects import Json, dig

_RECLAIM = ["Delete", "Recycle", "Retain"]
# In the order in which they are looked at: the first found counts, more are one too many.
SOURCES = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
)


def validate_volume_spec(spec: Json) -> Errors:
    modes, policy = spec.get("accessModes") or [], spec.get("persistentVolumeReclaimPolicy")
    errors = [*needed("spec.accessModes", modes), *mode_errors(modes, "spec.accessModes")]
    errors += _capacity_errors(spec.get("capacity") or {})
    errors += known("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM) if policy else []
    errors += _affinity_errors(spec.get("nodeAffinity"))
    errors += _source_errors(spec)
    if policy == "Recycle" and dig(spec, "hostPath", "path", default="").strip("/") == "" and spec.get("hostPath"):
        told = "may not be 'recycle' for a hostPath mount of '/'"
        errors.append(fields.forbidden("spec.persistentVolumeReclaimPolicy", told))
    errors += class_errors(spec.get("storageClassName"), "spec.storageClassName")
    mode = spec.get("volumeMode")
    errors += known("spec.volumeMode", mode, VOLUME_MODES) if mode is not None else []
    return [*errors, *_attribute_errors(spec)]


def _capacity_errors(capacity: Json) -> Errors:
    errors = needed("spec.capacity", capacity)
    if "storage" not in capacity or len(capacity) > 1:
        errors.append(fields.not_supported("spec.capacity", dict(sorted(capacity.items())) or None, ["storage"]))
    for name in sorted(capacity):
        errors += positive_quantity(f"spec.capacity[{name}]", capacity[name])
    return errors


def _affinity_errors(affinity: Json | None) -> Errors:
    if affinity is None:
        return []
    if affinity.get("required") is None:
        return [fields.required("spec.nodeAffinity.required", "must specify required node constraints")]
    return validate_node_selector(affinity["required"], "spec.nodeAffinity.required")


def _source_errors(spec: Json) -> Errors:
    given = [source for source in SOURCES if spec.get(source) is not None]
    if not given:
        return [fields.required("spec", "must specify a volume type")]
    told = "may not specify more than 1 volume type"
    first, *others = given
    errors = _one_source_errors(first, spec[first], f"spec.{first}", spec)
    return [*errors, *(fields.forbidden(f"spec.{source}", told) for source in others)]


def _one_source_errors(sort: str, source: Json, path: str, spec: Json) -> Errors:
    if sort == "hostPath":
        return host_path_errors(source, path)
    if sort == "csi":
        return [
            *driver_errors(source.get("driver", ""), f"{path}.driver"),
            *needed(f"{path}.volumeHandle", source.get("volumeHandle")),
        ]
    errors: Errors = []
    for member in _NEEDED.get(sort, ()):
        errors += needed(f"{path}.{member}", source.get(member))
    if sort == "nfs" and not (place := source.get("path", "")).startswith("/"):
        errors.append(fields.invalid(f"{path}.path", place, "must be an absolute path"))
    if sort == "local" and spec.get("nodeAffinity") is None:
        errors.append(fields.required("spec.nodeAffinity", "Local volume requires node affinity"))
    return errors


_NEEDED = {
    "local": ("path",),
    "nfs": ("server", "path"),
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "rbd": ("monitors", "image"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "flexVolume": ("driver",),
    "iscsi": ("targetPortal", "iqn"),
    "azureFile": ("secretName", "shareName"),
    "azureDisk": ("diskName", "diskURI"),
}


def _attribute_errors(spec: Json) -> Errors:
    name, path = spec.get("volumeAttributesClassName"), "spec.volumeAttributesClassName"
    if name is None:
        return []
    errors = class_errors(name, path) if name else [fields.required(path, "an empty string is disallowed")]
    told = "has to be specified when using volumeAttributesClassName"
    return [*errors, *needed("spec.csi", spec.get("csi"), told)]


def validate_volume_spec_update(new: Json, old: Json) -> Errors:
    errors: Errors = []
    now, before = _source_of(new), _source_of(old)
    if now != before:
        told = f"spec.persistentvolumesource is immutable after creation\n{difference(_SOURCE_TYPE, before, now)}"
        errors.append(fields.forbidden("spec.persistentvolumesource", told))
    errors += unchanged("volumeMode", new.get("volumeMode"), old.get("volumeMode"))
    if old.get("nodeAffinity") is not None:
        errors += unchanged("nodeAffinity", new.get("nodeAffinity"), old["nodeAffinity"])
    return errors


_SOURCE_TYPE = "core.v1.PersistentVolumeSource"


def _source_of(spec: Json) -> Json:
    return {source: spec[source] for source in SOURCES if spec.get(source) is not None}
