"""How containers end: preStop, the stop signal, the grace that both share; sidecars last; then the pod itself.

Order and words: section 3.8 of around.md, S-7 of api.md.
"""

from collections.abc import Iterable

from stead.controllers.kubelet import probes, sandbox
from stead.controllers.kubelet.backoff import seconds_left
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.record import entry_of
from stead.controllers.kubelet.round import Round
from stead.machinery import times
from stead.machinery.objects import Json
from stead.machinery.plan import NOTHING, Emit, Plan
from stead.machinery.runtime import RemoveSandbox, RunProbe, StopContainer

DEFAULT_GRACE_SECONDS = 30.0
LEAST_GRACE_SECONDS = 2.0  # what is left to a container whose preStop used the grace up
FORCED_GRACE_SECONDS = 1.0
WHOLE_SECOND = 1.5  # deletionTimestamp has whole seconds: so late is still at once


def clear(strays: Iterable[Json]) -> Plan:
    """Stop and remove what runs for pods that the API has forgotten (deleted by force)."""
    plan = NOTHING
    for record in strays:
        pod, uid = sandbox.pod_of(record), sandbox.uid_of(record)
        live = sandbox.live_containers(record)
        running = (name for name in live if entry_of(record, name)["state"] != "stopping")
        plan += Plan(tuple(StopContainer(pod, uid, name, LEAST_GRACE_SECONDS) for name in running))
        if not live and record["state"] != "removing":
            plan += Plan((RemoveSandbox(pod, uid),))
    return plan


def spec_grace(pod: Json) -> float:
    written = pod["spec"].get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if written is None else float(written)


def deletion_grace(pod: Json) -> float:
    written = pod["metadata"].get("deletionGracePeriodSeconds")
    return spec_grace(pod) if written is None else max(FORCED_GRACE_SECONDS, float(written))


def deletion_began(round_: Round) -> float:
    """Mono of the request to delete; deletionTimestamp is when its grace ends."""
    metadata = round_.pod["metadata"]
    grace = metadata.get("deletionGracePeriodSeconds")
    end = times.from_text(metadata["deletionTimestamp"])
    return round_.now.mono - (round_.now.wall - (end - float(spec_grace(round_.pod) if grace is None else grace)))


def stop_all(round_: Round, grace: float, since: float) -> Plan:
    """Everything of the pod, from mono `since` with `grace` in all: containers together, then sidecars in reverse."""
    ordinary = [life for life in round_.lives.live if not life.is_sidecar]
    last_sidecar = [life for life in reversed(round_.lives.sidecars) if life.is_live][:1]
    plan = NOTHING
    for life in ordinary or last_sidecar:
        plan += stop(round_, life, grace, since, why=f"Stopping container {life.name}")
    return plan


def stop(round_: Round, life: Life, grace: float, since: float, *, why: str) -> Plan:
    """One container: its preStop hook, then its stop signal. `why` is the message of the Killing event."""
    mono, killing = round_.now.mono, round_.event("Normal", "Killing", why, life)
    if life.state == "stopping":
        return _hurry(round_, life, since + grace)
    hook, told = life.hook("preStop"), life.probe("preStop")
    if hook is None or life.state != "running" or life.is_hook_over("preStop", since, round_.now):
        return Plan((*_hook_failed(round_, life), *(() if told else (killing,)), _stop(round_, life, grace, since)))
    left = seconds_left(since + grace, mono)
    if not left:
        return Plan((_stop(round_, life, grace, since),))
    if "sleep" in hook:
        return Plan(wake_after_seconds=min(left, seconds_left(since + float(hook["sleep"]["seconds"]), mono)))
    if told:
        return Plan(wake_after_seconds=left)
    pod, handler = round_.observed.key, probes.numbered(life, hook)
    return Plan((killing, RunProbe(pod, round_.uid, life.name, life.attempt, "preStop", handler, left)))


def _stop(round_: Round, life: Life, grace: float, since: float) -> StopContainer:
    left = grace if round_.now.mono - since < WHOLE_SECOND else since + grace - round_.now.mono
    seconds = max(min(LEAST_GRACE_SECONDS, grace), left)
    return StopContainer(round_.observed.key, round_.uid, life.name, seconds)


def _hurry(round_: Round, life: Life, deadline: float) -> Plan:
    """A later request may shorten the grace; one whose deadline is over is as short as it can be once it is zero."""
    left = max(0.0, deadline - round_.now.mono)
    if life.entry["kill_at"] - (round_.now.mono + left) <= LEAST_GRACE_SECONDS + WHOLE_SECOND:
        return NOTHING
    return Plan((StopContainer(round_.observed.key, round_.uid, life.name, left),))


def _hook_failed(round_: Round, life: Life) -> tuple[Emit, ...]:
    told = life.probe("preStop")
    if told.get("is_success") is not False:
        return ()
    return (round_.event("Warning", "FailedPreStopHook", f"PreStopHook failed: {told.get('message', '')}", life),)
