"""What a pod that names its operating system cannot ask for, because the other one has it."""

from collections.abc import Iterator, Sequence

from stead.kinds.checks import Errors, known
from stead.machinery import fields
from stead.machinery.objects import Json

_OF_POD_ON_WINDOWS = (
    "securityContext.appArmorProfile",
    "securityContext.seLinuxOptions",
    "hostPID",
    "hostIPC",
    "securityContext.seccompProfile",
    "securityContext.fsGroup",
    "securityContext.fsGroupChangePolicy",
    "securityContext.sysctls",
    "shareProcessNamespace",
    "securityContext.runAsUser",
    "securityContext.runAsGroup",
    "securityContext.supplementalGroups",
    "securityContext.supplementalGroupsPolicy",
)
_OF_CONTAINER_ON_WINDOWS = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)


def validate_os(spec: Json, path: str) -> Errors:
    system = spec.get("os")
    if system is None:
        return []
    if not system.get("name"):
        return [fields.required(f"{path}.os.name", "cannot be empty")]
    wrong = known(f"{path}.os", system["name"], ["linux", "windows"])
    return wrong or (_linux_errors if system["name"] == "linux" else _windows_errors)(spec, path)


def _linux_errors(spec: Json, path: str) -> Errors:
    places = [(f"{path}.securityContext", spec.get("securityContext") or {}), *_contexts(spec, path)]
    told = "windows options cannot be set for a linux pod"
    given = [at for at, context in places if context.get("windowsOptions") is not None]
    return [fields.forbidden(f"{at}.windowsOptions", told) for at in given]


def _windows_errors(spec: Json, path: str) -> Errors:
    found = _given(spec, _OF_POD_ON_WINDOWS, path)
    for at, context in _contexts(spec, path):
        found += _given(context, _OF_CONTAINER_ON_WINDOWS, at)
    return [fields.forbidden(at, "cannot be set for a windows pod") for at in found]


def _given(value: Json, members: Sequence[str], path: str) -> list[str]:
    """Where something is set that is not the same as nothing."""
    return [f"{path}.{member}" for member in members if _at(value, member) not in (None, [], {})]


def _at(value: Json, member: str) -> object:
    first, _, rest = member.partition(".")
    found = value.get(first)
    if first in ("hostPID", "hostIPC"):
        return found or None
    return (found or {}).get(rest) if rest else found


def _contexts(spec: Json, path: str) -> Iterator[tuple[str, Json]]:
    for list_ in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(list_) or []):
            yield f"{path}.{list_}[{index}].securityContext", container.get("securityContext") or {}
