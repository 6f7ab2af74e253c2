"""Refusals that only the API knows how to word. The general ones are in `machinery/errors`."""

from collections.abc import Sequence

from stead.kinds.kind import Kind
from stead.machinery import errors
from stead.machinery.errors import ApiError, Conflict, Invalid, MethodNotAllowed, NotFound
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json


class NoSuchResource(NotFound):
    """No kind is served at this path."""

    def __init__(self) -> None:
        super().__init__("the server could not find the requested resource")

    def status(self) -> Json:
        return {**super().status(), "details": {}}


class NoSuchPath(NotFound):
    """The path is not one of an API at all; the answer is plain text."""

    def __init__(self) -> None:
        super().__init__("404 page not found\n")


class WrongMethod(MethodNotAllowed):
    def __init__(self) -> None:
        super().__init__("the server does not allow this method on the requested resource")

    def status(self) -> Json:
        return {**super().status(), "details": {}}


class BadPatch(Invalid):
    """A JSON patch that cannot be carried out: its path is missing, its test failed."""

    def __init__(self) -> None:
        super().__init__("the server rejected our request due to an error in our request")

    def status(self) -> Json:
        return {**super().status(), "details": {}}


class Nameless(ApiError):
    """Errors that upstream tells without a reason."""

    reason = ""

    def status(self) -> Json:
        return {name: value for name, value in super().status().items() if name != "reason"}


def invalid(kind: Kind, name: str, wrong: Sequence[FieldError]) -> None:
    """Raise Invalid with all of `wrong`, if anything is."""
    if wrong:
        raise errors.invalid(kind.name, kind.group, name, wrong)


def invalid_options(options: str, wrong: Sequence[FieldError]) -> None:
    """The same for the parameters of a call: `ListOptions`, `CreateOptions`, ..."""
    if wrong:
        raise errors.invalid(options, "meta.k8s.io", "", wrong)


def not_found(kind: Kind, name: str) -> NotFound:
    return errors.not_found(kind.plural, kind.group, name)


def already_exists(kind: Kind, name: str) -> ApiError:
    return errors.already_exists(kind.plural, kind.group, name)


def modified(kind: Kind, name: str) -> Conflict:
    return errors.modified(kind.plural, kind.group, name)


def conflict(kind: Kind, name: str, why: str) -> Conflict:
    return errors.conflict(kind.plural, kind.group, name, why)


def precondition_failed(kind: Kind, name: str, why: str) -> Conflict:
    """A delete's precondition; upstream names the kind here, not the resource."""
    return errors.conflict(kind.name, kind.group, name, why)


STORED_UNDER = {"Service": "services/specs", "Node": "minions", "Endpoints": "services/endpoints"}


def wrong_uid(kind: Kind, namespace: str, name: str, uids: tuple[str, str]) -> Conflict:
    """A PUT meant another bearer of the name. `uids`: the one wanted, the one there."""
    place = STORED_UNDER.get(kind.id, kind.plural if not kind.schema else f"{kind.group}/{kind.plural}")
    path = "/".join(part for part in ("/registry", place, namespace, name) if part)
    wanted, found = uids
    why = (
        f"StorageError: invalid object, Code: 4, Key: {path}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    )
    return conflict(kind, name, why)
