"""Resizing in place: a container that runs, or a pod as a whole, whose limits are no longer what its spec says
(conditions PodResize...).

A resource whose resizePolicy is RestartContainer is changed by a restart, the others while the container runs.
"""

from typing import Any

from msgspec import Struct

from stead.controllers.kubelet.backoff import FIRST_SECONDS, seconds_left
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.round import Failure, Round
from stead.machinery import quantity
from stead.machinery.goprint import json_text
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Plan
from stead.machinery.runtime import ResizeContainer, ResizeSandbox

PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
CONDITIONS = (PENDING, IN_PROGRESS)
DEFERRED = "Deferred"


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


def is_pod_open(round_: Round) -> bool:
    """Whether a pod that runs waits for other limits for all its containers together."""
    record = round_.observed.record
    return record is not None and record["state"] == "running" and _held_by_pod(round_, record) != _wanted(round_)


def _held_by_pod(round_: Round, record: Json) -> Limits:
    if "limits" in record:
        return Limits(*record["limits"])
    told = dig(round_.pod, "status", "resources")
    return _wanted(round_) if told is None else limits_of(told)


def _wanted(round_: Round) -> Limits:
    return limits_of(round_.pod["spec"].get("resources") or {})


def hindrance(round_: Round) -> Failure | None:
    """Why the node cannot give the pod what it asks for now: `Infeasible`, or `Deferred` until others leave."""
    node = round_.observed.node
    if node is None or not round_.is_asked_anew:
        return None
    has = dig(node, "status", "allocatable") or {}
    for lack in round_.observed.room.lacking(round_.observed.key, round_.pod, node):
        if lack.resource in has and lack.requested > lack.capacity:
            told = f"{lack.resource}, requested: {lack.requested}, capacity: {lack.capacity}"
            return Failure("Infeasible", f"Node didn't have enough capacity: {told}")
        return Failure(DEFERRED, lack.told)
    return None


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
    order = ResizeContainer(
        round_.observed.key, round_.uid, life.name, life.attempt, wanted.memory_bytes, wanted.cpu_millis
    )
    return _asked(round_, life.entry.get("resize") or {}, wanted, order)


def walk_pod(round_: Round) -> Plan:
    """The same of the pod as a whole; one that waits for room looks for it again and again."""
    if hindered := hindrance(round_):
        return Plan(wake_after_seconds=FIRST_SECONDS) if hindered.reason == DEFERRED else NOTHING
    if not is_pod_open(round_):
        return NOTHING
    wanted = _wanted(round_)
    order = ResizeSandbox(round_.observed.key, round_.uid, wanted.memory_bytes, wanted.cpu_millis)
    return _asked(round_, dig(round_.observed.record, "resize") or {}, wanted, order)


def _asked(round_: Round, asked: Json, wanted: Limits, order: ResizeContainer | ResizeSandbox) -> Plan:
    if hindrance(round_) is not None:
        return NOTHING
    if asked and Limits(*asked["limits"]) == wanted:
        if asked["is_in_flight"]:
            return NOTHING
        if left := seconds_left(asked["at"] + FIRST_SECONDS, round_.now.mono):
            return Plan(wake_after_seconds=left)
    return Plan((order,))


def conditions(round_: Round) -> list[tuple[str, str, str]]:
    """Type, reason and message of the conditions that an open resize has."""
    if hindered := hindrance(round_):
        return [(PENDING, hindered.reason, hindered.message)]
    resizes = [life.entry.get("resize") or {} for life in round_.lives.all if is_open(life)]
    if is_pod_open(round_):
        resizes.append(dig(round_.observed.record, "resize") or {})
    if not resizes:
        return []
    troubled = [resize for resize in resizes if resize.get("trouble")]
    first = troubled[0] if troubled else {"trouble": "", "message": ""}
    type_ = PENDING if first["trouble"] == "Infeasible" else IN_PROGRESS
    return [(type_, first["trouble"], first["message"])]


def told_of(pod: Json) -> dict[str, tuple[str, str]]:
    """The same as they stand in a pod's status: reason and message by type."""
    found: list[Json] = dig(pod, "status", "conditions", default=[])
    return {one["type"]: (one.get("reason", ""), one.get("message", "")) for one in found if one["type"] in CONDITIONS}


def summary(pod: Json, what: str, error: str = "") -> str:
    """The message of an event: what became of it, and what each container asks for."""
    lists = ("initContainers", "containers")
    told: dict[str, Any] = {name: [_asks(one) for one in pod["spec"].get(name) or ()] for name in lists}
    told = {name: containers for name, containers in told.items() if containers}
    told |= {"generation": pod["metadata"].get("generation", 0), **({"error": error} if error else {})}
    return f"Pod resize {what}: {json_text(told)}"


def _asks(container: Json) -> Json:
    resources = container.get("resources") or {}
    parts = {part: dict(sorted(resources[part].items())) for part in ("limits", "requests") if resources.get(part)}
    return {"name": container["name"], "resources": parts}
