"""Kinds that are not in the store: their objects are made when somebody asks, and nobody can write them.

They are served as others are, with selectors, the three views, discovery and watches. A list comes whole, whatever its
limit. A watch looks again every second while it is open, and tells the differences.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

from stead.api import listing, options, refusals
from stead.api.core import Core, Written, not_written
from stead.api.options import ListOptions
from stead.api.request import Pieces, Request
from stead.api.views import View
from stead.api.watching import Watch
from stead.kinds.kind import Kind
from stead.kinds.paths import Target
from stead.machinery.errors import Expired
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, encode
from stead.machinery.times import Now
from stead.store.log import Row

LOOK_SECONDS = 1.0
KEPT_LISTS = 8  # a watch can go on from as many lists before it
Objects: TypeAlias = Mapping[Key, Json]


class Source(Protocol):
    """Where the objects come from. They are whole: apiVersion, kind, metadata with name and namespace."""

    def all(self, namespace: str, now: Now) -> Iterable[Json]:
        """Every object in a namespace, or ("") in all, in the order of a list."""

    def one(self, namespace: str, name: str, now: Now) -> Json | None:
        """The object of that name, which need not be among those listed."""


class Computed:
    """One such kind as the API serves it."""

    def __init__(self, core: Core, kind: Kind, source: Source) -> None:
        self._core = core
        self._kind = kind
        self._source = source
        self._told: deque[tuple[int, str, Objects]] = deque(maxlen=KEPT_LISTS)

    def list(self, request: Request, target: Target, view: View, now: Now) -> bytes | Pieces:
        """The answer of a list; raises BadRequest where a selector is wrong."""
        match = listing.matcher(self._kind, options.of_list(request))
        objects, revision = self.present(target.namespace, now), self._core.store.revision
        dated = (_dated(obj, revision) for obj in objects.values() if match is None or match(obj))
        rows = [Row(key_of(self._kind.id, obj), obj, encode(obj), revision) for obj in dated]
        return listing.answer(self._kind, view, (rows, {"resourceVersion": str(revision)}), now)

    def get(self, target: Target, now: Now) -> Written:
        """The answer of a get; raises NotFound."""
        obj = self._source.one(target.namespace, target.name, now)
        if obj is None:
            raise refusals.not_found(self._kind, target.name)
        return not_written(_dated(obj, self._core.store.revision))

    def watch(self, target: Target, asked: ListOptions, view: View, now: Now) -> Watch:
        """Raises Expired where the list that it should go on from is forgotten."""
        return _Watch(self._core, (self._kind, target.namespace), asked, view, now=now, computed=self)

    def present(self, namespace: str, now: Now) -> Objects:
        """All there is now, remembered for watches that go on from here."""
        objects = {key_of(self._kind.id, obj): obj for obj in self._source.all(namespace, now)}
        if self.at(namespace, self._core.store.revision) is None:
            self._told.append((self._core.store.revision, namespace, objects))
        return objects

    def at(self, namespace: str, revision: int) -> Objects | None:
        """What was told at a revision, at first: what changed without a write is told again rather than never."""
        return next((objects for at, place, objects in self._told if (at, place) == (revision, namespace)), None)


class _Watch(Watch):
    """Differences, looked for now and then."""

    def __init__(
        self, core: Core, of: tuple[Kind, str], asked: ListOptions, view: View, *, now: Now, computed: Computed
    ) -> None:
        super().__init__(core, of, asked, view, now=now)
        self._computed = computed
        self._hears_all = False  # the store has nothing of it
        self._next_look = now.mono
        before: Objects | None = {}
        if not self._starts_with_all:
            before = computed.at(self._namespace, asked.revision) if asked.revision else self._look(now)
        if before is None:
            raise Expired(f"too old resource version: {asked.revision} ({core.store.revision})")
        self._before = before

    def next_wake(self) -> float | None:
        wake = super().next_wake()
        return wake if wake is None else min(wake, self._next_look)

    def _look(self, now: Now) -> Objects:
        self._next_look = now.mono + LOOK_SECONDS
        self._cursor.revision = self._core.store.revision
        return self._computed.present(self._namespace, now)

    def _initial(self, now: Now) -> Iterator[bytes]:
        yield from self._changes(now)
        yield from self._initial_end(now)

    def _changes(self, now: Now) -> Iterator[bytes]:
        if now.mono < self._next_look:
            return
        before, self._before = self._before, self._look(now)
        for key in dict.fromkeys([*before, *self._before]):
            old, new = before.get(key), self._before.get(key)
            if old != new:
                yield from self._difference(old, new, now)

    def _difference(self, old: Json | None, new: Json | None, now: Now) -> Iterator[bytes]:
        match = self._match or (lambda obj: True)
        was, is_ = old is not None and match(old), new is not None and match(new)
        told = new if is_ else old
        if told is not None and (was or is_):
            obj = _dated(told, self._cursor.revision)
            type_ = ("MODIFIED" if was else "ADDED") if is_ else "DELETED"
            yield self._frame(type_, self._shown(obj, encode(obj), now))


def _dated(obj: Json, revision: int) -> Json:
    """With the revision of the log at which it was true."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}
