"""Lease: who holds what, and until when."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


def _errors(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        errors.append(fields.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if (transitions := spec.get("leaseTransitions")) is not None and transitions < 0:
        told = "must be greater than or equal to 0"
        errors.append(fields.invalid("spec.leaseTransitions", transitions, told))
    if strategy := spec.get("strategy"):
        errors += [fields.invalid("spec.strategy", strategy, fault) for fault in qualified_name_faults(strategy)]
    if spec.get("preferredHolder") and not spec.get("strategy"):
        told = "may only be specified if `strategy` is defined"
        errors.append(fields.forbidden("spec.preferredHolder", told))
    return errors


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, subdomain_faults), *_errors(obj)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_update(new, old), *_errors(new)]


LEASE = Kind(
    id="Lease",
    name="Lease",
    plural="leases",
    version="v1",
    group="coordination.k8s.io",
    type="coordination.v1.Lease",
    allows_unconditional_update=False,
    allows_create_on_update=True,
    validate_create=validate_create,
    validate_update=validate_update,
    columns=(NAME, Column("Holder", at("spec", "holderIdentity"), description="Who holds it."), AGE),
)
