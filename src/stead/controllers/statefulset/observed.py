"""`Observed`: what one round sees of one set. It reads through to the cache and the index, and so costs nothing.

It is good for one round: nothing is folded into the cache between a round's observation and its last outcome.
"""

from msgspec import Struct

from stead.controllers.statefulset.profile import V1_36, Profile
from stead.controllers.statefulset.roster import Roster, Slot
from stead.controllers.statefulset.slots import Family, Revision, Slots
from stead.controllers.statefulset.spec import Spec
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig


class Observed(Struct, frozen=True):
    """One set. `revisions` are its candidates (RV-4), oldest first; `strays` pods it owns under a foreign name."""

    key: Key
    obj: Json
    spec: Spec
    family: Family
    roster: Roster
    revisions: tuple[Revision, ...]
    strays: tuple[Json, ...]
    profile: Profile
    cache: Cache

    @property
    def is_ordered(self) -> bool:
        return not self.spec.is_parallel

    @property
    def status(self) -> Json:
        found: Json = dig(self.obj, "status", default={})
        return found

    @property
    def generation(self) -> int:
        return int(self.obj["metadata"].get("generation") or 0)

    def claim(self, name: str) -> Json | None:
        return self.cache.get(Key("PersistentVolumeClaim", self.spec.namespace, name))

    @property
    def kubectl(self) -> str:
        """How a remedy begins: the command, and the namespace where it has to be said."""
        return "kubectl" if self.spec.namespace == "default" else f"kubectl -n {self.spec.namespace}"

    def pod_key(self, name: str) -> Key:
        return Key("Pod", self.spec.namespace, name)

    def unavailable(self, wall: float) -> list[int]:
        """Ordinals that are Ready but not yet available; few, and none without minReadySeconds."""
        return [ordinal for _, ordinal in self.roster.unripe(wall)]

    def is_unavailable(self, slot: Slot, wall: float) -> bool:
        """Not available or terminating: what scale-down and roll-out go by (SD-4, RU-2)."""
        return slot.is_terminating or not slot.has_ready or slot.available_at > wall

    def orphan_revisions(self) -> list[Revision]:
        return [revision for revision in self.revisions if meta.controller_of(revision.obj) is None]


def observe(cache: Cache, key: Key, slots: Slots, profile: Profile = V1_36) -> Observed | None:
    """One set out of the cache and its index; None where there is no such set."""
    family = slots.family(key.namespace, key.name)
    if family is None or family.obj is None or family.spec is None or family.roster is None:
        return None
    spec = family.spec
    return Observed(
        key=key,
        obj=family.obj,
        spec=spec,
        family=family,
        roster=family.roster,
        revisions=_candidates(slots, spec),
        strays=tuple(slots.strays(spec.uid).values()),
        profile=profile,
        cache=cache,
    )


def _candidates(slots: Slots, spec: Spec) -> tuple[Revision, ...]:
    found = slots.revisions(spec.namespace, spec.uid)
    matching = [revision for revision in found if spec.selector.matches(meta.labels(revision.obj))]
    return tuple(sorted(matching, key=lambda revision: revision[:3]))
