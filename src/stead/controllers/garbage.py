"""The garbage collector: what nobody owns any more goes (3.1 in around.md; DL-* in controller.md).

Owners are looked up in the cache by uid, in the dependent's own namespace or cluster-wide; a uid that is not there is
absent, however the name reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import (
    NO_REACTION,
    Action,
    Delete,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Waiting,
)
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
GONE = Reaction(is_failure=False)


class Uids:
    """An index from uid to key, of everything."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if old is not None and (new is None or meta.uid(new) != meta.uid(old)):
            self.keys.pop(meta.uid(old), None)
        if new is not None:
            self.keys[meta.uid(new)] = key


@dataclass(frozen=True, slots=True)
class Observed:
    """An object with its owners by uid (None where absent) and its dependents."""

    key: Key
    obj: Json
    owners: Mapping[str, Json | None]
    dependents: Mapping[Key, Json]


class Garbage:
    name = "garbage"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        obj = event.obj
        if "uid" not in obj.get("metadata", {}):
            return
        if event.type == "DELETED":
            yield from cache.owned_by(meta.uid(obj))
            yield from _waiting_owners(obj, cache)
        elif event.old is None or _is_concerned(obj, event.old):
            yield event.key
            yield from _waiting_owners(event.old, cache) if event.old else ()

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(key)
        if obj is None:
            return None
        owners = {ref["uid"]: _owner(cache, ref["uid"], key) for ref in meta.owners(obj)}
        is_going = meta.is_terminating(obj) and {FOREGROUND, ORPHAN} & set(meta.finalizers(obj))
        if not owners and not is_going:
            return None
        return Observed(key, obj, owners, dict(cache.owned_by(meta.uid(obj))) if is_going or owners else {})

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        finalizers = meta.finalizers(observed.obj) if meta.is_terminating(observed.obj) else []
        if ORPHAN in finalizers:
            return _orphan(observed)
        if FOREGROUND in finalizers:
            return _foreground(observed)
        return _dependent(observed)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """Somebody else was faster: nothing to do again."""
        if isinstance(outcome, Refused) and outcome.reason in ("NotFound", "Conflict"):
            return GONE
        return NO_REACTION


def _dependent(observed: Observed) -> Plan:
    """3.1.2: kept while a solid owner is there, else deleted the way its owners went."""
    obj, owners = observed.obj, observed.owners
    if not owners or meta.is_terminating(obj):
        return Plan()
    waiting = {uid for uid, owner in owners.items() if owner is not None and _is_foreground(owner)}
    absent = {uid for uid, owner in owners.items() if owner is None}
    solid = owners.keys() - waiting - absent
    if solid:
        gone = absent | waiting
        return _without_owners(observed, gone) if gone else Plan()
    if waiting and observed.dependents:
        return Plan((Delete(observed.key, meta.uid(obj), policy="Foreground"),))
    return Plan((Delete(observed.key, meta.uid(obj), policy=_own_policy(obj)),))


def _orphan(observed: Observed) -> Plan:
    """Take the reference out of every dependent, then let the object go."""
    uid = meta.uid(observed.obj)
    freed = tuple(
        Patch(key, {"metadata": {"ownerReferences": _kept(dependent, {uid})}}, uid=meta.uid(dependent))
        for key, dependent in observed.dependents.items()
    )
    return Plan((*freed, _without_finalizer(observed, ORPHAN)))


def _foreground(observed: Observed) -> Plan:
    """Delete the dependents; go when none that blocks is left."""
    uid = meta.uid(observed.obj)
    blocking = [k for k, d in observed.dependents.items() if _blocks(d, uid)]
    if not blocking:
        return Plan((_without_finalizer(observed, FOREGROUND),))
    going = tuple(
        Delete(key, meta.uid(dependent), policy=_own_policy(dependent))
        for key, dependent in observed.dependents.items()
        if not meta.is_terminating(dependent) and not _has_other_owner(dependent, uid)
    )
    names = ", ".join(f"{key.kind} {key.name}" for key in blocking[:3])
    return Plan(going, waiting=(Waiting(f"{names} must go first", "DL-3", blocking[0]),))


def _own_policy(obj: Json) -> str:
    finalizers = meta.finalizers(obj)
    return "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"


def _has_other_owner(obj: Json, uid: str) -> bool:
    return any(ref["uid"] != uid for ref in meta.owners(obj))


def _blocks(obj: Json, uid: str) -> bool:
    return any(ref["uid"] == uid and ref.get("blockOwnerDeletion") for ref in meta.owners(obj))


def _without_owners(observed: Observed, uids: set[str]) -> Plan:
    body = {"metadata": {"ownerReferences": _kept(observed.obj, uids)}}
    return Plan((Patch(observed.key, body, uid=meta.uid(observed.obj)),))


def _without_finalizer(observed: Observed, finalizer: str) -> Patch:
    kept = [name for name in meta.finalizers(observed.obj) if name != finalizer]
    body = {"metadata": {"finalizers": kept or None}}
    return Patch(observed.key, body, uid=meta.uid(observed.obj), if_revision=meta.resource_version(observed.obj))


def _kept(obj: Json, uids: set[str]) -> list[Json] | None:
    return [ref for ref in meta.owners(obj) if ref["uid"] not in uids] or None


def _owner(cache: Cache, uid: str, dependent: Key) -> Json | None:
    key = cache.index(Uids).keys.get(uid)
    if key is None or key.namespace not in ("", dependent.namespace):
        return None
    return cache.get(key)


def _is_foreground(owner: Json) -> bool:
    return meta.is_terminating(owner) and FOREGROUND in meta.finalizers(owner)


def _waiting_owners(obj: Json, cache: Cache) -> Iterable[Key]:
    """Owners in foreground deletion, which wait for this object."""
    for ref in meta.owners(obj):
        key = cache.index(Uids).keys.get(ref["uid"])
        owner = cache.get(key) if key else None
        if key and owner is not None and _is_foreground(owner):
            yield key


def _is_concerned(new: Json, old: Json) -> bool:
    return meta.owners(new) != meta.owners(old) or (
        meta.is_terminating(new) and (not meta.is_terminating(old) or meta.finalizers(new) != meta.finalizers(old))
    )
