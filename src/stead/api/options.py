"""The parameters of a call: read from the query (and a delete's body), checked, refused in upstream's words."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stead.api import refusals
from stead.api.request import Request
from stead.machinery import fields
from stead.machinery.errors import BadRequest, Nameless
from stead.machinery.fields import FieldError

EXACT, NOT_OLDER = "Exact", "NotOlderThan"
POLICIES = ("Foreground", "Background", "Orphan")
VALIDATIONS = ("Ignore", "Strict", "Warn")
LONGEST_MANAGER = 128
_INTEGER = re.compile(r"[-+]?[0-9]+")


def is_true(request: Request, name: str) -> bool:
    """A switch: there, and not first of all `false` or `0`."""
    said = next((value for key, value in request.query if key == name), "0")
    return said.lower() not in ("false", "0")


def integer(request: Request, name: str) -> int | None:
    text = next((value for key, value in request.query if key == name), None)
    if text is None:
        return None
    if not _INTEGER.fullmatch(text):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if not -(2**63) <= int(text) < 2**63:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
    return int(text)


def manager_of(request: Request) -> str:
    """The field manager: what the call says, else the program's name before its first slash."""
    named = request.parameter("fieldManager")
    return named or request.headers.get("user-agent", "").partition("/")[0][:LONGEST_MANAGER] or "unknown"


class WriteOptions(Struct, frozen=True):
    """How a write is to be done. `validation` is what becomes of unknown and repeated fields."""

    is_dry_run: bool = False
    validation: str = "Warn"
    manager: str = ""
    is_forced: bool = False


def of_write(request: Request, sort: str, *, is_apply: bool = False) -> WriteOptions:
    """`sort` is the name of the options in messages: `CreateOptions`, `UpdateOptions`, `PatchOptions`."""
    dry_run = [value for key, value in request.query if key == "dryRun"]
    validation = request.parameter("fieldValidation")
    wrong: list[FieldError] = []
    if sort == "PatchOptions":
        wrong += _apply_errors(request, is_apply)
    wrong += _manager_errors(request.parameter("fieldManager"))
    wrong += _dry_run_errors(dry_run)
    if validation and validation not in VALIDATIONS:
        wrong.append(fields.not_supported("fieldValidation", validation, list(VALIDATIONS)))
    refusals.invalid_options(sort, wrong)
    is_forced = is_true(request, "force")
    return WriteOptions("All" in dry_run, validation or "Warn", manager_of(request), is_forced)


def _apply_errors(request: Request, is_apply: bool) -> list[FieldError]:
    if is_apply and not request.parameter("fieldManager"):
        return [fields.required("fieldManager", "is required for apply patch")]
    if not is_apply and request.parameter("force"):
        return [fields.forbidden("force", "may not be specified for non-apply patch")]
    return []


def _manager_errors(manager: str) -> list[FieldError]:
    if len(manager.encode()) > LONGEST_MANAGER:
        return [fields.too_long("fieldManager", LONGEST_MANAGER)]
    hidden = [(at, sign) for at, sign in enumerate(manager) if not sign.isprintable()]
    return [
        fields.invalid("fieldManager", manager, f"invalid character U+{ord(sign):04X} (at position {at})")
        for at, sign in hidden
    ]


def _dry_run_errors(given: list[str]) -> list[FieldError]:
    return [fields.not_supported("dryRun", given, ["All"])] if any(value != "All" for value in given) else []


class DeleteOptions(Struct, frozen=True):
    """`policy` None leaves it to the object's finalizers and, without one, is Background."""

    grace_seconds: int | None = None
    policy: str | None = None
    uid: str = ""
    revision: str = ""
    is_dry_run: bool = False
    does_not_orphan: bool = False  # said in the old way


def of_delete(request: Request, body: Mapping[str, Any] | None) -> DeleteOptions:
    """`body` is a decoded DeleteOptions, or None: then the query says it all."""
    if body is None:
        body = _delete_query(request)
    orphans, policy = body.get("orphanDependents"), body.get("propagationPolicy")
    dry_run = list(body.get("dryRun") or [])
    wrong: list[FieldError] = []
    if orphans is not None and policy is not None:
        told = "orphanDependents and deletionPropagation cannot be both set"
        wrong.append(fields.invalid("propagationPolicy", policy, told))
    if policy is not None and policy not in POLICIES:
        wrong.append(fields.not_supported("propagationPolicy", policy, [*POLICIES, "nil"]))
    wrong += _dry_run_errors(dry_run)
    refusals.invalid_options("DeleteOptions", wrong)
    if orphans is not None:
        policy = "Orphan" if orphans else "Background"
    preconditions = body.get("preconditions") or {}
    uid, revision = preconditions.get("uid") or "", preconditions.get("resourceVersion") or ""
    return DeleteOptions(body.get("gracePeriodSeconds"), policy, uid, revision, "All" in dry_run, orphans is False)


def _delete_query(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {"dryRun": [value for key, value in request.query if key == "dryRun"]}
    found["gracePeriodSeconds"] = integer(request, "gracePeriodSeconds")
    found["propagationPolicy"] = next((value for key, value in request.query if key == "propagationPolicy"), None)
    if any(key == "orphanDependents" for key, _ in request.query):
        found["orphanDependents"] = is_true(request, "orphanDependents")
    if uid := request.parameter("uid"):
        found["preconditions"] = {"uid": uid}
    return found


class ListOptions(Struct, frozen=True):
    """`revision` None is not given; `match` is "" where not given; `limit` 0 is no limit."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    continue_: str = ""
    revision: int | None = None
    match: str = ""
    timeout_seconds: int | None = None
    sends_bookmarks: bool = False
    sends_initial: bool | None = None


def of_list(request: Request, *, is_watch: bool = False) -> ListOptions:
    """Numbers first (400), then what may not go together (422), then the revision (400), as upstream does."""
    limit, timeout = integer(request, "limit"), integer(request, "timeoutSeconds")
    revision, match = request.parameter("resourceVersion"), request.parameter("resourceVersionMatch")
    continue_ = request.parameter("continue")
    initial = is_true(request, "sendInitialEvents") if request.parameter("sendInitialEvents") else None
    check = _watch_errors if is_watch else _list_errors
    refusals.invalid_options("ListOptions", list(check(revision, match, continue_, initial)))
    return ListOptions(
        request.parameter("labelSelector"),
        request.parameter("fieldSelector"),
        limit or 0,
        continue_,
        (revision_of_one if is_watch else parse_revision)(revision),
        match,
        timeout,
        is_true(request, "allowWatchBookmarks"),
        initial,
    )


def parse_revision(text: str) -> int | None:
    """A resourceVersion as a number, None for ""; raises BadRequest."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        detail = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise BadRequest(f"invalid resource version: {fields.invalid('resourceVersion', text, detail)}")
    return int(text)


def revision_of_one(text: str) -> int | None:
    """The same where a single object or a watch is asked for: there upstream tells no BadRequest."""
    try:
        return parse_revision(text)
    except BadRequest as wrong:
        raise Nameless(str(wrong).partition(": ")[2]) from None


def _list_errors(revision: str, match: str, continue_: str, initial: bool | None) -> Iterable[FieldError]:
    if match:
        yield from _match_errors(revision, match, continue_)
    if initial is not None:
        yield fields.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")


def _match_errors(revision: str, match: str, continue_: str) -> Iterable[FieldError]:
    if not revision:
        told = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        yield fields.forbidden("resourceVersionMatch", told)
    if continue_:
        yield fields.forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
    if match not in (EXACT, NOT_OLDER):
        yield fields.not_supported("resourceVersionMatch", match, [EXACT, NOT_OLDER, ""])
    if match == EXACT and revision == "0":
        told = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        yield fields.forbidden("resourceVersionMatch", told)


def _watch_errors(revision: str, match: str, continue_: str, initial: bool | None) -> Iterable[FieldError]:
    if initial is not None and match != NOT_OLDER:
        told = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        yield fields.forbidden("resourceVersionMatch", told)
    if match and initial is None:
        told = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        yield fields.forbidden("resourceVersionMatch", told)
    if match and match != NOT_OLDER:
        yield fields.not_supported("resourceVersionMatch", match, [NOT_OLDER])
    if continue_:
        yield fields.forbidden("continue", "continue is forbidden for watch")


def of_one(asked: ListOptions, name: str) -> ListOptions:
    """The watch of a single object is a watch with a selector."""
    selector = f"metadata.name={name}"
    return replace(asked, fields=f"{asked.fields},{selector}" if asked.fields else selector)
