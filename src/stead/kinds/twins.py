"""A value and what it was before, side by side: what has not changed may stay as wrong as it was (KEP-4008)."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from stead.machinery.objects import canonical


class Twin:
    """Two states of one place. Places below are found by key, and in lists by the keys of their items."""

    def __init__(self, new: Any, old: Any) -> None:
        self.new = new
        self.old = old

    @cached_property
    def is_same(self) -> bool:
        return bool(self.new == self.old)

    def at_key(self, name: str, *, is_granular: bool = True) -> "Twin | None":
        """The twin of a member, None where the old object had none or the map is one whole."""
        is_there = isinstance(self.old, Mapping) and name in self.old and isinstance(self.new, Mapping)
        return Twin(self.new.get(name), self.old[name]) if is_there and is_granular else None

    def at_index(self, index: int, keys: tuple[str, ...]) -> "Twin | None":
        """The twin of an item; only a list with keys knows which of its items is which."""
        if not keys or not isinstance(self.old, list):
            return None
        item = self.new[index]
        old = self._by_keys(keys).get(_mark(item, keys))
        return None if old is None else Twin(item, old)

    def _by_keys(self, keys: tuple[str, ...]) -> dict[bytes, Any]:
        known: dict[bytes, Any] = self.__dict__.setdefault("_marked", {})
        if not known:
            known |= {_mark(item, keys): item for item in self.old}
        return known


def of(new: Any, old: Any) -> Twin:
    return Twin(new, old)


def _mark(item: Any, keys: tuple[str, ...]) -> bytes:
    return canonical([item.get(key) if isinstance(item, Mapping) else None for key in keys])
