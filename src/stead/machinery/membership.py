"""Which pods an object's selector selects, folded forward from events.

Services and disruption budgets select pods. A change of one pod is looked up by one of its labels, so that it costs
what the objects cost that may select it, however many others there are; `turned` is what a subclass adds up from.
"""

from collections.abc import Iterator
from typing import NamedTuple

from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.selectors import Selector

_Label = tuple[str, str, str]  # namespace, key, value
_ANY = ""  # stands in for the key of selectors that name no single value


class _Selecting(NamedTuple):
    selector: Selector
    label: _Label  # under which it is found


class Membership:
    """An index. `kind` selects pods as `selector_of` reads; None selects none and is not remembered."""

    kind = ""

    def __init__(self) -> None:
        self.members: dict[Key, dict[str, Json]] = {}  # pods by name, of every object that selects
        self._selecting: dict[Key, _Selecting] = {}
        self._found: dict[_Label, dict[Key, None]] = {}
        self._pods: dict[str, dict[str, Json]] = {}  # all of them, by namespace and name

    def selector_of(self, obj: Json) -> Selector | None:
        """What an object of `kind` selects."""
        raise NotImplementedError

    def turned(self, owner: Key, pod: str, old: Json | None, new: Json | None) -> None:
        """A pod became a member of `owner` (old is None), changed, or is one no more (new is None)."""

    @property
    def is_idle(self) -> bool:
        """Nobody selects pods."""
        return not self._found

    def of(self, pod: Json) -> list[Key]:
        """Whose members such a pod is."""
        if self.is_idle:
            return []
        return list(self._owners(meta.namespace(pod), meta.labels(pod)))

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Pod":
            self._put_pod(key, old, new)
        elif key.kind == self.kind:
            self._put_owner(key, new)

    def _put_pod(self, key: Key, old: Json | None, new: Json | None) -> None:
        space = self._pods.setdefault(key.namespace, {})
        if new is None:
            space.pop(key.name, None)
        else:
            space[key.name] = new
        if self.is_idle:
            return
        before = self.of(old) if old is not None else []
        after = before if _has_same_labels(old, new) else self.of(new) if new is not None else []
        for owner in before:
            if owner not in after:
                del self.members[owner][key.name]
                self.turned(owner, key.name, old, None)
        for owner in after:
            assert new is not None
            self.members[owner][key.name] = new
            self.turned(owner, key.name, old if owner in before else None, new)

    def _put_owner(self, key: Key, new: Json | None) -> None:
        selector = self.selector_of(new) if new is not None else None
        found = self._selecting.get(key)
        if found is not None and found.selector == selector:
            return
        if found is not None:
            self._forget(key, found.label)
        if selector is None:
            return
        label = _rarest(key.namespace, selector)
        self._selecting[key] = _Selecting(selector, label)
        self._found.setdefault(label, {})[key] = None
        members = self.members[key] = {}
        for name, pod in self._pods.get(key.namespace, {}).items():
            if selector.matches(meta.labels(pod)):
                members[name] = pod
                self.turned(key, name, None, pod)

    def _forget(self, key: Key, label: _Label) -> None:
        del self._selecting[key]
        found = self._found[label]
        del found[key]
        if not found:
            del self._found[label]
        for name, pod in self.members.pop(key).items():
            self.turned(key, name, pod, None)

    def _owners(self, namespace: str, labels: Json) -> Iterator[Key]:
        looked_up = [(namespace, name, value) for name, value in labels.items()]
        for label in (*looked_up, (namespace, _ANY, "")):
            for key in self._found.get(label, ()):
                if self._selecting[key].selector.matches(labels):
                    yield key


def _has_same_labels(old: Json | None, new: Json | None) -> bool:
    return old is not None and new is not None and meta.labels(old) == meta.labels(new)


def _rarest(namespace: str, selector: Selector) -> _Label:
    """A label that every member has; the last one asked for, which tells most where selectors begin alike."""
    exact = [one for one in selector.requirements or () if one.operator in ("=", "==", "in") and len(one.values) == 1]
    return (namespace, exact[-1].key, exact[-1].values[0]) if exact else (namespace, _ANY, "")
