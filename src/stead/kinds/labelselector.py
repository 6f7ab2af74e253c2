"""What a label selector may not be: keys, operators and values (2.2 in api.md)."""

from stead.kinds.syntax import label_value_faults, qualified_name_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


def as_shown(selector: Json | None) -> Json | None:
    """A selector as messages print it: labels in the order of their keys."""
    if not selector or not selector.get("matchLabels"):
        return selector
    return {**selector, "matchLabels": dict(sorted(selector["matchLabels"].items()))}


def validate_selector(selector: Json | None, path: str) -> list[FieldError]:
    """Every fault of a selector, the values of its expressions included."""
    if selector is None:
        return []
    errors: list[FieldError] = []
    labels = selector.get("matchLabels") or {}
    for key in sorted(labels):
        errors += [fields.invalid(f"{path}.matchLabels", key, fault) for fault in qualified_name_faults(key)]
        errors += [fields.invalid(f"{path}.matchLabels", labels[key], f) for f in label_value_faults(labels[key])]
    for index, expression in enumerate(selector.get("matchExpressions") or []):
        errors += _expression_errors(expression, f"{path}.matchExpressions[{index}]")
    return errors


def _expression_errors(expression: Json, path: str) -> list[FieldError]:
    operator, values = expression.get("operator", ""), expression.get("values") or []
    errors: list[FieldError] = []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(fields.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            told = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(fields.forbidden(f"{path}.values", told))
    else:
        errors.append(fields.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    key = expression.get("key", "")
    errors += [fields.invalid(f"{path}.key", key, fault) for fault in qualified_name_faults(key)]
    for index, value in enumerate(values):
        errors += [fields.invalid(f"{path}.values[{index}]", value, fault) for fault in label_value_faults(value)]
    return errors
