"""Pod: the view, defaults, validation, columns and subresources."""

from dataclasses import dataclass
from typing import Any

from stead.machinery import meta, times
from stead.machinery.objects import Json, dig


@dataclass(frozen=True, slots=True)
class PodView:
    """Typed read access over a Pod: the questions controllers ask."""

    obj: Json

    @property
    def name(self) -> str:
        return meta.name(self.obj)

    @property
    def uid(self) -> str:
        return meta.uid(self.obj)

    @property
    def phase(self) -> str:
        return str(dig(self.obj, "status", "phase", default=""))

    @property
    def node(self) -> str:
        return str(dig(self.obj, "spec", "nodeName", default=""))

    @property
    def ips(self) -> list[str]:
        return [entry["ip"] for entry in dig(self.obj, "status", "podIPs", default=[])]

    @property
    def is_terminating(self) -> bool:
        return meta.is_terminating(self.obj)

    @property
    def is_terminal(self) -> bool:
        return self.phase in ("Failed", "Succeeded")

    @property
    def has_ready_condition(self) -> bool:
        return meta.has_condition(self.obj, "Ready")

    @property
    def is_running_and_ready(self) -> bool:
        return self.phase == "Running" and self.has_ready_condition

    def is_available(self, min_ready_seconds: float, wall: float) -> bool:
        """Ready for at least `min_ready_seconds` (PR-6 in controller.md; the phase is not consulted)."""
        ready = meta.condition(self.obj, "Ready")
        if ready is None or ready.get("status") != "True":
            return False
        if min_ready_seconds <= 0:
            return True
        since = ready.get("lastTransitionTime")
        return bool(since) and times.from_text(str(since)) + min_ready_seconds <= wall

    def claim_names(self) -> list[str]:
        """Names of the claims its volumes use."""
        volumes: list[Any] = dig(self.obj, "spec", "volumes", default=[])
        return [v["persistentVolumeClaim"]["claimName"] for v in volumes if v.get("persistentVolumeClaim")]
