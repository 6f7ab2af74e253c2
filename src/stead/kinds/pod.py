"""Pod: the view and the kind. What it becomes, may not be and is shown as: `podlife`, `pod...rules`, `podtable`."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from stead.kinds import podlife, podparts, podrules, podstatusrules, podtable
from stead.kinds.kind import Kind, Subresource
from stead.kinds.podwarnings import pod_warnings
from stead.machinery import meta, times
from stead.machinery.objects import Json, dig


class PodView(Struct, frozen=True):
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


def _flag(*path: str) -> Callable[[Json], str]:
    return lambda obj: str(bool(dig(obj, *path, default=False))).lower()


def _text(*path: str) -> Callable[[Json], str]:
    return lambda obj: str(dig(obj, *path, default=""))


POD = Kind(
    id="Pod",
    name="Pod",
    plural="pods",
    version="v1",
    short_names=("po",),
    categories=("all",),
    type="core.v1.Pod",
    has_generation=True,
    default=podlife.default,
    prepare_create=podlife.prepare_create,
    prepare_update=podlife.prepare_update,
    prepare_status=podlife.prepare_status,
    validate_create=podrules.validate_create,
    validate_update=podrules.validate_update,
    validate_status=podstatusrules.validate_status,
    warnings=lambda new, old: [] if old is not None else pod_warnings(new),
    status_warnings=podstatusrules.warnings,
    columns=podtable.COLUMNS,
    row_conditions=podtable.row_conditions,
    subresources=(
        Subresource("attach", ("create", "get"), kind="PodAttachOptions"),
        Subresource("binding", ("create",), kind="Binding"),
        podparts.EPHEMERAL,
        Subresource("eviction", ("create",), kind="Eviction", group="policy", version="v1"),
        Subresource("exec", ("create", "get"), kind="PodExecOptions"),
        Subresource("log", ("get",)),
        Subresource("portforward", ("create", "get"), kind="PodPortForwardOptions"),
        podparts.RESIZE,
        Subresource("status"),
    ),
    selectable_fields={
        "spec.nodeName": _text("spec", "nodeName"),
        "spec.restartPolicy": _text("spec", "restartPolicy"),
        "spec.schedulerName": _text("spec", "schedulerName"),
        "spec.serviceAccountName": _text("spec", "serviceAccountName"),
        "spec.hostNetwork": _flag("spec", "hostNetwork"),
        "status.phase": _text("status", "phase"),
        "status.podIP": _text("status", "podIP"),
        "status.podIPs": _text("status", "podIP"),
        "status.nominatedNodeName": _text("status", "nominatedNodeName"),
    },
    deletion_grace_seconds=podlife.deletion_grace_seconds,
)
