"""The small questions asked of many fields, each answered with what is wrong: a list of errors, often empty."""

from collections.abc import Iterable, Sequence
from typing import Any

from stead.kinds.syntax import ODD_FORMS, PERCENT_FAULT
from stead.machinery import fields, intstr, quantity
from stead.machinery.fields import FieldError

NOT_NEGATIVE = "must be greater than or equal to 0"
POSITIVE = "must be greater than zero"
IMMUTABLE = "field is immutable"

Errors = list[FieldError]


def faults(path: str, value: Any, found: Iterable[str]) -> Errors:
    """An error for each fault found with a value."""
    return [fields.invalid(path, value, fault) for fault in found]


def bare_invalid(path: str, value: Any) -> FieldError:
    """An invalid value of which nothing more is said."""
    return FieldError(path, fields.INVALID, f"Invalid value: {fields.shown(value)}")


def needed(path: str, value: Any, detail: str = "") -> Errors:
    """Something must stand here."""
    return [] if value else [fields.required(path, detail)]


def known(path: str, value: Any, words: Sequence[str]) -> Errors:
    """One of the words must stand here; an empty text is a word like any other."""
    return [] if value in words else [fields.not_supported(path, value, list(words))]


def one_of(path: str, value: Any, words: Sequence[str]) -> Errors:
    """One of the words must stand here, and something must."""
    return known(path, value, words) if value else [fields.required(path)]


def non_negative(path: str, value: int | None) -> Errors:
    return [fields.invalid(path, value, NOT_NEGATIVE)] if value is not None and value < 0 else []


def between(path: str, value: int | None, least: int, most: int) -> Errors:
    if value is None or least <= value <= most:
        return []
    return [fields.invalid(path, value, f"must be between {least} and {most}, inclusive")]


def not_too_many(path: str, number: int, most: int) -> Errors:
    if number <= most:
        return []
    return [FieldError(path, fields.TOO_MANY, f"Too many: {number}: must have at most {most} items")]


def unchanged(path: str, new: Any, old: Any) -> Errors:
    """What is empty and what is missing are the same."""
    return [] if (new or None) == (old or None) else [fields.invalid(path, new, IMMUTABLE)]


def positive_quantity(path: str, amount: Any) -> Errors:
    return [] if quantity.compare(amount, "0") > 0 else [fields.invalid(path, amount, POSITIVE)]


def int_or_percent(path: str, value: Any) -> Errors:
    """A whole number from zero up, or a percentage."""
    if isinstance(value, int):
        return non_negative(path, value)
    is_share = intstr.is_percent(value) and not value.startswith("-")
    return [] if is_share else [fields.invalid(path, value, PERCENT_FAULT)]


def not_more_than_all(path: str, value: Any) -> Errors:
    """A percentage above 100 is more than there is."""
    if intstr.is_percent(value) and int(value[:-1]) > 100:
        return [fields.invalid(path, value, "must not be greater than 100%")]
    return []


def without_known(errors: Sequence[FieldError], known: Iterable[str]) -> Errors:
    """`errors` without those of addresses in odd forms that were let in once."""
    kept = {f"Invalid value: {fields.shown(text)}: {fault}" for text in known for fault in ODD_FORMS}
    return [error for error in errors if error.text not in kept] if kept else [*errors]
