"""What one pod is behind a service: an endpoint of a slice, an address of the older object, its ports."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.objects import Json, dig

FAMILIES = {"IPv4": lambda ip: ":" not in ip, "IPv6": lambda ip: ":" in ip}

Ports = list[dict[str, Any]]


class Place(NamedTuple):
    """Where an endpoint belongs: one a family and pod."""

    family: str
    pod: str


class Wanted(NamedTuple):
    """An endpoint as it should be, and the ports of the slice that may hold it."""

    ports: Ports
    endpoint: dict[str, Any]


def is_shown(pod: PodView) -> bool:
    """3.2.3: it has an address and is not done; a terminating pod still counts."""
    return bool(pod.ips) and not pod.is_terminal


def is_ready(service: Json, pod: PodView) -> bool:
    """3.2.3: who publishes not-ready addresses calls all of them ready."""
    publishes_all = bool(dig(service, "spec", "publishNotReadyAddresses"))
    return publishes_all or (pod.has_ready_condition and not pod.is_terminating)


def wanted(service: Json, pod: PodView, zone: str) -> Iterator[tuple[Place, Wanted]]:
    """The pod's endpoints, one for each of the service's families it has an address of (3.2.3 to 3.2.5)."""
    if not is_shown(pod):
        return
    ports = ports_of(service, pod)
    for family in families(service):
        ip = next(filter(FAMILIES[family], pod.ips), None)
        if ip is not None:
            yield Place(family, pod.name), Wanted(ports, _endpoint(service, pod, ip, zone))


def families(service: Json) -> list[str]:
    """The address families that the service speaks."""
    return dig(service, "spec", "ipFamilies") or ["IPv4"]


def place_of(family: str, endpoint: Json) -> Place:
    """Whose an endpoint is that stands in a slice; "" where it is no pod's."""
    return Place(family, str(dig(endpoint, "targetRef", "name", default="")))


def ports_of(service: Json, pod: PodView | None) -> Ports:
    """The service's ports as numbers; a target port by name is a number that each pod says for itself."""
    found: Ports = []
    for port in dig(service, "spec", "ports", default=[]):
        number = _target(port, pod)
        if number is not None:
            told = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
            found.append(told | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {}))
    return found


def address(service: Json, pod: PodView) -> Json:
    """The pod in the older object (3.2.6)."""
    told: dict[str, Any] = {"ip": pod.ips[0], "targetRef": _reference(pod)}
    return _with_place(told, _hostname(service, pod), pod.node)


def _endpoint(service: Json, pod: PodView, ip: str, zone: str) -> dict[str, Any]:
    conditions = {
        "ready": is_ready(service, pod),
        "serving": pod.has_ready_condition,
        "terminating": pod.is_terminating,
    }
    told = {"addresses": [ip], "conditions": conditions, "targetRef": _reference(pod)}
    return _with_place(told, _hostname(service, pod), pod.node) | ({"zone": zone} if zone else {})


def _with_place(told: dict[str, Any], hostname: str, node: str) -> dict[str, Any]:
    return told | ({"hostname": hostname} if hostname else {}) | ({"nodeName": node} if node else {})


def _hostname(service: Json, pod: PodView) -> str:
    """3.2.4: a pod has a name of its own only where its subdomain is this service."""
    spec = pod.obj["spec"]
    return str(spec.get("hostname", "")) if spec.get("subdomain") == meta.name(service) else ""


def _reference(pod: PodView) -> dict[str, str]:
    return {"kind": "Pod", "namespace": meta.namespace(pod.obj), "name": pod.name, "uid": pod.uid}


def _target(port: Json, pod: PodView | None) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    if str(target).isdigit():
        return int(target)
    containers = dig(pod.obj, "spec", "containers", default=[]) if pod else []
    declared = (found for container in containers for found in container.get("ports") or [])
    protocol = port.get("protocol", "TCP")
    named = (p for p in declared if p.get("name") == target and p.get("protocol", "TCP") == protocol)
    return next((int(found["containerPort"]) for found in named), None)
