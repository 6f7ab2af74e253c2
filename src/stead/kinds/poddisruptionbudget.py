"""PodDisruptionBudget: how many pods of a kind may be taken away at a time."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.checks import int_or_percent, known, non_negative, not_more_than_all
from stead.kinds.columns import AGE, NAME, at
from stead.kinds.conditions import validate_conditions
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.labelselector import validate_selector
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import path_segment_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now

_POLICIES = ["AlwaysAllow", "IfHealthyBudget"]
_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
_EMPTY_STATUS = {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}


def prepare_create(obj: Json) -> Json:
    return {**obj, "status": _EMPTY_STATUS}


def prepare_update(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or _EMPTY_STATUS}


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old.get("spec") or {}}


def validate_create(obj: Json) -> Sequence[FieldError]:
    """A budget's name may be anything that fits into a URL; nobody looks at it while the spec is wrong."""
    return _spec_errors(obj.get("spec") or {}) or objectmeta.validate_create(obj, path_segment_faults)


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    return [*objectmeta.common(new, old), *_spec_errors(new.get("spec") or {})]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    errors = objectmeta.common(new, old)
    errors += validate_conditions(dig(new, "status", "conditions", default=[]), "status.conditions")
    for member in _COUNTS:
        errors += non_negative(f"status.{member}", dig(new, "status", member))
    return errors


def _spec_errors(spec: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        errors.append(
            fields.invalid(
                "spec",
                as_struct("policy.v1.PodDisruptionBudgetSpec", spec),
                "minAvailable and maxUnavailable cannot be both set",
            )
        )
    for member in ("minAvailable", "maxUnavailable"):
        if spec.get(member) is not None:
            errors += int_or_percent(f"spec.{member}", spec[member])
            errors += not_more_than_all(f"spec.{member}", spec[member])
    errors += validate_selector(spec.get("selector"), "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    return errors + (known("spec.unhealthyPodEvictionPolicy", policy, _POLICIES) if policy is not None else [])


def _bound(member: str) -> Any:
    def cell(obj: Json, now: Now) -> str:
        value = dig(obj, "spec", member)
        return "N/A" if value is None else str(value)

    return cell


POD_DISRUPTION_BUDGET = Kind(
    id="PodDisruptionBudget",
    name="PodDisruptionBudget",
    plural="poddisruptionbudgets",
    version="v1",
    group="policy",
    short_names=("pdb",),
    type="policy.v1.PodDisruptionBudget",
    has_generation=True,
    allows_unconditional_update=False,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    columns=(
        NAME,
        Column("Min Available", _bound("minAvailable"), description="How many must stay."),
        Column("Max Unavailable", _bound("maxUnavailable"), description="How many may be missing."),
        Column(
            "Allowed Disruptions",
            at("status", "disruptionsAllowed", default=0),
            type="integer",
            description="How many may be taken away now.",
        ),
        AGE,
    ),
    subresources=(Subresource("status"),),
)
