"""What a claim may not ask for, and what of it may not change: claims, claim templates, ephemeral volumes (V-3)."""

from stead.kinds.labelselector import validate_selector
from stead.kinds.numbers import POSITIVE
from stead.kinds.syntax import subdomain_faults
from stead.machinery import fields, quantity
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
VOLUME_MODES = ["Block", "Filesystem"]


def validate_claim_spec(spec: Json, path: str) -> list[FieldError]:
    errors = mode_errors(spec.get("accessModes") or [], f"{path}.accessModes", "at least 1 access mode is required")
    errors += validate_selector(spec.get("selector"), f"{path}.selector")
    errors += _storage_errors(spec, f"{path}.resources[storage]")
    if class_name := spec.get("storageClassName"):
        errors += [fields.invalid(f"{path}.storageClassName", class_name, f) for f in subdomain_faults(class_name)]
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        errors.append(fields.not_supported(f"{path}.volumeMode", mode, VOLUME_MODES))
    errors += _source_errors(spec, path)
    if attributes := spec.get("volumeAttributesClassName"):
        path = f"{path}.volumeAttributesClassName"
        errors += [fields.invalid(path, attributes, fault) for fault in subdomain_faults(attributes)]
    return errors


def mode_errors(modes: list[str], path: str, needed: str) -> list[FieldError]:
    """Access modes: known ones, and ReadWriteOncePod by itself."""
    errors: list[FieldError] = [] if modes else [fields.required(path, needed)]
    errors += [fields.not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    if "ReadWriteOncePod" in modes and set(modes) != {"ReadWriteOncePod"}:
        errors.append(fields.forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return errors


def _storage_errors(spec: Json, path: str) -> list[FieldError]:
    asked = dig(spec, "resources", "requests", "storage")
    if asked is None:
        return [fields.required(path)]
    return [] if quantity.compare(asked, "0") > 0 else [fields.invalid(path, asked, POSITIVE)]


def _source_errors(spec: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if (source := spec.get("dataSource")) is not None:
        errors += _one_source_errors(source, f"{path}.dataSource")
    if (source := spec.get("dataSourceRef")) is not None:
        errors += _one_source_errors(source, f"{path}.dataSourceRef")
    return errors


def _one_source_errors(source: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not source.get("name"):
        errors.append(fields.required(f"{path}.name"))
    if not source.get("kind"):
        errors.append(fields.required(f"{path}.kind"))
    group = source.get("apiGroup") or ""
    if not group and source.get("kind") != "PersistentVolumeClaim":
        told = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        errors.append(fields.invalid(f"{path}", source.get("kind", ""), told))
    if group:
        errors += [fields.invalid(f"{path}.apiGroup", group, fault) for fault in subdomain_faults(group)]
    return errors


def validate_claim_spec_update(new: Json, old: Json) -> list[FieldError]:
    """V-3: a volume is named once, a bound claim's storage may grow, attributes may change."""
    spec, before = new["spec"], old["spec"]
    errors = validate_claim_spec(spec, "spec")
    if _with_mutable_of(spec, before, old) != before:
        errors.append(fields.forbidden("spec", _IMMUTABLE))
    errors += _shrink_errors(new, old)
    return errors


_IMMUTABLE = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _with_mutable_of(spec: Json, before: Json, old: Json) -> Json:
    """The new spec as it would be if all that may change had not."""
    kept = {**spec}
    if not before.get("volumeName"):
        _keep(kept, before, "volumeName")
    if dig(old, "status", "phase") == "Bound":
        kept["resources"] = before.get("resources")
        _keep(kept, before, "volumeAttributesClassName")
    return kept


def _keep(spec: dict[str, object], before: Json, member: str) -> None:
    if before.get(member) is None:
        spec.pop(member, None)
    else:
        spec[member] = before[member]


def _shrink_errors(new: Json, old: Json) -> list[FieldError]:
    """A request may go back, but not below what the volume holds."""
    asked = dig(new, "spec", "resources", "requests", "storage", default="0")
    before = dig(old, "spec", "resources", "requests", "storage", default="0")
    holds = dig(old, "status", "capacity", "storage", default="0")
    if quantity.compare(asked, before) >= 0 or quantity.compare(asked, holds) > 0:
        return []
    return [fields.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]
