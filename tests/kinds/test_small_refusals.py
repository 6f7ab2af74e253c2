"""What nodes, services, endpoints, quotas, ranges, budgets and accounts may not be, and what is told of them."""

from typing import Any

import pytest

from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import Json


def whole(id: str, **parts: Any) -> Json:
    kind = BUILT_IN.by_id(id)
    metadata = {"name": "x", **({"namespace": "ns"} if kind.is_namespaced else {}), **parts.pop("metadata", {})}
    return kind.default({"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **parts})


def refused(id: str, **parts: Any) -> list[str]:
    kind = BUILT_IN.by_id(id)
    return [str(error) for error in kind.validate_create(kind.prepare_create(whole(id, **parts)))]


def changed(id: str, new: Json, old: Json) -> list[str]:
    kind = BUILT_IN.by_id(id)
    before = kind.prepare_create(whole(id, **old))
    return [str(error) for error in kind.validate_update(kind.prepare_update(whole(id, **new), before), before)]


def of_status(id: str, status: Json, **parts: Any) -> list[str]:
    kind = BUILT_IN.by_id(id)
    old = kind.prepare_create(whole(id, **parts))
    new = kind.prepare_status(kind.default({**old, "status": status}), old)
    return [str(error) for error in kind.validate_status(new, old)]


def warned(id: str, **parts: Any) -> list[str]:
    kind = BUILT_IN.by_id(id)
    return list(kind.warnings(kind.prepare_create(whole(id, **parts)), None))


# --- nodes

NO_PIECE = 'status.capacity.pods: Invalid value: "1500m": must be an integer'
OF_TAINT = (
    'metadata.taints[0].effect: Unsupported value: "x": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"'
)
ONCE_ONLY = 'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'


def test_resources_of_a_node_are_looked_at_wherever_it_is_written() -> None:
    given = {"capacity": {"pods": "1500m"}, "allocatable": {"pods": "1"}}
    assert refused("Node", status=given) == of_status("Node", given) == [NO_PIECE]
    told = 'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0'
    assert of_status("Node", {"capacity": {"cpu": "-1"}, "allocatable": {"cpu": "1"}}) == [told]
    gpu = 'status.capacity.example.com/gpu: Invalid value: "1500m": must be an integer'
    assert of_status("Node", {"capacity": {"example.com/gpu": "1500m"}, "allocatable": {"cpu": "1"}}) == [gpu]


def test_taints_of_a_node_that_is_changed_are_told_of_twice() -> None:
    assert changed("Node", {"spec": {"taints": [{"key": "a", "effect": "x"}]}}, {}) == [OF_TAINT, OF_TAINT]


def test_ranges_of_a_node() -> None:
    """One of each family, each once, and each for good."""
    twice = "may specify no more than one CIDR for each IP family"
    assert refused("Node", spec={"podCIDRs": ["10.0.0.0/24", "10.0.0.0/24"]}) == [
        f'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.0.0/24"]: {twice}',
        'spec.podCIDRs[1]: Duplicate value: "10.0.0.0/24"',
    ]
    two = {"spec": {"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}}
    assert changed("Node", {"spec": {"podCIDRs": ["10.1.0.0/24", "fd01::/64"]}}, two) == [ONCE_ONLY, ONCE_ONLY]


def test_what_a_node_says_in_vain_is_told() -> None:
    assert warned("Node", spec={"externalID": "x", "configSource": {}, "podCIDRs": ["10.0.0.1/24"]}) == [
        "spec.configSource: the feature is removed",
        "spec.externalID: this field is deprecated, and is unused by Kubernetes",
        'spec.podCIDRs[0]: CIDR value "10.0.0.1/24" is ambiguous in this context '
        '(should be "10.0.0.0/24" or "10.0.0.1/32"?)',
    ]


# --- services

PORTS = [{"port": 80}]
BALANCED = {"spec": {"ports": PORTS, "type": "LoadBalancer"}}
ENTRANCE = "status.loadBalancer.ingress"
DNS_NAME = "must be a DNS name, not an IP address"
BALANCERS = "may only be used when `type` is 'LoadBalancer'"


@pytest.mark.parametrize(
    ("entrance", "wrong"),
    [
        ({"ip": "1.2.3.4"}, []),
        (
            {"ip": "1.2.3.4", "ipMode": "x"},
            [f'{ENTRANCE}[0].ipMode: Unsupported value: "x": supported values: "Proxy", "VIP"'],
        ),
        (
            {"hostname": "a", "ipMode": "VIP"},
            [f"{ENTRANCE}[0].ipMode: Forbidden: may not be specified when `ip` is not set"],
        ),
        ({"hostname": "1.2.3.4"}, [f'{ENTRANCE}[0].hostname: Invalid value: "1.2.3.4": {DNS_NAME}']),
    ],
)
def test_the_entrance_of_a_balancer(entrance: Json, wrong: list[str]) -> None:
    assert of_status("Service", {"loadBalancer": {"ingress": [entrance]}}, **BALANCED) == wrong


def test_only_a_balancer_has_an_entrance() -> None:
    told = f"{ENTRANCE}: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    assert of_status("Service", {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, spec={"ports": PORTS}) == [told]


def test_an_address_of_a_balancer_is_handed_on_as_it_came() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "a"}]}}
    entrances = whole("Service", **BALANCED, status=status)["status"]["loadBalancer"]["ingress"]
    assert entrances == [{"ip": "1.2.3.4", "ipMode": "VIP"}, {"hostname": "a"}]


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        (
            {"spec": {"ports": PORTS, "loadBalancerSourceRanges": ["x"]}},
            [
                f"spec.LoadBalancerSourceRanges: Forbidden: {BALANCERS}",
                'spec.LoadBalancerSourceRanges[0]: Invalid value: "x": '
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            ],
        ),
        (
            {
                "metadata": {
                    "annotations": {"service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.0/8, x"}
                },
                **BALANCED,
            },
            [
                'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": '
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            ],
        ),
        (
            {"spec": {"ports": PORTS, "externalIPs": ["0.0.0.0"]}},
            ['spec.externalIPs[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
        ),
        (
            {
                "metadata": {
                    "annotations": {
                        "service.kubernetes.io/topology-mode": "Auto",
                        "service.kubernetes.io/topology-aware-hints": "auto",
                    }
                },
                "spec": {"ports": PORTS},
            },
            [
                'metadata.annotations[service.kubernetes.io/topology-mode]: Invalid value: "Auto": must match '
                "annotations[service.kubernetes.io/topology-aware-hints] when both are specified"
            ],
        ),
    ],
)
def test_what_a_service_may_not_be(parts: Json, wrong: list[str]) -> None:
    assert refused("Service", **parts) == wrong


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"externalIPs": ["1.2.3.4"]},
            ["spec.externalIPs is deprecated and may no longer be implemented in some clusters"],
        ),
        (
            {"clusterIP": "None", "externalIPs": ["1.2.3.4"]},
            ["spec.externalIPs is ignored for headless services"],
        ),
        ({"externalName": "a.b"}, ['spec.externalName is ignored when spec.type is not "ExternalName"']),
        (
            {"trafficDistribution": "PreferClose"},
            ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
        ),
        (
            {"clusterIP": "fd00:0:0::1"},
            [
                'spec.clusterIPs[0]: IPv6 address "fd00:0:0::1" should be in RFC 5952 canonical format ("fd00::1")',
            ],
        ),
        (
            {"clusterIP": "::ffff:1.2.3.4"},
            [
                'spec.clusterIPs[0]: non-standard IP address "::ffff:1.2.3.4" will be considered invalid in a future '
                'Kubernetes release: use "1.2.3.4"',
            ],
        ),
    ],
)
def test_what_is_told_of_a_service(spec: Json, told: list[str]) -> None:
    """S-6."""
    assert warned("Service", spec={"ports": PORTS, **spec}) == told


def kept(**spec: Any) -> Json:
    return {"spec": {"ports": PORTS, "ipFamilies": ["IPv4"], "clusterIP": "10.96.0.9", **spec}}


def test_families_and_ports_for_health_stay() -> None:
    assert changed("Service", kept(ipFamilies=["IPv6"]), kept())[0] == (
        'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set'
    )
    balanced = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    new, old = (kept(**balanced, healthCheckNodePort=port) for port in (30001, 30002))
    assert changed("Service", new, old) == ["spec.healthCheckNodePort: Forbidden: field is immutable"]


# --- addresses of services

SLICE = {"addressType": "IPv4", "ports": [{"port": 80}]}


NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NO_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("10.1.2.3", ""),
        ("2001:db8:0::1", ""),
        ("010.1.2.3", "must not have leading 0s"),
        ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
        ("300.1.2.3", NO_ADDRESS),
        ("fe80::1%eth0", NO_ADDRESS),
    ],
)
def test_odd_forms_of_addresses(text: str, fault: str) -> None:
    """Refused since 1.36 (StrictIPCIDRValidation), and kept where they are."""
    told = refused("Service", spec={"ports": PORTS, "externalIPs": [text]})
    assert told == ([f'spec.externalIPs[0]: Invalid value: "{text}": {fault}'] if fault else [])
    old = whole("Service", spec={"ports": PORTS, "externalIPs": [text]})
    if fault and fault != NO_ADDRESS:
        assert changed("Service", old, old) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("10.0.0.0/8", ""),
        ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
        ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
        ("010.0.0.0/8", "must not have leading 0s in IP or prefix length"),
        ("::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"),
        ("10.0.0.0", NO_RANGE),
        ("10.0.0.0/33", NO_RANGE),
    ],
)
def test_odd_forms_of_ranges(text: str, fault: str) -> None:
    told = refused("Node", spec={"podCIDRs": [text], "podCIDR": text})
    assert told == ([f'spec.podCIDRs[0]: Invalid value: "{text}": {fault}'] if fault else [])


@pytest.mark.parametrize(
    ("sort", "address", "wrong"),
    [
        ("IPv4", "10.0.0.1", []),
        ("IPv4", "x", [f'addresses[0]: Invalid value: "x": {NO_ADDRESS}']),
        ("IPv4", "010.0.0.1", ['addresses[0]: Invalid value: "010.0.0.1": must not have leading 0s']),
        ("IPv6", "10.0.0.1", ['addresses: Invalid value: "10.0.0.1": must be an IPv6 address']),
        ("IPv6", "::", ['addresses[0]: Invalid value: "::": may not be unspecified (::)']),
        ("FQDN", "example.com.", []),
        ("FQDN", "", ["addresses[0]: Required value"]),
        (
            "FQDN",
            "example",
            ['addresses[0]: Invalid value: "example": should be a domain with at least two segments separated by dots'],
        ),
    ],
)
def test_addresses_of_a_slice(sort: str, address: str, wrong: list[str]) -> None:
    told = refused("EndpointSlice", **{**SLICE, "addressType": sort}, endpoints=[{"addresses": [address]}])
    assert [text.removeprefix("endpoints[0].") for text in told] == wrong


def test_hints_of_a_slice() -> None:
    hints = {"forZones": [{"name": "a"}, {"name": "a"}], "forNodes": [{"name": f"n{i}"} for i in range(9)]}
    assert refused("EndpointSlice", **SLICE, endpoints=[{"addresses": ["10.0.0.1"], "hints": hints}]) == [
        'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
        "endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items",
    ]


def test_what_a_place_was_once_called_by_is_not_taken() -> None:
    kind = BUILT_IN.by_id("EndpointSlice")
    endpoint = {"addresses": ["10.0.0.1"]}
    given = whole("EndpointSlice", **SLICE, endpoints=[{**endpoint, "deprecatedTopology": {"a": "b"}}])
    assert kind.prepare_create(given)["endpoints"] == [endpoint]


def test_domains_are_of_yesterday() -> None:
    assert warned("EndpointSlice", addressType="FQDN") == ["spec.addressType: FQDN endpoints are deprecated"]


def test_a_port_of_endpoints_names_a_protocol() -> None:
    subset = {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80, "appProtocol": "a b"}]}
    (told,) = refused("Endpoints", subsets=[subset])
    assert told.startswith('subsets[0].ports[0].appProtocol: Invalid value: "a b": name part must consist of')


# --- quotas and ranges

SCOPED = "spec.scopeSelector.matchExpressions"


@pytest.mark.parametrize(
    ("term", "wrong"),
    [
        ({"scopeName": "PriorityClass", "operator": "In", "values": ["a"]}, []),
        (
            {"scopeName": "X", "operator": "Near"},
            [
                f'{SCOPED}.scopeName: Invalid value: "X": unsupported scope',
                f'{SCOPED}.operator: Invalid value: "Near": not a valid selector operator',
            ],
        ),
        (
            {"scopeName": "PriorityClass", "operator": "In"},
            [
                f"{SCOPED}.values: Required value: "
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            ],
        ),
        (
            {"scopeName": "PriorityClass", "operator": "Exists", "values": ["a"]},
            [
                f'{SCOPED}.values: Invalid value: ["a"]: '
                "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
            ],
        ),
    ],
)
def test_scopes_that_are_selected(term: Json, wrong: list[str]) -> None:
    assert (
        refused("ResourceQuota", spec={"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [term]}}) == wrong
    )


def test_a_selected_scope_counts_its_own() -> None:
    shown = '{"MatchExpressions":[{"ScopeName":"PriorityClass","Operator":"Exists","Values":null}]}'
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}
    assert refused("ResourceQuota", spec={"hard": {"ephemeral-storage": "1"}, "scopeSelector": selector}) == [
        f"{SCOPED}: Invalid value: {shown}: unsupported scope applied to resource"
    ]


def test_what_a_quota_has_used_is_looked_at() -> None:
    assert of_status("ResourceQuota", {"used": {"pods": "-1", "storage": "1"}}) == [
        'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0',
        'status.used[storage]: Invalid value: "storage": must be a standard resource for quota',
    ]


def test_a_range_of_containers_is_of_what_they_can_ask_for() -> None:
    assert refused("LimitRange", spec={"limits": [{"type": "Container", "max": {"storage": "1"}}]})[0] == (
        'spec.limits[0].max[storage]: Invalid value: "storage": must be a standard resource for containers'
    )
    gpu = {"type": "Container", "default": {"a.b/gpu": "2"}, "defaultRequest": {"a.b/gpu": "1"}}
    assert refused("LimitRange", spec={"limits": [gpu]}) == [
        'spec.limits[0].defaultRequest[a.b/gpu]: Invalid value: "1": '
        "default value 2 must equal to defaultRequest value 1 in a.b/gpu"
    ]


# --- budgets and accounts


def test_conditions_of_a_budget() -> None:
    reason = "a condition reason must start with alphabetic character"
    given = [
        {"type": "A", "status": "True", "reason": "1", "lastTransitionTime": "2026-01-02T00:00:00Z"},
        {"type": "A"},
    ]
    told = of_status("PodDisruptionBudget", {"conditions": given})
    assert told[0].startswith(f'status.conditions[0].reason: Invalid value: "1": {reason}')
    assert told[1:] == [
        'status.conditions[1].type: Duplicate value: "A"',
        'status.conditions[1].status: Unsupported value: "": supported values: "False", "True", "Unknown"',
        "status.conditions[1].lastTransitionTime: Required value: must be set",
        "status.conditions[1].reason: Required value: must be set",
    ]


ENFORCED = "kubernetes.io/enforce-mountable-secrets"


def test_an_account_keeps_the_names_of_its_secrets_alone() -> None:
    kind = BUILT_IN.by_id("ServiceAccount")
    given = whole("ServiceAccount", secrets=[{"name": "s", "namespace": "other", "kind": "Secret"}])
    assert kind.prepare_create(given)["secrets"] == kind.prepare_update(given, given)["secrets"] == [{"name": "s"}]


def test_an_account_is_told_of_an_annotation_that_had_its_day_once() -> None:
    kind = BUILT_IN.by_id("ServiceAccount")
    given = whole("ServiceAccount", metadata={"annotations": {ENFORCED: "true"}})
    told = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
    assert kind.warnings(given, None) == [f"metadata.annotations[{ENFORCED}]: {told}"]
    assert kind.warnings(given, given) == []
