"""Where connections to services go: a table from Services and EndpointSlices to fronts and targets."""

from typing import Any

import pytest

from stead.cluster.routes import Front, Routes, Target
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of

WEB = Key("Service", "default", "web")
PORT = {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}


def a_service(*ports: Any, address: str = "10.96.0.7") -> Any:
    spec = {"clusterIP": address, "ports": list(ports or (PORT,))}
    return {"kind": "Service", "metadata": {"name": "web", "namespace": "default"}, "spec": spec}


def a_slice(called: str, *addresses: str, ready: bool | None = True, family: str = "IPv4", **port: str) -> Any:
    conditions = {} if ready is None else {"ready": ready}
    return {
        "kind": "EndpointSlice",
        "metadata": {"name": called, "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": family,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP", **port}],
        "endpoints": [{"addresses": [address], "conditions": conditions} for address in addresses],
    }


def routes(*objects: Any) -> Routes:
    index = Routes()
    cache = Cache([index])
    for obj in objects:
        cache.put(key_of(obj["kind"], obj), obj)
    return index


ONE = {Front("10.96.0.7", 80): (Target("10.244.0.2", 8080),)}


@pytest.mark.parametrize(
    "objects, expected",
    [
        ([a_service(), a_slice("a", "10.244.0.2")], ONE),
        ([a_slice("a", "10.244.0.2"), a_service()], ONE),
        ([a_service(), a_slice("a", "10.244.0.2", ready=None)], ONE),
        ([a_service(), a_slice("a", "10.244.0.2", ready=False)], {}),
        ([a_service(), a_slice("a", "fd00::2", family="IPv6")], {}),
        ([a_service(), a_slice("a", "10.244.0.2", name="other")], {}),
        ([a_service(address="None"), a_slice("a", "10.244.0.2")], {}),
        ([a_service({**PORT, "protocol": "UDP"}), a_slice("a", "10.244.0.2")], {}),
        (
            [a_service({**PORT, "protocol": "UDP"}), a_slice("a", "10.244.0.2", protocol="UDP")],
            {Front("10.96.0.7", 80, protocol="UDP"): (Target("10.244.0.2", 8080),)},
        ),
        (
            [a_service({**PORT, "nodePort": 30080}), a_slice("a", "10.244.0.2")],
            {**ONE, Front("", 30080): (*ONE.values(),)[0]},
        ),
        ([a_service()], {}),
    ],
)
def test_fronts_stand_before_ready_endpoints_alone(objects: list[Any], expected: Any) -> None:
    assert routes(*objects).fronts(WEB) == expected


def test_slices_add_up_and_what_changes_is_told() -> None:
    index = routes(a_service(), a_slice("a", "10.244.0.3"), a_slice("b", "10.244.0.2"))
    assert [target.address for target in index.fronts(WEB)[Front("10.96.0.7", 80)]] == ["10.244.0.2", "10.244.0.3"]
    assert index.changed == {WEB}
    index.changed.clear()
    index.apply(Key("EndpointSlice", "default", "b"), a_slice("b", "10.244.0.2"), None)
    assert index.changed == {WEB}
    assert [target.address for target in index.fronts(WEB)[Front("10.96.0.7", 80)]] == ["10.244.0.3"]
    index.apply(WEB, a_service(), None)
    assert index.fronts(WEB) == {}


def a_pod(address: str = "10.244.0.9", phase: str = "Running", network: bool = False, **port: Any) -> Any:
    ports = [{"containerPort": 80, "hostPort": 8081, "protocol": "TCP", **port}]
    return {
        "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "default"},
        "spec": {"containers": [{"name": "c", "ports": ports}], "hostNetwork": network},
        "status": {"phase": phase, "podIP": address},
    }


POD = Key("Pod", "default", "web-0")
THERE = (Target("10.244.0.9", 80),)


@pytest.mark.parametrize(
    "pod, expected",
    [
        (a_pod(), {Front("", 8081): THERE}),
        (a_pod(hostIP="127.0.0.2"), {Front("", 8081, "127.0.0.2"): THERE}),
        (a_pod(address=""), {}),
        (a_pod(phase="Failed"), {}),
        (a_pod(network=True), {}),
        (a_pod(protocol="UDP"), {Front("", 8081, protocol="UDP"): THERE}),
        (a_pod(hostPort=None), {}),
    ],
)
def test_a_port_of_the_host_leads_to_its_pod(pod: Any, expected: Any) -> None:
    index = routes(pod)
    assert index.fronts(POD) == expected


def test_a_port_of_the_host_goes_with_its_pod() -> None:
    index = routes(a_pod())
    assert index.changed == {POD}
    index.apply(POD, a_pod(), None)
    assert index.fronts(POD) == {}


def test_a_port_of_the_host_is_its_nodes() -> None:
    pod = a_pod()
    index = routes({**pod, "spec": {**pod["spec"], "nodeName": "stead-2"}})
    assert [bool(index.fronts(POD, node)) for node in ("", "stead", "stead-2")] == [True, False, True]
