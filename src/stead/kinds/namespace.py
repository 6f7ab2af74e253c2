"""Namespace: a room for names, with a finalizer of its own so that it is emptied before it goes."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.checks import faults
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.syntax import label_faults, qualified_name_faults
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig, with_value

NAME_LABEL = "kubernetes.io/metadata.name"
FINALIZER = "kubernetes"


def default(obj: Json) -> Json:
    """Every namespace carries its own name as a label."""
    name = meta.name(obj)
    if not name or meta.labels(obj).get(NAME_LABEL) == name:
        return obj
    return with_value(obj, ("metadata", "labels"), {**meta.labels(obj), NAME_LABEL: name})


def prepare_create(obj: Json) -> Json:
    """A name that was made up is known only now."""
    obj = default(obj)
    finalizers = dig(obj, "spec", "finalizers", default=[])
    kept = finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER]
    return {**obj, "spec": {**(obj.get("spec") or {}), "finalizers": kept}, "status": {"phase": "Active"}}


def prepare_update(new: Json, old: Json) -> Json:
    """Spec finalizers are removed through /finalize alone."""
    return {**new, "spec": old.get("spec") or {}, "status": old.get("status") or {}}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old.get("spec") or {}}


def validate_create(obj: Json) -> Sequence[FieldError]:
    errors = objectmeta.validate_create(obj, label_faults)
    for finalizer in dig(obj, "spec", "finalizers", default=[]):
        errors += _finalizer_errors(finalizer, "spec.finalizers")
    return errors


def finalizer_errors(finalizers: Sequence[str]) -> list[FieldError]:
    """What the door for them looks at."""
    errors: list[FieldError] = []
    for index, finalizer in enumerate(finalizers):
        errors += _finalizer_errors(finalizer, f"spec.finalizers[{index}]")
    return errors


def _finalizer_errors(finalizer: str, path: str) -> list[FieldError]:
    errors = faults(path, finalizer, qualified_name_faults(finalizer))
    return [*errors, *objectmeta.standard_finalizer_errors(finalizer, path)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.common(new, old), *validate_create(new), *objectmeta.changed(new, old)]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    """A phase and a deletion go together."""
    errors = objectmeta.validate_update(new, old)
    phase = dig(new, "status", "phase", default="")
    if meta.is_terminating(new) and phase != "Terminating":
        told = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        errors.append(fields.invalid("status.Phase", phase, told))
    if not meta.is_terminating(new) and phase != "Active":
        told = "may only be 'Active' if `deletionTimestamp` is empty"
        errors.append(fields.invalid("status.Phase", phase, told))
    return errors


NAMESPACE = Kind(
    id="Namespace",
    name="Namespace",
    plural="namespaces",
    version="v1",
    is_namespaced=False,
    short_names=("ns",),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    type="core.v1.Namespace",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(NAME, Column("Status", at("status", "phase"), description="Active, or on its way out."), AGE),
    subresources=(Subresource("finalize", ("update",)), Subresource("status")),
    selectable_fields={"status.phase": lambda obj: str(dig(obj, "status", "phase", default=""))},
)
