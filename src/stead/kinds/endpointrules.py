"""What a service's addresses may not be: EndpointSlice and Endpoints.

Upstream refuses loopback addresses here. Pods that are plain processes have no others, so we let them be.
"""

from collections.abc import Mapping, Sequence

from stead.kinds.checks import Errors, faults, needed, not_too_many, one_of
from stead.kinds.syntax import (
    LEADING_ZEROS,
    Faults,
    ip_faults,
    is_ip,
    label_faults,
    label_value_faults,
    port_faults,
    qualified_name_faults,
    special_ip_faults,
    subdomain_faults,
)
from stead.machinery import fields
from stead.machinery.objects import Json, dig

_ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"]
_VERSIONS = {"IPv4": 4, "IPv6": 6}
_PROTOCOLS = ["SCTP", "TCP", "UDP"]
_MEMBERS = ("addresses", "notReadyAddresses")
_MOST_ENDPOINTS, _MOST_ADDRESSES, _MOST_PORTS = 1000, 100, 20000
_MOST_HINTS = 8


def validate_slice(obj: Json, old: Json | None = None) -> Errors:
    """What is in `old` already, word for word, was judged when it came: services are long, and change by one."""
    known = _judged(dig(old, "endpoints"), "addresses") if dig(old, "addressType") == obj.get("addressType") else {}
    sort, endpoints, ports = obj.get("addressType", ""), obj.get("endpoints") or [], obj.get("ports") or []
    errors = one_of("addressType", sort, _ADDRESS_TYPES)
    errors += not_too_many("endpoints", len(endpoints), _MOST_ENDPOINTS)
    for index, endpoint in enumerate(endpoints if len(endpoints) <= _MOST_ENDPOINTS else []):
        if known.get(str(endpoint.get("addresses"))) != endpoint:
            errors += _endpoint_errors(endpoint, sort, f"endpoints[{index}]")
    if len(ports) > _MOST_PORTS:
        return [*errors, *not_too_many("ports", len(ports), _MOST_PORTS)]
    names: set[str] = set()
    for index, port in enumerate(ports):
        errors += _port_errors(port, names, f"ports[{index}]")
    return errors


def _endpoint_errors(endpoint: Json, sort: str, path: str) -> Errors:
    addresses = endpoint.get("addresses") or []
    errors = needed(f"{path}.addresses", addresses, "must contain at least 1 address")
    errors += not_too_many(f"{path}.addresses", len(addresses), _MOST_ADDRESSES)
    for index, address in enumerate(addresses):
        errors += _address_errors(address, sort, f"{path}.addresses[{index}]")
    node, hostname = endpoint.get("nodeName"), endpoint.get("hostname")
    errors += faults(f"{path}.nodeName", node, subdomain_faults(node)) if node is not None else []
    errors += faults(f"{path}.hostname", hostname, label_faults(hostname)) if hostname is not None else []
    for member, rule in (("forZones", label_value_faults), ("forNodes", subdomain_faults)):
        errors += _hint_errors(dig(endpoint, "hints", member, default=[]), rule, f"{path}.hints.{member}")
    return errors


def _hint_errors(hints: list[Json], rule: Faults, path: str) -> Errors:
    if len(hints) > _MOST_HINTS:
        return not_too_many(path, len(hints), _MOST_HINTS)
    errors: Errors = []
    seen: set[str] = set()
    for index, hint in enumerate(hints):
        name, at = hint.get("name", ""), f"{path}[{index}].name"
        errors += [fields.duplicate(at, name)] if name in seen else []
        seen.add(name)
        errors += faults(at, name, rule(name))
    return errors


def _address_errors(address: str, sort: str, path: str) -> Errors:
    """Of an address of the other family upstream tells the whole list."""
    if sort == "FQDN":
        return _domain_errors(address, path)
    version = _VERSIONS.get(sort)
    if version is None:
        return []
    if found := ip_faults(address):
        return faults(path, address, found)
    listed = path.rpartition("[")[0]
    errors = [] if is_ip(address, version) else [fields.invalid(listed, address, f"must be an {sort} address")]
    return [*errors, *_reachable_errors(address, path)]


def _domain_errors(address: str, path: str) -> Errors:
    """A domain of two labels at least, with or without the dot at its end; only the first fault is told."""
    if not address:
        return [fields.required(path)]
    name = address.removesuffix(".")
    if found := subdomain_faults(name):
        return [fields.invalid(path, name, ",".join(found))]
    labels = name.split(".")
    if len(labels) < 2:
        return [fields.invalid(path, name, "should be a domain with at least two segments separated by dots")]
    wrong = next((label for label in labels if label_faults(label)), None)
    return [] if wrong is None else [fields.invalid(path, wrong, ",".join(label_faults(wrong)))]


def _reachable_errors(address: str, path: str) -> Errors:
    if not is_ip(address):
        return faults(path, address, [] if ip_faults(address) == [LEADING_ZEROS] else ["must be a valid IP address"])
    return faults(path, address, special_ip_faults(address, allows_loopback=True))


def _port_errors(port: Json, names: set[str], path: str) -> Errors:
    name, protocol = port.get("name") or "", port.get("appProtocol")
    errors = faults(f"{path}.name", name, label_faults(name)) if name else []
    errors += [fields.duplicate(f"{path}.name", name)] if name in names else []
    names.add(name)
    errors += one_of(f"{path}.protocol", port.get("protocol"), _PROTOCOLS)
    return errors + (
        faults(f"{path}.appProtocol", protocol, qualified_name_faults(protocol)) if protocol is not None else []
    )


def validate_subsets(obj: Json, old: Json | None = None) -> Errors:
    """As a slice: addresses that were there before were judged then."""
    errors: Errors = []
    before = dig(old, "subsets") or []
    listed = [address for subset in before for m in _MEMBERS for address in subset.get(m) or []]
    known = _judged(listed, "ip")
    for index, subset in enumerate(obj.get("subsets") or []):
        errors += _subset_errors(subset, known, f"subsets[{index}]")
    return errors


def _judged(found: Sequence[Json] | None, word: str) -> dict[str, Json]:
    return {str(one.get(word)): one for one in found or []}


def _subset_errors(subset: Json, known: Mapping[str, Json], path: str) -> Errors:
    addresses, waiting, ports = (subset.get(m) or [] for m in ("addresses", "notReadyAddresses", "ports"))
    errors = needed(path, addresses or waiting, "must specify `addresses` or `notReadyAddresses`")
    for member, listed in (("addresses", addresses), ("notReadyAddresses", waiting)):
        for index, address in enumerate(listed):
            if known.get(str(address.get("ip"))) != address:
                errors += _old_address_errors(address, f"{path}.{member}[{index}]")
    for index, port in enumerate(ports):
        errors += _old_port_errors(port, len(ports) > 1, f"{path}.ports[{index}]")
    return errors


def _old_address_errors(address: Json, path: str) -> Errors:
    ip, hostname, node = address.get("ip", ""), address.get("hostname") or "", address.get("nodeName")
    errors = faults(f"{path}.ip", ip, ip_faults(ip))
    errors += faults(f"{path}.hostname", hostname, label_faults(hostname)) if hostname else []
    errors += faults(f"{path}.nodeName", node, subdomain_faults(node)) if node is not None else []
    return [*errors, *_reachable_errors(ip, f"{path}.ip")]


def _old_port_errors(port: Json, needs_name: bool, path: str) -> Errors:
    name, number = port.get("name") or "", port.get("port") or 0
    errors = needed(f"{path}.name", name) if needs_name else []
    errors += faults(f"{path}.name", name, label_faults(name)) if name else []
    errors += faults(f"{path}.port", number, port_faults(number))
    errors += one_of(f"{path}.protocol", port.get("protocol"), _PROTOCOLS)
    protocol = port.get("appProtocol")
    return errors + (
        faults(f"{path}.appProtocol", protocol, qualified_name_faults(protocol)) if protocol is not None else []
    )
