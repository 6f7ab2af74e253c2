"""What a Service may not be, and what of it may not change."""

from collections.abc import Sequence
from typing import Any

from stead.kinds import objectmeta
from stead.kinds.checks import Errors, faults, known, needed, one_of, without_known
from stead.kinds.proberules import port_errors
from stead.kinds.syntax import (
    ip_faults,
    is_ip,
    label_faults,
    port_faults,
    qualified_name_faults,
    range_faults,
    special_ip_faults,
    subdomain_faults,
)
from stead.machinery import fields, meta
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, dig

TYPES = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
_PROTOCOLS = ["SCTP", "TCP", "UDP"]
_AFFINITIES = ["ClientIP", "None"]
_TRAFFIC = ["Cluster", "Local"]
_FAMILIES = ["IPv4", "IPv6"]
_FAMILY_POLICIES = ["PreferDualStack", "RequireDualStack", "SingleStack"]
_DISTRIBUTIONS = ["PreferClose", "PreferSameNode", "PreferSameZone"]
_LONGEST_AFFINITY = 86400
_HINTS = "service.kubernetes.io/topology-aware-hints"
_MODE = "service.kubernetes.io/topology-mode"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_BALANCERS_ONLY = "may only be used when `type` is 'LoadBalancer'"


def validate_create(obj: Json) -> Sequence[FieldError]:
    """A name may begin with a digit since 1.36 (RelaxedServiceNameValidation)."""
    return [*objectmeta.validate_create(obj, label_faults), *_whole_errors(obj)]


def _whole_errors(obj: Json) -> Errors:
    return [*_hint_errors(meta.annotations(obj)), *_spec_errors(obj["spec"], meta.annotations(obj))]


def _hint_errors(annotations: Json) -> Errors:
    """The old annotation and the new one, where both are there, say the same."""
    if not {_HINTS, _MODE} <= annotations.keys() or annotations[_HINTS] == annotations[_MODE]:
        return []
    told = f"must match annotations[{_HINTS}] when both are specified"
    return [fields.invalid(f"metadata.annotations[{_MODE}]", annotations[_MODE], told)]


def validate_update(new: Json, old: Json) -> Sequence[FieldError]:
    errors = objectmeta.validate_update(new, old)
    spec, before = new["spec"], old["spec"]
    errors += _address_change_errors(spec, before)
    errors += _family_change_errors(spec, before)
    if spec.get("type") == before.get("type") == "LoadBalancer":
        class_ = spec.get("loadBalancerClass")
        is_same = class_ == before.get("loadBalancerClass")
        errors += [] if is_same else [fields.invalid("spec.loadBalancerClass", class_, "may not change once set")]
    errors += _class_errors(spec)
    if _needs_health_port(spec) and _needs_health_port(before):
        is_same = spec.get("healthCheckNodePort") == before.get("healthCheckNodePort")
        errors += [] if is_same else [fields.forbidden("spec.healthCheckNodePort", "field is immutable")]
    return [*errors, *without_known(_whole_errors(new), _addresses(old))]


def _addresses(obj: Json) -> list[str]:
    spec = obj["spec"]
    known = [*(spec.get("clusterIPs") or []), *(spec.get("externalIPs") or [])]
    known += [one.strip() for one in spec.get("loadBalancerSourceRanges") or []]
    return known + [one.strip() for one in meta.annotations(obj).get(_RANGES, "").split(",")]


def validate_status(new: Json, old: Json) -> Sequence[FieldError]:
    """Only a balancer's service has an entrance, which is an address or a name."""
    errors = objectmeta.validate_update(new, old)
    entrances, path = dig(new, "status", "loadBalancer", "ingress", default=[]), "status.loadBalancer.ingress"
    if entrances and new["spec"].get("type") != "LoadBalancer":
        return [*errors, fields.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
    for index, entrance in enumerate(entrances):
        errors += _entrance_errors(entrance, f"{path}[{index}]")
    was = dig(old, "status", "loadBalancer", "ingress", default=[])
    return without_known(errors, [one.get("ip", "") for one in was])


def _entrance_errors(entrance: Json, path: str) -> Errors:
    ip, mode, hostname = entrance.get("ip") or "", entrance.get("ipMode"), entrance.get("hostname") or ""
    errors = faults(f"{path}.ip", ip, ip_faults(ip)) if ip else []
    if mode is None and ip:
        errors.append(fields.required(f"{path}.ipMode", "must be specified when `ip` is set"))
    elif mode is not None and not ip:
        errors.append(fields.forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set"))
    elif mode is not None:
        errors += known(f"{path}.ipMode", mode, ["Proxy", "VIP"])
    errors += faults(f"{path}.hostname", hostname, subdomain_faults(hostname)) if hostname else []
    told = "must be a DNS name, not an IP address"
    return [*errors, fields.invalid(f"{path}.hostname", hostname, told)] if is_ip(hostname) else errors


def _address_change_errors(spec: Json, before: Json) -> Errors:
    """The first address stays as long as the service has one, the second as long as it has two."""
    now, then = spec.get("clusterIPs") or [], before.get("clusterIPs") or []
    if "ExternalName" in (spec.get("type"), before.get("type")) or now == then == ["None"]:
        return []
    if then and not now:
        return [fields.invalid("spec.clusterIPs[0]", now or None, "primary clusterIP can not be unset")]
    pairs = list(zip(now, then, strict=False))[: len(then) if len(now) == len(then) else 1]
    changed = [index for index, (one, other) in enumerate(pairs) if one != other]
    errors = [fields.invalid(f"spec.clusterIPs[{index}]", now, "may not change once set") for index in changed]
    return [*errors, *_released_errors(spec, len(now), len(then), "clusterIP")]


def _family_change_errors(spec: Json, before: Json) -> Errors:
    """Families are as lasting as addresses, but for headless services."""
    is_headless = [one.get("clusterIPs") == ["None"] for one in (spec, before)]
    if "ExternalName" in (spec.get("type"), before.get("type")) or any(is_headless):
        return []
    now, then = spec.get("ipFamilies") or [], before.get("ipFamilies") or []
    is_longer = len(now) != len(then)
    pairs = list(zip(now, then, strict=False))[: 1 if is_longer else len(then)]
    shown = (spec.get("clusterIPs") if is_longer else now) or None  # upstream shows the addresses here
    changed = [one for one, other in pairs if one != other]
    errors = [fields.invalid("spec.ipFamilies[0]", shown, "may not change once set") for _ in changed]
    return [*errors, *_released_errors(spec, len(now), len(then), "ipFamily")]


def _released_errors(spec: Json, now: int, then: int, what: str) -> Errors:
    policy = spec.get("ipFamilyPolicy")
    if not then > now == 1 or policy == "SingleStack":
        return []
    told = f"must be set to 'SingleStack' when releasing the secondary {what}"
    return [fields.invalid("spec.ipFamilyPolicy", policy, told)]


def _spec_errors(spec: Json, annotations: Json) -> Errors:
    type_, ports, headless = spec.get("type", ""), spec.get("ports") or [], spec.get("clusterIP") == "None"
    errors: Errors = []
    if not ports and not headless and type_ != "ExternalName":
        errors.append(fields.required("spec.ports"))
    errors += _type_errors(spec, type_, headless)
    names: set[str] = set()
    for index, port in enumerate(ports):
        errors += _port_errors(port, len(ports) > 1, names, f"spec.ports[{index}]")
    errors += objectmeta.label_errors(spec.get("selector") or {}, "spec.selector")
    errors += _affinity_errors(spec)
    errors += address_errors(spec) if type_ != "ExternalName" else []
    for index, ip in enumerate(spec.get("externalIPs") or []):
        errors += faults(f"spec.externalIPs[{index}]", ip, ip_faults(ip) or special_ip_faults(ip))
    errors += one_of("spec.type", type_, TYPES)
    errors += _node_port_errors(ports, type_)
    errors += _twice_errors(ports)
    return [*errors, *_balancer_errors(spec, annotations), *_traffic_errors(spec, type_)]


def _type_errors(spec: Json, type_: str, headless: bool) -> Errors:
    if type_ in ("LoadBalancer", "NodePort") and headless:
        return [fields.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {type_} services")]
    if type_ != "ExternalName":
        return []
    told = "may not be set for ExternalName services"
    given = [member for member in ("clusterIPs", "ipFamilies", "ipFamilyPolicy") if spec.get(member)]
    errors = [fields.forbidden(f"spec.{member}", told) for member in given]
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        return [*errors, fields.required("spec.externalName")]
    return [*errors, *faults("spec.externalName", name, subdomain_faults(name))]


def _port_errors(port: Json, needs_name: bool, names: set[str], path: str) -> Errors:
    errors: Errors = []
    name, number = port.get("name") or "", port.get("port") or 0
    if needs_name:
        errors += needed(f"{path}.name", name)
    if name:
        errors += faults(f"{path}.name", name, label_faults(name))
        errors += [fields.duplicate(f"{path}.name", name)] if name in names else []
        names.add(name)
    errors += faults(f"{path}.port", number, port_faults(number))
    errors += one_of(f"{path}.protocol", port.get("protocol"), _PROTOCOLS)
    errors += port_errors(port.get("targetPort"), f"{path}.targetPort")
    protocol = port.get("appProtocol")
    return errors + (
        faults(f"{path}.appProtocol", protocol, qualified_name_faults(protocol)) if protocol is not None else []
    )


def _affinity_errors(spec: Json) -> Errors:
    affinity, config, path = (
        spec.get("sessionAffinity"),
        spec.get("sessionAffinityConfig"),
        "spec.sessionAffinityConfig",
    )
    errors = one_of("spec.sessionAffinity", affinity, _AFFINITIES)
    if affinity == "None" and config is not None:
        return [*errors, fields.forbidden(path, "must not be set when session affinity is None")]
    if affinity != "ClientIP":
        return errors
    seconds = dig(config or {}, "clientIP", "timeoutSeconds", default=0)
    if not 0 < seconds <= _LONGEST_AFFINITY:
        told = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
        errors.append(fields.invalid(f"{path}.clientIP.timeoutSeconds", seconds, told))
    return errors


def address_errors(spec: Json) -> Errors:
    """Addresses and families by themselves, which are looked at before any are given."""
    address, addresses, path = spec.get("clusterIP") or "", spec.get("clusterIPs") or [], "spec.clusterIPs"
    errors: Errors = []
    if address and not addresses:
        errors.append(fields.required(path))
    elif address and addresses[0] != address:
        errors.append(fields.invalid(path, addresses, "first value must match `clusterIP`"))
    elif addresses and not address:
        errors.append(fields.invalid(path, addresses, "must be empty when `clusterIP` is not specified"))
    errors += _family_errors(spec)
    wrong: Errors = []
    if addresses[:1] == ["None"] and len(addresses) > 1:
        wrong.append(fields.invalid(path, addresses, "'None' must be the first and only value"))
    for index, given in enumerate(addresses):
        if index or given != "None":
            wrong += faults(f"{path}[{index}]", given, ip_faults(given))
    if len(addresses) > 2:
        errors.append(fields.invalid(path, addresses, "may only hold up to 2 values"))
    return [*errors, *wrong] if wrong else [*errors, *_stack_errors(spec, addresses, path)]


def _stack_errors(spec: Json, addresses: list[str], path: str) -> Errors:
    """Two addresses are of two families, and of those that were named."""
    if addresses[:1] == ["None"]:
        return []
    errors: Errors = []
    found = ["IPv6" if ":" in address else "IPv4" for address in addresses]
    if len(found) > 1 and len(found) != len(set(found)):
        errors.append(fields.invalid(path, addresses, "may specify no more than one IP for each IP family"))
    for index, (family, wanted) in enumerate(zip(found, spec.get("ipFamilies") or [], strict=False)):
        if family != wanted and wanted in _FAMILIES:
            told = f"expected an {wanted} value as indicated by `ipFamilies[{index}]`"
            errors.append(fields.invalid(f"{path}[{index}]", addresses[index], told))
    return errors


def _family_errors(spec: Json) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, family in enumerate(spec.get("ipFamilies") or []):
        path = f"spec.ipFamilies[{index}]"
        errors += known(path, family, _FAMILIES)
        errors += [fields.duplicate(path, family)] if family in seen else []
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    return errors + (known("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES) if policy is not None else [])


def _node_port_errors(ports: list[Json], type_: str) -> Errors:
    told = "may not be used when `type` is 'ClusterIP'"
    errors: Errors = []
    if type_ == "ClusterIP":
        given = [index for index, port in enumerate(ports) if port.get("nodePort")]
        errors += [fields.forbidden(f"spec.ports[{index}].nodePort", told) for index in given]
    seen: set[Any] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("nodePort"))
        if key[1] and key in seen:
            errors.append(fields.duplicate(f"spec.ports[{index}].nodePort", key[1]))
        seen.add(key)
    return errors


def _twice_errors(ports: list[Json]) -> Errors:
    errors: Errors = []
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol", ""), port.get("port", 0))
        if key in seen:
            errors.append(fields.duplicate(f"spec.ports[{index}]", _shown_port(*key)))
        seen.add(key)
    return errors


def _shown_port(protocol: str, number: int) -> Json:
    """A port of which nothing but these two is told, by upstream's inner names."""
    return {
        "Name": "",
        "Protocol": protocol,
        "AppProtocol": None,
        "Port": number,
        "TargetPort": 0,
        "NodePort": 0,
    }


def _balancer_errors(spec: Json, annotations: Json) -> Errors:
    is_balanced, ranges = spec.get("type") == "LoadBalancer", spec.get("loadBalancerSourceRanges") or []
    path = "spec.LoadBalancerSourceRanges"
    places = [(f"{path}[{index}]", one) for index, one in enumerate(ranges)]
    if not ranges and _RANGES in annotations:
        path = f"metadata.annotations[{_RANGES}]"
        places = [(path, one) for one in annotations[_RANGES].split(",")] if annotations[_RANGES].strip() else []
    errors: Errors = []
    if not is_balanced and (ranges or _RANGES in annotations):
        errors.append(fields.forbidden(path, _BALANCERS_ONLY))
    for at, one in places:
        errors += faults(at, one.strip(), range_faults(one.strip()))
    if spec.get("allocateLoadBalancerNodePorts") is not None and not is_balanced:
        errors.append(fields.forbidden("spec.allocateLoadBalancerNodePorts", _BALANCERS_ONLY))
    return [*errors, *_class_errors(spec)]


def _class_errors(spec: Json) -> Errors:
    class_, path = spec.get("loadBalancerClass"), "spec.loadBalancerClass"
    if class_ is None:
        return []
    if spec.get("type") != "LoadBalancer":
        return [fields.forbidden(path, _BALANCERS_ONLY)]
    return faults(path, class_, qualified_name_faults(class_))


def _needs_health_port(spec: Json) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _health_port_errors(number: int, is_needed: bool) -> Errors:
    path = "spec.healthCheckNodePort"
    if is_needed:
        return faults(path, number, port_faults(number)) if number else [fields.required(path)]
    told = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    return [fields.invalid(path, number, told)] if number else []


def _traffic_errors(spec: Json, type_: str) -> Errors:
    external, internal = spec.get("externalTrafficPolicy") or "", spec.get("internalTrafficPolicy")
    is_reachable = type_ in ("LoadBalancer", "NodePort") or (type_ == "ClusterIP" and bool(spec.get("externalIPs")))
    errors: Errors = []
    if is_reachable:
        errors += one_of("spec.externalTrafficPolicy", external, _TRAFFIC)
    elif external:
        told = "may only be set for externally-accessible services"
        errors.append(fields.invalid("spec.externalTrafficPolicy", external, told))
    errors += _health_port_errors(spec.get("healthCheckNodePort") or 0, _needs_health_port(spec))
    if internal is None:
        errors += needed("spec.internalTrafficPolicy", type_ == "ExternalName")
    else:
        errors += known("spec.internalTrafficPolicy", internal, _TRAFFIC)
    distribution = spec.get("trafficDistribution")
    return errors + (
        known("spec.trafficDistribution", distribution, _DISTRIBUTIONS) if distribution is not None else []
    )
