"""Startup, liveness and readiness: which probe is due, and what the counters say. Pure counters over time.

A container that just started is asked more often than its period says (after 0.02 s, 0.04 s, 0.08 s ...), until one
period has passed: it is ready when it is, not at the next full period. Liveness is left alone, and the startup probe's
threshold grows by as many tries, so nothing is killed earlier than its spec says.
"""

from math import ceil, log2

from stead.controllers.kubelet.backoff import seconds_left
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.observed import Observed
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Emit, Plan
from stead.machinery.runtime import RunProbe
from stead.machinery.times import Now

EAGER_SECONDS = 0.02
PROBES = ("startup", "liveness", "readiness")
LOST_AFTER_SECONDS = 30.0  # an answer that late will not come any more: ask again
HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def walk(observed: Observed, life: Life, now: Now, *, is_terminating: bool) -> Plan:
    """The probes that are due for one running container, and when the next will be.

    A terminating pod is asked for readiness only: it may still serve.
    """
    plan = NOTHING
    for name in PROBES if not is_terminating else ("readiness",):
        spec = probe_spec(life, name)
        if spec is not None and _is_wanted(life, name, now):
            plan += _ask(observed, life, name, now)
    return plan


def probe_spec(life: Life, name: str) -> Json | None:
    spec: Json | None = life.spec.get(f"{name}Probe")
    return spec


def has_started(life: Life, now: Now) -> bool:
    """Runs, its postStart is through, and its startup probe (if any) succeeded once."""
    if life.state not in ("running", "stopping") or not life.entry.get("id"):
        return False
    if not life.is_hook_over("postStart", life.entry["began"], now):
        return False
    if probe_spec(life, "startup") is None:
        return True
    verdict = life.probe("startup").get("verdict")
    return verdict is True or (verdict is None and _was(life, "started"))


def is_ready(life: Life, now: Now) -> bool:
    """Started, and its readiness probe (if any) says yes; an adopted container keeps its word until a probe speaks."""
    if not has_started(life, now):
        return False
    if probe_spec(life, "readiness") is None:
        return True
    verdict = life.probe("readiness").get("verdict")
    return verdict is True or (verdict is None and _was(life, "ready"))


def doom(life: Life) -> str:
    """The probe that condemns a running container (`liveness`, `startup`), "" if none does."""
    if life.state != "running":
        return ""
    condemning = (name for name in ("startup", "liveness") if probe_spec(life, name))
    return next((name for name in condemning if life.probe(name).get("verdict") is False), "")


def unhealthy(observed: Observed, life: Life, name: str) -> Emit:
    """The event of one failed probe."""
    assert observed.pod is not None
    message = life.probe(name).get("message", "")
    return Emit(observed.pod, "Warning", "Unhealthy", f"{name.capitalize()} probe failed: {message}", life.part)


def numbered(life: Life, handler: Json) -> Json:
    """A handler whose named port is the number that the container's spec gives it."""
    action = next((name for name in HANDLERS if handler.get(name)), "")
    port = dig(handler, action, "port")
    if not isinstance(port, str):
        return {action: handler.get(action) or {}}
    ports = life.spec.get("ports") or ()
    number = next((entry["containerPort"] for entry in ports if entry.get("name") == port), None)
    return {action: {**handler[action], "port": number if number is not None else int(port) if port.isdigit() else 0}}


def _was(life: Life, field: str) -> bool:
    is_same = bool(life.entry.get("is_adopted")) and life.told.get("containerID") == life.entry.get("id")
    return is_same and bool(life.told.get(field))


def _is_wanted(life: Life, name: str, now: Now) -> bool:
    """Startup until it succeeded, the others from then on; none once the container is condemned."""
    if doom(life):
        return False
    return (not has_started(life, now)) if name == "startup" else has_started(life, now)


def _ask(observed: Observed, life: Life, name: str, now: Now) -> Plan:
    spec, last = life.spec[f"{name}Probe"], life.probe(name)
    if left := seconds_left(_due(life, name), now.mono):
        return Plan(wake_after_seconds=left)
    action = RunProbe(
        observed.key,
        str(dig(observed.pod, "metadata", "uid")),
        life.name,
        life.attempt,
        name,
        numbered(life, spec),
        float(spec.get("timeoutSeconds") or 1),
        success_threshold=spec.get("successThreshold") or 1,
        failure_threshold=(spec.get("failureThreshold") or 3) + (_eager_tries(spec) if name == "startup" else 0),
    )
    is_worth_telling = last.get("is_success") is False and last["sent"] - life.entry["began"] >= _period(spec)
    return Plan((unhealthy(observed, life, name), action) if is_worth_telling else (action,))


def _due(life: Life, name: str) -> float:
    """Mono of the next try."""
    spec, last = life.spec[f"{name}Probe"], life.probe(name)
    began = float(life.entry["began"])
    if not last:
        return began + float(spec.get("initialDelaySeconds") or 0)
    sent = float(last["sent"])
    if last.get("is_in_flight"):
        return sent + float(spec.get("timeoutSeconds") or 1) + LOST_AFTER_SECONDS
    age = sent - began - float(spec.get("initialDelaySeconds") or 0)
    is_young = name != "liveness" and last.get("verdict") is not True and age < _period(spec)
    return sent + (min(_period(spec), max(EAGER_SECONDS, age)) if is_young else _period(spec))


def _period(spec: Json) -> float:
    return float(spec.get("periodSeconds") or 10)


def _eager_tries(spec: Json) -> int:
    return ceil(log2(_period(spec) / EAGER_SECONDS)) + 1
