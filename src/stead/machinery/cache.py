"""Objects folded from events, with the indexes that rounds need: an informer's indexer.

What is in here is shared with everyone and written by nobody: objects are frozen by agreement (see `testing`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from stead.machinery.keys import Key
from stead.machinery.meta import owners
from stead.machinery.objects import Json
from stead.machinery.watch import WatchEvent


class Index(Protocol):
    """A view folded forward from every change, so that a round need not look at everything again."""

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None: ...


IndexT = TypeVar("IndexT", bound=Index)


class Cache:
    """Reads are by key, by kind and namespace, by owner's uid; all in the order things were first seen."""

    def __init__(self, indexes: Iterable[Index] = ()) -> None:
        self._kinds: dict[str, dict[str, dict[str, Json]]] = {}
        self._owned: dict[str, dict[Key, Json]] = {}
        self._indexes = {type(index): index for index in indexes}
        self.revision = 0

    def apply(self, event: WatchEvent) -> None:
        """Fold one event in."""
        self.put(event.key, None if event.type == "DELETED" else event.obj)
        self.revision = max(self.revision, event.revision)

    def put(self, key: Key, new: Json | None) -> None:
        """Set or remove (None) one object."""
        old = self.get(key)
        spaces = self._kinds.setdefault(key.kind, {})
        if new is None:
            spaces.get(key.namespace, {}).pop(key.name, None)
        else:
            spaces.setdefault(key.namespace, {})[key.name] = new
        self._own(key, old, new)
        for index in self._indexes.values():
            index.apply(key, old, new)

    def get(self, key: Key) -> Json | None:
        return self._kinds.get(key.kind, {}).get(key.namespace, {}).get(key.name)

    def all(self, kind: str, namespace: str | None = None) -> Iterator[Json]:
        """Every object of a kind, of one namespace or (None) of all."""
        spaces = self._kinds.get(kind, {})
        if namespace is not None:
            return iter(tuple(spaces.get(namespace, {}).values()))
        return iter([obj for space in spaces.values() for obj in space.values()])

    def kinds(self) -> list[str]:
        return list(self._kinds)

    def owned_by(self, uid: str) -> Mapping[Key, Json]:
        """Every object with an owner reference to `uid`."""
        return self._owned.get(uid, {})

    def index(self, kind: type[IndexT]) -> IndexT:
        """The index of that type, as it was given to this cache."""
        found: Any = self._indexes[kind]
        return found  # type: ignore[no-any-return]

    def _own(self, key: Key, old: Json | None, new: Json | None) -> None:
        for owner in owners(old) if old else ():
            dependents = self._owned.get(owner["uid"], {})
            dependents.pop(key, None)
            if not dependents:
                self._owned.pop(owner["uid"], None)
        for owner in owners(new) if new else ():
            self._owned.setdefault(owner["uid"], {})[key] = new or {}
