"""A reader's place in the log. Every watch, the engine and the dashboard are one of these."""

from stead.store.log import SLICE, Store
from stead.store.recent import Change


class Cursor:
    """Pulls what lies past its revision; nothing is queued for it, so it can be as slow as it likes.

    With a `kind` it is told of that kind alone, and what it has not read may be forgotten as early as that kind's.
    With `only_kept` it is told what is on the disk, and the rest later.
    """

    def __init__(self, store: Store, after: int, kind: str = "", *, only_kept: bool = False) -> None:
        self._store = store
        self._kind = kind
        self._only_kept = only_kept
        self.revision = after

    @property
    def is_behind(self) -> bool:
        return self.revision < self._newest

    def pull(self, limit: int | None = SLICE) -> list[Change]:
        """What the next `limit` revisions hold, oldest first; raises Expired when part of that is forgotten."""
        newest = self._newest
        span = newest - self.revision if limit is None else min(limit, newest - self.revision)
        changes = self._store.changes(self.revision, max(span, 0), self._kind)
        self.revision += max(span, 0)
        return changes

    @property
    def _newest(self) -> int:
        return self._store.kept if self._only_kept else self._store.revision
