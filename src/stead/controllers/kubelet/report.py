"""What a round tells: the status patch where something changed, the events that go with it, and what is waited for."""

from collections.abc import Mapping

from stead.controllers.kubelet import events, status
from stead.controllers.kubelet.round import Failure, Round, Trouble
from stead.machinery.plan import NOTHING, Fence, Patch, Plan, Waiting


def report(round_: Round, troubles: Mapping[str, Trouble] | None = None, failure: Failure | None = None) -> Plan:
    """The status patch where something changed, and the events that go with the change."""
    if _is_unsure(round_):
        return NOTHING
    new = status.status_of(round_, troubles or {}, failure=failure)
    changed = status.changes(round_.pod.get("status") or {}, new)
    if not changed:
        return NOTHING
    patch = Patch(round_.observed.key, {"status": changed}, subresource="status", uid=round_.uid)
    return Plan((patch, Fence(), *events.told(round_, new)))


def reject(round_: Round, refusal: Failure) -> Plan:
    """The pod is not taken: it fails, and nothing else is ever said of it."""
    status = {
        "phase": "Failed",
        "reason": refusal.reason,
        "message": f"Pod was rejected: {refusal.message}",
        "startTime": round_.now.text,
        "observedGeneration": round_.pod["metadata"].get("generation"),
    }
    body = {"status": {name: value for name, value in status.items() if value}}
    patch = Patch(round_.observed.key, body, subresource="status", uid=round_.uid)
    return Plan((patch, Fence(), round_.event("Warning", refusal.reason, refusal.message)))


def _is_unsure(round_: Round) -> bool:
    """stead was restarted and the runtime has not said yet what became of the pod."""
    record = round_.observed.record
    is_silent = record is None or (record["state"] == "starting" and not record["era"])
    return is_silent and any(life.told.get("containerID") for life in round_.lives.all)


def wait(round_: Round, why: str) -> Plan:
    return Plan(waiting=(Waiting(f"{round_.observed.key.name}: {why}", about=round_.observed.key),))
