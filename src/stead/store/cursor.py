"""A reader's place in the log. Every watch, the engine and the dashboard are one of these."""

from stead.store.log import SLICE, Store
from stead.store.recent import Change


class Cursor:
    """Pulls what lies past its revision; nothing is queued for it, so it can be as slow as it likes.

    With a `kind` it is told of that kind alone, and what it has not read may be forgotten as early as that kind's.
    """

    def __init__(self, store: Store, after: int, kind: str = "") -> None:
        self._store = store
        self._kind = kind
        self.revision = after

    @property
    def is_behind(self) -> bool:
        return self.revision < self._store.revision

    def pull(self, limit: int | None = SLICE) -> list[Change]:
        """What the next `limit` revisions hold, oldest first; raises Expired when part of that is forgotten."""
        changes = self._store.changes(self.revision, limit, self._kind)
        newest = self._store.revision
        self.revision = max(self.revision, newest if limit is None else min(self.revision + limit, newest))
        return changes
