"""The conditions of a pod that the kubelet owns, each with the time its status last changed."""

from collections.abc import Iterable
from typing import Any

from stead.controllers.kubelet import containers, resizing
from stead.controllers.kubelet.round import Round
from stead.machinery import meta
from stead.machinery.objects import Json, dig

OWN = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
DONE = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}

# what becomes of a condition: status, reason, message
Told = tuple[bool, str, str]
YES: Told = (True, "", "")


def conditions_of(round_: Round, phase: str, statuses: list[Json]) -> list[Json]:
    """All conditions of the pod: the kubelet's new ones, those of others as they stand."""
    containers_ready = _containers_ready(round_, phase, statuses)
    told = {
        "PodReadyToStartContainers": _sandbox_ready(round_),
        "Initialized": _initialized(round_, phase),
        "Ready": containers_ready if not containers_ready[0] else _gates(round_),
        "ContainersReady": containers_ready,
    }
    old = {entry["type"]: entry for entry in _old(round_)}
    own = [_condition(round_, type_, told[type_], old.pop(type_, None)) for type_ in OWN]
    resizes = {type_: (True, reason, text) for type_, reason, text in resizing.conditions(round_)}
    own += [_condition(round_, type_, resizes[type_], old.get(type_)) for type_ in resizes]
    return own + [entry for entry in old.values() if entry["type"] not in resizing.CONDITIONS]


def _old(round_: Round) -> list[Json]:
    found: list[Json] = dig(round_.pod, "status", "conditions", default=[])
    return found


def _condition(round_: Round, type_: str, told: Told, old: Json | None) -> Json:
    is_true, reason, message = told
    status = "True" if is_true else "False"
    is_kept = old is not None and old.get("status") == status and old.get("lastTransitionTime")
    condition: dict[str, Any] = {
        "type": type_,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": old["lastTransitionTime"] if old is not None and is_kept else round_.now.text,
    }
    extra = {"reason": reason, "message": message, "observedGeneration": round_.pod["metadata"].get("generation")}
    return condition | {key: value for key, value in extra.items() if value}


def _sandbox_ready(round_: Round) -> Told:
    record = round_.observed.record
    return record is not None and record["state"] == "running", "", ""


def _initialized(round_: Round, phase: str) -> Told:
    if phase == "Succeeded":
        return True, "PodCompleted", ""
    inits = round_.lives.inits
    open_ = [life.name for life in inits if not round_.lives.has_begun and not containers.is_passed(round_, life)]
    if not open_:
        return YES
    return False, "ContainersNotInitialized", f"containers with incomplete status: [{_listed(open_)}]"


def _containers_ready(round_: Round, phase: str, statuses: list[Json]) -> Told:
    if phase in DONE:
        return False, DONE[phase], ""
    counted = {life.name for life in (*round_.lives.mains, *round_.lives.sidecars)}
    unready = [entry["name"] for entry in statuses if entry["name"] in counted and not entry["ready"]]
    if not unready:
        return YES
    return False, "ContainersNotReady", f"containers with unready status: [{_listed(unready)}]"


def _gates(round_: Round) -> Told:
    """Ready needs what the pod's readinessGates name, too."""
    told = []
    for gate in round_.pod["spec"].get("readinessGates") or ():
        name = gate["conditionType"]
        found = meta.condition(round_.pod, name)
        if found is None:
            told.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif found.get("status") != "True":
            told.append(f'the status of pod readiness gate "{name}" is not "True", but {found.get("status")}')
    return (False, "ReadinessGatesNotReady", ", ".join(told)) if told else YES


def _listed(names: Iterable[str]) -> str:
    return " ".join(names)
