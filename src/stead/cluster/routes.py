"""Where a connection to a service goes: folded from Services and EndpointSlices, so that looking costs nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

SERVICE_NAME = "kubernetes.io/service-name"
NO_ADDRESS = ("", "None")


class Front(NamedTuple):
    """A service's port at its own address, or (`address` "") at the node's."""

    address: str
    port: int


class Target(NamedTuple):
    """A ready endpoint."""

    address: str
    port: int


class Routes:
    """A `machinery/cache.Index`. `changed` are the services to look at again; whoever looks empties it."""

    kinds = ("Service", "EndpointSlice")

    def __init__(self) -> None:
        self.changed: set[Key] = set()
        self._services: dict[Key, Json] = {}
        self._slices: dict[Key, dict[str, Json]] = {}

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Service":
            _put(self._services, key, new)
            self.changed.add(key)
        elif key.kind == "EndpointSlice":
            for before in () if old is None else (old,):
                self._slices.get(_service_of(before), {}).pop(key.name, None)
            if new is not None:
                self._slices.setdefault(_service_of(new), {})[key.name] = new
            self.changed |= {_service_of(obj) for obj in (old, new) if obj is not None}

    def fronts(self, service: Key) -> dict[Front, tuple[Target, ...]]:
        """Every front of a service behind which there is somebody."""
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
        if port.get("protocol", "TCP") == "TCP":
            yield Front(address, port["port"]), port
            if port.get("nodePort"):
                yield Front("", port["nodePort"]), port


def _in_slice(one: Json, port: Json) -> Iterator[Target]:
    if one.get("addressType") != "IPv4":
        return
    numbers = [entry["port"] for entry in one.get("ports") or () if _is_same(entry, port) and entry.get("port")]
    for endpoint in one.get("endpoints") or ():
        if dig(endpoint, "conditions", "ready", default=True):
            yield from (Target(address, number) for address in endpoint["addresses"] for number in numbers)


def _is_same(entry: Mapping[str, Any], port: Json) -> bool:
    return (entry.get("name") or "", entry.get("protocol", "TCP")) == (port.get("name") or "", "TCP")
