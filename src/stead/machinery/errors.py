"""Requests we refuse, and the one Status object each of them becomes."""

from collections.abc import Sequence
from typing import Any

from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


class ApiError(Exception):
    """A refusal with an HTTP code and a machine-readable reason; `str(error)` is the message clients match on."""

    code = 500
    reason = "InternalError"

    def __init__(self, message: str, *, details: Json | None = None, retry_after_seconds: int | None = None):
        super().__init__(message)
        self.details: dict[str, Any] = dict(details or {})
        self.retry_after_seconds = retry_after_seconds
        if retry_after_seconds is not None:
            self.details["retryAfterSeconds"] = retry_after_seconds

    @property
    def message(self) -> str:
        return str(self)

    def status(self) -> Json:
        """This refusal as a `v1.Status`."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            body["details"] = self.details
        return body


class Nameless(ApiError):
    """Errors that upstream tells without a reason, with code 500 although they are the client's."""

    reason = ""

    def status(self) -> Json:
        return {name: value for name, value in super().status().items() if name != "reason"}


class BadRequest(ApiError):
    code, reason = 400, "BadRequest"


class Unauthorized(ApiError):
    code, reason = 401, "Unauthorized"


class Forbidden(ApiError):
    code, reason = 403, "Forbidden"


class NotFound(ApiError):
    code, reason = 404, "NotFound"


class MethodNotAllowed(ApiError):
    code, reason = 405, "MethodNotAllowed"


class NotAcceptable(ApiError):
    code, reason = 406, "NotAcceptable"


class AlreadyExists(ApiError):
    code, reason = 409, "AlreadyExists"


class Conflict(ApiError):
    code, reason = 409, "Conflict"


class Expired(ApiError):
    code, reason = 410, "Expired"


class TooLarge(ApiError):
    code, reason = 413, "RequestEntityTooLarge"


class UnsupportedMediaType(ApiError):
    code, reason = 415, "UnsupportedMediaType"


class Invalid(ApiError):
    code, reason = 422, "Invalid"


class TooManyRequests(ApiError):
    code, reason = 429, "TooManyRequests"


class ServiceUnavailable(ApiError):
    code, reason = 503, "ServiceUnavailable"


class Timeout(ApiError):
    code, reason = 504, "Timeout"


def qualified(plural: str, group: str) -> str:
    """A resource as messages name it: `pods`, `statefulsets.apps`."""
    return f"{plural}.{group}" if group else plural


def named(plural: str, group: str, name: str, uid: str = "") -> Json:
    """`details` that say which object is meant."""
    details = {"name": name, "group": group, "kind": plural, "uid": uid}
    return {key: value for key, value in details.items() if value}


def not_found(plural: str, group: str, name: str) -> NotFound:
    return NotFound(f'{qualified(plural, group)} "{name}" not found', details=named(plural, group, name))


def already_exists(plural: str, group: str, name: str) -> AlreadyExists:
    return AlreadyExists(f'{qualified(plural, group)} "{name}" already exists', details=named(plural, group, name))


def conflict(plural: str, group: str, name: str, why: str) -> Conflict:
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return Conflict(message, details=named(plural, group, name))


def modified(plural: str, group: str, name: str) -> Conflict:
    """The write was made against an older resourceVersion."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(plural, group, name, why)


def invalid(kind: str, group: str, name: str, errors: Sequence[FieldError]) -> Invalid:
    """All that is wrong with one object, in the order it was found. `kind` is the CamelCase kind.

    The message tells what is told twice once; the causes tell every one.
    """
    texts = list(dict.fromkeys(str(error) for error in errors))
    told = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {**named(kind, group, name), "causes": [error.cause for error in errors]}
    return Invalid(f'{qualified(kind, group)} "{name}" is invalid: {told}', details=details)
