"""Services and the addresses and ports they ask for: what a real 1.36 server answers, as one line of truth each."""

from typing import Any

import pytest
from asking import MERGE, Client, obj

SERVICES = "/api/v1/namespaces/default/services"
NO_IPV6 = "not configured on this cluster"
TOLD_POLICY = (
    'ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'
)
MANY = "must be RequireDualStack or PreferDualStack when multiple 'ipFamilies' are specified"


def told(answer: Any) -> list[str]:
    causes = (answer.body.get("details") or {}).get("causes") or []
    return [f"{cause['field']}: {cause['message']}".removeprefix("spec.") for cause in causes]


def asked(client: Client, name: str = "s", **spec: Any) -> Any:
    return client.ask("POST", SERVICES, obj("v1", "Service", name, spec={"ports": [{"port": 80}], **spec}))


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ({}, []),
        ({"ipFamilyPolicy": "PreferDualStack"}, []),
        ({"ipFamilyPolicy": "RequireDualStack"}, [TOLD_POLICY]),
        ({"ipFamilies": ["IPv6"]}, [f'ipFamilies[0]: Invalid value: "IPv6": {NO_IPV6}']),
        ({"ipFamilies": ["IPv4", "IPv6"]}, [f'ipFamilies[1]: Invalid value: "IPv6": {NO_IPV6}']),
        (
            {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4", "IPv6"]},
            [f'ipFamilyPolicy: Invalid value: "SingleStack": {MANY}'],
        ),
        ({"clusterIP": "fd00::1"}, [f'clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is {NO_IPV6}']),
        (
            {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.8"]},
            ['clusterIPs: Invalid value: ["10.96.0.8"]: first value must match `clusterIP`'],
        ),
        (
            {"clusterIPs": ["10.96.0.8"]},
            ['clusterIPs: Invalid value: ["10.96.0.8"]: must be empty when `clusterIP` is not specified'],
        ),
        (
            {"clusterIP": "10.96.0.9", "ipFamilies": ["IPv6"]},
            ['clusterIPs[0]: Invalid value: "10.96.0.9": expected an IPv6 value as indicated by `ipFamilies[0]`'],
        ),
        ({"clusterIP": "None", "selector": {"a": "b"}, "ipFamilyPolicy": "RequireDualStack"}, [TOLD_POLICY]),
        ({"clusterIP": "None", "ipFamilyPolicy": "RequireDualStack"}, []),
        (
            {"type": "LoadBalancer", "loadBalancerSourceRanges": ["x"]},
            [
                'LoadBalancerSourceRanges[0]: Invalid value: "x": must be a valid CIDR value, '
                "(e.g. 10.9.8.0/24 or 2001:db8::/64)"
            ],
        ),
    ],
)
def test_what_a_service_may_ask_for(client: Client, spec: Any, wrong: list[str]) -> None:
    assert told(asked(client, **spec)) == wrong


def test_ports_that_differ_in_their_protocol_share_a_number(client: Client) -> None:
    ports = [{"name": "t", "port": 53}, {"name": "u", "port": 53, "protocol": "UDP"}, {"name": "w", "port": 80}]
    made = asked(client, type="NodePort", ports=ports).body["spec"]["ports"]
    numbers = [port["nodePort"] for port in made]
    assert numbers[0] == numbers[1] != numbers[2]
    ports[1]["nodePort"] = 30053
    assert [port["nodePort"] for port in asked(client, "two", type="NodePort", ports=ports).body["spec"]["ports"]][
        :2
    ] == [30053, 30053]
    again = asked(client, "three", type="NodePort", ports=[{"port": 53, "nodePort": 30053}])
    assert told(again) == ["ports[0].nodePort: Invalid value: 30053: provided port is already allocated"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"ports": [{"port": 81}]}, []),
        ({"clusterIP": None}, []),
        ({"clusterIP": "10.96.0.9"}, ['clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set']),
        (
            {"ipFamilies": ["IPv6"]},
            ['clusterIPs[0]: Invalid value: "10.96.0.7": expected an IPv6 value as indicated by `ipFamilies[0]`'],
        ),
        ({"loadBalancerClass": "a/c"}, ['loadBalancerClass: Invalid value: "a/c": may not change once set']),
    ],
)
def test_what_of_a_service_may_change(client: Client, change: Any, wrong: list[str]) -> None:
    assert asked(client, clusterIP="10.96.0.7", type="LoadBalancer", loadBalancerClass="a/b").code == 201
    assert told(client.ask("PATCH", f"{SERVICES}/s", {"spec": change}, MERGE)) == wrong
    assert client.get(f"{SERVICES}/s").body["spec"]["clusterIP"] == "10.96.0.7"


@pytest.mark.parametrize("wanted", ["10.96.0.99", "10.0.0.99", "None"])
def test_another_address_is_not_even_looked_up(client: Client, wanted: str) -> None:
    """It may not change, wherever it lies: addresses are given to new Services, and to those that had none."""
    asked(client, clusterIP="10.96.0.9")
    got = client.ask("PATCH", f"{SERVICES}/s", {"spec": {"clusterIP": wanted, "clusterIPs": [wanted]}}, MERGE)
    assert told(got) == [f'clusterIPs[0]: Invalid value: ["{wanted}"]: may not change once set']
    named = {"spec": {"type": "ExternalName", "externalName": "a.b", "clusterIP": None, "clusterIPs": None}}
    assert client.ask("PATCH", f"{SERVICES}/s", named, MERGE).code == 200
    back = {"spec": {"type": "ClusterIP", "externalName": None, "clusterIP": "10.96.0.77"}}
    assert client.ask("PATCH", f"{SERVICES}/s", back, MERGE).body["spec"]["clusterIPs"] == ["10.96.0.77"]


def test_a_balancer_without_ports_of_the_nodes_has_those_it_names(client: Client) -> None:
    """And its port of health all the same, which must be free and of the range: else the fault is the server's."""
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": False}
    ports = [{"port": 1, "name": "a"}, {"port": 2, "name": "b", "nodePort": 30005}]
    made = asked(client, **spec, ports=ports).body["spec"]
    assert [port.get("nodePort") for port in made["ports"]] == [None, 30005]
    health = made["healthCheckNodePort"]
    range_ = "The range of valid ports is 30000-32767"
    for wanted, why in (
        (1, f"provided port is not in the valid range. {range_}"),
        (health, "provided port is already allocated"),
    ):
        got = asked(client, "t", **spec, healthCheckNodePort=wanted)
        assert (got.code, got.body["message"]) == (
            500,
            f"Internal error occurred: failed to allocate requested HealthCheck NodePort {wanted}: {why}",
        )
    assert told(asked(client, "t", **spec, ports=ports)) == [
        "ports[1].nodePort: Invalid value: 30005: provided port is already allocated"
    ]
