"""Read-your-writes for a cache that lags: whose own writes have not come back yet (Q-7 in controller.md)."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from stead.machinery.objects import Json

ItemT = TypeVar("ItemT", bound=Hashable)


class Rests(Generic[ItemT]):
    """`kinds`: those whose writes are waited for; without any, nobody rests. `skipped` counts the rounds put off."""

    def __init__(self, kinds: Iterable[str] = ()) -> None:
        self._seen = dict.fromkeys(kinds, 0)
        self._owed: dict[ItemT, dict[str, int]] = {}
        self._held: dict[ItemT, None] = {}
        self.skipped = 0

    def wrote(self, item: ItemT, objs: Iterable[Json | None]) -> None:
        """What `item` was answered when it wrote; an object without a revision is owed nothing."""
        if not self._seen:
            return
        for obj in objs:
            kind = str(obj["kind"]) if obj else ""
            version = str(obj["metadata"].get("resourceVersion") or "") if obj and kind in self._seen else ""
            revision = int(version) if version.isdecimal() else 0
            if revision > self._seen.get(kind, revision):
                owed = self._owed.setdefault(item, {})
                owed[kind] = max(revision, owed.get(kind, 0))

    def holds(self, item: ItemT) -> bool:
        """Whether `item` must rest; if so, `see` will name it when its writes have come."""
        if item not in self._owed:
            return False
        self._held[item] = None
        self.skipped += 1
        return True

    def see(self, kind: str, revision: int) -> list[ItemT]:
        """Everything of a kind up to a revision is in the cache; answers who has rested enough."""
        if revision <= self._seen.get(kind, revision):
            return []
        self._seen[kind] = revision
        free = []
        for item, owed in list(self._owed.items()):
            if owed.get(kind, revision + 1) <= revision:
                del owed[kind]
            if not owed:
                del self._owed[item]
                if item in self._held:
                    del self._held[item]
                    free.append(item)
        return free
