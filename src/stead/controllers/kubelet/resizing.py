"""Resizing in place: a running container whose limits are no longer what its spec says (conditions PodResize...).

A resource whose resizePolicy is RestartContainer is changed by a restart, the others while the container runs.
"""

from msgspec import Struct

from stead.controllers.kubelet.backoff import FIRST_SECONDS, seconds_left
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.round import Round
from stead.machinery import quantity
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Plan
from stead.machinery.runtime import ResizeContainer

PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
CONDITIONS = (PENDING, IN_PROGRESS)


class Limits(Struct, frozen=True):
    """None is no limit."""

    memory_bytes: int | None = None
    cpu_millis: int | None = None


def limits_of(resources: Json) -> Limits:
    limits = resources.get("limits") or {}
    return Limits(
        quantity.parse(limits["memory"]).value if limits.get("memory") else None,
        quantity.parse(limits["cpu"]).milli_value if limits.get("cpu") else None,
    )


def held(life: Life) -> Limits:
    """What a running container has now; of one that was adopted, what its status last told."""
    if "limits" in life.entry:
        return Limits(*life.entry["limits"])
    told = life.told.get("resources")
    return limits_of(life.spec.get("resources") or {} if told is None else told)


def is_open(life: Life) -> bool:
    """Whether a running container waits for other limits."""
    return life.state == "running" and held(life) != limits_of(life.spec.get("resources") or {})


def needs_restart(life: Life) -> bool:
    has, wanted = held(life), limits_of(life.spec.get("resources") or {})
    changed = {"memory": has.memory_bytes != wanted.memory_bytes, "cpu": has.cpu_millis != wanted.cpu_millis}
    policies = {entry["resourceName"]: entry["restartPolicy"] for entry in life.spec.get("resizePolicy") or ()}
    return any(is_it and policies.get(name) == "RestartContainer" for name, is_it in changed.items())


def walk(round_: Round, life: Life) -> Plan:
    """Ask for the new limits, once, and again a while after they could not be."""
    if not is_open(life):
        return NOTHING
    wanted = limits_of(life.spec.get("resources") or {})
    asked = life.entry.get("resize") or {}
    if asked and Limits(*asked["limits"]) == wanted:
        if asked["is_in_flight"]:
            return NOTHING
        if left := seconds_left(asked["at"] + FIRST_SECONDS, round_.now.mono):
            return Plan(wake_after_seconds=left)
    key = round_.observed.key
    return Plan((ResizeContainer(key, round_.uid, life.name, life.attempt, wanted.memory_bytes, wanted.cpu_millis),))


def conditions(round_: Round) -> list[tuple[str, str, str]]:
    """Type, reason and message of the conditions that an open resize has."""
    lives = [life for life in round_.lives.all if is_open(life)]
    troubled = [life.entry["resize"] for life in lives if dig(life.entry, "resize", "trouble")]
    if not lives:
        return []
    first = troubled[0] if troubled else {"trouble": "", "message": ""}
    type_ = PENDING if first["trouble"] == "Infeasible" else IN_PROGRESS
    return [(type_, first["trouble"], first["message"])]
