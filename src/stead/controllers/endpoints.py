"""Endpoints: a Service and its pods make EndpointSlices, and the older Endpoints object (3.2 in around.md)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stead.kinds.pod import PodView
from stead.machinery import meta, selectors
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NO_REACTION, Action, Create, Delete, Outcome, Plan, Reaction, Refused, Update
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
OURS = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
HEADLESS = "service.kubernetes.io/headless"
LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"
MOST_ENDPOINTS = 100  # in one slice
FAMILIES = {"IPv4": lambda ip: ":" not in ip, "IPv6": lambda ip: ":" in ip}


class Selecting:
    """An index of the services that select pods, by namespace, with their parsed selectors."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, selectors.Selector]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind != "Service":
            return
        space = self.services.setdefault(key.namespace, {})
        wanted = dig(new, "spec", "selector") if new is not None else None
        if wanted and dig(new, "spec", "type") != "ExternalName":
            space[key.name] = selectors.from_labels(wanted)
        else:
            space.pop(key.name, None)

    def of(self, pod: Json) -> list[Key]:
        """The services whose selector the pod matches."""
        namespace, labels = meta.namespace(pod), meta.labels(pod)
        found = self.services.get(namespace, {})
        return [Key("Service", namespace, name) for name, selector in found.items() if selector.matches(labels)]


@dataclass(frozen=True, slots=True)
class Observed:
    service: Json
    pods: tuple[PodView, ...]
    slices: tuple[Json, ...]
    endpoints: Json | None


class Endpoints:
    name = "endpoints"

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        kind = event.key.kind
        if kind == "Service":
            return [event.key]
        if kind == "Pod":
            return _services_of_pod(event, cache)
        if kind == "EndpointSlice" and event.type == "DELETED":
            return [Key("Service", event.key.namespace, meta.labels(event.obj).get(SERVICE_NAME, ""))]
        return []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        service = cache.get(key)
        selector = cache.index(Selecting).services.get(key.namespace, {}).get(key.name)
        if service is None or selector is None or meta.is_terminating(service):
            return None
        pods = (pod for pod in cache.all("Pod", key.namespace) if selector.matches(meta.labels(pod)))
        owned = cache.owned_by(meta.uid(service)).items()
        slices = tuple(
            obj for k, obj in owned if k.kind == "EndpointSlice" and meta.labels(obj).get(MANAGED_BY) == OURS
        )
        return Observed(service, tuple(map(PodView, pods)), slices, cache.get(Key("Endpoints", *key[1:])))

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        members = sorted((pod for pod in observed.pods if _is_member(pod)), key=lambda pod: pod.name)
        plan = Plan()
        for family in dig(observed.service, "spec", "ipFamilies", default=["IPv4"]):
            plan += _slices(observed, family, members)
        return plan + _legacy(observed, members, now)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """A service or namespace that goes takes its slices along."""
        if isinstance(outcome, Refused) and outcome.reason in ("NotFound", "Forbidden"):
            return Reaction(is_failure=False)
        return NO_REACTION


def _services_of_pod(event: WatchEvent, cache: Cache) -> list[Key]:
    """Only changes that an endpoint shows are worth a round."""
    selecting = cache.index(Selecting)
    if event.old is None:
        return selecting.of(event.obj)
    if event.type == "MODIFIED" and _shown(event.obj) == _shown(event.old):
        return []
    before = selecting.of(event.old)
    return before + [key for key in selecting.of(event.obj) if key not in before]


def _shown(pod: Json) -> tuple[Any, ...]:
    view = PodView(pod)
    return view.ips, view.has_ready_condition, view.is_terminating, view.is_terminal, meta.labels(pod), view.node


def _is_member(pod: PodView) -> bool:
    return bool(pod.ips) and not pod.is_terminal


# --- slices


def _slices(observed: Observed, family: str, members: list[PodView]) -> Plan:
    """Compare what should be with what is, slice by slice: packs of at most a hundred, in the pods' order."""
    service = observed.service
    wanted = [(pod, ip) for pod in members for ip in pod.ips if FAMILIES[family](ip)]
    have = sorted((s for s in observed.slices if s.get("addressType") == family), key=meta.name)
    actions: list[Action] = []
    for ports, pods in _by_ports(service, wanted):
        endpoints = [_endpoint(service, pod, ip) for pod, ip in pods]
        for start in range(0, max(1, len(endpoints)), MOST_ENDPOINTS):
            content = {"endpoints": endpoints[start : start + MOST_ENDPOINTS], "ports": ports}
            actions += _one_slice(observed, family, content, have)
    actions += [Delete(key_of("EndpointSlice", left), meta.uid(left)) for left in have]
    return Plan(tuple(actions))


def _one_slice(observed: Observed, family: str, content: Json, have: list[Json]) -> list[Action]:
    """Reuse the first slice left, or make one; nothing where it is already right."""
    service = observed.service
    labels = _slice_labels(service)
    if not have:
        made = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "generateName": f"{meta.name(service)}-",
                "namespace": meta.namespace(service),
                "labels": labels,
                "ownerReferences": [meta.owner_reference(service)],
            },
            "addressType": family,
            **content,
        }
        return [Create(made)]
    found = have.pop(0)
    is_same = all((found.get(field) or []) == content[field] for field in content)
    if is_same and meta.labels(found) == labels:
        return []
    return [Update({**found, **content, "metadata": {**found["metadata"], "labels": labels}})]


def _slice_labels(service: Json) -> dict[str, str]:
    labels = {**meta.labels(service), SERVICE_NAME: meta.name(service), MANAGED_BY: OURS}
    if dig(service, "spec", "clusterIP") == "None":
        labels[HEADLESS] = ""
    return labels


def _by_ports(
    service: Json, wanted: list[tuple[PodView, str]]
) -> Iterator[tuple[list[dict[str, Any]], list[tuple[PodView, str]]]]:
    """Pods whose named target ports are different numbers need different slices."""
    groups: list[tuple[list[dict[str, Any]], list[tuple[PodView, str]]]] = []
    for pod, ip in wanted:
        ports = list(_ports(service, pod))
        group = next((members for known, members in groups if known == ports), None)
        if group is None:
            groups.append((ports, [(pod, ip)]))
        else:
            group.append((pod, ip))
    return iter(groups or [(list(_ports(service, None)), [])])


def _ports(service: Json, pod: PodView | None) -> Iterator[dict[str, Any]]:
    for port in dig(service, "spec", "ports", default=[]):
        number = _target(port, pod)
        if number is not None:
            found = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
            yield found | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})


def _target(port: Json, pod: PodView | None) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    containers = dig(pod.obj, "spec", "containers", default=[]) if pod else []
    declared = (p for container in containers for p in container.get("ports") or [])
    protocol = port.get("protocol", "TCP")
    named = (p for p in declared if p.get("name") == target and p.get("protocol", "TCP") == protocol)
    return next((int(p["containerPort"]) for p in named), None)


def _endpoint(service: Json, pod: PodView, ip: str) -> dict[str, Any]:
    """Rules 3.2.3 to 3.2.5."""
    is_serving = pod.has_ready_condition
    shows_all = bool(dig(service, "spec", "publishNotReadyAddresses"))
    conditions = {
        "ready": shows_all or (is_serving and not pod.is_terminating),
        "serving": is_serving,
        "terminating": pod.is_terminating,
    }
    endpoint: dict[str, Any] = {"addresses": [ip], "conditions": conditions}
    hostname = _hostname(service, pod)
    if hostname:
        endpoint["hostname"] = hostname
    endpoint["targetRef"] = _reference(pod)
    if pod.node:
        endpoint["nodeName"] = pod.node
    return endpoint


def _hostname(service: Json, pod: PodView) -> str:
    spec = pod.obj["spec"]
    return str(spec.get("hostname", "")) if spec.get("subdomain") == meta.name(service) else ""


def _reference(pod: PodView) -> dict[str, str]:
    return {"kind": "Pod", "namespace": meta.namespace(pod.obj), "name": pod.name, "uid": pod.uid}


# --- the older object


def _legacy(observed: Observed, members: list[PodView], now: Now) -> Plan:
    service = observed.service
    subsets = _subsets(service, members)
    labels = dict(meta.labels(service)) | {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    if dig(service, "spec", "clusterIP") == "None":
        labels[HEADLESS] = ""
    found = observed.endpoints
    if found is None:
        metadata = {"name": meta.name(service), "namespace": meta.namespace(service), "labels": labels}
        return Plan((Create({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": subsets}),))
    if (found.get("subsets") or []) == subsets and meta.labels(found) == labels:
        return Plan()
    metadata = {**found["metadata"], "labels": labels, "annotations": {LAST_CHANGE: now.text}}
    return Plan((Update({**found, "metadata": metadata, "subsets": subsets}),))


def _subsets(service: Json, members: list[PodView]) -> list[dict[str, Any]]:
    if not members:
        return []
    shows_all = bool(dig(service, "spec", "publishNotReadyAddresses"))
    ready = [pod for pod in members if shows_all or (pod.has_ready_condition and not pod.is_terminating)]
    others = [pod for pod in members if pod not in ready]
    subset: dict[str, Any] = {}
    if ready:
        subset["addresses"] = [_address(service, pod) for pod in ready]
    if others:
        subset["notReadyAddresses"] = [_address(service, pod) for pod in others]
    ports = [{k: v for k, v in port.items() if v} for port in _ports(service, members[0])]
    return [subset | ({"ports": ports} if ports else {})]


def _address(service: Json, pod: PodView) -> Mapping[str, Any]:
    address: dict[str, Any] = {"ip": pod.ips[0], "targetRef": _reference(pod)}
    hostname = _hostname(service, pod)
    if hostname:
        address["hostname"] = hostname
    if pod.node:
        address["nodeName"] = pod.node
    return address
