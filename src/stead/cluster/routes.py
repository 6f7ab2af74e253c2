"""Where a connection to a service, or to a pod's port of the host, goes: folded from what tells it, so that looking
costs nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stead.kinds.placed import node_of
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

SERVICE_NAME = "kubernetes.io/service-name"
NO_ADDRESS = ("", "None")


class Front(NamedTuple):
    """A service's port at its own address, or (`address` "") a port of the host: at `host`, "" is the usual place."""

    address: str
    port: int
    host: str = ""
    protocol: str = "TCP"


class Target(NamedTuple):
    """A ready endpoint."""

    address: str
    port: int


class Routes:
    """A `machinery/cache.Index`. `changed` are the services, and pods with ports of the host, to look at again; whoever
    looks empties it.
    """

    kinds = ("Service", "EndpointSlice", "Pod")

    def __init__(self) -> None:
        self.changed: set[Key] = set()
        self._services: dict[Key, Json] = {}
        self._slices: dict[Key, dict[str, Json]] = {}
        self._pods: dict[Key, Json] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Pod":
            if key in self._pods or (new is not None and old is None and has_host_ports(new)):
                _put(self._pods, key, new)
                self.changed.add(key)
        elif key.kind == "Service":
            _put(self._services, key, new)
            self.changed.add(key)
        elif key.kind == "EndpointSlice":
            for before in () if old is None else (old,):
                self._slices.get(_service_of(before), {}).pop(key.name, None)
            if new is not None:
                self._slices.setdefault(_service_of(new), {})[key.name] = new
            self.changed |= {_service_of(obj) for obj in (old, new) if obj is not None}

    def take_changed(self) -> set[Key]:
        """The services to look at again, once."""
        changed, self.changed = self.changed, set()
        return changed

    def fronts(self, service: Key, node: str = "") -> dict[Front, tuple[Target, ...]]:
        """Every front of a service, or of a pod, behind which there is somebody; of pods those on `node`, "" is any."""
        if service.kind == "Pod":
            pod = self._pods.get(service)
            return _pod_fronts(pod) if pod is not None and node in ("", node_of(pod)) else {}
        obj = self._services.get(service)
        found = {} if obj is None else {front: self._targets(service, port) for front, port in _fronts(obj)}
        return {front: targets for front, targets in found.items() if targets}

    def _targets(self, service: Key, port: Json) -> tuple[Target, ...]:
        slices = self._slices.get(service, {}).values()
        return tuple(sorted({target for one in slices for target in _in_slice(one, port)}))


def _put(table: dict[Key, Json], key: Key, new: Json | None) -> None:
    if new is None:
        table.pop(key, None)
    else:
        table[key] = new


def _service_of(one: Json) -> Key:
    return Key("Service", meta.namespace(one), meta.labels(one).get(SERVICE_NAME, ""))


def _fronts(service: Json) -> Iterator[tuple[Front, Json]]:
    address = dig(service, "spec", "clusterIP", default="")
    for port in dig(service, "spec", "ports", default=[]) if address not in NO_ADDRESS else ():
        protocol = _protocol(port)
        yield Front(address, port["port"], protocol=protocol), port
        if port.get("nodePort"):
            yield Front("", port["nodePort"], protocol=protocol), port


def _protocol(port: Mapping[str, Any]) -> str:
    return str(port.get("protocol") or "TCP")


def has_host_ports(pod: Json) -> bool:
    return any(True for _ in _host_ports(pod))


def _host_ports(pod: Json) -> Iterator[Json]:
    """Those that are opened for a pod: one in the host's network opens its own."""
    for containers in ("initContainers", "containers"):
        for container in dig(pod, "spec", containers, default=()) or ():
            for port in container.get("ports") or ():
                if port.get("hostPort") and not pod["spec"].get("hostNetwork"):
                    yield port


def _pod_fronts(pod: Json) -> dict[Front, tuple[Target, ...]]:
    address, phase = dig(pod, "status", "podIP"), dig(pod, "status", "phase")
    if not address or phase in ("Succeeded", "Failed"):
        return {}
    ports = _host_ports(pod)
    return {
        Front("", port["hostPort"], port.get("hostIP") or "", _protocol(port)): (
            Target(address, port["containerPort"]),
        )
        for port in ports
    }


def _in_slice(one: Json, port: Json) -> Iterator[Target]:
    if one.get("addressType") != "IPv4":
        return
    numbers = [entry["port"] for entry in one.get("ports") or () if _is_same(entry, port) and entry.get("port")]
    for endpoint in one.get("endpoints") or ():
        if dig(endpoint, "conditions", "ready", default=True):
            yield from (Target(address, number) for address in endpoint["addresses"] for number in numbers)


def _is_same(entry: Mapping[str, Any], port: Json) -> bool:
    return (entry.get("name") or "", _protocol(entry)) == (port.get("name") or "", _protocol(port))
