"""Whether somebody else acts as StatefulSet controller: two of them must never work on one set.

Pure. A set's status is its controller's to write. So a status that changed in a revision that is not of our making, to
what we did not write, was written by another: kube-controller-manager with its own controller still on, mostly.
"""

from collections import deque

from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Action, Done, Lost, Outcome, Patch
from stead.machinery.watch import WatchEvent

KEPT_WRITES = 8


class Rivals:
    """Told every round's deeds before the events that follow from them, it knows who is contended.

    `begin` when we take office: what is older than that revision is our predecessor's.
    """

    def __init__(self) -> None:
        self.contended: dict[Key, str] = {}
        self._since = 0
        self._ours: dict[Key, deque[Json]] = {}
        self._unsure: dict[Key, None] = {}  # our own write may have arrived, though we were not told

    def begin(self, revision: int) -> None:
        self._since = revision
        self.contended.clear()
        self._ours.clear()
        self._unsure.clear()

    def did(self, key: Key, action: Action, outcome: Outcome) -> None:
        """One deed of a round of that set."""
        if not isinstance(action, Patch) or action.subresource != "status":
            return
        if isinstance(outcome, Done) and outcome.obj is not None:
            self._ours.setdefault(key, deque(maxlen=KEPT_WRITES)).append(outcome.obj.get("status") or {})
        elif isinstance(outcome, Lost):
            self._unsure[key] = None

    def see(self, event: WatchEvent) -> str:
        """Who wrote what we did not, "" if all is ours."""
        key = event.key
        if key.kind != "StatefulSet":
            return ""
        if event.type == "DELETED":
            self._ours.pop(key, None)
            self.contended.pop(key, None)
            return ""
        if event.old is None or event.revision <= self._since or not _is_other_status(event.old, event.obj):
            return ""
        if (event.obj.get("status") or {}) in self._ours.get(key, ()):
            return ""
        if key in self._unsure:
            del self._unsure[key]
            return ""
        who = self.contended[key] = _writer(event.obj)
        return who


def _is_other_status(old: Json, new: Json) -> bool:
    """What a controller counts, and not conditions, which are anybody's."""
    before, after = old.get("status") or {}, new.get("status") or {}
    names = before.keys() | after.keys()
    return meta.uid(old) == meta.uid(new) and any(
        before.get(name) != after.get(name) for name in names if name != "conditions"
    )


def _writer(obj: Json) -> str:
    """Whom the server says to have written the status last."""
    entries = [entry for entry in obj["metadata"].get("managedFields") or () if entry.get("subresource") == "status"]
    latest = max(entries, key=lambda entry: str(entry.get("time", "")), default=None)
    return str(latest.get("manager") or "") if latest else "another controller"
