"""A pod's status from what its containers do: phase, conditions, container statuses, as clients expect them.

Sources: section 3.8 of around.md; what is owned by others (PodScheduled, readiness gates) stays as it is.
"""

from collections.abc import Mapping
from typing import Any

from stead.controllers.kubelet import probes, resizing
from stead.controllers.kubelet.conditions import conditions_of
from stead.controllers.kubelet.downward import host_ips
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.observed import TERMINAL
from stead.controllers.kubelet.round import NOT_CREATED, Failure, Round, Trouble
from stead.machinery import times
from stead.machinery.objects import Json, dig


def status_of(round_: Round, troubles: Mapping[str, Trouble], *, failure: Failure | None = None) -> dict[str, Any]:
    """The parts of the status that the kubelet owns. `failure` fails the pod for a reason of its own."""
    pod, old = round_.pod, round_.pod.get("status") or {}
    inits: list[Json] = [container_status(round_, life, troubles) for life in round_.lives.inits]
    mains: list[Json] = [container_status(round_, life, troubles) for life in round_.lives.mains]
    ephemerals: list[Json] = [_ephemeral_status(round_, life, troubles) for life in round_.lives.ephemerals]
    phase = "Failed" if failure and not round_.lives.live else phase_of(round_)
    ips = list(dig(round_.observed.record, "ips", default=())) or [entry["ip"] for entry in old.get("podIPs") or ()]
    hosts = host_ips(round_.observed.node)
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": conditions_of(round_, phase, inits + mains),
        "startTime": old.get("startTime") or round_.now.text,
        "containerStatuses": mains,
    }
    if inits:
        status["initContainerStatuses"] = inits
    if ephemerals:
        status["ephemeralContainerStatuses"] = ephemerals
    if hosts:
        status |= {"hostIP": hosts[0], "hostIPs": [{"ip": ip} for ip in hosts]}
    if ips:
        status |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    if resources := pod["spec"].get("resources"):
        is_held = resizing.hindrance(round_) is not None
        told = (old.get("resources") or {}) if is_held or resizing.is_pod_open(round_) else resources
        given = (old.get("allocatedResources") or {}) if is_held else resources.get("requests") or {}
        status |= {"resources": told, "allocatedResources": given}
    if failure:
        status |= {"reason": failure.reason, "message": failure.message}
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    return status


def changes(old: Json, new: Json) -> dict[str, Any]:
    """The merge patch that makes the parts in `new` so; other parts are not the kubelet's."""
    return {key: value for key, value in new.items() if old.get(key) != value and not is_same(old.get(key), value)}


def is_same(one: Any, other: Any) -> bool:
    """Equal but for fields that are null on one side and missing on the other."""
    if one == other:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(is_same(one.get(key), other.get(key)) for key in {**one, **other})
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return False


# --- phase


def phase_of(round_: Round) -> str:
    """Pending until every container ran once, then Running, until all have ended for good."""
    old = dig(round_.pod, "status", "phase", default="Pending")
    if old in TERMINAL:
        return str(old)
    lives = round_.lives
    inits = [life for life in lives.inits if not life.is_sidecar]
    if not lives.has_begun and any(life.is_over and not life.has_succeeded for life in inits):
        return "Failed" if not lives.live else "Pending"
    is_ending = round_.is_terminating and not lives.live
    if is_ending and any(life.state == "exited" for life in lives.mains):
        return "Succeeded" if all(life.has_succeeded for life in lives.mains if life.state) else "Failed"
    if any(_never_ran(round_, life) for life in lives.mains):
        return "Pending"
    if all(life.is_over for life in lives.mains) and not lives.live:
        return "Succeeded" if all(life.has_succeeded for life in lives.mains) else "Failed"
    return "Running"


def _never_ran(round_: Round, life: Life) -> bool:
    is_before = life.state in ("", "starting") or (life.state == "running" and not _is_shown_running(round_, life))
    return is_before and not life.entry.get("last") and not life.told.get("containerID")


# --- containers


def container_status(round_: Round, life: Life, troubles: Mapping[str, Trouble]) -> dict[str, Any]:
    """One entry of containerStatuses; required fields are always there."""
    entry, now = life.entry, round_.now
    state, last = _states(round_, life, troubles.get(life.name))
    is_waiting_to_run = life.state == "starting" and bool(_last_end(life))
    status: dict[str, Any] = {
        "name": life.name,
        "state": state,
        "lastState": last,
        "ready": _is_ready(round_, life, state),
        "restartCount": life.attempt - is_waiting_to_run if life.state else life.told.get("restartCount", 0),
        "image": life.spec.get("image", ""),
        "imageID": entry.get("image_id") or life.told.get("imageID", ""),
        "started": "running" in state and probes.has_started(life, now),
    }
    is_hidden = life.state == "running" and "running" not in state
    shown = life.told.get("containerID") if is_hidden else entry.get("id") or life.told.get("containerID")
    resources, is_held = life.spec.get("resources") or {}, resizing.hindrance(round_) is not None
    extra = {
        "containerID": shown,
        "allocatedResources": life.told.get("allocatedResources") if is_held else resources.get("requests"),
        "volumeMounts": [_mount_status(mount) for mount in life.spec.get("volumeMounts") or ()],
    }
    if resizing.is_open(life) or is_held:
        status["resources"] = life.told.get("resources") or {}
    elif resources or "running" in state:
        status["resources"] = resources
    return status | {key: value for key, value in extra.items() if value}


def _ephemeral_status(round_: Round, life: Life, troubles: Mapping[str, Trouble]) -> dict[str, Any]:
    """An ephemeral container is never ready: it has no probes, and nobody waits for it."""
    status = container_status(round_, life, troubles)
    return {key: value for key, value in status.items() if key != "started"} | {"ready": False}


def _mount_status(mount: Json) -> Json:
    told = {"name": mount["name"], "mountPath": mount["mountPath"]}
    return {**told, "readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else told


def _is_ready(round_: Round, life: Life, state: Json) -> bool:
    if life.is_init and not life.is_sidecar:
        return bool(dig(state, "terminated") and life.has_succeeded)
    return "running" in state and probes.is_ready(life, round_.now)


def _states(round_: Round, life: Life, trouble: Trouble | None) -> tuple[Json, Json]:
    """`state` and `lastState`."""
    end = _last_end(life)
    last = {"terminated": end} if end else {}
    if life.state == "exited":
        ended = {"terminated": _terminated(life.entry)}
        if round_.is_terminating:
            return ended, last
        if trouble:
            return _waiting(trouble), ended
        return (_told_waiting(life), ended) if _is_told_to_wait(life, ended) else (ended, last)
    if life.state == "unknown":
        return life.told.get("state") or {}, life.told.get("lastState") or {}
    if _is_shown_running(round_, life):
        return {"running": {"startedAt": times.to_text(life.entry["started"])}}, last
    if trouble:
        return _waiting(trouble), last
    if end and life.state == "starting":
        return (_told_waiting(life), last) if _is_told_to_wait(life, last) else ({"terminated": end}, {})
    is_next = life.state == "starting" or (not life.state and life.image.get("state") == "ready")
    if is_next and dig(life.told, "state", "waiting", "reason") in NOT_CREATED:
        return _told_waiting(life), last  # until it runs
    return _waiting(_first_trouble(round_, life)), last


def _is_shown_running(round_: Round, life: Life) -> bool:
    """A container runs for clients once its postStart hook is through."""
    if life.state not in ("running", "stopping") or not life.entry.get("id"):
        return False
    return life.state == "stopping" or life.is_hook_over("postStart", life.entry["began"], round_.now)


def _first_trouble(round_: Round, life: Life) -> Trouble:
    is_initialising = bool(round_.lives.inits) and not round_.lives.has_begun
    return Trouble("PodInitializing" if is_initialising else "ContainerCreating")


def _is_told_to_wait(life: Life, last: Json) -> bool:
    """Why a container waited for its next start is told until it runs: while its image is looked for, and it starts."""
    ended = dig(life.told, "lastState", "terminated", "containerID")
    return bool(dig(life.told, "state", "waiting")) and ended == last["terminated"].get("containerID")


def _told_waiting(life: Life) -> Json:
    return {"waiting": life.told["state"]["waiting"]}


def _waiting(trouble: Trouble) -> Json:
    told = {"reason": trouble.reason, "message": trouble.message}
    return {"waiting": {key: value for key, value in told.items() if value}}


def _last_end(life: Life) -> Json | None:
    """How the attempt before ended: of the record, or as status told it before stead was restarted."""
    if life.entry.get("last"):
        return _terminated(life.entry["last"])
    ends = (dig(life.told, state, "terminated") for state in ("state", "lastState"))
    others = (end for end in ends if end and end.get("containerID") != life.entry.get("id"))
    return next(others, None) if life.attempt > 0 else None


def _terminated(end: Json) -> Json:
    finished = times.to_text(end["finished"])
    told: dict[str, Any] = {
        "exitCode": end.get("code", 0),
        "reason": end.get("reason") or ("Error" if end.get("code") else "Completed"),
        "startedAt": times.to_text(end["started"]) if end.get("started") else finished,
        "finishedAt": finished,
    }
    extra = {"message": end.get("message"), "containerID": end.get("id")}
    return told | {key: value for key, value in extra.items() if value}
