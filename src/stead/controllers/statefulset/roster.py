"""One set's members by ordinal, with the tallies a round asks for, kept as things change.

A round reads a handful of numbers and the few ordinals that need something, however many replicas there are. Time is
no part of it: a Ready pod ripens by itself, so the roster keeps when each becomes available and asks the clock later.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter

from msgspec import Struct

from stead.controllers.statefulset import claims, identity
from stead.controllers.statefulset.ordinals import Ordinals
from stead.controllers.statefulset.spec import Spec
from stead.machinery import meta, times
from stead.machinery.objects import Json, dig

NEVER = float("inf")


class Slot(Struct, frozen=True):
    """What the walks ask of one member.

    is_ready         phase Running and Ready (PR-5)
    has_ready        the Ready condition alone: what availability goes by (PR-6)
    available_at     wall seconds from which a Ready pod is available; 0 without minReadySeconds
    has_work         something must be done about it, or says an error, in whatever order the set works
    """

    name: str
    ordinal: int
    pod: Json
    phase: str
    revision: str
    is_terminating: bool
    is_ready: bool
    has_ready: bool
    available_at: float
    has_work: bool

    @property
    def is_terminal(self) -> bool:
        return self.phase in ("Failed", "Succeeded")

    @property
    def is_pending(self) -> bool:
        return self.phase == "Pending"


class Roster:
    """The members of one set; `at` says who holds an ordinal.

    unready     ordinals where an ordered set stops: not Running and Ready, or terminating (PR-4, PR-5)
    unhealthy   ordinals that count as unavailable whatever the time: not Ready, or terminating
    work        ordinals with work to do
    live        ordinals not terminating, by revision
    extras      members that hold no slot: no usable ordinal (ID-2), or a slot already taken (`web-01`)
    """

    def __init__(self, spec: Spec, find_claim: claims.Claims) -> None:
        self.spec = spec
        self._find_claim = find_claim
        self.at: dict[int, Slot] = {}
        self.extras: dict[str, Slot] = {}
        self.occupied = Ordinals()
        self.unready = Ordinals()
        self.unhealthy = Ordinals()
        self.work = Ordinals()
        self.live: dict[str, Ordinals] = {}
        self.created = 0
        self.ready = 0
        self.labelled: Counter[str] = Counter()
        self._ripening: list[tuple[float, int]] = []

    def put(self, pod: Json) -> None:
        """A member came or changed."""
        name = meta.name(pod)
        slot = self._judge(pod)
        old = self.at.get(slot.ordinal)
        if old is not None and old.name == name:
            if _counts_the_same(slot, old):
                self.at[slot.ordinal] = slot
                return
            self._leave(old)
            self._enter(slot)
        elif slot.ordinal < 0 or (old is not None and not _goes_before(slot, old)):
            self._set_aside(slot)
        else:
            if old is not None:
                self._leave(old)
                self._set_aside(old)
            self._recall(name)
            self._enter(slot)

    def remove(self, name: str) -> None:
        """A member went, if it was one."""
        if name in self.extras:
            self._recall(name)
            return
        found = identity.parse(name)
        slot = self.at.get(found.ordinal) if found else None
        if slot is None or slot.name != name:
            return
        self._leave(slot)
        heirs = [extra for extra in self.extras.values() if extra.ordinal == slot.ordinal >= 0]
        if heirs:
            heir = max(heirs, key=lambda extra: extra.name)
            self._recall(heir.name)
            self._enter(heir)

    def review(self, ordinal: int) -> None:
        """A claim of that ordinal changed: look at its pod again."""
        slot = self.at.get(ordinal)
        if slot is not None:
            self.put(slot.pod)

    def unripe(self, wall: float) -> list[tuple[float, int]]:
        """(available from, ordinal) of the pods that are Ready and not yet available, soonest first."""
        if not self._ripening:
            return []
        return self._ripening[bisect_right(self._ripening, (wall, NEVER)) :]

    def live_at(self, revision: str) -> int:
        """How many pods of a revision are not terminating."""
        found = self.live.get(revision)
        return len(found) if found is not None else 0

    def _set_aside(self, slot: Slot) -> None:
        self._recall(slot.name)
        self.extras[slot.name] = slot
        self.labelled[slot.revision] += 1

    def _recall(self, name: str) -> None:
        slot = self.extras.pop(name, None)
        if slot is not None:
            self._unlabel(slot)

    def _unlabel(self, slot: Slot) -> None:
        self.labelled[slot.revision] -= 1
        if not self.labelled[slot.revision]:
            del self.labelled[slot.revision]

    def _enter(self, slot: Slot) -> None:
        ordinal = slot.ordinal
        self.at[ordinal] = slot
        self.occupied.add(ordinal)
        self.labelled[slot.revision] += 1
        self.created += bool(slot.phase)
        self.ready += slot.is_ready
        if slot.is_terminating or not slot.is_ready:
            self.unready.add(ordinal)
        if slot.is_terminating or not slot.has_ready:
            self.unhealthy.add(ordinal)
        if slot.has_work:
            self.work.add(ordinal)
        if not slot.is_terminating:
            self.live.setdefault(slot.revision, Ordinals()).add(ordinal)
        if slot.available_at:
            insort(self._ripening, (slot.available_at, ordinal))

    def _leave(self, slot: Slot) -> None:
        ordinal = slot.ordinal
        del self.at[ordinal]
        self.occupied.discard(ordinal)
        self._unlabel(slot)
        self.created -= bool(slot.phase)
        self.ready -= slot.is_ready
        self.unready.discard(ordinal)
        self.unhealthy.discard(ordinal)
        self.work.discard(ordinal)
        if not slot.is_terminating:
            self.live[slot.revision].discard(ordinal)
            if not len(self.live[slot.revision]):
                del self.live[slot.revision]
        if slot.available_at:
            del self._ripening[bisect_left(self._ripening, (slot.available_at, ordinal))]

    def _judge(self, pod: Json) -> Slot:
        name = meta.name(pod)
        found = identity.parse(name)
        ordinal = found.ordinal if found else -1
        phase = str(dig(pod, "status", "phase", default=""))
        ready = meta.condition(pod, "Ready")
        has_ready = ready is not None and ready.get("status") == "True"
        return Slot(
            name=name,
            ordinal=ordinal,
            pod=pod,
            phase=phase,
            revision=identity.revision_of(pod),
            is_terminating=meta.is_terminating(pod),
            is_ready=has_ready and phase == "Running",
            has_ready=has_ready,
            available_at=self._available_at(ready) if ready is not None and has_ready else 0,
            has_work=self._has_work(pod, ordinal, phase),
        )

    def _available_at(self, ready: Json) -> float:
        """PR-6: a condition without a time never becomes available."""
        if self.spec.min_ready_seconds <= 0:
            return 0
        since = ready.get("lastTransitionTime")
        return times.from_text(str(since)) + self.spec.min_ready_seconds if since else NEVER

    def _has_work(self, pod: Json, ordinal: int, phase: str) -> bool:
        spec, find = self.spec, self._find_claim
        if ordinal < 0:
            return False
        kept = list(claims.existing(spec, ordinal, find))
        if any(not claims.is_kept_right(spec, claim, pod) for claim in kept):
            return True
        if phase in ("Failed", "Succeeded"):
            return not meta.is_terminating(pod)
        if not identity.matches(spec, pod) or not identity.has_storage(spec, pod, ordinal):
            return True
        if phase != "Pending":
            return False
        is_short = len(kept) < len(spec.claim_templates)
        return is_short or any(meta.is_terminating(claim) or claims.has_conflict(spec, claim, pod) for claim in kept)


def _goes_before(new: Slot, old: Slot) -> bool:
    """Of two members of one ordinal the canonical name (`web-1` before `web-01`) holds the slot: it sorts last."""
    return new.name > old.name


def _counts_the_same(new: Slot, old: Slot) -> bool:
    """Whether the tallies need not be told: of what a pod says of itself, most is not counted."""
    return (
        new.phase == old.phase
        and new.revision == old.revision
        and new.is_terminating == old.is_terminating
        and new.is_ready == old.is_ready
        and new.has_ready == old.has_ready
        and new.available_at == old.available_at
        and new.has_work == old.has_work
    )
