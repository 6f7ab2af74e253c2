"""Numbers, percentages and quantities that a field may not hold, in the words clients match on."""

from typing import Any

from stead.kinds.syntax import PERCENT_FAULT
from stead.machinery import fields
from stead.machinery.fields import FieldError

NOT_NEGATIVE = "must be greater than or equal to 0"
POSITIVE = "must be greater than zero"


def non_negative(value: int, path: str) -> list[FieldError]:
    return [fields.invalid(path, value, NOT_NEGATIVE)] if value < 0 else []


def int_or_percent_errors(value: Any, path: str) -> list[FieldError]:
    """A whole number from zero up, or a percentage."""
    if isinstance(value, int):
        return non_negative(value, path)
    return [] if is_percent(value) else [fields.invalid(path, value, PERCENT_FAULT)]


def is_percent(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal()


def not_more_than_all(value: Any, path: str) -> list[FieldError]:
    """A percentage above 100 is more than there is."""
    if is_percent(value) and int(value[:-1]) > 100:
        return [fields.invalid(path, value, "must not be greater than 100%")]
    return []
