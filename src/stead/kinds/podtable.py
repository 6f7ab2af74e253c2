"""A pod as a row of the server's table: above all, the one word that tells how it is (2.7 in api.md)."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from stead.kinds.columns import AGE, NAME, Cell, since
from stead.kinds.kind import Column
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now


class _Told(Struct, frozen=True):
    """What the containers say: the status word, how many run ready of how many, restarts and the last of them."""

    reason: str
    ready: int = 0
    total: int = 0
    restarts: int = 0
    last_restart: str = ""


def ready_cell(obj: Json, now: Now) -> str:
    told = _told(obj)
    return f"{told.ready}/{told.total}"


def status_cell(obj: Json, now: Now) -> str:
    return _told(obj).reason


def restarts_cell(obj: Json, now: Now) -> str:
    """`3 (5m ago)`."""
    told = _told(obj)
    ago = f" ({since(told.last_restart, now)} ago)" if told.restarts and told.last_restart else ""
    return f"{told.restarts}{ago}"


def row_conditions(obj: Json) -> Sequence[Json]:
    """A pod that is done says so beside its row."""
    outcome = _DONE.get(dig(obj, "status", "phase", default=""))
    return ({"type": "Completed", "status": "True", **outcome},) if outcome else ()


_DONE = {
    "Succeeded": {"reason": "Succeeded", "message": "The pod has completed successfully."},
    "Failed": {"reason": "Failed", "message": "The pod failed."},
}


def _told(obj: Json) -> _Told:
    status = obj.get("status") or {}
    word = status.get("reason") or status.get("phase") or ""
    if _is_gated(status):
        word = "SchedulingGated"
    beginning = _initialization(obj, word)
    told = beginning.told
    if not beginning.is_under_way:
        told = _from_containers(obj, beginning)
    return _Told(_when_deleted(obj, told.reason), told.ready, told.total, told.restarts, told.last_restart)


def _is_gated(status: Json) -> bool:
    conditions = status.get("conditions") or []
    return any(c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in conditions)


def _when_deleted(obj: Json, word: str) -> str:
    """A pod that is done keeps its own word to the end."""
    if not meta.is_terminating(obj):
        return word
    if dig(obj, "status", "reason") == "NodeLost":
        return "Unknown"
    return word if dig(obj, "status", "phase") in ("Failed", "Succeeded") else "Terminating"


class _Beginning(Struct, frozen=True):
    """The init containers: what they tell, whether one of them is still at it, and what sidecars add."""

    told: _Told
    is_under_way: bool
    sidecar_restarts: int = 0
    last_sidecar_restart: str = ""


def _initialization(obj: Json, word: str) -> _Beginning:
    spec = obj.get("spec") or {}
    sidecars = {c["name"] for c in spec.get("initContainers") or [] if c.get("restartPolicy") == "Always"}
    statuses = dig(obj, "status", "initContainerStatuses", default=[])
    total = len(spec.get("containers") or []) + len(sidecars)
    restarts, last, ready = 0, "", 0
    side_restarts, last_side = 0, ""
    for index, status in enumerate(statuses):
        restarts += status.get("restartCount", 0)
        last = max(last, _last_end(status))
        if status["name"] in sidecars:
            side_restarts += status.get("restartCount", 0)
            last_side = max(last_side, _last_end(status))
        if _has_completed(status):
            continue
        if status["name"] in sidecars and status.get("started"):
            ready += 1 if status.get("ready") else 0
            continue
        word = _initializing(status, index, len(spec.get("initContainers") or []))
        return _Beginning(_Told(word, ready, total, restarts, last), True)
    return _Beginning(_Told(word, ready, total, restarts, last), False, side_restarts, last_side)


def _has_completed(status: Json) -> bool:
    terminated = dig(status, "state", "terminated")
    return terminated is not None and terminated.get("exitCode", 0) == 0


def _initializing(status: Json, index: int, count: int) -> str:
    terminated, waiting = dig(status, "state", "terminated"), dig(status, "state", "waiting")
    if terminated is not None:
        return f"Init:{_end(terminated)}"
    reason = (waiting or {}).get("reason")
    return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{index}/{count}"


def _end(terminated: Json) -> str:
    """How a container ended: its reason, else its signal, else its exit code."""
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _from_containers(obj: Json, beginning: _Beginning) -> _Told:
    """The first container that has something to say gives the word; so they are read last to first."""
    word, ready, is_running = beginning.told.reason, beginning.told.ready, False
    restarts, last, failed = beginning.sidecar_restarts, beginning.last_sidecar_restart, ""
    for status in reversed(dig(obj, "status", "containerStatuses", default=[])):
        restarts += status.get("restartCount", 0)
        last = max(last, _last_end(status))
        waiting, terminated = dig(status, "state", "waiting"), dig(status, "state", "terminated")
        if (waiting or {}).get("reason"):
            word = waiting["reason"]
        elif terminated is not None:
            word = _end(terminated)
            failed = word if terminated.get("exitCode", 0) else failed
        elif status.get("ready") and dig(status, "state", "running") is not None:
            is_running, ready = True, ready + 1
    if word == "Completed":
        word = _half_completed(obj, is_running, failed)
    return _Told(word, ready, beginning.told.total, restarts, last)


def _half_completed(obj: Json, is_running: bool, failed: str) -> str:
    """One container's `Completed` is not the pod's while others run, or one has failed."""
    if is_running:
        return "Running" if meta.has_condition(obj, "Ready") else "NotReady"
    return failed or "Completed"


def _last_end(status: Json) -> str:
    return str(dig(status, "lastState", "terminated", "finishedAt", default=""))


def _ip(obj: Json, now: Now) -> str:
    ips = dig(obj, "status", "podIPs", default=[])
    return (ips[0].get("ip") if ips else "") or dig(obj, "status", "podIP") or "<none>"


def _readiness_gates(obj: Json, now: Now) -> str:
    gates = dig(obj, "spec", "readinessGates", default=[])
    true = sum(meta.has_condition(obj, gate.get("conditionType", "")) for gate in gates)
    return f"{true}/{len(gates)}" if gates else "<none>"


def _or_none(*path: str) -> Cell:
    def cell(obj: Json, now: Now) -> Any:
        return dig(obj, *path) or "<none>"

    return cell


COLUMNS = (
    NAME,
    Column("Ready", ready_cell, description="Ready containers of all."),
    Column("Status", status_cell, description="How it is, in one word."),
    Column("Restarts", restarts_cell, description="How often its containers were started again."),
    AGE,
    Column("IP", _ip, priority=1, description="Its address."),
    Column("Node", _or_none("spec", "nodeName"), priority=1, description="Where it runs."),
    Column("Nominated Node", _or_none("status", "nominatedNodeName"), priority=1, description="Where it may run."),
    Column("Readiness Gates", _readiness_gates, priority=1, description="Gates passed of all."),
)
