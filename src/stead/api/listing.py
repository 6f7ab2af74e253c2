"""Reading many: selectors, pages, the past, and the three views. Items are bytes that are joined, not written anew."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

from stead.api import views
from stead.api.core import Core, key_in
from stead.api.options import EXACT, ListOptions
from stead.api.request import Pieces
from stead.api.views import View
from stead.kinds.kind import Kind
from stead.machinery import gojson, meta, selectors
from stead.machinery.errors import BadRequest, Expired, Timeout
from stead.machinery.goprint import quoted
from stead.machinery.keys import Key
from stead.machinery.objects import Json, decode, encode
from stead.machinery.selectors import FieldSelector
from stead.machinery.times import Now
from stead.store.log import Row

TOKEN_VERSION = "meta.k8s.io/v1"
ANY_REVISION = -1  # in a token: go on with what there is now
FORGOTTEN = "The resourceVersion for the provided list is too old."
INCONSISTENT = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
COMMON_FIELDS: dict[str, Callable[[Json], str]] = {"metadata.name": meta.name, "metadata.namespace": meta.namespace}
Match = Callable[[Json], bool]


def matcher(kind: Kind, options: ListOptions) -> Match | None:
    """What the selectors let through, None where they let everything through; raises BadRequest."""
    try:
        labels, fields = selectors.parse(options.labels), selectors.parse_fields(options.fields)
    except ValueError as wrong:
        raise BadRequest(str(wrong)) from None
    readers = {**COMMON_FIELDS, **kind.selectable_fields}
    _refuse_unknown_fields(kind, fields, readers)
    if labels.is_empty and not fields.terms:
        return None
    if not fields.terms:
        return lambda obj: labels.matches(meta.labels(obj))
    return lambda obj: labels.matches(meta.labels(obj)) and fields.matches(lambda field: readers[field](obj))


def _refuse_unknown_fields(kind: Kind, fields: FieldSelector, readers: dict[str, Any]) -> None:
    for term in fields.terms:
        if term.field in readers:
            continue
        if kind.selectable_fields:
            raise BadRequest(f"field label not supported: {term.field}")
        known = ", ".join(map(quoted, COMMON_FIELDS))
        raise BadRequest(f"{quoted(term.field)} is not a known field selector: only {known}")


def rows(core: Core, kind: Kind, namespace: str, options: ListOptions) -> tuple[Sequence[Row], Json]:
    """The rows of one page and the list's metadata. Raises BadRequest, Expired, Timeout."""
    match = matcher(kind, options)
    revision, start = _page(core, options)
    found = _rows_at(core, kind, namespace, (revision, start))
    if match is not None:
        found = [row for row in found if match(row.obj)]
    if start:
        found = [row for row in found if _place(row.key) > start]
    listed: dict[str, Any] = {"resourceVersion": str(revision or core.store.revision)}
    limit = 0 if options.revision == 0 and not options.continue_ else options.limit  # "any" comes whole, from the cache
    if 0 < limit < len(found):
        page = found[:limit]
        listed["continue"] = _token(revision or core.store.revision, _place(page[-1].key))
        if match is None:
            listed["remainingItemCount"] = len(found) - len(page)
        return page, listed
    return found, listed


def _page(core: Core, options: ListOptions) -> tuple[int, tuple[str, str] | None]:
    """The revision to read (0: the newest), and the place after which the page starts."""
    if options.continue_:
        if options.revision:
            raise BadRequest("specifying resource version is not allowed when using continue")
        return _read_token(options.continue_)
    wanted = options.revision or 0
    if wanted > core.store.revision:
        raise too_new(wanted, core.store.revision)
    is_exact = options.match == EXACT or (options.limit > 0 and not options.match)
    return (wanted if is_exact else 0), None


def _rows_at(core: Core, kind: Kind, namespace: str, place: tuple[int, tuple[str, str] | None]) -> Sequence[Row]:
    revision, start = place
    id = key_in(kind, "", "").kind
    within = namespace or None
    if not revision or revision == core.store.revision:
        return core.store.rows(id, within)
    try:
        return core.store.rows_at(id, within, revision)
    except Expired:
        raise (PageExpired(start) if start else Expired(FORGOTTEN)) from None


class PageExpired(Expired):
    """The list that a page goes on from is forgotten; its Status has a token that goes on in the present."""

    def __init__(self, start: tuple[str, str]) -> None:
        super().__init__(INCONSISTENT)
        self._start = start

    def status(self) -> Json:
        return {**super().status(), "metadata": {"continue": _token(ANY_REVISION, self._start)}}


def too_new(wanted: int, newest: int) -> Timeout:
    """The revision asked for has not been written yet."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    told = f"Timeout: Too large resource version: {wanted}, current: {newest}"
    return Timeout(told, details={"causes": [cause]}, retry_after_seconds=1)


def _place(key: Key) -> tuple[str, str]:
    return key.namespace, key.name


def _token(revision: int, last: tuple[str, str]) -> str:
    """Where the next page starts: opaque to clients, so that they cannot lean on it."""
    said = {"v": TOKEN_VERSION, "rv": revision, "start": "/".join(last) + "\0"}
    return base64.urlsafe_b64encode(encode(said)).decode().rstrip("=")


def _read_token(text: str) -> tuple[int, tuple[str, str]]:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise _bad_token("illegal base64 data at input byte 0") from None
    wrong = gojson.fault(data)
    if wrong:
        raise _bad_token(wrong)
    said = decode(data)
    if not isinstance(said, dict) or said.get("v") != TOKEN_VERSION:
        found = said.get("v", "") if isinstance(said, dict) else ""
        raise _bad_token(f'server does not recognize this encoded version "{found}"')
    revision, start = said.get("rv"), said.get("start")
    if not isinstance(revision, int) or not revision or not isinstance(start, str) or "/" not in start:
        raise _bad_token("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    namespace, _, name = start.rstrip("\0").partition("/")
    return max(revision, 0), (namespace, name)


def _bad_token(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid: {why}")


def answer(kind: Kind, view: View, found: tuple[Sequence[Row], Json], now: Now) -> bytes | Pieces:
    """A list in the view that was asked for."""
    page, listed = found
    if view.sort == "table":
        return encode(views.table(view, kind, [row.obj for row in page], (listed, now)))
    if view.sort == "metadata":
        items: list[bytes | memoryview] = [encode(views.partial(view, row.obj))[1:] for row in page]
        return joined("PartialObjectMetadataList", view.api_version, listed, items)
    return joined(f"{kind.name}List", kind.api_version, listed, _items(kind, page))


def joined(name: str, api_version: str, listed: Json, items: list[bytes | memoryview]) -> Pieces:
    """A list of objects, each given as its JSON without the opening brace."""
    opening = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":['
    return Pieces(opening % (name.encode(), api_version.encode(), encode(listed)), items, b"]}")


def _items(kind: Kind, page: Sequence[Row]) -> list[bytes | memoryview]:
    """The objects of a page without their braces; nearly always there is nothing to do but cut their heads off."""
    head = head_of(kind)
    length = len(head)
    bodies = [row.body for row in page] if kind.schema is None and not kind.stored_as else [b""]
    if all([body.startswith(head) for body in bodies]):  # noqa: C419  a generator would cost as much again
        return [memoryview(body)[length:] for body in bodies]
    return [item(kind, head, row) for row in page]


def shown(kind: Kind, obj: Json) -> Json:
    """A stored object as its kind shows it: events have two kinds and one store."""
    return kind.from_stored(obj) if kind.stored_as else obj


def item(kind: Kind, head: bytes, row: Row) -> bytes | memoryview:
    """An object within a list, without its brace: one of a built-in kind does not repeat its kind, its `head`."""
    if kind.schema is not None:
        return encode(shown(kind, row.obj))[1:] if kind.stored_as else memoryview(row.body)[1:]
    if not kind.stored_as and row.body.startswith(head):
        return memoryview(row.body)[len(head) :]
    return encode(_unnamed(shown(kind, row.obj)))[1:]


def head_of(kind: Kind) -> bytes:
    """How the body of every object of a kind starts."""
    return b'{"kind":"%b","apiVersion":"%b",' % (kind.name.encode(), kind.api_version.encode())


def _unnamed(obj: Json) -> Json:
    return {name: part for name, part in obj.items() if name not in ("kind", "apiVersion")}
