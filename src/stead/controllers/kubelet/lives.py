"""One container's life: its spec, its record, and what the pod's status told before stead forgot."""

from typing import Any

from msgspec import Struct, structs

from stead.controllers.kubelet import backoff
from stead.controllers.kubelet.observed import Observed
from stead.controllers.kubelet.record import LIVE, LOST, LOST_MESSAGE, entry_of, image_of
from stead.machinery import times
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now


class Life(Struct, frozen=True):
    """`entry` is the container's part of the record ({}: never started), `told` its part of the pod's status ({})."""

    spec: Json
    entry: Json
    image: Json
    told: Json
    policy: str  # Always, OnFailure or Never
    era: int = 0  # of the sandbox there is now
    is_init: bool = False
    is_ephemeral: bool = False

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def part(self) -> str:
        """Where it stands in the pod, as events name it."""
        fields = "ephemeralContainers" if self.is_ephemeral else "initContainers" if self.is_init else "containers"
        return f"spec.{fields}{{{self.name}}}"

    @property
    def state(self) -> str:
        """ "", starting, running, stopping or exited; `unknown`: status says that it ran and nobody has seen it yet."""
        return str(self.entry.get("state", ""))

    @property
    def attempt(self) -> int:
        return int(self.entry.get("attempt", 0))

    @property
    def is_sidecar(self) -> bool:
        return self.is_init and self.spec.get("restartPolicy") == "Always"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def is_over(self) -> bool:
        """It ended and will not be started again."""
        return self.state == "exited" and not self.is_to_restart

    @property
    def has_succeeded(self) -> bool:
        return self.state == "exited" and self.entry.get("code") == 0

    @property
    def is_past(self) -> bool:
        """It belongs to a sandbox that is gone; an init container runs again in the new one."""
        return bool(self.entry) and int(self.entry["era"]) != self.era

    @property
    def is_to_restart(self) -> bool:
        if self.state != "exited":
            return False
        if self.is_init and not self.is_sidecar and self.has_succeeded:
            return self.is_past
        if any(_matches(rule, self.entry.get("code", 0)) for rule in self.spec.get("restartPolicyRules") or ()):
            return True
        return self.policy == "Always" or (self.policy == "OnFailure" and not self.has_succeeded)

    @property
    def restart_due(self) -> float:
        """Mono of the earliest restart after the end."""
        return float(self.entry.get("at", 0.0)) + backoff.delay_after(self.entry)

    def probe(self, name: str) -> Json:
        """The counters of a probe or hook in this attempt."""
        found: Json = dig(self.entry, "probes", name, default={})
        return found

    def hook(self, name: str) -> Json | None:
        """The lifecycle handler of that name, if any."""
        found: Json | None = dig(self.spec, "lifecycle", name)
        return found

    def is_hook_over(self, name: str, since: float, now: Now) -> bool:
        """Whether postStart or preStop (begun at mono `since`) is through; a sleep is over when its time is."""
        handler = self.hook(name)
        if handler is None or (name == "postStart" and self.entry.get("is_adopted")):
            return True
        if "sleep" in handler:
            seconds = float(dig(handler, "sleep", "seconds", default=0))
            return not backoff.seconds_left(since + seconds, now.mono)
        return "at" in self.probe(name) and not self.probe(name).get("is_in_flight")


class Lives(Struct, frozen=True):
    """All containers of a pod, in the order of its spec."""

    inits: tuple[Life, ...]
    mains: tuple[Life, ...]
    ephemerals: tuple[Life, ...] = ()

    @property
    def all(self) -> tuple[Life, ...]:
        return self.inits + self.mains + self.ephemerals

    @property
    def sidecars(self) -> tuple[Life, ...]:
        return tuple(life for life in self.inits if life.is_sidecar)

    @property
    def live(self) -> tuple[Life, ...]:
        return tuple(life for life in self.all if life.is_live)

    @property
    def has_begun(self) -> bool:
        """Whether a container of the pod proper was ever started: then its init containers are through."""
        return any(life.state and not life.is_past for life in self.mains)


def lives_of(observed: Observed, now: Now) -> Lives:
    """Every container of the observed pod, with what the record or, failing that, the status knows."""
    assert observed.pod is not None
    spec, status = observed.pod["spec"], observed.pod.get("status") or {}
    told = {
        entry["name"]: entry
        for field in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for entry in status.get(field) or ()
    }
    policy = spec.get("restartPolicy", "Always")
    era = observed.record["era"] if observed.record else 0

    def life(container: Json, *, is_init: bool) -> Life:
        name = container["name"]
        entry = entry_of(observed.record, name)
        if not entry and observed.record and observed.record["state"] == "running":
            entry = _remembered(told.get(name, {}), observed.record, now)
        own = container.get("restartPolicy") or ("OnFailure" if is_init and policy == "Always" else policy)
        image = image_of(observed.record, name)
        return Life(container, entry, image, told.get(name, {}), own, era, is_init)

    inits = tuple(life(container, is_init=True) for container in spec.get("initContainers") or ())
    mains = tuple(life(container, is_init=False) for container in spec.get("containers") or ())
    ephemerals = tuple(
        structs.replace(life(container, is_init=False), policy="Never", is_ephemeral=True)
        for container in spec.get("ephemeralContainers") or ()
    )
    return Lives(inits, mains, ephemerals)


def _remembered(told: Json, record: Json, now: Now) -> Json:
    """An entry made of the pod's status, for a container that no runtime has reported since stead started.

    In a sandbox made anew nothing of it can run (a reboot): it has ended. In one that was found it may still run; the
    attempt is asked for once more, and the runtime answers what became of it.
    """
    if not told.get("containerID"):
        return {}
    era = record["era"] - 1 if record["is_new"] else record["era"]
    known = {"attempt": told.get("restartCount", 0), "era": era}
    known |= {"id": told["containerID"], "image_id": told.get("imageID", "")}
    end = dig(told, "state", "terminated") or (dig(told, "lastState", "terminated") if _waits(told) else None)
    if end:
        return {"state": "exited", **known, **_ended(end, now)}
    if not record["is_new"]:
        return {"state": "unknown", **known}
    lost = {**LOST, "message": LOST_MESSAGE, "finished": now.wall, "at": record["at"]}
    return {"state": "exited", **known, **lost}


def _matches(rule: Json, code: int) -> bool:
    """Whether a container's own rule wants a restart after that exit code."""
    codes = rule.get("exitCodes") or {}
    is_listed = code in (codes.get("values") or ())
    return rule.get("action") == "Restart" and (is_listed if codes.get("operator") == "In" else not is_listed)


def _waits(told: Json) -> bool:
    return dig(told, "state", "waiting") is not None


def _ended(end: Json, now: Now) -> dict[str, Any]:
    finished = times.from_text(end["finishedAt"]) if end.get("finishedAt") else now.wall
    return {
        "code": end.get("exitCode", 0),
        "signal": end.get("signal", 0),
        "reason": end.get("reason", ""),
        "message": end.get("message", ""),
        "started": times.from_text(end["startedAt"]) if end.get("startedAt") else finished,
        "finished": finished,
        "at": now.mono - max(0.0, now.wall - finished),
    }
