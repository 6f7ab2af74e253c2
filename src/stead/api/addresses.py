"""The addresses and ports a Service is given, and keeps: cluster IPs out of one range, node ports out of another.

What is in use is read from the Services themselves, so there is no second book that could disagree with them.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from stead.api import refusals
from stead.api.core import Call, Core
from stead.machinery import fields, meta
from stead.machinery.objects import Json, dig

NONE = "None"
WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
RANDOM_TRIES = 20
OTHER_FAMILY = {"IPv4": "IPv6", "IPv6": "IPv4"}
Network = IPv4Network | IPv6Network


def on_create(core: Core, call: Call, service: Json) -> Json:
    """The Service with families, cluster IP and node ports; raises Invalid where what it asks for cannot be had."""
    spec = dict(service.get("spec") or {})
    if spec.get("type") == "ExternalName":
        return service
    network = ip_network(core.settings.service_cidr)
    spec.update(_families(spec, network))
    spec.update(_cluster_ip(core, service, spec, network))
    spec.update(_node_ports(core, service, spec))
    return {**service, "spec": spec}


def on_update(core: Core, call: Call, new: Json, old: Json) -> Json:
    """An update that leaves out what was given keeps it, as long as its type still needs it."""
    spec, before = dict(new.get("spec") or {}), old.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return new
    if before.get("type") != "ExternalName":
        _keep(spec, before)
    if spec.get("type") in WITH_NODE_PORTS and before.get("type") in WITH_NODE_PORTS:
        spec["ports"] = _with_old_node_ports(spec.get("ports") or [], before.get("ports") or [])
    if before.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = spec.get("healthCheckNodePort") or before["healthCheckNodePort"]
    return on_create(core, call, {**new, "spec": spec})


def _keep(spec: dict[str, Any], before: Json) -> None:
    if not spec.get("clusterIP") and not spec.get("clusterIPs"):
        for name in ("clusterIP", "clusterIPs"):
            if before.get(name):
                spec[name] = before[name]
    for name in ("ipFamilies", "ipFamilyPolicy"):
        if not spec.get(name) and before.get(name):
            spec[name] = before[name]


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


def _families(spec: Json, network: Network) -> dict[str, Any]:
    """One family, the range's own; a headless Service that selects nothing may have both."""
    own = f"IPv{network.version}"
    families, policy = spec.get("ipFamilies") or [], spec.get("ipFamilyPolicy")
    if _is_headless(spec) and not spec.get("selector"):
        policy = policy or "RequireDualStack"
        families = families or ([own] if policy == "SingleStack" else [own, OTHER_FAMILY[own]])
    return {"ipFamilies": families or [own], "ipFamilyPolicy": policy or "SingleStack"}


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
        _refuse(core, service, fields.FieldError("spec.clusterIPs", "InternalError", f"Internal error: {told}"))
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
        _refuse(core, service, fields.invalid("spec.clusterIPs", [wanted], told))


def _free_address(core: Core, network: Network, used: set[str]) -> str:
    """Drawn by lot; counted through where luck fails. Neither the first address, the API's own, nor the last."""
    last = network.num_addresses - 2
    for _ in range(RANDOM_TRIES):
        address = str(network[core.chance.randint(2, last)]) if last >= 2 else ""
        if address and address not in used:
            return address
    return next((str(network[i]) for i in range(2, last + 1) if str(network[i]) not in used), "")


def _node_ports(core: Core, service: Json, spec: Json) -> dict[str, Any]:
    if spec.get("type") not in WITH_NODE_PORTS or spec.get("allocateLoadBalancerNodePorts") is False:
        return {}
    used = {
        port.get("nodePort") for other in _others(core, service) for port in dig(other, "spec", "ports", default=[])
    }
    ports: list[Json] = []
    for index, port in enumerate(spec.get("ports") or []):
        wanted = port.get("nodePort")
        if wanted:
            _refuse_port(core, service, f"spec.ports[{index}].nodePort", (wanted, wanted in used))
        else:
            port = {**port, "nodePort": _free_port(core, used)}
        used.add(port["nodePort"])
        ports.append(port)
    return {"ports": ports, **_health_port(core, spec, used)}


def _health_port(core: Core, spec: Json, used: set[Any]) -> dict[str, Any]:
    """Where a balancer asks a node whether it has pods of a Service that is not handed on to other nodes."""
    needs_one = spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    return {"healthCheckNodePort": spec.get("healthCheckNodePort") or _free_port(core, used)} if needs_one else {}


def _refuse_port(core: Core, service: Json, field: str, port: tuple[int, bool]) -> None:
    wanted, is_used = port
    allowed = core.settings.node_ports
    if wanted not in allowed:
        listed = f"{allowed.start}-{allowed.stop - 1}"
        told = f"provided port is not in the valid range. The range of valid ports is {listed}"
        _refuse(core, service, fields.invalid(field, wanted, told))
    if is_used:
        _refuse(core, service, fields.invalid(field, wanted, "provided port is already allocated"))


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


def _refuse(core: Core, service: Json, wrong: fields.FieldError) -> None:
    refusals.invalid(core.registry.by_id("Service"), meta.name(service), [wrong])
