"""What has a name now, folded forward from Services and EndpointSlices, so that a question costs microseconds.

Slices are kept one by one and never merged: one changed endpoint among ten thousand costs one slice.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from stead.dns.question import dashed
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig

SERVICE_LABEL = "kubernetes.io/service-name"
NO_ADDRESS = ("", "None")


class Port(NamedTuple):
    name: str
    protocol: str  # lower case, as in names
    number: int


class Endpoint(NamedTuple):
    """One ready address. `label` is its host name, else its dashed address."""

    address: str
    label: str


class Service(Struct, frozen=True):
    """`addresses` () is headless; `alias` is what an ExternalName points to."""

    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    alias: str


class Slice(Struct, frozen=True):
    """The ready endpoints of one EndpointSlice."""

    endpoints: tuple[Endpoint, ...]
    ports: tuple[Port, ...]
    by_label: dict[str, tuple[Endpoint, ...]]


Place = tuple[str, str]  # namespace and service


class NameIndex:
    """A `machinery/cache.Index`. `generation` grows whenever an answer may have changed."""

    kinds = ("Service", "EndpointSlice", "Namespace")

    def __init__(self) -> None:
        self.generation = 0
        self._services: dict[Place, Service] = {}
        self._slices: dict[Place, dict[str, Slice]] = {}
        self._namespaces: dict[str, None] = {}
        self._at_address: dict[str, dict[tuple[Place, str, str], None]] = {}  # to (place, label, slice)

    def apply(self, key: Key, old: Json | None, new: Json | None) -> None:
        if key.kind == "Service":
            self._put_service(key, new)
        elif key.kind == "EndpointSlice":
            self._put_slice(key, old, None)
            self._put_slice(key, new, new)
        elif key.kind == "Namespace":
            self._put_namespace(key, new)
        else:
            return
        self.generation += 1

    def service(self, namespace: str, name: str) -> Service | None:
        return self._services.get((namespace, name))

    def places(self) -> list[Place]:
        """Every service."""
        return list(self._services)

    def namespaces(self) -> list[str]:
        return list(self._namespaces)

    def has_namespace(self, namespace: str) -> bool:
        return namespace in self._namespaces

    def slices(self, namespace: str, service: str) -> Iterator[Slice]:
        return iter(self._slices.get((namespace, service), {}).values())

    def endpoints(self, namespace: str, service: str) -> Iterator[Endpoint]:
        """Every ready endpoint of a service."""
        for found in self.slices(namespace, service):
            yield from found.endpoints

    def labelled(self, namespace: str, service: str, label: str) -> Iterator[Endpoint]:
        """The ready endpoints of one host name: one of each address family, mostly."""
        for found in self.slices(namespace, service):
            yield from found.by_label.get(label, ())

    def at(self, address: str) -> list[tuple[Place, str]]:
        """Who has an address: service and endpoint label, "" for the service itself."""
        found = [(place, label) for place, label, _ in self._at_address.get(address, ())]
        return [(place, label) for place, label in dict.fromkeys(found) if place in self._services]

    def _put_namespace(self, key: Key, new: Json | None) -> None:
        if new is None:
            self._namespaces.pop(key.name, None)
        else:
            self._namespaces[key.name] = None

    def _put_service(self, key: Key, new: Json | None) -> None:
        place = (key.namespace, key.name)
        before = self._services.pop(place, None)
        for address in before.addresses if before else ():
            self._leave(address, (place, "", ""))
        if new is not None:
            service = self._services[place] = _service(new)
            for address in service.addresses:
                self._at_address.setdefault(address, {})[(place, "", "")] = None

    def _put_slice(self, key: Key, told: Json | None, new: Json | None) -> None:
        """Take away (`new` None) or put the slice `told` speaks of."""
        name = meta.labels(told).get(SERVICE_LABEL) if told else None
        if not told or not name:
            return
        place = (key.namespace, str(name))
        slices = self._slices.setdefault(place, {})
        before = slices.pop(key.name, None)
        for endpoint in before.endpoints if before else ():
            self._leave(endpoint.address, (place, endpoint.label, key.name))
        if new is not None:
            slices[key.name] = found = _slice(new)
            for endpoint in found.endpoints:
                self._at_address.setdefault(endpoint.address, {})[(place, endpoint.label, key.name)] = None
        if not slices:
            del self._slices[place]

    def _leave(self, address: str, bearer: tuple[Place, str, str]) -> None:
        bearers = self._at_address.get(address, {})
        bearers.pop(bearer, None)
        if not bearers:
            self._at_address.pop(address, None)


def _service(obj: Json) -> Service:
    spec: Json = obj.get("spec") or {}
    alias = str(spec.get("externalName") or "") if spec.get("type") == "ExternalName" else ""
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    given = () if alias else tuple(address for address in addresses if address not in NO_ADDRESS)
    return Service(given, _ports(spec.get("ports")), alias.rstrip(".").lower())


def _slice(obj: Json) -> Slice:
    """`ready` unknown counts as ready, as the EndpointSlice API says."""
    endpoints: list[Endpoint] = []
    by_label: dict[str, tuple[Endpoint, ...]] = {}
    for told in obj.get("endpoints") or () if obj.get("addressType") != "FQDN" else ():
        if dig(told, "conditions", "ready", default=True) is False:
            continue
        for address in told.get("addresses") or ():
            endpoint = Endpoint(address, str(told.get("hostname") or dashed(address)))
            endpoints.append(endpoint)
            by_label[endpoint.label] = (*by_label.get(endpoint.label, ()), endpoint)
    return Slice(tuple(endpoints), _ports(obj.get("ports")), by_label)


def _ports(told: Any) -> tuple[Port, ...]:
    ports = [port for port in told or () if port.get("port")]
    return tuple(
        Port(str(port.get("name") or ""), str(port.get("protocol") or "TCP").lower(), int(port["port"]))
        for port in ports
    )
