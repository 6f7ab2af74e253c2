"""Kinds that are not in the store: their objects are made when somebody asks, and nobody can write or watch them.

They are served as others are, with selectors, the three views and discovery. A list comes whole, whatever its limit.
"""

from collections.abc import Iterable
from typing import Protocol

from stead.api import listing, options, refusals
from stead.api.core import Core, Written, not_written
from stead.api.request import Request
from stead.api.views import View
from stead.kinds.kind import Kind
from stead.kinds.paths import Target
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, encode
from stead.machinery.times import Now
from stead.store.log import Row


class Source(Protocol):
    """Where the objects come from. They are whole: apiVersion, kind, metadata with name and namespace."""

    def all(self, namespace: str, now: Now) -> Iterable[Json]:
        """Every object in a namespace, or ("") in all, in the order of a list."""

    def one(self, namespace: str, name: str, now: Now) -> Json | None:
        """The object of that name, which need not be among those listed."""


def listed(core: Core, source: Source, asked: tuple[Target, Request, View], now: Now) -> bytes:
    """The answer of a list; raises BadRequest where a selector is wrong."""
    target, request, view = asked
    match = listing.matcher(target.kind, options.of_list(request))
    revision = core.store.revision
    objects = (_dated(obj, revision) for obj in source.all(target.namespace, now))
    rows = [_row(target.kind, obj, revision) for obj in objects if match is None or match(obj)]
    return listing.answer(target.kind, view, (rows, {"resourceVersion": str(revision)}), now)


def found(core: Core, source: Source, target: Target, now: Now) -> Written:
    """The answer of a get; raises NotFound."""
    obj = source.one(target.namespace, target.name, now)
    if obj is None:
        raise refusals.not_found(target.kind, target.name)
    return not_written(_dated(obj, core.store.revision))


def _dated(obj: Json, revision: int) -> Json:
    """With the revision of the log at which it was true."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}


def _row(kind: Kind, obj: Json, revision: int) -> Row:
    return Row(key_of(kind.id, obj), obj, encode(obj), revision)
