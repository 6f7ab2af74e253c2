"""The garbage collector: what nobody owns any more goes (3.1 in around.md; DL-* in controller.md).

An owner is the bearer of the uid in a reference, if it stands where the reference says: of that kind and name, and in
the dependent's own namespace or in none. Every event wakes the few objects it may concern; no round looks at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal, TypeAlias

from msgspec import Struct

from stead.kinds.registry import BUILT_IN
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NO_REACTION, Action, Delete, Emit, Outcome, Patch, Plan, Reaction, Refused, Waiting
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
LOOK_AGAIN_SECONDS = 30  # at an owner of a kind that nobody serves
TOLD = 3  # dependents named in a wait

Standing: TypeAlias = Literal["solid", "waiting", "dangling", "elsewhere", "unknown"]


class Uids:
    """An index from uid to key, of everything that has one."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        before = meta.uid(old) if old is not None else ""
        after = meta.uid(new) if new is not None else ""
        if before != after:
            self.keys.pop(before, None)
            if after:
                self.keys[after] = key


class Observed(Struct, frozen=True):
    """An object, how each of its owners stands (by uid), and what depends on it.

    `dependents` are read on the spot; `blockers` are the first few that hold up the object's foreground deletion.
    """

    key: Key
    obj: Json
    owners: Mapping[str, Standing]
    dependents: Mapping[Key, Json]
    blockers: tuple[Key, ...] = ()


class Garbage:
    name = "garbage"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        obj, old = event.obj, event.old
        uid = obj.get("metadata", {}).get("uid")
        if not uid:
            return
        if event.type == "DELETED":
            yield from cache.owned_by(uid)
            yield from _awaiting_owners(obj, cache)
        elif old is None:
            if meta.owners(obj) or _is_going(obj):
                yield event.key
        elif _is_changed(obj, old):
            yield event.key
            yield from _awaiting_owners(old, cache)
            if _is_foreground(obj) and not _is_foreground(old):
                yield from cache.owned_by(uid)

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        obj = cache.get(key)
        if obj is None:
            return None
        dependents = cache.owned_by(meta.uid(obj))
        if _is_going(obj):
            uid = meta.uid(obj)
            blocking = (other for other, dependent in dependents.items() if other != key and _blocks(dependent, uid))
            return Observed(key, obj, {}, dependents, tuple(islice(blocking, TOLD)))
        if not meta.owners(obj) or meta.is_terminating(obj):
            return None
        owners = {ref["uid"]: _standing(cache, ref, key) for ref in meta.owners(obj)}
        return Observed(key, obj, owners, dependents)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        if not _is_going(observed.obj):
            return _dependent(observed)
        return _orphan(observed) if ORPHAN in meta.finalizers(observed.obj) else _foreground(observed)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """Somebody else was faster. A Conflict is tried again: the object may have changed in another respect."""
        is_gone = isinstance(outcome, Refused) and outcome.reason == "NotFound"
        return Reaction(is_failure=False) if is_gone else NO_REACTION


# --- a dependent


def _dependent(observed: Observed) -> Plan:
    """3.1.2: kept while a solid owner is there, else deleted the way its owners went."""
    standings = observed.owners.values()
    if "unknown" in standings or ("elsewhere" in standings and not observed.key.namespace):
        return _left_alone(observed)
    gone = {uid for uid, standing in observed.owners.items() if standing != "solid"}
    if len(gone) == len(observed.owners):
        return _misplaced(observed) + _deletion(observed)
    return _misplaced(observed) + _without_owners(observed, gone) if gone else Plan()


def _deletion(observed: Observed) -> Plan:
    obj, uid = observed.obj, meta.uid(observed.obj)
    if "waiting" not in observed.owners.values() or not observed.dependents:
        return Plan((Delete(observed.key, uid, policy=_own_policy(obj)),))
    unblocked: tuple[Patch, ...] = ()
    if any(_is_foreground(dependent) for dependent in observed.dependents.values()):  # they may wait for each other
        unblocked = (Patch(observed.key, _owners_written(map(_unblocking, meta.owners(obj))), uid=uid),)
    return Plan((*unblocked, Delete(observed.key, uid, policy="Foreground")))


def _left_alone(observed: Observed) -> Plan:
    """Whether such an owner is there cannot be known, and what may be owned is not collected."""
    refs = [ref for ref in meta.owners(observed.obj) if observed.owners[ref["uid"]] in ("unknown", "elsewhere")]
    told = f"{observed.key} is owned by {refs[0]['kind']} {refs[0]['name']}, which cannot be looked up"
    waiting = Waiting(told, "3.1.1", observed.key, remedy="remove the reference, or serve the owner's kind")
    return _misplaced(observed) + Plan(waiting=(waiting,), wake_after_seconds=LOOK_AGAIN_SECONDS)


def _misplaced(observed: Observed) -> Plan:
    """3.1.4: a reference into another namespace is told of."""
    space = observed.key.namespace
    refs = [ref for ref in meta.owners(observed.obj) if observed.owners[ref["uid"]] == "elsewhere"]
    texts = (
        f"ownerRef [{ref['apiVersion']}/{ref['kind']}, namespace: {space}, name: {ref['name']}, uid: {ref['uid']}] "
        f'does not exist in namespace "{space}"'
        for ref in refs
    )
    return Plan(tuple(Emit(observed.obj, "Warning", "OwnerRefInvalidNamespace", text) for text in texts))


# --- an owner on its way out


def _orphan(observed: Observed) -> Plan:
    """3.1.3: take the reference out of every dependent; once none is left, let the object go."""
    uid = meta.uid(observed.obj)
    if not observed.dependents:
        return Plan((_without_finalizer(observed, ORPHAN),))
    freed = tuple(
        Patch(key, _owners_written(ref for ref in meta.owners(obj) if ref["uid"] != uid), uid=meta.uid(obj))
        for key, obj in observed.dependents.items()
    )
    return Plan(freed, waiting=(Waiting(f"{len(freed)} dependents are let go first", "3.1.3", observed.key),))


def _foreground(observed: Observed) -> Plan:
    """3.1.3: its dependents delete themselves, each in its round; the object goes when none that blocks is left."""
    if not observed.blockers:
        return Plan((_without_finalizer(observed, FOREGROUND),))
    names = ", ".join(f"{key.kind} {key.name}" for key in observed.blockers)
    return Plan(waiting=(Waiting(f"{names} must go first", "DL-3", observed.blockers[0]),))


# --- small questions and answers


def _standing(cache: Cache, ref: Json, dependent: Key) -> Standing:
    """3.1.1, 3.1.4 and 3.1.5: by uid, and only where kind, name and namespace are as the reference says."""
    key = cache.index(Uids).keys.get(ref["uid"])
    owner = cache.get(key) if key is not None else None
    if key is None or owner is None:
        return _standing_of_absent(cache, ref, dependent)
    if key.namespace not in ("", dependent.namespace):
        return "elsewhere"
    if key.name != ref["name"] or owner.get("kind") != ref["kind"] or _group(owner) != _group(ref):
        return "dangling"
    return "waiting" if _is_foreground(owner) else "solid"


def _standing_of_absent(cache: Cache, ref: Json, dependent: Key) -> Standing:
    kind = BUILT_IN.by_type(ref.get("apiVersion", ""), ref["kind"])
    if kind is None:
        return "dangling" if _is_custom(cache, ref) else "unknown"
    return "elsewhere" if kind.is_namespaced and not dependent.namespace else "dangling"


def _is_custom(cache: Cache, ref: Json) -> bool:
    wanted = (_group(ref), ref["kind"])
    found = cache.all("CustomResourceDefinition")
    return any((dig(one, "spec", "group"), dig(one, "spec", "names", "kind")) == wanted for one in found)


def _group(obj: Json) -> str:
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return group if slash else ""


def _own_policy(obj: Json) -> str:
    finalizers = meta.finalizers(obj)
    return "Orphan" if ORPHAN in finalizers else "Foreground" if FOREGROUND in finalizers else "Background"


def _blocks(obj: Json, uid: str) -> bool:
    return any(ref["uid"] == uid and ref.get("blockOwnerDeletion") for ref in meta.owners(obj))


def _unblocking(ref: Json) -> Json:
    return {**ref, "blockOwnerDeletion": False}


def _owners_written(refs: Iterable[Json]) -> Json:
    return {"metadata": {"ownerReferences": list(refs) or None}}


def _without_owners(observed: Observed, uids: set[str]) -> Plan:
    body = _owners_written(ref for ref in meta.owners(observed.obj) if ref["uid"] not in uids)
    revision = meta.resource_version(observed.obj)
    return Plan((Patch(observed.key, body, uid=meta.uid(observed.obj), if_revision=revision),))


def _without_finalizer(observed: Observed, finalizer: str) -> Patch:
    kept = [name for name in meta.finalizers(observed.obj) if name != finalizer]
    body = {"metadata": {"finalizers": kept or None}}
    return Patch(observed.key, body, uid=meta.uid(observed.obj), if_revision=meta.resource_version(observed.obj))


def _is_foreground(obj: Json) -> bool:
    return meta.is_terminating(obj) and FOREGROUND in meta.finalizers(obj)


def _is_going(obj: Json) -> bool:
    """Being deleted in a way that is the collector's work."""
    return meta.is_terminating(obj) and not {FOREGROUND, ORPHAN}.isdisjoint(meta.finalizers(obj))


def _awaiting_owners(obj: Json, cache: Cache) -> Iterator[Key]:
    """Owners that wait for this object: in foreground deletion, or letting their dependents go."""
    for ref in meta.owners(obj):
        key = cache.index(Uids).keys.get(ref["uid"])
        owner = cache.get(key) if key is not None else None
        if key is not None and owner is not None and _is_going(owner):
            yield key


def _is_changed(new: Json, old: Json) -> bool:
    if meta.owners(new) != meta.owners(old):
        return True
    return meta.is_terminating(new) and (not meta.is_terminating(old) or meta.finalizers(new) != meta.finalizers(old))
