"""What is wrong with one field: the causes of a 422, in upstream's words."""

from typing import Any

from msgspec import Struct

from stead.machinery.goprint import json_text, quoted
from stead.machinery.objects import Json

REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
NOT_SUPPORTED = "FieldValueNotSupported"
FORBIDDEN = "FieldValueForbidden"
DUPLICATE = "FieldValueDuplicate"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
NOT_FOUND = "FieldValueNotFound"
TYPE_INVALID = "FieldValueTypeInvalid"


class FieldError(Struct, frozen=True):
    """`field` is the path as upstream prints it, `text` the message without the path."""

    field: str
    reason: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"

    @property
    def cause(self) -> Json:
        return {"reason": self.reason, "message": self.text, "field": self.field}


def required(field: str, detail: str = "") -> FieldError:
    return FieldError(field, REQUIRED, _with_detail("Required value", detail))


def invalid(field: str, value: Any, detail: str) -> FieldError:
    return FieldError(field, INVALID, f"Invalid value: {shown(value)}: {detail}")


def forbidden(field: str, detail: str) -> FieldError:
    return FieldError(field, FORBIDDEN, f"Forbidden: {detail}")


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError(field, DUPLICATE, f"Duplicate value: {shown(value)}")


def not_found(field: str, value: Any) -> FieldError:
    return FieldError(field, NOT_FOUND, f"Not found: {shown(value)}")


def not_supported(field: str, value: Any, supported: list[str]) -> FieldError:
    listed = ", ".join(f'"{word}"' for word in supported)
    return FieldError(field, NOT_SUPPORTED, f"Unsupported value: {shown(value)}: supported values: {listed}")


def too_long(field: str, limit_bytes: int) -> FieldError:
    return FieldError(field, TOO_LONG, f"Too long: may not be more than {limit_bytes} bytes")


def shown(value: Any) -> str:
    """A value as a message quotes it: a text in quotes, else JSON, `null` for nothing."""
    return quoted(value) if isinstance(value, str) else json_text(value)


def _with_detail(text: str, detail: str) -> str:
    return f"{text}: {detail}" if detail else text
