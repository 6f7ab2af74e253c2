"""StorageClass: how volumes of a class are made."""

from collections import Counter
from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.checks import faults, known, needed, unchanged
from stead.kinds.columns import AGE, at
from stead.kinds.defaulting import filled
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.kinds.volumewarnings import storage_class_warnings
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json
from stead.machinery.times import Now

_RECLAIM = ["Delete", "Retain"]
_BINDING = ["Immediate", "WaitForFirstConsumer"]
_IS_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_MOST_TOLD = 16  # of the terms that one is the same as
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
    errors += known("reclaimPolicy", obj.get("reclaimPolicy", ""), _RECLAIM)
    errors += known("volumeBindingMode", obj.get("volumeBindingMode", ""), _BINDING)
    return [*errors, *_topology_errors(obj.get("allowedTopologies") or [])]


def _topology_errors(terms: list[Json]) -> list[FieldError]:
    """Upstream compares with as many empty terms as there are terms, too."""
    errors: list[FieldError] = []
    seen = Counter({frozenset[tuple[str, frozenset[str]]](): len(terms)})
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        wanted: dict[str, frozenset[str]] = {}
        for place, expression in enumerate(term.get("matchLabelExpressions") or []):
            errors += _topology_label_errors(expression, f"{path}[{place}]")
            key = expression.get("key", "")
            if key in wanted:
                errors.append(fields.duplicate(f"{path}[{place}].key", key))
            wanted[key] = frozenset(expression.get("values") or [])
        term_wanted = frozenset(wanted.items())
        errors += [fields.duplicate(path, "")] * min(seen[term_wanted], _MOST_TOLD)
        seen[term_wanted] += 1
    return errors


def _topology_label_errors(expression: Json, path: str) -> list[FieldError]:
    key, values = expression.get("key", ""), expression.get("values") or []
    errors = needed(f"{path}.values", values)
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            errors.append(fields.duplicate(f"{path}.values[{index}]", value))
        seen.add(value)
    return [*errors, *faults(f"{path}.key", key, qualified_name_faults(key))]


def _provisioner_errors(provisioner: str) -> list[FieldError]:
    if not provisioner:
        return [fields.required("provisioner")]
    return faults("provisioner", provisioner, qualified_name_faults(provisioner.lower()))


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
    errors = [*objectmeta.common(new, old), *validate_create(new), *objectmeta.changed(new, old)]
    for member in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
        errors += unchanged(member, new.get(member), old.get(member))
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
    warnings=lambda new, old: storage_class_warnings(new),
    columns=(
        Column("Name", _name, format="name", description="The class, marked where it is the default."),
        Column("Provisioner", at("provisioner"), description="Who makes its volumes."),
        Column("ReclaimPolicy", at("reclaimPolicy", default="Delete"), description="What becomes of a freed volume."),
        Column("VolumeBindingMode", at("volumeBindingMode", default="Immediate"), description="When claims are bound."),
        Column("AllowVolumeExpansion", at("allowVolumeExpansion", default=False), description="Whether claims grow."),
        AGE,
    ),
)
