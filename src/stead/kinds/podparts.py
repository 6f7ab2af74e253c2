"""What of a running pod may still be written, each through a door of its own: ephemeral containers, and resources.

`/ephemeralcontainers` takes containers more and never less; `/resize` takes the cpu and memory of containers that are
there, and of the pod as a whole. Whatever else is sent through these doors is passed over, as if it stood there as it
is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stead.kinds import objectmeta, podlife, podrules
from stead.kinds.checks import Errors
from stead.kinds.kind import Subresource
from stead.kinds.podspecrules import MIRROR
from stead.kinds.shownstructs import difference
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

_RESIZED = ("cpu", "memory")
_TAKEN = ("resources", "resizePolicy")
_LISTS = ("containers", "initContainers")
ONLY = "only cpu and memory resources"


def _as_stored(new: Json, old: Json, spec: Mapping[str, Any]) -> Json:
    """The stored pod under the name, uid and revision that were sent, with another spec."""
    sent = {name: new["metadata"][name] for name in ("uid", "resourceVersion") if name in new["metadata"]}
    return {**old, "metadata": {**old["metadata"], **sent}, "spec": {**old["spec"], **spec}}


# --- ephemeral containers


def take_ephemeral(new: Json, old: Json) -> Json:
    containers = new["spec"].get("ephemeralContainers")
    rest = {name: value for name, value in old["spec"].items() if name != "ephemeralContainers"}
    return _as_stored(new, {**old, "spec": rest}, {"ephemeralContainers": containers} if containers else {})


def validate_ephemeral(new: Json, old: Json) -> Sequence[FieldError]:
    """Those that were there stay as they are; the order does not count."""
    if MIRROR in meta.annotations(old):
        return [fields.forbidden("[]", "static pods do not support ephemeral containers")]
    errors = [*objectmeta.validate_update(new, old), *podrules.validate_whole(new, old)]
    now = {container.get("name", ""): container for container in new["spec"].get("ephemeralContainers") or []}
    for container in old["spec"].get("ephemeralContainers") or []:
        errors += _kept_errors(container, now.get(container["name"]))
    return errors


def _kept_errors(before: Json, now: Json | None) -> Errors:
    path, named = "spec.ephemeralContainers", f"existing ephemeral containers {fields.shown(before['name'])}"
    if now is None:
        return [fields.forbidden(path, f"{named} may not be removed\n")]
    if now == before:
        return []
    changed = difference("core.v1.EphemeralContainer", before, now)
    return [fields.forbidden(path, f"{named} may not be changed\n{changed}")]


# --- resources


def take_resources(new: Json, old: Json) -> Json:
    made: dict[str, Any] = {}
    for list_ in ("containers", "initContainers"):
        sent = {container.get("name", ""): container for container in new["spec"].get(list_) or []}
        if old["spec"].get(list_):
            made[list_] = [_with_sent(container, sent.get(container["name"])) for container in old["spec"][list_]]
    rest = {name: value for name, value in old["spec"].items() if name != "resources"}
    if new["spec"].get("resources"):
        made["resources"] = new["spec"]["resources"]
    return _as_stored(new, {**old, "spec": rest}, made)


def _with_sent(container: Json, sent: Json | None) -> Json:
    if sent is None:
        return container
    kept = {name: value for name, value in container.items() if name not in _TAKEN or name in sent}
    return {**kept, **{name: sent[name] for name in _TAKEN if name in sent}}


def validate_resize(new: Json, old: Json) -> Sequence[FieldError]:
    """Cpu and memory of containers and of the pod, as long as the pod's class of service stays what it is."""
    if MIRROR in meta.annotations(old):
        return [fields.forbidden("[]", "static pods cannot be resized")]
    if dig(old, "spec", "os", "name") == "windows":
        return [fields.forbidden("[]", "windows pods cannot be resized")]
    errors = [*objectmeta.validate_update(new, old), *podrules.validate_whole(new, old)]
    class_ = dig(old, "status", "qosClass", default=podlife.qos_class(old))
    if podlife.qos_class(new) != class_:
        told = "Pod QOS Class may not change as a result of resizing"
        errors.append(fields.invalid("spec", class_, told))
    if not _is_resizable(old):
        errors.append(fields.forbidden("spec", "Pod running on node without support for resize"))
    errors += _pod_errors(new["spec"].get("resources"), old["spec"].get("resources"))
    for list_ in ("initContainers", "containers"):
        for index, now, before in _pairs(list_, new, old):
            errors += _removed(now.get("resources"), before.get("resources"), f"spec.{list_}[{index}].resources")
    for list_ in ("containers", "initContainers"):
        for index, now, before in _pairs(list_, new, old):
            errors += _container_errors(list_, index, now, before)
    return errors or _other_errors(new, old)


def _pairs(list_: str, new: Json, old: Json) -> Iterator[tuple[int, Json, Json]]:
    found = zip(new["spec"].get(list_) or [], old["spec"].get(list_) or [], strict=True)
    return ((index, now, before) for index, (now, before) in enumerate(found))


def _is_resizable(pod: Json) -> bool:
    """A node that can resize tells what its containers have; while none runs nobody knows, and it may be tried."""
    for status in dig(pod, "status", "containerStatuses", default=[]):
        if dig(status, "state", "running") is not None:
            return status.get("resources") is not None
    return True


def _pod_errors(now: Json | None, before: Json | None) -> Errors:
    """Of what the pod asks for as a whole."""
    path = "spec.resources"
    if before and not now:
        return [fields.forbidden(path, "pod-level resources cannot be removed")]
    errors = _removed(now, before, path, "pod-level ") if before else []
    if _with_amounts(now or {}, before or {}) != (before or {}):
        errors.append(fields.forbidden("spec", f"{ONLY} are mutable at pod-level"))
    return errors


def _removed(now: Json | None, before: Json | None, path: str, whose: str = "") -> Errors:
    errors: Errors = []
    for part, word in (("requests", "resource requests"), ("limits", "resource limits")):
        if set(dig(before, part, default={})) - set(dig(now, part, default={})):
            errors.append(fields.forbidden(f"{path}.{part}", f"{whose}{word} cannot be removed"))
    return errors


def _container_errors(list_: str, index: int, now: Json, before: Json) -> Errors:
    """What remains when cpu and memory are as they were should be nothing."""
    is_main, path = list_ == "containers", f"spec.{list_}[{index}]"
    errors: Errors = []
    if _with_amounts_of(now, before) != before:
        whose = "" if is_main else " for init or sidecar containers"
        errors.append(fields.forbidden("spec" if is_main else path, f"{ONLY}{whose} are mutable"))
    restarts = any(one.get("restartPolicy") == "RestartContainer" for one in before.get("resizePolicy") or ())
    if not is_main and now != before and now.get("restartPolicy") != "Always" and restarts:
        told = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
        errors.append(fields.forbidden(path, told))
    return errors


def _other_errors(new: Json, old: Json) -> Errors:
    spec = {name: value for name, value in new["spec"].items() if name not in (*_LISTS, "resources")}
    spec |= {name: old["spec"][name] for name in (*_LISTS, "resources") if name in old["spec"]}
    if spec == old["spec"]:
        return []
    changed = difference("core.v1.PodSpec", old["spec"], spec)
    return [fields.forbidden("spec", f"{ONLY} are mutable\n{changed}")]


def _with_amounts_of(now: Json, before: Json) -> Json:
    kept = {name: value for name, value in now.items() if name not in _TAKEN}
    policy = before.get("resizePolicy")
    resources = _with_amounts(now.get("resources") or {}, before.get("resources") or {})
    return {**kept, "resources": resources, **({"resizePolicy": policy} if policy else {})}


def _with_amounts(now: Json, before: Json) -> Json:
    """Resources with the cpu and memory of before."""
    resources = {**now}
    for part in ("requests", "limits"):
        then = before.get(part) or {}
        amounts = {name: value for name, value in (resources.get(part) or {}).items() if name not in _RESIZED}
        amounts |= {name: then[name] for name in _RESIZED if name in then}
        resources = {name: value for name, value in resources.items() if name != part}
        if amounts:
            resources[part] = amounts
    return resources


EPHEMERAL = Subresource("ephemeralcontainers", take=take_ephemeral, validate=validate_ephemeral)
RESIZE = Subresource("resize", take=take_resources, validate=validate_resize)
