"""What a pod's spec may not be, in a Pod or in a template: the parts in upstream's order."""

from collections.abc import Mapping
from typing import Any

from stead.kinds import apparmor
from stead.kinds.checks import Errors, between, faults, needed, one_of
from stead.kinds.containerrules import Surroundings, validate_containers, validate_ephemeral, validate_init_containers
from stead.kinds.objectmeta import annotation_errors, label_errors
from stead.kinds.osrules import validate_os
from stead.kinds.resourcerules import validate_pod_resources, validate_resources
from stead.kinds.schedulingrules import validate_affinity, validate_gates, validate_spread, validate_tolerations
from stead.kinds.securityrules import validate_pod_security_context
from stead.kinds.shownstructs import as_struct
from stead.kinds.syntax import (
    descending_path_faults,
    ip_faults,
    label_faults,
    qualified_name_faults,
    subdomain_faults,
    underscored_faults,
)
from stead.kinds.volumerules import validate_volumes
from stead.machinery import fields
from stead.machinery.objects import Json

RESTART_POLICIES = ["Always", "OnFailure", "Never"]
_DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]
_MOST_SERVERS, _MOST_SEARCHES, _LONGEST_SEARCH_LIST = 3, 32, 2048
_LARGEST_DEADLINE = 2**31 - 1
MIRROR = "kubernetes.io/config.mirror"
_CLAIM_SOURCES = ("resourceClaimName", "resourceClaimTemplateName")
_SECCOMP_OF_A_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"
_SECCOMP_OF_THE_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_PROFILES = ("runtime/default", "docker/default", "unconfined")
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


def validate_template(template: Json, path: str) -> Errors:
    """A pod template: its labels and annotations, then its spec."""
    metadata = template.get("metadata") or {}
    spec = template.get("spec") or {}
    errors = template_metadata_errors(metadata, spec, path)
    errors += validate_pod_spec(spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        told = "ephemeral containers not allowed in pod template"
        errors.append(fields.forbidden(f"{path}.spec.ephemeralContainers", told))
    return errors


def template_metadata_errors(metadata: Json, spec: Json, path: str) -> Errors:
    """Upstream says `template.labels` here, without `metadata`."""
    annotations = metadata.get("annotations") or {}
    return [
        *label_errors(metadata.get("labels") or {}, f"{path}.labels"),
        *annotation_errors(annotations, f"{path}.annotations"),
        *pod_annotation_errors(annotations, spec, f"{path}.annotations"),
    ]


def pod_annotation_errors(annotations: Json, spec: Json, path: str) -> Errors:
    """Annotations that mean something for a pod."""
    errors: Errors = []
    if MIRROR in annotations and not spec.get("nodeName"):
        told = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(fields.invalid(f"{path}[{MIRROR}]", annotations[MIRROR], told))
    if _DELETION_COST in annotations and not _is_cost(annotations[_DELETION_COST]):
        at = f"{path}[{_DELETION_COST}]"
        errors.append(fields.invalid(at, annotations[_DELETION_COST], "must be a 32bit integer"))
    errors += _seccomp_errors(annotations, path)
    armor = apparmor.faults(annotations, spec)
    return [*errors, *(fields.invalid(f"{path}[{key}]", shown, told) for key, shown, told in armor)]


def _seccomp_errors(annotations: Json, path: str) -> Errors:
    """Annotations that nobody heeds any more are looked at all the same; the path is not told as one of a key."""
    errors: Errors = []
    for key, profile in sorted(annotations.items(), key=lambda item: (item[0] != _SECCOMP_OF_THE_POD, item[0])):
        is_one = key == _SECCOMP_OF_THE_POD or key.startswith(_SECCOMP_OF_A_CONTAINER)
        if not is_one or profile in _SECCOMP_PROFILES:
            continue
        at = f"{path}.{key}"
        if profile.startswith("localhost/"):
            local = profile.removeprefix("localhost/")
            errors += faults(at, local, descending_path_faults(local))
        else:
            errors.append(fields.invalid(at, profile, "must be a valid seccomp profile"))
    return errors


def _is_cost(text: str) -> bool:
    """A number as it is printed: no plus, no leading zeros."""
    digits = text.removeprefix("-")
    is_plain = digits.isdecimal() and (digits == "0" or digits[0] != "0")
    return is_plain and -(2**31) <= int(text) < 2**31


def validate_pod_spec(spec: Json, path: str, pod_name: str = "") -> Errors:
    """`pod_name` is known for pods alone, whose ephemeral volumes become claims named after it."""
    volumes, errors = validate_volumes(spec.get("volumes") or [], pod_name, f"{path}.volumes")
    errors += _claim_errors(spec.get("resourceClaims") or [], f"{path}.resourceClaims")
    surroundings = _surroundings(spec, volumes)
    containers, init = spec.get("containers") or [], spec.get("initContainers") or []
    errors += validate_containers(containers, surroundings, f"{path}.containers")
    errors += validate_init_containers(init, containers, surroundings, f"{path}.initContainers")
    errors += validate_ephemeral(spec.get("ephemeralContainers") or [], [*containers, *init], surroundings, path)
    errors += validate_pod_resources(spec, surroundings.claims, f"{path}.resources")
    errors += _host_network_errors(spec, bool(pod_name), f"{path}.containers")
    errors += one_of(f"{path}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES)
    errors += one_of(f"{path}.dnsPolicy", spec.get("dnsPolicy"), _DNS_POLICIES)
    errors += label_errors(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    errors += validate_pod_security_context(spec.get("securityContext") or {}, spec, f"{path}.securityContext")
    errors += validate_affinity(spec.get("affinity") or {}, f"{path}.affinity")
    errors += _dns_config_errors(spec, f"{path}.dnsConfig")
    errors += _readiness_gate_errors(spec.get("readinessGates") or [], f"{path}.readinessGates")
    errors += validate_gates(spec.get("schedulingGates") or [], f"{path}.schedulingGates")
    errors += validate_spread(spec.get("topologySpreadConstraints") or [], f"{path}.topologySpreadConstraints")
    errors += _host_user_errors(spec, path)
    return [*errors, *_name_errors(spec, path), *_late_errors(spec, surroundings, path)]


def _surroundings(spec: Json, volumes: Mapping[str, Json]) -> Surroundings:
    claims = frozenset(claim["name"] for claim in spec.get("resourceClaims") or [] if claim.get("name"))
    return Surroundings(
        volumes,
        claims,
        spec.get("terminationGracePeriodSeconds"),
        spec.get("restartPolicy", ""),
        spec.get("hostUsers") is not False,
    )


def _claim_errors(claims: list[Json], path: str) -> Errors:
    errors: Errors = []
    names: set[str] = set()
    for index, claim in enumerate(claims):
        name, at = claim.get("name", ""), f"{path}[{index}]"
        if not name:
            errors.append(fields.required(f"{at}.name"))
        elif name in names:
            errors.append(fields.duplicate(f"{at}.name", name))
        else:
            errors += faults(f"{at}.name", name, label_faults(name))
        names.add(name)
        errors += _claim_source_errors(claim, at)
    return errors


def _claim_source_errors(claim: Json, path: str) -> Errors:
    """One of two sources, each a name."""
    given = [(member, claim[member]) for member in _CLAIM_SOURCES if claim.get(member) is not None]
    errors: Errors = []
    if len(given) != 1:
        listed = "`resourceClaimName`, `resourceClaimTemplateName`"
        told = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        shown = as_struct("core.v1.PodResourceClaim", claim)
        errors.append(fields.invalid(path, shown, told if given else f"must specify one of: {listed}"))
    for member, name in given:
        errors += faults(f"{path}.{member}", name, subdomain_faults(name))
    return errors


def _host_network_errors(spec: Json, is_pod: bool, path: str) -> Errors:
    """In the host's network a port is the host's; in a template it may still be left open."""
    if not spec.get("hostNetwork"):
        return []
    errors: Errors = []
    for index, container in enumerate(spec.get("containers") or []):
        for number, port in enumerate(container.get("ports") or []):
            host = port.get("hostPort") or 0
            if (is_pod or host) and host != port.get("containerPort", 0):
                told = "must match `containerPort` when `hostNetwork` is true"
                errors.append(fields.invalid(f"{path}[{index}].ports[{number}].hostPort", host, told))
    return errors


def _dns_config_errors(spec: Json, path: str) -> Errors:
    config: Json | None = spec.get("dnsConfig")
    if spec.get("dnsPolicy") == "None":
        if config is None:
            return [fields.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            told = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            return [fields.required(f"{path}.nameservers", told)]
    return _resolver_errors(config or {}, path)


def _resolver_errors(config: Json, path: str) -> Errors:
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    errors: Errors = []
    if len(servers) > _MOST_SERVERS:
        told = f"must not have more than {_MOST_SERVERS} nameservers"
        errors.append(fields.invalid(f"{path}.nameservers", servers, told))
    for index, server in enumerate(servers):
        errors += faults(f"{path}.nameservers[{index}]", server, ip_faults(server))
    if len(searches) > _MOST_SEARCHES:
        told = f"must not have more than {_MOST_SEARCHES} search paths"
        errors.append(fields.invalid(f"{path}.searches", searches, told))
    if len(" ".join(searches)) > _LONGEST_SEARCH_LIST:
        told = f"must not have more than {_LONGEST_SEARCH_LIST} characters (including spaces) in the search list"
        errors.append(fields.invalid(f"{path}.searches", searches, told))
    for index, search in enumerate(searches):
        domain = search.removesuffix(".")
        errors += faults(f"{path}.searches[{index}]", domain, underscored_faults(domain)) if search != "." else []
    for index, option in enumerate(config.get("options") or []):
        errors += needed(f"{path}.options[{index}]", option.get("name"), "must not be empty")
    return errors


def _readiness_gate_errors(gates: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, gate in enumerate(gates):
        sort = gate.get("conditionType", "")
        errors += faults(f"{path}[{index}].conditionType", sort, qualified_name_faults(sort))
    return errors


def _host_user_errors(spec: Json, path: str) -> Errors:
    """A pod with users of its own shares nothing of the host's that would tell them."""
    if spec.get("hostUsers") is not False:
        return []
    told = "when `pod.Spec.HostUsers` is false"
    names = {"hostNetwork": "hostNetwork", "hostPID": "HostPID", "hostIPC": "HostIPC"}
    return [fields.forbidden(f"{path}.{names[member]}", told) for member in names if spec.get(member)]


def _name_errors(spec: Json, path: str) -> Errors:
    errors: Errors = []
    for member in ("serviceAccountName", "nodeName"):
        name = spec.get(member)
        errors += faults(f"{path}.{member}", name, subdomain_faults(name)) if name else []
    errors += between(f"{path}.activeDeadlineSeconds", spec.get("activeDeadlineSeconds"), 1, _LARGEST_DEADLINE)
    for member in ("hostname", "subdomain"):
        name = spec.get(member)
        errors += faults(f"{path}.{member}", name, label_faults(name)) if name else []
    return errors


def _late_errors(spec: Json, surroundings: Surroundings, path: str) -> Errors:
    errors = validate_tolerations(spec.get("tolerations") or [], f"{path}.tolerations")
    errors += _host_alias_errors(spec.get("hostAliases") or [], f"{path}.hostAliases")
    for member in ("priorityClassName", "runtimeClassName"):
        name: Any = spec.get(member)
        if name or (name is not None and member == "runtimeClassName"):
            errors += faults(f"{path}.{member}", name, subdomain_faults(name))
    policy = spec.get("preemptionPolicy")
    if policy is not None:
        errors += one_of(f"{path}.preemptionPolicy", policy, ["PreemptLowerPriority", "Never"])
    if spec.get("overhead"):
        errors += validate_resources({"limits": spec["overhead"]}, surroundings.claims, f"{path}.overhead")
    return [*errors, *validate_os(spec, path)]


def _host_alias_errors(aliases: list[Json], path: str) -> Errors:
    errors: Errors = []
    for index, alias in enumerate(aliases):
        errors += faults(f"{path}[{index}].ip", alias.get("ip", ""), ip_faults(alias.get("ip", "")))
        for number, name in enumerate(alias.get("hostnames") or []):
            errors += faults(f"{path}[{index}].hostnames[{number}]", name, subdomain_faults(name))
    return errors
