"""Service: a name for pods. Headless (`clusterIP: None`) it is the name under which each replica is found."""

from collections.abc import Callable, Mapping
from typing import Any

from stead.kinds.addresswarnings import address_warnings, range_warnings
from stead.kinds.columns import AGE, NAME, at, joined, labels_text
from stead.kinds.defaulting import each, filled, within
from stead.kinds.kind import Column, Kind, Subresource
from stead.kinds.servicerules import validate_create, validate_status, validate_update
from stead.machinery import meta
from stead.machinery.objects import Json, dig, without
from stead.machinery.times import Now

_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def default(obj: Json) -> Json:
    """D-6. Addresses and families are the API's to give (admission), for they need to know which are taken."""
    spec = filled(obj.get("spec") or {}, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        timeout = dig(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds", default=10800)
        spec = {**spec, "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": timeout}}}
    if spec["type"] != "ExternalName":
        spec = filled(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in _WITH_NODE_PORTS or (spec["type"] == "ClusterIP" and spec.get("externalIPs")):
        spec = filled(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        spec = filled(spec, allocateLoadBalancerNodePorts=True)
        obj = within(obj, "status", lambda status: within(status, "loadBalancer", _default_entrances))
    spec = each(spec, "ports", lambda port: _default_port(port))
    return {**obj, "spec": spec}


def _default_entrances(balancer: Json) -> Json:
    """An address of a balancer is one that is handed on as it came, unless it says otherwise."""
    return each(
        balancer, "ingress", lambda entrance: filled(entrance, ipMode="VIP") if entrance.get("ip") else entrance
    )


def _default_port(port: Json) -> Json:
    target = port.get("targetPort")
    meant = port.get("port", 0) if target in (None, 0, "") else target
    return {**filled(port, protocol="TCP"), "targetPort": meant}


def prepare_create(obj: Json) -> Json:
    return {**obj, "spec": with_both(obj["spec"]), "status": {"loadBalancer": {}}}


def with_both(spec: Json) -> Json:
    """One address may be given by its own field alone; then it is the first of the list, too."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        return {**spec, "clusterIPs": [spec["clusterIP"]]}
    return spec


def prepare_update(new: Json, old: Json) -> Json:
    """Addresses once given are kept by an update that does not speak of them."""
    spec = _without_outgrown(_with_addresses(new["spec"], old["spec"]), old["spec"])
    return {**new, "spec": spec, "status": old.get("status") or {}}


# member -> whether a service of such a spec has a use for it
_USES: Mapping[str, Callable[[Json], bool]] = {
    "clusterIP": lambda spec: spec["type"] != "ExternalName",
    "clusterIPs": lambda spec: spec["type"] != "ExternalName",
    "ipFamilies": lambda spec: spec["type"] != "ExternalName",
    "ipFamilyPolicy": lambda spec: spec["type"] != "ExternalName",
    "healthCheckNodePort": lambda spec: spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local",
    "allocateLoadBalancerNodePorts": lambda spec: spec["type"] == "LoadBalancer",
    "loadBalancerClass": lambda spec: spec["type"] == "LoadBalancer",
    "externalTrafficPolicy": lambda spec: spec["type"] in _WITH_NODE_PORTS or bool(spec.get("externalIPs")),
}


def _without_outgrown(spec: Json, before: Json) -> Json:
    """What another type has no use for goes with the old type, unless somebody asked for it anew."""
    gone = [
        member
        for member, is_used in _USES.items()
        if spec.get(member) == before.get(member) and is_used(before) and not is_used(spec)
    ]
    spec = {member: value for member, value in spec.items() if member not in gone}
    had_ports = before["type"] in _WITH_NODE_PORTS and spec["type"] not in _WITH_NODE_PORTS
    if had_ports and _node_ports(spec) == _node_ports(before):
        spec = each(spec, "ports", lambda port: without(port, "nodePort"))
    return spec


def _node_ports(spec: Json) -> list[Any]:
    return [port.get("nodePort") for port in spec.get("ports") or []]


def _with_addresses(spec: Json, before: Json) -> Json:
    if "ExternalName" in (spec["type"], before["type"]):
        return with_both(spec)
    missing = [member for member in ("ipFamilies", "ipFamilyPolicy") if not spec.get(member)]
    if not spec.get("clusterIP") and not spec.get("clusterIPs"):
        missing += ["clusterIP", "clusterIPs"]
    return with_both({**spec, **{member: before[member] for member in missing if member in before}})


def prepare_status(new: Json, old: Json) -> Json:
    return {**new, "spec": old["spec"]}


def status_warnings(new: Json) -> list[str]:
    """Addresses of a balancer in odd forms."""
    ingress = enumerate(dig(new, "status", "loadBalancer", "ingress", default=[]))
    at = "status.loadBalancer.ingress"
    return [text for index, one in ingress for text in address_warnings(f"{at}[{index}]", one.get("ip") or "")]


def warnings(new: Json, old: Json | None) -> list[str]:
    """What a service says that nobody will act on, or not for ever."""
    spec, externals = new["spec"], new["spec"].get("externalIPs") or []
    is_headless = spec["type"] == "ClusterIP" and spec.get("clusterIP") == "None"
    told = _hint_warnings(new)
    if spec.get("clusterIP") not in (None, "", "None"):
        told += _each_address("spec.clusterIPs", spec.get("clusterIPs") or [])
    said = {
        "spec.loadBalancerIP": bool(spec.get("loadBalancerIP")),
        "spec.externalIPs": bool(externals),
        "spec.SessionAffinity": spec.get("sessionAffinity") != "None",
    }
    told += [f"{field} is ignored for headless services" for field, is_said in said.items() if is_headless and is_said]
    told += _each_address("spec.externalIPs", externals)
    if externals and not is_headless and spec["type"] != "ExternalName":
        told.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    told += address_warnings("spec.loadBalancerIP", spec.get("loadBalancerIP") or "")
    for index, one in enumerate(spec.get("loadBalancerSourceRanges") or []):
        told += range_warnings(f"spec.loadBalancerSourceRanges[{index}]", one)
    return [*told, *_type_warnings(spec)]


def _hint_warnings(obj: Json) -> list[str]:
    old, new = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
    told = f"annotation {old} is deprecated, please use {new} instead"
    return [told] if old in meta.annotations(obj) else []


def _each_address(path: str, addresses: list[str]) -> list[str]:
    return [told for index, one in enumerate(addresses) for told in address_warnings(f"{path}[{index}]", one)]


def _type_warnings(spec: Json) -> list[str]:
    told = []
    if spec["type"] == "ExternalName" and spec.get("externalIPs"):
        told.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if spec["type"] != "ExternalName" and spec.get("externalName"):
        told.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        told.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return told


def _external_ip(obj: Json, now: Now) -> str:
    """What the outside calls it by; `<pending>` where a balancer has yet to answer."""
    spec = obj["spec"]
    given = spec.get("externalIPs") or []
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") == "LoadBalancer":
        ingress = dig(obj, "status", "loadBalancer", "ingress", default=[])
        found = sorted({each_.get("ip") or each_.get("hostname") or "" for each_ in ingress} - {""})
        return joined([*found, *given]) or "<pending>"
    return joined(given) or "<none>"


def _cluster_ip(obj: Json, now: Now) -> str:
    return str((dig(obj, "spec", "clusterIPs", default=[]) or [dig(obj, "spec", "clusterIP")])[0] or "<none>")


def _ports(obj: Json, now: Now) -> str:
    return joined(_port(port) for port in dig(obj, "spec", "ports", default=[])) or "<none>"


def _port(port: Json) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"


def _selector(obj: Json, now: Now) -> str:
    return labels_text(dig(obj, "spec", "selector", default={}))


SERVICE = Kind(
    id="Service",
    name="Service",
    plural="services",
    version="v1",
    short_names=("svc",),
    categories=("all",),
    type="core.v1.Service",
    default=default,
    prepare_create=prepare_create,
    prepare_update=prepare_update,
    prepare_status=prepare_status,
    validate_create=validate_create,
    validate_update=validate_update,
    validate_status=validate_status,
    warnings=warnings,
    status_warnings=status_warnings,
    allows_create_on_update=True,
    columns=(
        NAME,
        Column("Type", at("spec", "type"), description="How it is reached."),
        Column("Cluster-IP", _cluster_ip, description="Its address in the cluster; None where headless."),
        Column("External-IP", _external_ip, description="Its address outside."),
        Column("Port(s)", _ports, description="Ports it answers on."),
        AGE,
        Column("Selector", _selector, priority=1, description="Labels of the pods behind it."),
    ),
    subresources=(Subresource("status"),),
    selectable_fields={
        "spec.clusterIP": lambda obj: str(dig(obj, "spec", "clusterIP", default="")),
        "spec.type": lambda obj: str(dig(obj, "spec", "type", default="")),
    },
)
