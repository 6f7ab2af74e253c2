"""Conditions of the newer form (`meta/v1`), as statuses hold them: what each must say, and each of them once."""

from stead.kinds.checks import Errors, faults, known
from stead.kinds.syntax import qualified_name_faults, reason_faults
from stead.machinery import fields
from stead.machinery.objects import Json

_STATUSES = ["False", "True", "Unknown"]
_LONGEST_REASON, _LONGEST_MESSAGE = 1024, 32 * 1024


def validate_conditions(conditions: list[Json], path: str) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        at, sort = f"{path}[{index}]", condition.get("type", "")
        errors += [fields.duplicate(f"{at}.type", sort)] if sort in seen else []
        seen.add(sort)
        errors += faults(f"{at}.type", sort, qualified_name_faults(sort))
        errors += known(f"{at}.status", condition.get("status", ""), _STATUSES)
        errors += _told_errors(condition, at)
    return errors


def _told_errors(condition: Json, path: str) -> Errors:
    generation, reason = condition.get("observedGeneration") or 0, condition.get("reason", "")
    errors: Errors = []
    if generation < 0:
        told = "must be greater than or equal to zero"
        errors.append(fields.invalid(f"{path}.observedGeneration", generation, told))
    if not condition.get("lastTransitionTime"):
        errors.append(fields.required(f"{path}.lastTransitionTime", "must be set"))
    if not reason:
        errors.append(fields.required(f"{path}.reason", "must be set"))
    errors += faults(f"{path}.reason", reason, reason_faults(reason)) if reason else []
    for member, longest in (("reason", _LONGEST_REASON), ("message", _LONGEST_MESSAGE)):
        if len(condition.get(member, "").encode()) > longest:
            errors.append(fields.too_long(f"{path}.{member}", longest))
    return errors
