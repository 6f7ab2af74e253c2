"""Lease: who holds what, and until when."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.checks import faults, known
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.kind import Column, Kind
from stead.kinds.syntax import qualified_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json

_KNOWN = ["OldestEmulationVersion"]


def _errors(obj: Json) -> list[FieldError]:
    spec = obj.get("spec") or {}
    errors: list[FieldError] = []
    if (seconds := spec.get("leaseDurationSeconds")) is not None and seconds <= 0:
        errors.append(fields.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if (transitions := spec.get("leaseTransitions")) is not None and transitions < 0:
        told = "must be greater than or equal to 0"
        errors.append(fields.invalid("spec.leaseTransitions", transitions, told))
    errors += _strategy_errors(spec.get("strategy"))
    if spec.get("preferredHolder") and not spec.get("strategy"):
        told = "may only be specified if `strategy` is defined"
        errors.append(fields.forbidden("spec.preferredHolder", told))
    return errors


def _strategy_errors(strategy: str | None) -> list[FieldError]:
    """A known strategy, or one with a domain; upstream says the field's name twice."""
    if strategy is None:
        return []
    path = "spec.strategy.strategy"
    return faults(path, strategy, qualified_name_faults(strategy)) if "/" in strategy else known(path, strategy, _KNOWN)


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
