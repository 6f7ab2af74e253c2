"""What a Service may not be."""

from collections.abc import Sequence

from stead.kinds import objectmeta
from stead.kinds.syntax import dns_1035_faults, is_ip, label_faults, port_faults, port_name_faults, subdomain_faults
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json

TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
PROTOCOLS = ["SCTP", "TCP", "UDP"]
_AFFINITIES = ["ClientIP", "None"]
_TRAFFIC = ["Cluster", "Local"]


def validate_create(obj: Json) -> Sequence[FieldError]:
    return [*objectmeta.validate_create(obj, dns_1035_faults), *_spec_errors(obj["spec"])]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = objectmeta.validate_update(new, old)
    spec, before = new["spec"], old["spec"]
    if "ExternalName" not in (spec.get("type"), before.get("type")) and before.get("clusterIP"):
        errors += _address_change_errors(spec, before)
    return [*errors, *_spec_errors(spec)]


def _address_change_errors(spec: Json, before: Json) -> list[FieldError]:
    """The first address never changes."""
    address = spec.get("clusterIP") or ""
    if address == before["clusterIP"]:
        return []
    addresses = spec.get("clusterIPs") or [address]
    told = "may not change once set"
    return [fields.invalid("spec.clusterIPs[0]", addresses, told)]


def _spec_errors(spec: Json) -> list[FieldError]:
    type_ = spec.get("type", "")
    headless = spec.get("clusterIP") == "None"
    errors: list[FieldError] = []
    if not spec.get("ports") and not headless and type_ != "ExternalName":
        errors.append(fields.required("spec.ports"))
    errors += _type_errors(spec, type_, headless)
    errors += _port_list_errors(spec.get("ports") or [], headless)
    errors += objectmeta.label_errors(spec.get("selector") or {}, "spec.selector")
    errors += _one_of(spec.get("sessionAffinity"), _AFFINITIES, "spec.sessionAffinity")
    errors += _cluster_ip_errors(spec)
    if type_ not in TYPES:
        errors.append(fields.not_supported("spec.type", type_, TYPES))
    for member in ("internalTrafficPolicy", "externalTrafficPolicy"):
        if spec.get(member):
            errors += _one_of(spec[member], _TRAFFIC, f"spec.{member}")
    return errors


def _type_errors(spec: Json, type_: str, headless: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    if type_ in ("LoadBalancer", "NodePort") and headless:
        told = f"may not be set to 'None' for {type_} services"
        errors.append(fields.invalid("spec.clusterIPs[0]", "None", told))
    if type_ != "ExternalName":
        return errors
    if spec.get("clusterIP"):
        errors.append(fields.forbidden("spec.clusterIPs", "may not be set for ExternalName services"))
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        return [*errors, fields.required("spec.externalName")]
    return [*errors, *(fields.invalid("spec.externalName", name, fault) for fault in subdomain_faults(name))]


def _port_list_errors(ports: list[Json], headless: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        errors += _port_errors(port, len(ports) > 1, names, f"spec.ports[{index}]")
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol", ""), port.get("port", 0))
        if key in seen:
            told = {"protocol": key[0], "port": key[1]}
            errors.append(fields.duplicate(f"spec.ports[{index}]", told))
        seen.add(key)
    return errors


def _port_errors(port: Json, needs_name: bool, names: set[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name = port.get("name") or ""
    if needs_name and not name:
        errors.append(fields.required(f"{path}.name"))
    elif name:
        errors += [fields.invalid(f"{path}.name", name, fault) for fault in label_faults(name)]
        if name in names:
            errors.append(fields.duplicate(f"{path}.name", name))
        names.add(name)
    errors += [fields.invalid(f"{path}.port", port.get("port", 0), f) for f in port_faults(port.get("port", 0))]
    protocol = port.get("protocol", "")
    if not protocol:
        errors.append(fields.required(f"{path}.protocol"))
    elif protocol not in PROTOCOLS:
        errors.append(fields.not_supported(f"{path}.protocol", protocol, PROTOCOLS))
    return [*errors, *_target_errors(port.get("targetPort"), f"{path}.targetPort")]


def _target_errors(target: object, path: str) -> list[FieldError]:
    """A port by number or by name."""
    if isinstance(target, int):
        return [fields.invalid(path, target, fault) for fault in port_faults(target)]
    if isinstance(target, str):
        return [fields.invalid(path, target, fault) for fault in port_name_faults(target)]
    return []


def _one_of(value: str | None, known: list[str], path: str) -> list[FieldError]:
    if not value:
        return [fields.required(path)]
    return [] if value in known else [fields.not_supported(path, value, known)]


def _cluster_ip_errors(spec: Json) -> list[FieldError]:
    address, addresses = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    errors: list[FieldError] = []
    if addresses and address != addresses[0]:
        errors.append(fields.invalid("spec.clusterIP", address, "must be the same as the first element of clusterIPs"))
    for index, given in enumerate(addresses or ([address] if address else [])):
        if given != "None" and not is_ip(given):
            told = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            errors.append(fields.invalid(f"spec.clusterIPs[{index}]", given, told))
    return errors
