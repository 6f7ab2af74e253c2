"""What the set says about itself: counts, revisions, and the moment a roll-out is complete (ST in controller.md)."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from stead.controllers.statefulset.observed import Observed
from stead.controllers.statefulset.revisions import History
from stead.controllers.statefulset.roster import Slot
from stead.machinery.objects import Json
from stead.machinery.plan import Patch
from stead.machinery.times import Now

_TELLING = (
    "replicas",
    "readyReplicas",
    "availableReplicas",
    "currentReplicas",
    "updatedReplicas",
    "currentRevision",
    "updateRevision",
)
_LEFT_OUT_WHEN_ZERO = ("readyReplicas", "currentReplicas", "updatedReplicas")


class Counts(Struct, frozen=True):
    """ST-1: what is there, created in this round or not yet seen left out (ST-2)."""

    replicas: int
    ready: int
    available: int
    current: int
    updated: int


def report(observed: Observed, history: History, now: Now, rolled: int = 0) -> Patch | None:
    """The status to write, replaced wholesale (ST-8); None where nothing that counts differs (ST-7).

    `rolled` is how many pods the roll-out ended in this round (ST-4). It is a patch without a precondition on the
    set's revision, which comes to the same as writing again after a conflict (ST-9).
    """
    status = computed(observed, history, now, rolled)
    if not _differs(observed, status):
        return None
    gone = dict.fromkeys(observed.status.keys() - status.keys())
    shown = {name: None if name in _LEFT_OUT_WHEN_ZERO and not value else value for name, value in status.items()}
    return Patch(observed.key, {"status": {**gone, **shown}}, subresource="status", uid=observed.spec.uid)


def computed(observed: Observed, history: History, now: Now, rolled: int = 0) -> dict[str, Any]:
    """The status as it should be, zeros included."""
    counts = count(observed, history, now)
    status = {
        "observedGeneration": observed.generation,
        "replicas": counts.replicas,
        "readyReplicas": counts.ready,
        "currentReplicas": counts.current - rolled,
        "updatedReplicas": counts.updated,
        "currentRevision": history.current.name,
        "updateRevision": history.update.name,
        "collisionCount": history.collision_count,
        "availableReplicas": counts.available,
    }
    if is_complete(observed, counts):
        status |= {"currentReplicas": counts.updated, "currentRevision": history.update.name}
    return status


def count(observed: Observed, history: History, now: Now) -> Counts:
    """ST-1 and ST-3. Members without a slot count only while the set is being deleted."""
    roster = observed.roster
    unripe = sum(roster.at[ordinal].is_ready for ordinal in observed.unavailable(now.wall))
    counts = Counts(
        replicas=roster.created,
        ready=roster.ready,
        available=roster.ready - unripe,
        current=roster.live_at(history.current.name),
        updated=roster.live_at(history.update.name),
    )
    is_all = observed.spec.is_terminating and roster.extras
    return _with_extras(counts, observed.roster.extras.values(), history, now) if is_all else counts


def is_complete(observed: Observed, counts: Counts) -> bool:
    """ST-6: the update revision becomes the current one."""
    spec, profile = observed.spec, observed.profile
    is_full = counts.updated == counts.ready == counts.replicas == spec.replicas
    if profile.completes_when_available and counts.available != spec.replicas:
        return False
    return is_full and (spec.strategy == "RollingUpdate" or (spec.is_on_delete and profile.promotes_on_delete))


def _with_extras(counts: Counts, extras: Iterable[Slot], history: History, now: Now) -> Counts:
    found = list(extras)
    alive = [slot.revision for slot in found if not slot.is_terminating]
    return Counts(
        replicas=counts.replicas + sum(bool(slot.phase) for slot in found),
        ready=counts.ready + sum(slot.is_ready for slot in found),
        available=counts.available + sum(slot.is_ready and slot.available_at <= now.wall for slot in found),
        current=counts.current + alive.count(history.current.name),
        updated=counts.updated + alive.count(history.update.name),
    )


def _differs(observed: Observed, status: Json) -> bool:
    """ST-7: a change in collisionCount or conditions alone is not written."""
    old = observed.status
    if status["observedGeneration"] > int(old.get("observedGeneration") or 0):
        return True
    return any((old.get(name) or type(status[name])()) != status[name] for name in _TELLING)
