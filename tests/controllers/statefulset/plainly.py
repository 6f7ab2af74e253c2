"""The controller's main pass written plainly: every slot looked at in every round, nothing remembered.

It is the second opinion of the property tests: slow, straight from sections 1.6 to 1.10, and of no use elsewhere.
"""

from dataclasses import dataclass, field
from typing import Any

from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.objects import Json, dig


@dataclass
class Pass:
    """`deeds` as `in_words` writes them."""

    deeds: list[str] = field(default_factory=list)
    rolled: int = 0


class Set:
    """The parts of a set that the pass reads. `a` and `b` are the names of the current and the update revision."""

    def __init__(self, obj: Json, current: str, update: str, wall: float) -> None:
        spec = obj["spec"]
        self.obj, self.current, self.update, self.wall = obj, current, update, wall
        self.first = dig(spec, "ordinals", "start", default=0)
        self.replicas = spec["replicas"]
        self.is_ordered = spec["podManagementPolicy"] != "Parallel"
        self.min_ready = spec.get("minReadySeconds", 0)
        self.rolling = dig(spec, "updateStrategy", "rollingUpdate")
        self.is_on_delete = spec["updateStrategy"]["type"] == "OnDelete"

    def is_available(self, pod: Json | None) -> bool:
        return pod is not None and PodView(pod).is_available(self.min_ready, self.wall)

    def is_out(self, pod: Json | None) -> bool:
        return not self.is_available(pod) or pod is None or meta.is_terminating(pod)


def revision(pod: Json) -> str:
    return str(meta.labels(pod)["controller-revision-hash"])


def decide(one: Set, pods: dict[int, Json], letters: dict[str, str]) -> Pass:
    done = Pass()
    slots = [pods.get(one.first + i) for i in range(one.replicas)]
    condemned = sorted((o for o in pods if not one.first <= o < one.first + one.replicas), reverse=True)
    sick = [one.first + i for i, pod in enumerate(slots) if one.is_out(pod)]
    sick += [o for o in reversed(condemned) if one.is_out(pods[o])]
    for i, pod in enumerate(slots):
        if _fill(one, done, one.first + i, pod, letters):
            return done
    for ordinal in condemned:
        if _condemn(one, done, ordinal, pods[ordinal], sick):
            return done
    if not one.is_on_delete:
        _roll(one, done, slots)
    return done


def _fill(one: Set, done: Pass, ordinal: int, pod: Json | None, letters: dict[str, str]) -> bool:
    if pod is None:
        kept = dig(one.obj, "status", "currentReplicas", default=0) if one.rolling is None else one.rolling["partition"]
        is_current = not one.is_on_delete and ordinal < one.first + kept
        done.deeds.append(f"create {ordinal}{letters[one.current if is_current else one.update]}")
        return one.is_ordered
    view = PodView(pod)
    if view.is_terminal:
        if not view.is_terminating:
            done.deeds.append(f"delete {ordinal}")
        return one.is_ordered
    return one.is_ordered and (view.is_terminating or not view.is_running_and_ready or not one.is_available(pod))


def _condemn(one: Set, done: Pass, ordinal: int, pod: Json, sick: list[int]) -> bool:
    view = PodView(pod)
    if view.is_terminating:
        return one.is_ordered
    is_well = view.is_running_and_ready and one.is_available(pod)
    if one.is_ordered and not is_well and sick[:1] != [ordinal]:
        return True
    done.deeds.append(f"delete {ordinal}")
    return one.is_ordered


def _roll(one: Set, done: Pass, slots: list[Json | None]) -> None:
    partition = one.rolling["partition"] if one.rolling else 0
    for i in range(one.replicas - 1, partition - 1, -1):
        pod = slots[i]
        if pod is not None and revision(pod) != one.update and not meta.is_terminating(pod):
            done.deeds.append(f"delete {one.first + i}")
            done.rolled += 1
            return
        if one.is_out(pod):
            return


def status(one: Set, pods: dict[int, Json], rolled: int) -> dict[str, Any]:
    """What the counts are, zeros left out, and whether the roll-out is complete."""
    found = [PodView(pod) for pod in pods.values()]
    ready = [view for view in found if view.is_running_and_ready]
    alive = [revision(view.obj) for view in found if not view.is_terminating]
    counts = {
        "replicas": len(found),
        "readyReplicas": len(ready),
        "availableReplicas": sum(one.is_available(view.obj) for view in ready),
        "currentReplicas": alive.count(one.current) - rolled,
        "updatedReplicas": alive.count(one.update),
        "currentRevision": one.current,
        "updateRevision": one.update,
    }
    is_full = counts["updatedReplicas"] == len(ready) == len(found) == one.replicas
    if is_full and not one.is_on_delete:
        counts |= {"currentReplicas": counts["updatedReplicas"], "currentRevision": one.update}
    return counts
