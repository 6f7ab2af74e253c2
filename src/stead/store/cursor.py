"""A reader's place in the log. Every watch, the engine and the dashboard are one of these."""

from stead.store.log import Change, Store


class Cursor:
    """Pulls what lies past its revision; nothing is queued for it, so it can be as slow as it likes."""

    def __init__(self, store: Store, after: int) -> None:
        self._store = store
        self.revision = after

    def pull(self, limit: int | None = 1000) -> list[Change]:
        """What has come since, oldest first; raises Expired when part of that is forgotten."""
        changes = self._store.changes(self.revision, limit)
        if changes:
            self.revision = changes[-1].event.revision
        return changes
