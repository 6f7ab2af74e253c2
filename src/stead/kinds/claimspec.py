"""What a claim may not ask for, and what of it may not change: claims, claim templates, ephemeral volumes (V-3)."""

from typing import Any

from stead.kinds.checks import Errors, faults, known, needed, positive_quantity, unchanged
from stead.kinds.labelselector import validate_selector
from stead.kinds.objectmeta import annotation_errors, label_errors
from stead.kinds.shownstructs import difference
from stead.kinds.syntax import label_faults, subdomain_faults
from stead.machinery import fields, meta, quantity
from stead.machinery.objects import Json, dig

ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
VOLUME_MODES = ["Block", "Filesystem"]


def validate_claim_spec(spec: Json, path: str) -> Errors:
    modes = spec.get("accessModes") or []
    errors = needed(f"{path}.accessModes", modes, "at least 1 access mode is required")
    errors += validate_selector(spec.get("selector"), f"{path}.selector")
    errors += mode_errors(modes, f"{path}.accessModes")
    errors += _storage_errors(spec, f"{path}.resources[storage]")
    errors += class_errors(spec.get("storageClassName"), f"{path}.storageClassName")
    mode = spec.get("volumeMode")
    errors += known(f"{path}.volumeMode", mode, VOLUME_MODES) if mode is not None else []
    errors += _source_errors(spec, path)
    return [*errors, *class_errors(spec.get("volumeAttributesClassName"), f"{path}.volumeAttributesClassName")]


_FILLED_FROM = (("PersistentVolumeClaim", ""), ("VolumeSnapshot", "snapshot.storage.k8s.io"))


def with_sources(spec: Json, before: Json) -> Json:
    """What a claim is filled from stands in both members; what could never be is dropped, unless it was there."""
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    if ref and ref.get("namespace") and not before.get("dataSourceRef"):
        ref = None
    if source and not before.get("dataSource"):
        source = source if (source.get("kind", ""), source.get("apiGroup") or "") in _FILLED_FROM else None
    if source and not ref:
        ref = source
    elif ref and not source and not ref.get("namespace"):
        source = {member: value for member, value in ref.items() if member != "namespace"}
    others = {member: value for member, value in spec.items() if member not in ("dataSource", "dataSourceRef")}
    return {**others, **({"dataSource": source} if source else {}), **({"dataSourceRef": ref} if ref else {})}


def validate_claim_template(template: Json, path: str) -> Errors:
    """A claim that a pod brings along: of its metadata, labels and annotations alone."""
    metadata = template.get("metadata") or {}
    errors = annotation_errors(metadata.get("annotations") or {}, f"{path}.metadata.annotations")
    errors += label_errors(metadata.get("labels") or {}, f"{path}.metadata.labels")
    for member in metadata:
        if member not in ("annotations", "labels") and metadata[member]:
            errors.append(fields.forbidden(f"{path}.metadata.{member}", "cannot be set"))
    return [*errors, *validate_claim_spec(template.get("spec") or {}, f"{path}.spec")]


def mode_errors(modes: list[str], path: str) -> Errors:
    """Access modes: known ones, and ReadWriteOncePod by itself."""
    errors: Errors = []
    for mode in modes:
        errors += known(path, mode, ACCESS_MODES)
    others = {mode for mode in modes if mode in ACCESS_MODES} - {"ReadWriteOncePod"}
    if "ReadWriteOncePod" in modes and others:
        errors.append(fields.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def class_errors(name: str | None, path: str) -> Errors:
    return faults(path, name, subdomain_faults(name)) if name else []


def _storage_errors(spec: Json, path: str) -> Errors:
    asked = dig(spec, "resources", "requests", "storage")
    return [fields.required(path)] if asked is None else positive_quantity(path, asked)


def _source_errors(spec: Json, path: str) -> Errors:
    source, ref = spec.get("dataSource"), spec.get("dataSourceRef")
    errors: Errors = []
    if source is not None:
        errors += _one_source_errors(source, f"{path}.dataSource")
    if ref is not None:
        errors += _one_source_errors(ref, f"{path}.dataSourceRef")
        namespace = ref.get("namespace") or ""
        errors += faults(f"{path}.dataSourceRef.namespace", namespace, label_faults(namespace)) if namespace else []
    if source is None or ref is None:
        return errors
    if ref.get("namespace"):
        told = "may not be specified when dataSourceRef.namespace is specified"
        return [*errors, fields.invalid(path, f"{path}.dataSource", told)]
    same = all(source.get(member) == ref.get(member) for member in ("apiGroup", "kind", "name"))
    return errors if same else [*errors, fields.invalid(path, f"{path}.dataSource", "must match dataSourceRef")]


def _one_source_errors(source: Json, path: str) -> Errors:
    kind, group = source.get("kind", ""), source.get("apiGroup") or ""
    errors = needed(f"{path}.name", source.get("name"))
    errors += needed(f"{path}.kind", kind)
    if not group and kind != "PersistentVolumeClaim":
        told = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(fields.invalid(path, kind, told))
    return errors + (faults(f"{path}.apiGroup", group, subdomain_faults(group)) if group else [])


def validate_claim_spec_update(new: Json, old: Json) -> Errors:
    """V-3: a volume is named once, a bound claim's storage may grow, attributes may change."""
    spec, before = new["spec"], old["spec"]
    errors: Errors = []
    then, now = (meta.annotations(one).get(BETA_CLASS) for one in (old, new))
    if _is_upgraded(spec, before, then=then, now=now):
        spec = {member: value for member, value in spec.items() if member != "storageClassName"}
    else:
        errors += unchanged(f"metadata.annotations.{BETA_CLASS}", now or "", then or "")
        may_name_class = then is None or then == spec.get("storageClassName")
        spec = _with_class_of(spec, before) if may_name_class else spec
    as_before = _with_mutable_of(spec, before, is_bound=dig(new, "status", "phase") == "Bound")
    if as_before != before:
        told = (
            f"{_IMMUTABLE}\n{difference('core.v1.PersistentVolumeClaimSpec', _with_volume_of(before, spec), as_before)}"
        )
        errors.append(fields.forbidden("spec", told))
    errors += _shrink_errors(new, old)
    errors += unchanged("volumeMode", spec.get("volumeMode"), before.get("volumeMode"))
    return [*errors, *_attribute_errors(spec.get("volumeAttributesClassName"), before)]


_IMMUTABLE = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _is_upgraded(spec: Json, before: Json, *, then: str | None, now: str | None) -> bool:
    """The class that stood in the old annotation may move into its field."""
    is_moved = before.get("storageClassName") is None and spec.get("storageClassName") == then
    return then is not None and is_moved and now in (None, then)


def _with_class_of(spec: Json, before: Json) -> Json:
    """A class may be named where none was."""
    kept = {**spec}
    if before.get("storageClassName") is None and spec.get("storageClassName") is not None:
        _keep(kept, before, "storageClassName")
    return kept


def _with_mutable_of(spec: Json, before: Json, *, is_bound: bool) -> Json:
    """The new spec as it would be if all that may change had not."""
    kept = {**spec}
    if not before.get("volumeName"):
        _keep(kept, before, "volumeName")
    if is_bound:
        kept["resources"] = _with_storage_of(spec.get("resources") or {}, before.get("resources") or {})
        if spec.get("volumeAttributesClassName") is not None:
            _keep(kept, before, "volumeAttributesClassName")
    return kept


def _with_volume_of(before: Json, spec: Json) -> Json:
    """The stored spec as it is told: with the volume's name, where that may be given now."""
    return before if before.get("volumeName") else {**before, "volumeName": spec.get("volumeName", "")}


def _with_storage_of(resources: Json, before: Json) -> Json:
    requests = {**(resources.get("requests") or {})}
    _keep(requests, before.get("requests") or {}, "storage")
    return {**resources, "requests": requests}


def _keep(spec: dict[str, Any], before: Json, member: str) -> None:
    if before.get(member) is None:
        spec.pop(member, None)
    else:
        spec[member] = before[member]


def _shrink_errors(new: Json, old: Json) -> Errors:
    """A request may go back, but not to what the volume holds already, or below."""
    asked = dig(new, "spec", "resources", "requests", "storage", default="0")
    before = dig(old, "spec", "resources", "requests", "storage", default="0")
    holds = dig(old, "status", "capacity", "storage", default="0")
    if quantity.compare(asked, before) >= 0 or quantity.compare(asked, holds) > 0:
        return []
    return [fields.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]


def _attribute_errors(name: str | None, before: Json) -> Errors:
    """Attributes once asked for may change, but not be given up."""
    if before.get("volumeAttributesClassName") is None or name:
        return []
    told = "update from non-nil value to nil is forbidden"
    if name is not None:
        told = "update from non-nil value to an empty string is forbidden"
    return [fields.forbidden("spec.volumeAttributesClassName", told)]
