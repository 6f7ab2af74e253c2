"""The addresses and ports a Service is given, and keeps: cluster IPs out of one range, node ports out of another.

What is in use is read from the Services themselves, so there is no second book that could disagree with them.
"""

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from stead.api import refusals
from stead.api.core import Call, Core
from stead.kinds.service import with_both
from stead.kinds.servicerules import address_errors
from stead.machinery import fields, meta
from stead.machinery.errors import ApiError
from stead.machinery.objects import Json, dig

NONE = "None"
WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
RANDOM_TRIES = 20
OTHER_FAMILY = {"IPv4": "IPv6", "IPv6": "IPv4"}
Network = IPv4Network | IPv6Network
NodePorts = Callable[[Core, Json, list[Json], set[Any]], list[Json]]


def on_create(core: Core, call: Call, service: Json) -> Json:
    """The Service with families, cluster IP and node ports; raises Invalid where what it asks for cannot be had."""
    return _allocated(core, {**service, "spec": with_both(service["spec"])}, (True, _new_node_ports))


def _allocated(core: Core, service: Json, how: tuple[bool, NodePorts]) -> Json:
    """`how` is whether it needs an address, and how its node ports are given."""
    needs_address, node_ports = how
    spec = dict(service.get("spec") or {})
    if spec.get("type") == "ExternalName":
        return service
    _refuse(core, service, address_errors(spec))
    network = ip_network(core.settings.service_cidr)
    spec.update(_families(core, service, spec, network))
    spec.update(_cluster_ip(core, service, spec, network) if needs_address else {})
    spec.update(_node_ports(core, service, spec, node_ports))
    return {**service, "spec": spec}


def on_update(core: Core, call: Call, new: Json, old: Json) -> Json:
    """An update that leaves out what was given keeps it, as long as its type still needs it.

    An address that it asks for in place of its own is never looked up: it may not change once set.
    """
    spec, before = dict(new.get("spec") or {}), old.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return new
    if before.get("type") != "ExternalName":
        _keep(spec, before)
    if spec.get("type") in WITH_NODE_PORTS and before.get("type") in WITH_NODE_PORTS:
        spec["ports"] = _with_old_node_ports(spec.get("ports") or [], before.get("ports") or [])
    if before.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = spec.get("healthCheckNodePort") or before["healthCheckNodePort"]
    needs_address = before.get("type") == "ExternalName"
    return _allocated(core, {**new, "spec": with_both(spec)}, (needs_address, _changed_node_ports))


def _keep(spec: dict[str, Any], before: Json) -> None:
    _follow(spec, before)
    if not spec.get("clusterIP") and not spec.get("clusterIPs"):
        for name in ("clusterIP", "clusterIPs"):
            if before.get(name):
                spec[name] = before[name]
    for name in ("ipFamilies", "ipFamilyPolicy"):
        if not spec.get(name) and before.get(name):
            spec[name] = before[name]


def _follow(spec: dict[str, Any], before: Json) -> None:
    """Who changes the one address and leaves the list as it was means both."""
    address, is_same = spec.get("clusterIP") or "", spec.get("clusterIPs") == before.get("clusterIPs")
    if address != (before.get("clusterIP") or "") and is_same:
        spec["clusterIPs"] = [address] if address else []


def _with_old_node_ports(ports: list[Json], before: list[Json]) -> list[Json]:
    old = {(port.get("protocol"), port.get("port")): port["nodePort"] for port in before if port.get("nodePort")}
    taken = {port.get("nodePort") for port in ports}
    kept = []
    for port in ports:
        number = old.get((port.get("protocol"), port.get("port")))
        kept.append(
            {**port, "nodePort": number} if number and not port.get("nodePort") and number not in taken else port
        )
    return kept


def _families(core: Core, service: Json, spec: Json, network: Network) -> dict[str, Any]:
    """One family, the range's own; a headless Service that selects nothing may have both."""
    own = f"IPv{network.version}"
    families, policy = list(spec.get("ipFamilies") or []), spec.get("ipFamilyPolicy")
    wrong: list[fields.FieldError] = []
    if policy == "SingleStack":
        told = "must be RequireDualStack or PreferDualStack when multiple '{}' are specified"
        many = [member for member in ("clusterIPs", "ipFamilies") if len(spec.get(member) or []) == 2]
        wrong += [fields.invalid("spec.ipFamilyPolicy", policy, told.format(member)) for member in many]
    if not _is_headless(spec):
        wrong += _inferred(spec, families, own)
    _refuse(core, service, wrong)
    if _is_headless(spec) and not spec.get("selector"):
        policy = policy or "RequireDualStack"
        families = families or [own]
        more = [OTHER_FAMILY[families[0]]] if len(families) < 2 and policy != "SingleStack" else []
        return {"ipFamilies": [*families, *more], "ipFamilyPolicy": policy}
    if policy == "RequireDualStack":
        told = "this cluster is not configured for dual-stack services"
        wrong.append(fields.invalid("spec.ipFamilyPolicy", policy, told))
    strange = [(index, family) for index, family in enumerate(families) if family != own]
    told = "not configured on this cluster"
    _refuse(core, service, [*wrong, *(fields.invalid(f"spec.ipFamilies[{at}]", one, told) for at, one in strange)])
    return {"ipFamilies": families or [own], "ipFamilyPolicy": policy or "SingleStack"}


def _inferred(spec: Json, families: list[str], own: str) -> list[fields.FieldError]:
    """Families of addresses that were given without: added to `families`, or why they cannot be."""
    wrong: list[fields.FieldError] = []
    for index, address in enumerate(spec.get("clusterIPs") or []):
        family = f"IPv{ip_address(address).version}"
        if index < len(families):
            continue
        if family == own:
            families.append(family)
        else:
            told = f"{family} is not configured on this cluster"
            wrong.append(fields.invalid(f"spec.clusterIPs[{index}]", spec["clusterIPs"], told))
    return wrong


def _is_headless(spec: Json) -> bool:
    return NONE in (spec.get("clusterIP"), next(iter(spec.get("clusterIPs") or []), None))


def _cluster_ip(core: Core, service: Json, spec: Json, network: Network) -> dict[str, Any]:
    if _is_headless(spec):
        return {"clusterIP": NONE, "clusterIPs": [NONE]}
    wanted = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or []), "")
    used = {ip for other in _others(core, service) for ip in dig(other, "spec", "clusterIPs", default=[])}
    if wanted:
        _refuse_address(core, service, wanted, (network, used))
        return {"clusterIP": wanted, "clusterIPs": [wanted]}
    address = _free_address(core, network, used)
    if not address:
        told = "failed to allocate a serviceIP: range is full"
        _refuse(core, service, [fields.FieldError("spec.clusterIPs", "InternalError", f"Internal error: {told}")])
    return {"clusterIP": address, "clusterIPs": [address]}


def _refuse_address(core: Core, service: Json, wanted: str, range_: tuple[Network, set[str]]) -> None:
    network, used = range_
    why = ""
    try:
        if ip_address(wanted) not in network:
            why = f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {network}"
    except ValueError:
        return  # validation has words for this
    if wanted in used:
        why = "provided IP is already allocated"
    if why:
        told = f"failed to allocate IP {wanted}: {why}"
        _refuse(core, service, [fields.invalid("spec.clusterIPs", [wanted], told)])


def _free_address(core: Core, network: Network, used: set[str]) -> str:
    """Drawn by lot; counted through where luck fails. Neither the first address, the API's own, nor the last."""
    last = network.num_addresses - 2
    for _ in range(RANDOM_TRIES):
        address = str(network[core.chance.randint(2, last)]) if last >= 2 else ""
        if address and address not in used:
            return address
    return next((str(network[i]) for i in range(2, last + 1) if str(network[i]) not in used), "")


def _node_ports(core: Core, service: Json, spec: Json, number: NodePorts) -> dict[str, Any]:
    if spec.get("type") not in WITH_NODE_PORTS:
        return {}
    others = [dig(other, "spec", default={}) for other in _others(core, service)]
    used = {port.get("nodePort") for other in others for port in other.get("ports") or []}
    used |= {other["healthCheckNodePort"] for other in others if other.get("healthCheckNodePort")}
    ports = number(core, service, spec.get("ports") or [], used)
    return {"ports": ports, **_health_port(core, spec, used)}


def _wants_none(service: Json, port: Json) -> bool:
    """A balancer that wants no ports of the nodes gets those that it names all the same."""
    return not port.get("nodePort") and dig(service, "spec", "allocateLoadBalancerNodePorts") is False


def _new_node_ports(core: Core, service: Json, ports: list[Json], used: set[Any]) -> list[Json]:
    """Ports that differ in their protocol alone share one number."""
    made: list[Json] = []
    by_port: dict[Any, int] = {}
    for index, port in enumerate(ports):
        if _wants_none(service, port):
            made.append(port)
            continue
        shared, wanted = by_port.get(port.get("port")), port.get("nodePort")
        if shared is None:
            asked = (
                other["nodePort"] for other in ports if other.get("port") == port.get("port") and other.get("nodePort")
            )
            wanted = next(asked, None)
        if wanted and wanted != shared:
            _refuse_port(core, service, f"spec.ports[{index}].nodePort", (wanted, wanted in used))
        given = wanted or shared or _free_port(core, used)
        by_port.setdefault(port.get("port"), given)
        used.add(given)
        made.append({**port, "nodePort": given})
    return made


def _changed_node_ports(core: Core, service: Json, ports: list[Json], used: set[Any]) -> list[Json]:
    """What is asked for is taken once, and each of the others gets a number of its own."""
    made: list[Json] = []
    mine: set[Any] = set()
    for index, port in enumerate(ports):
        wanted = port.get("nodePort")
        if _wants_none(service, port):
            made.append(port)
            continue
        if wanted and wanted not in mine:
            _refuse_port(core, service, f"spec.ports[{index}].nodePort", (wanted, wanted in used))
        given = wanted or _free_port(core, used | mine | {other.get("nodePort") for other in ports})
        mine.add(given)
        made.append({**port, "nodePort": given})
    used |= mine
    return made


def _health_port(core: Core, spec: Json, used: set[Any]) -> dict[str, Any]:
    """Where a balancer asks a node whether it has pods of a Service that is not handed on to other nodes."""
    if spec.get("type") != "LoadBalancer" or spec.get("externalTrafficPolicy") != "Local":
        return {}
    wanted = spec.get("healthCheckNodePort")
    why = _port_fault(core, (wanted, wanted in used)) if wanted else ""
    if why:
        told = f"failed to allocate requested HealthCheck NodePort {wanted}: {why}"
        raise ApiError(f"Internal error occurred: {told}", details={"causes": [{"message": told}]})
    return {"healthCheckNodePort": wanted or _free_port(core, used)}


def _refuse_port(core: Core, service: Json, field: str, port: tuple[int, bool]) -> None:
    why = _port_fault(core, port)
    if why:
        _refuse(core, service, [fields.invalid(field, port[0], why)])


def _port_fault(core: Core, port: tuple[int, bool]) -> str:
    wanted, is_used = port
    allowed = core.settings.node_ports
    if wanted not in allowed:
        listed = f"{allowed.start}-{allowed.stop - 1}"
        return f"provided port is not in the valid range. The range of valid ports is {listed}"
    return "provided port is already allocated" if is_used else ""


def _free_port(core: Core, used: set[Any]) -> int:
    allowed = core.settings.node_ports
    for _ in range(RANDOM_TRIES):
        port = core.chance.choice(allowed)
        if port not in used:
            return port
    return next(port for port in allowed if port not in used)


def _others(core: Core, service: Json) -> Iterator[Json]:
    place = (meta.namespace(service), meta.name(service))
    return (row.obj for row in core.store.rows("Service") if (row.key.namespace, row.key.name) != place)


def _refuse(core: Core, service: Json, wrong: Sequence[fields.FieldError]) -> None:
    refusals.invalid(core.registry.by_id("Service"), meta.name(service), wrong)
