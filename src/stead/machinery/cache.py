"""Objects folded from events, with the indexes that rounds need: an informer's indexer.

What is in here is shared with everyone and written by nobody: objects are frozen by agreement (see `testing`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

from stead.machinery.keys import Key
from stead.machinery.meta import owners
from stead.machinery.objects import Json
from stead.machinery.watch import WatchEvent


class Index(Protocol):
    """A view folded forward from every change, so that a round need not look at everything again.

    One that reads certain kinds only names them in `kinds` and is told of no other.
    """

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None: ...


IndexT = TypeVar("IndexT", bound=Index)


def hears_of(listener: object, kind: str) -> bool:
    """Whether an index, or a controller, is to be told of a kind: of those in its `kinds`, or of all without any."""
    kinds: Collection[str] | None = getattr(listener, "kinds", None)
    return kinds is None or kind in kinds


class Cache:
    """Reads are by key, by kind and namespace, by owner's uid; all in the order things were first seen."""

    def __init__(self, indexes: Iterable[Index] = ()) -> None:
        self._kinds: dict[str, dict[str, dict[str, Json]]] = {}
        self._owned: dict[str, dict[Key, Json]] = {}
        self._indexes = {type(index): index for index in indexes}
        self._hearers: dict[str, list[Index]] = {}  # the indexes by what they are told of
        self.unseen: set[str] = set()  # kinds that are not for us to see: nobody concludes from their absence
        self.revision = 0

    def apply(self, event: WatchEvent) -> None:
        """Fold one event in."""
        self.put(event.key, None if event.type == "DELETED" else event.obj)
        self.revision = max(self.revision, event.revision)

    def put(self, key: Key, new: Json | None) -> None:
        """Set or remove (None) one object."""
        kind, namespace, name = key
        space = self._space(kind, namespace)
        old = space.get(name)
        if new is None:
            space.pop(name, None)
        else:
            space[name] = new
        self._own(key, old, new)
        for index in self._hearers.get(kind) or self._hearing(kind):
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

    def _space(self, kind: str, namespace: str) -> dict[str, Json]:
        """The objects of a kind in a namespace by name, to be written to."""
        try:
            return self._kinds[kind][namespace]
        except KeyError:
            return self._kinds.setdefault(kind, {}).setdefault(namespace, {})

    def _hearing(self, kind: str) -> list[Index]:
        found = self._hearers[kind] = [index for index in self._indexes.values() if hears_of(index, kind)]
        return found

    def _own(self, key: Key, old: Json | None, new: Json | None) -> None:
        """Keep the dependents of every owner; most changes leave the owners as they are."""
        for owner in owners(old) if old else ():
            dependents = self._owned.get(owner["uid"], {})
            dependents.pop(key, None)
            if not dependents:
                self._owned.pop(owner["uid"], None)
        for owner in owners(new) if new else ():
            self._owned.setdefault(owner["uid"], {})[key] = new or {}
