"""The index that keeps every set's roster: folded forward from each change, so that no round looks at all pods again.

A family is all pods of a namespace whose names say one parent, and the set of that name. Who of them are members
depends on the set, so a set that comes or changes its mind has its family judged anew; all else costs one pod.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from msgspec import Struct, field

from stead.controllers import ownership
from stead.controllers.statefulset import identity
from stead.controllers.statefulset.profile import V1_36, Profile
from stead.controllers.statefulset.roster import Roster
from stead.controllers.statefulset.spec import Spec, read
from stead.kinds.encoding import go_json
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json

T = TypeVar("T")
Place: TypeAlias = tuple[str, str]  # namespace and name


class Revision(NamedTuple):
    """A ControllerRevision in the order of history; `data` in canonical bytes, so that equal means equal."""

    number: int
    created: str
    name: str
    data: bytes
    obj: Json


class Family(Struct):
    """All that has a parent's name. `to_adopt` are members too, from the moment they are seen (CL-3)."""

    obj: Json | None = None
    spec: Spec | None = None
    roster: Roster | None = None
    pods: dict[str, Json] = field(default_factory=dict)
    to_adopt: dict[str, Json] = field(default_factory=dict)
    to_release: dict[str, Json] = field(default_factory=dict)


class Slots:
    """Reads Pods, StatefulSets, claims and ControllerRevisions; `family` and `revisions` are what rounds ask for."""

    kinds = ("Pod", "StatefulSet", "PersistentVolumeClaim", "ControllerRevision")

    def __init__(self, profile: Profile = V1_36) -> None:
        self._profile = profile
        self._families: dict[Place, Family] = {}
        self._claims: dict[Place, Json] = {}
        self._claimants: dict[Place, dict[str, None]] = {}  # `<template>-<set>` to the names of sets
        self._strays: dict[str, dict[Key, Json]] = {}
        self._owned: dict[str, dict[Key, Revision]] = {}
        self._orphans: dict[str, dict[Key, Revision]] = {}

    @classmethod
    def of(cls, cache: Cache, profile: Profile = V1_36) -> "Slots":
        """Built from all there is: what the index folded forward must always be equal to."""
        slots = cls(profile)
        for kind in ("StatefulSet", "PersistentVolumeClaim", "ControllerRevision", "Pod"):
            for obj in cache.all(kind):
                slots.apply(Key(kind, meta.namespace(obj), meta.name(obj)), None, obj)
        return slots

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Pod":
            self._apply_pod(key, old, new)
        elif key.kind == "StatefulSet":
            self._apply_set(key, new)
        elif key.kind == "PersistentVolumeClaim":
            self._apply_claim(key, new)
        elif key.kind == "ControllerRevision":
            self._apply_revision(key, old, new)

    def family(self, namespace: str, name: str) -> Family | None:
        return self._families.get((namespace, name))

    def strays(self, owner_uid: str) -> Mapping[Key, Json]:
        """Pods that a set owns under a name that is no replica's."""
        return self._strays.get(owner_uid, {})

    def revisions(self, namespace: str, owner_uid: str) -> Iterator[Revision]:
        """Revisions owned by that uid or by nobody (RV-4), in no order; the selector has not been asked."""
        yield from self._owned.get(owner_uid, {}).values()
        yield from self._orphans.get(namespace, {}).values()

    def _apply_pod(self, key: Key, old: Json | None, new: Json | None) -> None:
        found = identity.parse(key.name)
        parent = found.parent if found and self._is_name(key.name, found) else None
        for pod in (old, new):
            controller = meta.controller_of(pod) if pod is not None else None
            if controller is not None and controller.get("name") != parent:
                _put(self._strays, controller["uid"], key, new if pod is new else None)
        if parent is None:
            return
        family = self._families.setdefault((key.namespace, parent), Family())
        if new is None:
            family.pods.pop(key.name, None)
            self._dismiss(family, key.name)
            self._forget(key.namespace, parent)
        else:
            family.pods[key.name] = new
            self._judge(family, key.name, new)

    def _is_name(self, name: str, found: identity.Identity) -> bool:
        is_strict = self._profile.refuses_leading_zeros
        return not is_strict or found.ordinal < 0 or name == f"{found.parent}-{found.ordinal}"

    def _apply_set(self, key: Key, new: Json | None) -> None:
        place = (key.namespace, key.name)
        family = self._families.setdefault(place, Family())
        before, was = family.obj, family.spec
        family.obj = new
        if new is None:
            self._register(key, was, None)
            family.spec = family.roster = None
            family.to_adopt, family.to_release = {}, {}
            self._forget(*place)
            return
        if was is not None and before is not None and _is_same(before, new):
            return
        family.spec = now = read(new)
        self._register(key, was, now)
        if family.roster is not None and was is not None and was.judged_by == now.judged_by:
            family.roster.spec = now
            return
        family.roster = Roster(now, lambda name: self._claims.get((key.namespace, name)))
        family.to_adopt, family.to_release = {}, {}
        for name, pod in family.pods.items():
            self._judge(family, name, pod)

    def _register(self, key: Key, was: Spec | None, now: Spec | None) -> None:
        for one in (was, now):
            for template in one.claim_templates if one else ():
                prefix = f"{meta.name(template)}-{key.name}"
                claimants = self._claimants.setdefault((key.namespace, prefix), {})
                claimants[key.name] = None
                if one is was:
                    del claimants[key.name]

    def _judge(self, family: Family, name: str, pod: Json) -> None:
        """Whether a pod of the family is a member, and what must be done about its owner."""
        if family.spec is None or family.roster is None:
            return
        wanted = family.spec
        is_match = wanted.selector.matches(meta.labels(pod))
        verdict = ownership.judge(pod, wanted.uid, is_match=is_match, is_owner_terminating=wanted.is_terminating)
        if verdict in ("keep", "adopt"):
            family.roster.put(pod)
        else:
            family.roster.remove(name)
        _mark(family.to_adopt, name, pod if verdict == "adopt" else None)
        _mark(family.to_release, name, pod if verdict == "release" else None)

    def _dismiss(self, family: Family, name: str) -> None:
        if family.roster is not None:
            family.roster.remove(name)
        family.to_adopt.pop(name, None)
        family.to_release.pop(name, None)

    def _forget(self, namespace: str, name: str) -> None:
        family = self._families[namespace, name]
        if family.obj is None and not family.pods:
            del self._families[namespace, name]

    def _apply_claim(self, key: Key, new: Json | None) -> None:
        place = (key.namespace, key.name)
        if new is None:
            self._claims.pop(place, None)
        else:
            self._claims[place] = new
        found = identity.parse(key.name)
        if found is None:
            return
        for name in self._claimants.get((key.namespace, found.parent), ()):
            roster = self._families[key.namespace, name].roster
            if roster is not None:
                roster.review(found.ordinal)

    def _apply_revision(self, key: Key, old: Json | None, new: Json | None) -> None:
        for obj in (old, new):
            if obj is not None:
                owner = meta.controller_of(obj)
                shelves = self._owned if owner else self._orphans
                _put(shelves, owner["uid"] if owner else key.namespace, key, _revision(new) if obj is new else None)


def _is_same(before: Json, new: Json) -> bool:
    """Whether nothing changed but what rounds read off the object itself (its status, labels, generation)."""
    is_going, was_going = meta.is_terminating(new), meta.is_terminating(before)
    return meta.uid(before) == meta.uid(new) and is_going == was_going and before["spec"] == new["spec"]


def _revision(obj: Json) -> Revision:
    created = str(obj["metadata"].get("creationTimestamp") or "")
    return Revision(int(obj.get("revision") or 0), created, meta.name(obj), go_json(obj.get("data")), obj)


def _put(table: dict[str, dict[Key, T]], row: str, key: Key, value: T | None) -> None:
    """Set or remove (None) one value; no empty row stays behind."""
    found = table.setdefault(row, {})
    if value is not None:
        found[key] = value
        return
    found.pop(key, None)
    if not found:
        del table[row]


def _mark(marked: dict[str, Json], name: str, pod: Json | None) -> None:
    if pod is not None:
        marked[name] = pod
    else:
        marked.pop(name, None)
