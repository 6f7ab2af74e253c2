"""What a service's addresses may not be: EndpointSlice and Endpoints."""

from stead.kinds.syntax import is_ip, label_faults, label_value_faults, port_faults, port_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json

_ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"]
_PROTOCOLS = ["SCTP", "TCP", "UDP"]
_LIMIT_ENDPOINTS = 1000
_LIMIT_ADDRESSES = 100
_LIMIT_PORTS = 20000


def validate_slice(obj: Json) -> list[FieldError]:
    address_type = obj.get("addressType", "")
    errors: list[FieldError] = []
    if not address_type:
        errors.append(fields.required("addressType"))
    elif address_type not in _ADDRESS_TYPES:
        errors.append(fields.not_supported("addressType", address_type, _ADDRESS_TYPES))
    for index, endpoint in enumerate(obj.get("endpoints") or []):
        errors += _endpoint_errors(endpoint, address_type, f"endpoints[{index}]")
    return [*errors, *_port_errors(obj.get("ports") or [])]


def _endpoint_errors(endpoint: Json, address_type: str, path: str) -> list[FieldError]:
    addresses = endpoint.get("addresses") or []
    errors: list[FieldError] = []
    if not addresses:
        errors.append(fields.required(f"{path}.addresses", "must contain at least 1 address"))
    if len(addresses) > _LIMIT_ADDRESSES:
        errors.append(_too_many(f"{path}.addresses", len(addresses), _LIMIT_ADDRESSES))
    for index, address in enumerate(addresses):
        errors += _address_errors(address, address_type, f"{path}.addresses[{index}]")
    if (hostname := endpoint.get("hostname")) is not None:
        errors += [fields.invalid(f"{path}.hostname", hostname, fault) for fault in label_faults(hostname)]
    if (node := endpoint.get("nodeName")) is not None:
        errors += [fields.invalid(f"{path}.nodeName", node, fault) for fault in subdomain_faults(node)]
    return errors


def _address_errors(address: str, address_type: str, path: str) -> list[FieldError]:
    if address_type == "FQDN":
        return [fields.invalid(path, address, fault) for fault in subdomain_faults(address)]
    if address_type == "IPv4" and not is_ip(address, 4):
        return [fields.invalid(path, address, "must be an IPv4 address")]
    if address_type == "IPv6" and not is_ip(address, 6):
        return [fields.invalid(path, address, "must be an IPv6 address")]
    return []


def _port_errors(ports: list[Json]) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(ports) > _LIMIT_PORTS:
        return [_too_many("ports", len(ports), _LIMIT_PORTS)]
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path, name = f"ports[{index}]", port.get("name") or ""
        if name in seen:
            errors.append(fields.duplicate(f"{path}.name", name))
        else:
            seen.add(name)
        errors += [fields.invalid(f"{path}.name", name, fault) for fault in port_name_faults(name) if name]
        errors += _protocol_errors(port, path)
        if protocol := port.get("appProtocol"):
            errors += [fields.invalid(f"{path}.appProtocol", protocol, f) for f in label_value_faults(protocol)]
    return errors


def _protocol_errors(port: Json, path: str) -> list[FieldError]:
    protocol = port.get("protocol")
    if not protocol:
        return [fields.required(f"{path}.protocol")]
    return [] if protocol in _PROTOCOLS else [fields.not_supported(f"{path}.protocol", protocol, _PROTOCOLS)]


def _too_many(path: str, number: int, limit: int) -> FieldError:
    return FieldError(path, fields.TOO_MANY, f"Too many: {number}: must have at most {limit} items")


def validate_subsets(obj: Json) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, subset in enumerate(obj.get("subsets") or []):
        errors += _subset_errors(subset, f"subsets[{index}]")
    return errors


def _subset_errors(subset: Json, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        errors.append(fields.required(path, "must specify `addresses` or `notReadyAddresses`"))
    for member in ("addresses", "notReadyAddresses"):
        for index, address in enumerate(subset.get(member) or []):
            errors += _old_address_errors(address, f"{path}.{member}[{index}]")
    ports = subset.get("ports") or []
    for index, port in enumerate(ports):
        errors += _old_port_errors(port, len(ports) > 1, f"{path}.ports[{index}]")
    return errors


def _old_address_errors(address: Json, path: str) -> list[FieldError]:
    ip = address.get("ip", "")
    if not is_ip(ip):
        told = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        return [fields.invalid(f"{path}.ip", ip, told)]
    hostname = address.get("hostname") or ""
    return [fields.invalid(f"{path}.hostname", hostname, fault) for fault in label_faults(hostname) if hostname]


def _old_port_errors(port: Json, needs_name: bool, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name = port.get("name") or ""
    if needs_name and not name:
        errors.append(fields.required(f"{path}.name"))
    elif name:
        errors += [fields.invalid(f"{path}.name", name, fault) for fault in label_faults(name)]
    errors += [fields.invalid(f"{path}.port", port.get("port", 0), f) for f in port_faults(port.get("port", 0))]
    return [*errors, *_protocol_errors(port, path)]
