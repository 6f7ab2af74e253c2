"""What another API server lists and watches, folded into the changes that a cache of ours wants.

A list says only what is there; what went and what changed since the last is found out here. Versions are text that the
server gave and the server understands: they are kept as they came, and compared only where they are numbers.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from stead.kinds.kind import Kind
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.watch import WatchEvent

KEPT_OF_STATUS = {"Node": ("conditions",)}  # nobody asks for a node's images
KEPT_OF_MANAGERS = ("manager", "operation", "subresource", "time")  # their field sets are half of an object


def number(version: str) -> int:
    """A resourceVersion as the place in history that it is for Kubernetes' own kinds; 0 where it is no number."""
    return int(version) if version.isdecimal() else 0


class Mirror:
    """Everything of one kind that is known to be there."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._known: dict[Key, Json] = {}

    def __len__(self) -> int:
        return len(self._known)

    def replace(self, objs: Iterable[dict[str, Any]], version: str) -> Iterator[WatchEvent]:
        """A whole list, of `version`: what came and changed, then what is not there any more."""
        listed: dict[Key, None] = {}
        for obj in objs:
            listed[self._key(obj)] = None
            yield from self.put(obj)
        for key in [key for key in self._known if key not in listed]:
            last = self._known.pop(key)
            yield WatchEvent("DELETED", key, last, last, number(version))

    def put(self, obj: dict[str, Any]) -> Iterator[WatchEvent]:
        """An object as it is now, new or not. The same name under another uid is another object."""
        key = self._key(obj)
        new: Json = self._slim(obj)
        old = self._known.get(key)
        meta = new["metadata"]
        revision = number(str(meta.get("resourceVersion", "")))
        if old is not None and old["metadata"].get("uid") != meta.get("uid"):
            yield WatchEvent("DELETED", key, old, old, revision)
            old = None
        if old is not None and old["metadata"].get("resourceVersion") == meta.get("resourceVersion"):
            return
        self._known[key] = new
        yield WatchEvent("MODIFIED" if old else "ADDED", key, new, old, revision)

    def remove(self, obj: dict[str, Any]) -> Iterator[WatchEvent]:
        """An object that is gone, in its last state."""
        key = self._key(obj)
        old = self._known.pop(key, None)
        if old is not None:
            last = self._slim(obj)
            yield WatchEvent("DELETED", key, last, old, number(str(last["metadata"].get("resourceVersion", ""))))

    def _key(self, obj: Json) -> Key:
        meta = obj["metadata"]
        return Key(self.kind.id, meta.get("namespace", ""), meta["name"])

    def _slim(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Whole in type, which lists leave out, and without what nobody reads. `obj` was decoded for us alone."""
        managers = obj["metadata"].get("managedFields")
        if managers:
            obj["metadata"]["managedFields"] = [
                {name: entry[name] for name in KEPT_OF_MANAGERS if name in entry} for entry in managers
            ]
        status, kept = obj.get("status"), KEPT_OF_STATUS.get(self.kind.id)
        if status and kept:
            obj["status"] = {name: status[name] for name in kept if name in status}
        return {"apiVersion": self.kind.api_version, "kind": self.kind.name, **obj}
