"""A question and what the cache knows make records, "nothing of that type" (NODATA) or "no such name" (NXDOMAIN).

A name exists when something stands at it or below it; an empty branch is NODATA, never NXDOMAIN, because resolvers
take an NXDOMAIN for everything below the name too (RFC 8020).
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct

from stead.dns import question as q
from stead.dns.names import Endpoint, NameIndex, Port, Service

SCHEMA_VERSION = "1.1.0"
LONGEST_ALIAS_CHAIN = 8

SOA_TIMES = (7200, 1800, 86400)  # refresh, retry, expire


class Settings(Struct, frozen=True):
    """What a cluster's DNS may be told.

    ttl                   of every record; small, because pods move (around.md 3.2 item 9)
    negative_ttl          the SOA's minimum: how long clients and caches may remember that a name is not there
    kept_denial_seconds   remember denials here too, as kubeadm's CoreDNS once did with 30; 0: never (`dns/wire`)
    server_address        what `ns.dns.<zone>` answers, "" nothing
    networks              pod and service networks: addresses nobody bears are NXDOMAIN instead of being forwarded
    forwards              whether outside names are asked of other resolvers, else they are refused
    """

    zone: str = "cluster.local"
    ttl: int = 5
    negative_ttl: int = 5
    kept_denial_seconds: float = 0.0
    server_address: str = ""
    networks: tuple[str, ...] = ()
    forwards: bool = True


class Record(NamedTuple):
    """`name` without the last dot; `text` is the record's data in its usual text form."""

    name: str
    type: str
    ttl: int
    text: str


class Answer(Struct, frozen=True):
    """`exists` False is NXDOMAIN; without `records` and with `exists` it is NODATA. Both carry the SOA."""

    records: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    exists: bool = True


class Forward(Struct, frozen=True):
    """Ask others for `name`; what they say comes after `records` (the alias that led outside)."""

    name: str
    records: tuple[Record, ...] = ()


Outcome: TypeAlias = Answer | Forward


class Zone:
    """Answers questions out of a `NameIndex`."""

    def __init__(self, index: NameIndex, settings: Settings) -> None:
        self.settings = settings
        self._index = index
        self._name = settings.zone.strip(".").lower()
        self._labels = tuple(self._name.split("."))
        self._networks = [ip_network(network) for network in settings.networks]

    def answer(self, question: q.Question) -> Outcome:
        """Records, NODATA, NXDOMAIN, or where else to ask."""
        return self._follow(question, ())

    def _follow(self, question: q.Question, led_by: tuple[Record, ...]) -> Outcome:
        """Answer; an alias is followed, inside here and outside by others, for stub resolvers follow none."""
        asked = q.asked(question.labels, self._labels)
        if isinstance(asked, q.Outside):
            return Forward(question.name, led_by)
        here = _Here(self, self._index, question)
        found = _ANSWERS[type(asked)](here, asked)
        if found is None:
            return Forward(question.name, led_by)
        alias = next((record for record in found.records if record.type == "CNAME"), None)
        if alias is None or question.type in ("CNAME", "ANY") or len(led_by) >= LONGEST_ALIAS_CHAIN:
            return self._with_authority(Answer(led_by + found.records, found.additional, exists=found.exists))
        target = q.Question(tuple(alias.text.rstrip(".").lower().split(".")), question.type)
        return self._follow(target, (*led_by, alias))

    def _with_authority(self, answer: Answer) -> Answer:
        final = answer.records[-1].type if answer.records else "CNAME"
        if answer.exists and final != "CNAME":
            return answer
        return Answer(answer.records, answer.additional, (self.soa(self.settings.negative_ttl),), answer.exists)

    def name(self, *labels: str) -> str:
        return ".".join((*labels, self._name))

    def soa(self, ttl: int) -> Record:
        """The serial counts changes. The TTL of a denial is the smaller of this record's TTL and its minimum."""
        serial = self._index.generation % 2**32
        times = " ".join(str(seconds) for seconds in (*SOA_TIMES, self.settings.negative_ttl))
        people = f"{self.name('ns', 'dns')}. {self.name('hostmaster')}."
        return Record(self._name, "SOA", ttl, f"{people} {serial} {times}")

    def owns(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._networks)


class _Here(Struct, frozen=True):
    """One question being answered. Each method answers one sort of name; None is "ask others"."""

    zone: Zone
    index: NameIndex
    question: q.Question

    def apex(self, _: q.Apex) -> Answer:
        ns = self.zone.name("ns", "dns")
        additional = self._addresses(ns, [self.zone.settings.server_address])
        return Answer(self._of_type([self.zone.soa(self._ttl), self._record("NS", f"{ns}.")]), additional)

    def version(self, _: q.Version) -> Answer:
        return Answer(self._of_type([self._record("TXT", f'"{SCHEMA_VERSION}"')]))

    def name_server(self, _: q.NameServer) -> Answer:
        return Answer(self._of_type(self._addresses(self.question.name, [self.zone.settings.server_address])))

    def branch(self, branch: q.Branch) -> Answer:
        return Answer(exists=not branch.namespace or self.index.has_namespace(branch.namespace))

    def nothing(self, _: q.Nothing) -> Answer:
        return Answer(exists=False)

    def service(self, asked: q.ServiceName) -> Answer:
        service = self.index.service(asked.namespace, asked.service)
        if service is None:
            return Answer(exists=False)
        if service.alias:
            return Answer((self._record("CNAME", f"{service.alias}."),))
        bearers = self._bearers(asked.namespace, asked.service, service)
        if not bearers:
            return Answer(exists=False)
        if self.question.type == "SRV":
            return self._srv(bearers)
        addresses = [endpoint.address for endpoint, _ in bearers]
        return Answer(self._of_type(self._addresses(self.question.name, addresses)))

    def endpoint(self, asked: q.EndpointName) -> Answer:
        if self.index.service(asked.namespace, asked.service) is None:
            return Answer(exists=False)
        found = self.index.labelled(asked.namespace, asked.service, asked.label)
        addresses = [endpoint.address for endpoint in found]
        records = self._of_type(self._addresses(self.question.name, addresses))
        return Answer(records, exists=bool(addresses))

    def port(self, asked: q.PortName) -> Answer:
        service = self.index.service(asked.namespace, asked.service)
        if service is None or service.alias:
            return Answer(exists=False)

        def is_meant(port: Port) -> bool:
            is_named = port.name == asked.port if asked.port else bool(port.name)
            return is_named and port.protocol == asked.protocol

        bearers = self._bearers(asked.namespace, asked.service, service)
        meant = [(endpoint, tuple(filter(is_meant, ports))) for endpoint, ports in bearers]
        meant = [(endpoint, ports) for endpoint, ports in meant if ports]
        if not meant or not asked.port or self.question.type not in ("SRV", "ANY"):
            return Answer(exists=bool(meant))
        return self._srv(meant)

    def pod(self, asked: q.PodAddress) -> Answer:
        exists = self.index.has_namespace(asked.namespace)
        return Answer(
            self._of_type(self._addresses(self.question.name, [asked.address] if exists else [])), exists=exists
        )

    def reverse(self, asked: q.Reverse) -> Answer | None:
        bearers = self.index.at(asked.address)
        if not bearers:
            return Answer(exists=False) if self.zone.owns(asked.address) else None
        names = [self._bearer_name(place, label) for place, label in bearers]
        return Answer(self._of_type([self._record("PTR", f"{name}.") for name in names]))

    # records

    @property
    def _ttl(self) -> int:
        return self.zone.settings.ttl

    def _record(self, type_: str, text: str) -> Record:
        return Record(self.question.name, type_, self._ttl, text)

    def _of_type(self, records: Iterable[Record]) -> tuple[Record, ...]:
        wanted = self.question.type
        return tuple(record for record in records if wanted in (record.type, "ANY"))

    def _addresses(self, name: str, addresses: Iterable[str]) -> tuple[Record, ...]:
        found = dict.fromkeys(address for address in addresses if address)
        return tuple(Record(name, "AAAA" if ":" in ip else "A", self._ttl, ip) for ip in found)

    def _bearers(self, namespace: str, name: str, service: Service) -> list[tuple[Endpoint, tuple[Port, ...]]]:
        """Who answers for a service: its own address, or each ready endpoint of a headless one, and their ports."""
        if service.addresses:
            return [(Endpoint(address, ""), service.ports) for address in service.addresses]
        slices = self.index.slices(namespace, name)
        return [(endpoint, found.ports) for found in slices for endpoint in found.endpoints]

    def _srv(self, bearers: list[tuple[Endpoint, tuple[Port, ...]]]) -> Answer:
        """One record for each endpoint and port, and the addresses of their targets beside them."""
        place = self._place()
        named = [(self._bearer_name(place, endpoint.label), endpoint, ports) for endpoint, ports in bearers]
        targets = dict.fromkeys((target, port.number) for target, _, ports in named for port in ports)
        weight = max(1, 100 // len(targets)) if targets else 1
        records = tuple(self._record("SRV", f"0 {weight} {number} {target}.") for target, number in targets)
        addresses = [record for target, endpoint, _ in named for record in self._addresses(target, [endpoint.address])]
        return Answer(records, tuple(dict.fromkeys(addresses)) if records else ())

    def _place(self) -> tuple[str, str]:
        """Namespace and service of the question, whichever labels stand before them."""
        zone_size = self.zone.settings.zone.strip(".").count(".") + 1
        service, namespace = self.question.labels[: -zone_size - 1][-2:]
        return namespace, service

    def _bearer_name(self, place: tuple[str, str], label: str) -> str:
        namespace, service = place
        return self.zone.name(*([label] if label else []), service, namespace, "svc")


_ANSWERS: dict[type, Callable[[_Here, Any], Answer | None]] = {
    q.Apex: _Here.apex,
    q.Version: _Here.version,
    q.NameServer: _Here.name_server,
    q.Branch: _Here.branch,
    q.Nothing: _Here.nothing,
    q.ServiceName: _Here.service,
    q.EndpointName: _Here.endpoint,
    q.PortName: _Here.port,
    q.PodAddress: _Here.pod,
    q.Reverse: _Here.reverse,
}
