"""What goes wrong: each fault of a schedule by its verb, and the refusals that the kernel's door meets.

A fault on something that is not there does nothing: in a schedule that is being shrunk, things go missing.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.plan import Action, AnyController, Create, Delete, Lost, Outcome, Patch, Refused, Update
from stead.simulation.shell import Simulation

_WRITES = {Create: "create", Update: "update", Patch: "patch", Delete: "delete"}
_MESSAGES = {
    "Conflict": "the object has been modified; please apply your changes to the latest version and try again",
    "Forbidden": "exceeded quota: simulated",
    "AlreadyExists": "already exists",
    "TooManyRequests": "too many requests",
    "InternalError": "simulated",
}


class _Refusal(Struct):
    reason: str
    times: int
    write: str
    kind: str
    by: str

    def matches(self, controller: str, action: Action) -> bool:
        verb = _WRITES.get(type(action), "")
        if not verb or self.by not in ("", "any", controller.partition("/")[0]):
            return False
        return self.write in ("any", verb) and self.kind in ("", _kind_of(action))


class Mischief:
    """Answers actions instead of the API: refusals by the number, and a quota of pods."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._refusals: list[_Refusal] = []
        self.most_pods: int | None = None

    def refuse(self, said: Mapping[str, Any]) -> None:
        self._refusals.append(_Refusal(**said))

    def end(self) -> None:
        """From now on every write is taken."""
        self._refusals.clear()
        self.most_pods = None

    def __call__(self, controller: AnyController, action: Action) -> Outcome | None:
        for refusal in self._refusals:
            if refusal.matches(controller.name, action):
                refusal.times -= 1
                self._refusals = [one for one in self._refusals if one.times > 0]
                return self._answered(refusal.reason, controller, action)
        is_new_pod = isinstance(action, Create) and action.obj["kind"] == "Pod"
        if is_new_pod and self.most_pods is not None and len(self._simulation.store.rows("Pod")) >= self.most_pods:
            return Refused("Forbidden", f"exceeded quota: pods, limited: {self.most_pods}")
        return None

    def _answered(self, reason: str, controller: AnyController, action: Action) -> Outcome:
        if reason == "Unheard":
            self._simulation.cluster.carry_out(controller, action, self._simulation.now)
        if reason in ("Unheard", "Lost"):
            return Lost("connection lost")
        return Refused(reason, _MESSAGES[reason])


def crash_container(simulation: Simulation, pod: str, code: int) -> None:
    uid, container = _first_container(simulation, pod)
    with suppress(KeyError):
        simulation.runtime_of(uid).crash(uid, container, code)


def say_ready(simulation: Simulation, pod: str, says: bool | None) -> None:
    uid, container = _first_container(simulation, pod)
    with suppress(KeyError):
        simulation.runtime_of(uid).set_ready(uid, container, says)


def fail_pod(simulation: Simulation, pod: str, phase: str, reason: str) -> None:
    """The node gave it up: its phase is final, and whatever still ran of it ends."""
    status = {"phase": phase, "reason": reason, "message": "simulated"}
    simulation.cluster.api.merge_patch(
        Key("Pod", "default", pod), {"status": status}, simulation.now, subresource="status"
    )


def _first_container(simulation: Simulation, pod: str) -> tuple[str, str]:
    found = simulation.get("Pod", pod)
    return (meta.uid(found), str(found["spec"]["containers"][0]["name"])) if found else ("", "")


def _kind_of(action: Action) -> str:
    if isinstance(action, Create | Update):
        return str(action.obj["kind"])
    return action.key.kind if isinstance(action, Patch | Delete) else ""
