"""What a pod becomes: its defaults, what create sets, its quality of service and its grace (S-7, S-8 in api.md)."""

from collections import defaultdict
from typing import Any

from stead.kinds import apparmor, labelkeys
from stead.kinds.containers import with_host_ports, with_requests_from_limits
from stead.kinds.defaulting import each, filled
from stead.kinds.podspec import default_pod_spec
from stead.machinery import meta, quantity
from stead.machinery.objects import Json, dig, without

_COMPUTE = ("cpu", "memory")
_GATED = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}
_OBSERVED = "observedGeneration"


def default(obj: Json) -> Json:
    """A template's defaults, and what only a pod gets: requests from limits, host ports, service links."""
    spec = filled(default_pod_spec(obj.get("spec") or {}), enableServiceLinks=True)
    if spec["terminationGracePeriodSeconds"] < 0:
        spec = {**spec, "terminationGracePeriodSeconds": 1}  # of a pod alone: a template keeps what it says
    for containers in ("initContainers", "containers"):
        spec = each(spec, containers, with_requests_from_limits)
        if spec.get("hostNetwork"):
            spec = each(spec, containers, with_host_ports)
    return _with_ips({**obj, "spec": spec})


def _with_ips(obj: Json) -> Json:
    """`podIP` and the first of `podIPs` tell the same, whichever was given."""
    status = obj.get("status") or {}
    address, all_ = status.get("podIP"), status.get("podIPs") or []
    if address and not (all_ and all_[0].get("ip") == address):
        return {**obj, "status": {**status, "podIPs": [{"ip": address}]}}
    if all_ and not address:
        return {**obj, "status": {**status, "podIP": all_[0].get("ip", "")}}
    return obj


def prepare_create(obj: Json) -> Json:
    """S-8: a new pod is Pending, and its class of service is reckoned once and for all."""
    obj = apparmor.annotated(obj)
    obj = {**obj, "spec": labelkeys.merged(obj["spec"], meta.labels(obj))}
    status: dict[str, Any] = {"phase": "Pending"}
    if obj["spec"].get("schedulingGates"):
        status["conditions"] = [_GATED]
    return {**obj, "status": {**status, "qosClass": qos_class(obj)}}


def prepare_update(new: Json, old: Json) -> Json:
    return {**new, "status": old.get("status") or {}}


def prepare_status(new: Json, old: Json) -> Json:
    """The spec is the stored one, and so are deletion and owners; the class of service never changes."""
    status = filled(new.get("status") or {}, qosClass=dig(old, "status", "qosClass", default=qos_class(old)))
    status = _with_observed(status, old.get("status") or {})
    new = {**new, "spec": old["spec"], "status": status}
    owners = old["metadata"].get("ownerReferences")
    if owners:
        return {**new, "metadata": {**new["metadata"], "ownerReferences": owners}}
    return without(new, "metadata", "ownerReferences")


def _with_observed(status: Json, before: Json) -> Json:
    """What was said to be seen stays said by those who do not know of it."""
    seen = defaultdict[str, list[int]](list)
    for condition in before.get("conditions") or []:
        seen[condition.get("type", "")].append(condition.get(_OBSERVED) or 0)
    conditions = []
    for condition in status.get("conditions") or []:
        was = seen[condition.get("type", "")]
        generation = was.pop(0) if was else 0
        is_missing = generation and not condition.get(_OBSERVED)
        conditions.append({**condition, _OBSERVED: generation} if is_missing else condition)
    if conditions:
        status = {**status, "conditions": conditions}
    last = before.get(_OBSERVED)
    return {**status, _OBSERVED: last} if last and not status.get(_OBSERVED) else status


def qos_class(obj: Json) -> str:
    """Guaranteed where every container's limits equal its requests, BestEffort where nothing is asked at all."""
    spec = obj["spec"]
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    if spec.get("resources"):
        containers = [{"resources": spec["resources"]}]
    if not any(_asked(c, member) for c in containers for member in ("requests", "limits")):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(container) for container in containers) else "Burstable"


def _asked(container: Json, member: str) -> dict[str, Any]:
    """Positive amounts of what a class of service is reckoned from."""
    amounts = dig(container, "resources", member, default={})
    return {name: amounts[name] for name in _COMPUTE if name in amounts and quantity.compare(amounts[name], "0") > 0}


def _is_guaranteed(container: Json) -> bool:
    limits, requests = _asked(container, "limits"), _asked(container, "requests")
    if set(limits) != set(_COMPUTE):
        return False
    return all(quantity.compare(requests.get(name, limits[name]), limits[name]) == 0 for name in _COMPUTE)


def deletion_grace_seconds(obj: Json, asked: int | None) -> int | None:
    """S-7: what was asked, else the pod's own; nobody need wait for a pod that has no node or is done."""
    own = dig(obj, "spec", "terminationGracePeriodSeconds", default=30)
    grace = own if asked is None else asked
    if not dig(obj, "spec", "nodeName") or dig(obj, "status", "phase") in ("Failed", "Succeeded"):
        return 0
    return 1 if grace < 0 else int(grace)
