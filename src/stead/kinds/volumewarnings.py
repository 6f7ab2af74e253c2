"""Volumes, claims and classes that are let in and yet told of: old annotations, old kinds of storage, old labels."""

from collections.abc import Iterator

from stead.kinds.podwarnings import OLD_LABELS, OLD_VOLUMES, claim_warnings, node_term_warnings, old_label
from stead.machinery import meta
from stead.machinery.objects import Json, dig

_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_OLD_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_OLD_ANNOTATIONS = {
    _OLD_CLASS: 'deprecated since v1.8; use "storageClassName" attribute instead',
    _OLD_OPTIONS: 'deprecated since v1.31; use "mountOptions" attribute instead',
}
_RECYCLE = "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."
_TOLD_OF_VOLUMES = ("photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "cephfs", "rbd")


def persistent_claim_warnings(claim: Json) -> list[str]:
    return [*_annotation_warnings(claim, _OLD_CLASS), *claim_warnings(claim.get("spec") or {}, "spec")]


def persistent_volume_warnings(volume: Json) -> list[str]:
    spec = volume.get("spec") or {}
    warnings = list(_annotation_warnings(volume, _OLD_CLASS, _OLD_OPTIONS))
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        warnings.append(f"spec.persistentVolumeReclaimPolicy: {_RECYCLE}")
    for index, term in enumerate(dig(spec, "nodeAffinity", "required", "nodeSelectorTerms", default=[])):
        warnings += node_term_warnings(term, f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]")
    return [*warnings, *(f"spec.{sort}: {OLD_VOLUMES[sort]}" for sort in _TOLD_OF_VOLUMES if spec.get(sort))]


def storage_class_warnings(obj: Json) -> list[str]:
    warnings: list[str] = []
    for index, term in enumerate(obj.get("allowedTopologies") or []):
        for at, expression in enumerate(term.get("matchLabelExpressions") or []):
            if (key := expression.get("key", "")) in OLD_LABELS:
                path = f"allowedTopologies[{index}].matchLabelExpressions[{at}].key"
                warnings.append(f"{path}: {old_label(key)}")
    return warnings


def _annotation_warnings(obj: Json, *keys: str) -> Iterator[str]:
    for key in keys:
        if key in meta.annotations(obj):
            yield f"metadata.annotations[{key}]: {_OLD_ANNOTATIONS[key]}"
