"""The StatefulSet controller as the engine sees it: whom an event concerns, what is seen, decided and answered."""

from collections.abc import Iterable, Iterator

from stead.controllers.statefulset import invariants, reactions
from stead.controllers.statefulset import observed as seen
from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.profile import V1_36, Profile
from stead.controllers.statefulset.reconcile import reconcile
from stead.controllers.statefulset.slots import Slots
from stead.machinery import meta, selectors
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Action, Outcome, Plan, Reaction
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

KIND = "StatefulSet"


class StatefulSetController:
    """The cache that is observed must have a `Slots` of the same profile among its indexes.

    `is_sworn`: every decision is held against the promises in `invariants`; AssertionError if it breaks one. That
    costs a look at every pod, so it is for simulations and tests.
    """

    name = "statefulset"
    kinds = (KIND, "Pod")

    def __init__(self, profile: Profile = V1_36, *, is_sworn: bool = False) -> None:
        self.profile = profile
        self.is_sworn = is_sworn

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        """Q-2, Q-3. Claims and revisions wake nobody (PVC-7)."""
        if event.key.kind == KIND:
            return (event.key,)
        if event.key.kind == "Pod":
            return tuple(dict.fromkeys(_concerned(event, cache)))
        return ()

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        return seen.observe(cache, key, cache.index(Slots), self.profile)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        plan = reconcile(observed, now)
        if self.is_sworn:
            broken = invariants.broken_by(observed, plan, now)
            assert not broken, "; ".join(broken)
        return plan

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        return reactions.react(observed, action, outcome, now)


def _concerned(event: WatchEvent, cache: Cache) -> Iterator[Key]:
    """The set that owns a pod, the one that did, and those that may adopt an orphan."""
    pod, old = event.obj, event.old
    is_removal = event.type == "DELETED" or (event.type == "ADDED" and meta.is_terminating(pod))
    owner, owned = meta.controller_of(pod), meta.controller_of(old) if old else None
    if owned and owned != owner:
        yield from _owner(owned, pod, cache)
    if owner:
        yield from _owner(owner, pod, cache)
    elif not is_removal and (old is None or owned != owner or meta.labels(old) != meta.labels(pod)):
        yield from _willing(pod, cache)


def _owner(reference: Json, pod: Json, cache: Cache) -> Iterator[Key]:
    """The set a reference means, if it is still that one."""
    key = Key(KIND, meta.namespace(pod), str(reference.get("name", "")))
    found = cache.get(key) if reference.get("kind") == KIND else None
    if found is not None and meta.uid(found) == reference["uid"]:
        yield key


def _willing(pod: Json, cache: Cache) -> Iterator[Key]:
    """Sets of the namespace whose selector matches; whether the name does is asked later, as upstream has it."""
    for found in cache.all(KIND, meta.namespace(pod)):
        try:
            selector = selectors.from_object(found["spec"].get("selector"))
        except ValueError:
            continue
        if not selector.is_empty and selector.matches(meta.labels(pod)):
            yield Key(KIND, meta.namespace(found), meta.name(found))
