"""What a PersistentVolume's spec may not be, and what of it may not change (V-5)."""

import posixpath
from collections.abc import Mapping
from typing import Any

from stead.kinds.checks import Errors, known, needed, positive_quantity, unchanged
from stead.kinds.claimspec import VOLUME_MODES, class_errors, mode_errors
from stead.kinds.podwarnings import OLD_LABELS
from stead.kinds.schedulingrules import validate_node_selector
from stead.kinds.shownstructs import as_struct, difference
from stead.kinds.storagesources import OF_VOLUMES, iscsi_name_is_too_long, iscsi_too_long
from stead.machinery import fields, quantity
from stead.machinery.objects import Json, dig, without

_RECLAIM = ["Delete", "Recycle", "Retain"]


def validate_volume_spec(spec: Json, name: str) -> Errors:
    """`name` is the volume's own."""
    modes, policy = spec.get("accessModes") or [], spec.get("persistentVolumeReclaimPolicy")
    errors = [*needed("spec.accessModes", modes), *mode_errors(modes, "spec.accessModes")]
    errors += _capacity_errors(spec.get("capacity") or {})
    errors += known("spec.persistentVolumeReclaimPolicy", policy, _RECLAIM) if policy else []
    errors += _affinity_errors(spec.get("nodeAffinity"))
    errors += _source_errors(spec, name)
    if policy == "Recycle" and _is_root(dig(spec, "hostPath", "path", default="")):
        told = "may not be 'recycle' for a hostPath mount of '/'"
        errors.append(fields.forbidden("spec.persistentVolumeReclaimPolicy", told))
    errors += class_errors(spec.get("storageClassName"), "spec.storageClassName")
    mode = spec.get("volumeMode")
    errors += known("spec.volumeMode", mode, VOLUME_MODES) if mode is not None else []
    return [*errors, *_attribute_errors(spec)]


def _is_root(path: str) -> bool:
    return path.startswith("/") and posixpath.normpath(f"/{path.lstrip('/')}") == "/"


def _capacity_errors(capacity: Json) -> Errors:
    errors = needed("spec.capacity", capacity)
    if "storage" not in capacity or len(capacity) > 1:
        errors.append(fields.not_supported("spec.capacity", dict(sorted(capacity.items())) or None, ["storage"]))
    for name in sorted(capacity):
        path, amount = f"spec.capacity[{name}]", quantity.parse(capacity[name]).value
        errors += [fields.invalid(path, amount, "must be a valid resource quantity")] if amount < 0 else []
        errors += positive_quantity(path, capacity[name])
    return errors


def _affinity_errors(affinity: Json | None) -> Errors:
    if affinity is None:
        return []
    if affinity.get("required") is None:
        return [fields.required("spec.nodeAffinity.required", "must specify required node constraints")]
    return validate_node_selector(affinity["required"], "spec.nodeAffinity.required")


def _source_errors(spec: Json, name: str) -> Errors:
    """One sort and no more; of flexVolume upstream does not mind that there is another."""
    given = [sort for sort in SOURCES if spec.get(sort) is not None]
    if not given:
        return [fields.required("spec", "must specify a volume type")]
    errors: Errors = []
    for place, sort in enumerate(given):
        if place and sort != "flexVolume":
            told = "may not specify more than 1 volume type"
            errors.append(fields.forbidden(f"spec.{_MISNAMED_AGAIN.get(sort, sort)}", told))
        else:
            errors += _one_source_errors(sort, spec, name)
    return errors


def _one_source_errors(sort: str, spec: Json, name: str) -> Errors:
    path, source = f"spec.{_MISNAMED.get(sort, sort)}", spec[sort]
    errors = OF_VOLUMES[sort](source, path)
    if sort == "iscsi" and iscsi_name_is_too_long(name, source):
        too_long = iscsi_too_long(f"{path}.targetportal", source.get("targetPortal", ""))
        return [*too_long, *errors] if source.get("targetPortal") else [*errors[:1], *too_long, *errors[1:]]
    if sort == "local" and spec.get("nodeAffinity") is None:
        errors.append(fields.required("spec.nodeAffinity", "Local volume requires node affinity"))
    return errors


SOURCES = tuple(OF_VOLUMES)
# Names that upstream's messages spell otherwise, when a source is looked into and when it is one too many.
_MISNAMED = {"gcePersistentDisk": "persistentDisk"}
_MISNAMED_AGAIN = {"cephfs": "cephFS"}


def _attribute_errors(spec: Json) -> Errors:
    name, path = spec.get("volumeAttributesClassName"), "spec.volumeAttributesClassName"
    if name is None:
        return []
    errors = class_errors(name, path) if name else [fields.required(path, "an empty string is disallowed")]
    told = "has to be specified when using volumeAttributesClassName"
    return [*errors, *needed("spec.csi", spec.get("csi"), told)]


def validate_volume_spec_update(new: Json, old: Json) -> Errors:
    errors: Errors = []
    now, before = _source_of(_with_late_secret(new, old)), _source_of(old)
    if now != before:
        told = f"spec.persistentvolumesource is immutable after creation\n{difference(_SOURCE_TYPE, before, now)}"
        errors.append(fields.forbidden("spec.persistentvolumesource", told))
    errors += unchanged("volumeMode", new.get("volumeMode"), old.get("volumeMode"))
    errors += _affinity_change_errors(new.get("nodeAffinity"), old.get("nodeAffinity"))
    if old.get("volumeAttributesClassName") is not None and new.get("volumeAttributesClassName") is None:
        told = "update from non-nil value to nil is forbidden"
        errors.append(fields.forbidden("spec.volumeAttributesClassName", told))
    return errors


def _with_late_secret(new: Json, old: Json) -> Json:
    """The secret with which a volume grows may be named later."""
    had, has = old.get("csi"), new.get("csi")
    is_late = had and has and has.get(_EXPAND_SECRET) is not None and had.get(_EXPAND_SECRET) is None
    return without(new, "csi", _EXPAND_SECRET) if is_late else new


def _affinity_change_errors(new: Json | None, old: Json | None) -> Errors:
    """Nodes once named stay; a label that has a newer name may take that."""
    if old is None or _with_newer_labels(new, old) == old:
        return []
    told = "field is immutable, except for updating from beta label to GA"
    shown = None if new is None else as_struct("core.v1.VolumeNodeAffinity", new)
    return [fields.invalid("nodeAffinity", shown, told)]


def _with_newer_labels(new: Any, old: Any, member: str = "") -> Any:
    """The new value, with the old name of a label where its newer one has taken its place."""
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return {key: _with_newer_labels(value, old.get(key), key) for key, value in new.items()}
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return [_with_newer_labels(one, other) for one, other in zip(new, old, strict=True)]
    is_newer = member == "key" and old in OLD_LABELS and OLD_LABELS[old][1] == new
    return old if is_newer else new


_EXPAND_SECRET = "controllerExpandSecretRef"
_SOURCE_TYPE = "core.v1.PersistentVolumeSource"


def _source_of(spec: Json) -> Json:
    return {source: spec[source] for source in SOURCES if spec.get(source) is not None}
