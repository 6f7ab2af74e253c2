"""A watch: a cursor over the log, what its selectors let through, and frames (section 3.5 of wire.md).

An object that comes to match is ADDED, one that ceases to is DELETED, whatever happened to it. Nothing is queued for a
watcher; whoever falls behind what is kept is told so within the stream and may list again.
"""

from collections.abc import Iterator
from typing import Any

from stead.api import forms, listing, views
from stead.api.core import Core, key_in
from stead.api.options import ListOptions
from stead.api.views import View
from stead.kinds import decoding
from stead.kinds.kind import Kind
from stead.machinery.errors import ApiError, Expired
from stead.machinery.objects import Json, encode, with_value
from stead.machinery.times import Now
from stead.store.cursor import Cursor
from stead.store.recent import Change

LONGEST_SECONDS = 1800  # a watch without a timeout of its own lasts so long to twice as long
BOOKMARK_SECONDS = 60
LAST_BOOKMARK_SECONDS = 2  # before the end
INITIAL_END = "k8s.io/initial-events-end"
PULL = 1000
SHARED, SHARED_BYTES = 64, 128 * 1024  # changes and their bytes that are put together once for all watchers


class Watch:
    """A stream of one kind's changes; `of` is the kind and the namespace, "" for all."""

    def __init__(self, core: Core, of: tuple[Kind, str], options: ListOptions, view: View, *, now: Now) -> None:
        kind, namespace = of
        if view.form == "protobuf" and view.sort == "object" and not kind.type:
            raise forms.untyped(is_list=False)
        self.media = forms.stream_media(view.form)
        self.warnings: tuple[str, ...] = (kind.deprecation,) if kind.deprecation else ()
        self.is_done = False
        self._core = core
        self._kind = kind
        self._id = key_in(kind, "", "").kind
        self._namespace = namespace
        self._view = view
        self._match = listing.matcher(kind, options)
        self._hears_all = self._match is None and view.sort == "object" and not kind.stored_as  # as the store has it
        self._bookmarks = options.sends_bookmarks
        self._says_initial_end = bool(options.sends_initial) and options.sends_bookmarks
        after = 0 if options.sends_initial else options.revision or 0
        self._starts_with_all = not after and options.sends_initial is not False
        self._cursor = Cursor(core.store, after or core.store.revision, self._id, only_kept=True)
        chosen = options.timeout_seconds
        seconds = chosen if chosen else core.chance.uniform(LONGEST_SECONDS, 2 * LONGEST_SECONDS)
        self._end = now.mono + seconds
        self._next_bookmark = self._bookmark_after(now.mono)

    def next_wake(self) -> float | None:
        """When there is something to say though nothing was written: a bookmark, or the end."""
        if self.is_done:
            return None
        return min(self._end, self._next_bookmark) if self._bookmarks else self._end

    def frames(self, now: Now) -> Iterator[bytes]:
        """What has happened since the last call, whole frames."""
        is_early = now.mono < (min(self._end, self._next_bookmark) if self._bookmarks else self._end)
        if self._hears_all and is_early and not self._starts_with_all and not self.is_done:
            told = self._shared()
            if told is not None:
                return iter((told,))
        return self._frames(now)

    def _shared(self) -> bytes | None:
        """What is the same for all who hear everything of a kind and have read as far; None where it is much."""
        core, after = self._core, self._cursor.revision
        until = core.store.kept
        if until <= after:
            return b""
        if core.told_until != until:
            core.told_until, core.told = until, {}
        place = (self._id, self._namespace, self._view.form, after)
        told = core.told.get(place)
        if told is None and until - after <= SHARED:
            told = self._together(after, until)
            core.told[place] = told
        if told is not None:
            self._cursor.revision = until
        return told

    def _together(self, after: int, until: int) -> bytes | None:
        try:
            found = self._core.store.changes(after, until - after, self._id)
        except Expired:
            return None
        changes = [change for change in found if self._namespace in ("", change.key.namespace)]
        if sum([len(change.body) for change in changes]) > SHARED_BYTES:
            return None
        return b"".join([self._frame(change.type, change.body) for change in changes])

    def _frames(self, now: Now) -> Iterator[bytes]:
        if self.is_done:
            return
        if self._starts_with_all:
            self._starts_with_all = False
            yield from self._initial(now)
        try:
            yield from self._changes(now)
        except Expired as error:
            self.is_done = True
            yield self._frame("ERROR", encode(_gone(error)))
            return
        if now.mono >= self._end:
            self.is_done = True
        elif self._bookmarks and now.mono >= self._next_bookmark:
            self._next_bookmark = self._bookmark_after(now.mono)
            yield self._bookmark({}, now)

    def _initial(self, now: Now) -> Iterator[bytes]:
        """The present, as if it had just been made."""
        kept = self._cursor.revision = self._core.store.kept
        for row in self._core.store.rows_at(self._id, self._namespace or None, kept):
            if self._match is None or self._match(row.obj):
                yield self._frame("ADDED", self._shown(row.obj, row.body, now))
        yield from self._initial_end(now)

    def _initial_end(self, now: Now) -> Iterator[bytes]:
        if self._says_initial_end:
            yield self._bookmark({"annotations": {INITIAL_END: "true"}}, now)

    def _changes(self, now: Now) -> Iterator[bytes]:
        """An empty frame now and then lets others have their turn, however far this one is behind."""
        while self._cursor.is_behind:
            for change in self._cursor.pull(PULL):
                if self._namespace in ("", change.key.namespace):
                    yield from self._told(change, now)
            yield b""

    def _told(self, change: Change, now: Now) -> Iterator[bytes]:
        body = change.body
        if self._hears_all:
            yield self._frame(change.type, body)
            return
        event = change.event
        if self._match is None:
            yield self._frame(event.type, self._shown(event.obj, body, now))
            return
        was = event.old is not None and self._match(event.old)
        is_ = event.type != "DELETED" and self._match(event.obj)
        if is_:
            yield self._frame("MODIFIED" if was else "ADDED", self._shown(event.obj, body, now))
        elif was and event.type == "DELETED":
            yield self._frame("DELETED", self._shown(event.obj, body, now))
        elif was and event.old is not None:
            last = with_value(event.old, ("metadata", "resourceVersion"), str(event.revision))
            yield self._frame("DELETED", self._shown(last, encode(last), now))

    def _shown(self, obj: Json, body: bytes, now: Now) -> bytes:
        kind, view = self._kind, self._view
        if view.sort == "object":
            return encode(kind.from_stored(obj)) if kind.stored_as else body
        if view.sort == "metadata":
            return encode(views.partial(view, obj))
        listed = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return encode(views.table(view, kind, [obj], (listed, now)))

    def _bookmark(self, marks: Json, now: Now) -> bytes:
        """How far the watcher has seen, as an object of the kind it watches with nothing but a revision."""
        metadata: dict[str, Any] = {"resourceVersion": str(self._cursor.revision), **marks}
        obj: Json = {"kind": self._kind.name, "apiVersion": self._kind.api_version, "metadata": metadata}
        obj = decoding.canonical(self._kind.type, obj) if self._kind.type else obj
        if self._view.sort == "metadata":
            return self._frame("BOOKMARK", encode(views.partial(self._view, obj)))
        if self._view.sort == "table":
            return self._frame("BOOKMARK", encode(views.table(self._view, self._kind, [], (metadata, now))))
        return self._frame("BOOKMARK", encode(obj))

    def _bookmark_after(self, mono: float) -> float:
        """Every minute, and shortly before the end if the end comes first."""
        beat, last = mono + BOOKMARK_SECONDS, self._end - LAST_BOOKMARK_SECONDS
        if mono < last < beat:
            return last
        return beat

    def _frame(self, type_: str, obj: bytes) -> bytes:
        return forms.frame(self._view.form, type_, obj)


def _gone(error: ApiError) -> Json:
    return error.status()
