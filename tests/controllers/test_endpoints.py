"""A service's slices and Endpoints as its pods come, change and go (3.2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json
from tests.controllers.world import World, a_node, a_service


@pytest.fixture
def world() -> World:
    return World("endpoints")


def slices(world: World, service: str = "nginx") -> list[Json]:
    found = world.all("EndpointSlice")
    return [one for one in found if meta.labels(one)["kubernetes.io/service-name"] == service]


def endpoints(world: World, service: str = "nginx") -> dict[str, Json]:
    """Endpoints of all slices by their pod."""
    return {each["targetRef"]["name"]: each for one in slices(world, service) for each in one.get("endpoints") or []}


def shown(world: World) -> list[str]:
    """Pods with their conditions: r(eady) s(erving) t(erminating)."""
    marks = {"ready": "r", "serving": "s", "terminating": "t"}
    return [
        f"{name} {''.join(mark for word, mark in marks.items() if each['conditions'][word])}".strip()
        for name, each in sorted(endpoints(world).items())
    ]


def test_a_slice_carries_the_service_and_its_labels(world: World) -> None:
    """3.2.2"""
    service = world.put(a_service(labels={"team": "red"}))
    world.run()
    (found,) = slices(world)
    assert found["metadata"]["name"].startswith("nginx-")
    assert meta.labels(found) == {
        "team": "red",
        "kubernetes.io/service-name": "nginx",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "service.kubernetes.io/headless": "",
    }
    assert meta.is_controlled_by(found, meta.uid(service))
    assert found["addressType"] == "IPv4"
    assert (found.get("endpoints") or []) == []


def test_only_running_pods_with_an_address_are_shown(world: World) -> None:
    """3.2.3"""
    world.put(a_service())
    world.pod("ready", "10.0.0.1", is_ready=True)
    world.pod("unready", "10.0.0.2")
    world.pod("going", "10.0.0.3", is_ready=True)
    world.pod("done", "10.0.0.4")
    world.tell("done", phase="Succeeded")
    world.pod("pending")
    world.pod("other", "10.0.0.5", is_ready=True, labels={"app": "db"})
    world.delete("Pod", "going")
    world.run()
    assert shown(world) == ["going st", "ready rs", "unready"]


def test_who_publishes_not_ready_addresses_calls_all_ready(world: World) -> None:
    """3.2.3"""
    world.put(a_service(publishNotReadyAddresses=True))
    world.pod("unready", "10.0.0.2")
    world.pod("going", "10.0.0.3", is_ready=True)
    world.delete("Pod", "going")
    world.run()
    assert shown(world) == ["going rst", "unready r"]
    assert [address["targetRef"]["name"] for address in world.get("Endpoints", "nginx")["subsets"][0]["addresses"]] == [
        "unready",
        "going",
    ]


@pytest.mark.parametrize(
    ("hostname", "subdomain", "expected"),
    [("web-0", "nginx", "web-0"), ("web-0", "other", None), ("web-0", "", None), ("", "nginx", None)],
)
def test_a_host_name_needs_this_very_subdomain(
    world: World, hostname: str, subdomain: str, expected: str | None
) -> None:
    """3.2.4"""
    world.put(a_service())
    world.pod("web-0", "10.0.0.1", hostname=hostname, subdomain=subdomain)
    world.run()
    assert endpoints(world)["web-0"].get("hostname") == expected


def test_an_endpoint_says_where_its_pod_is(world: World) -> None:
    """3.2.5; a zone told later is filled in."""
    world.put(a_service())
    world.put(a_node("n1"))
    pod = world.pod("web-0", "10.0.0.1", is_ready=True)
    world.run()
    found = endpoints(world)["web-0"]
    assert found["nodeName"] == "n1"
    assert found["targetRef"] == {"kind": "Pod", "namespace": "default", "name": "web-0", "uid": meta.uid(pod)}
    assert "zone" not in found
    world.patch("Node", "n1", {"metadata": {"labels": {"topology.kubernetes.io/zone": "east"}}}, "")
    world.run()
    assert endpoints(world)["web-0"]["zone"] == "east"


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"name": "web", "port": 80}, [("web", 80)]),
        ({"name": "web", "port": 80, "targetPort": 8080}, [("web", 8080)]),
        ({"name": "web", "port": 80, "targetPort": "http"}, [("web", 8081)]),
        ({"name": "web", "port": 80, "targetPort": "nowhere"}, []),
        (None, []),
    ],
)
def test_ports_are_the_pods_own(world: World, port: Json | None, expected: list[tuple[str, int]]) -> None:
    """3.2.5: a headless service may have none."""
    world.put(a_service(ports=[port] if port else []))
    ports = [{"name": "http", "containerPort": 8081}]
    world.pod("web-0", "10.0.0.1", containers=[{"name": "c", "image": "i", "ports": ports}])
    world.run()
    (found,) = slices(world)
    assert [(port["name"], port["port"]) for port in found.get("ports") or []] == expected


def test_pods_with_other_port_numbers_stand_in_other_slices(world: World) -> None:
    world.put(a_service(ports=[{"name": "web", "port": 80, "targetPort": "http"}]))
    for name, number in (("a", 1), ("b", 2), ("c", 1)):
        ports = [{"name": "http", "containerPort": number}]
        world.pod(name, f"10.0.0.{ord(name)}", containers=[{"name": "c", "image": "i", "ports": ports}])
    world.run()
    held = {
        one["ports"][0]["port"]: sorted(each["targetRef"]["name"] for each in one["endpoints"]) for one in slices(world)
    }
    assert held == {1: ["a", "c"], 2: ["b"]}


def test_each_family_has_its_slices(world: World) -> None:
    """3.2.2, of a service as a cluster with two families has it (ours gives out addresses of one)."""
    made = world.put(a_service())
    both = {**made["spec"], "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
    world.cluster.api.core.store.put(key_of("Service", made), {**made, "spec": both})
    world.pod("web-0")
    world.set_status(
        "Pod", "web-0", {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}
    )
    world.run()
    addresses = {one["addressType"]: one["endpoints"][0]["addresses"] for one in slices(world)}
    assert addresses == {"IPv4": ["10.0.0.1"], "IPv6": ["fd00::1"]}


def test_a_hundred_in_a_slice_and_each_stays_in_its_own(world: World) -> None:
    """3.2.2; one pod's change rewrites the slice that holds it and no other."""
    world.put(a_service())
    for number in range(250):
        world.pod(f"web-{number}", f"10.0.{number // 250}.{number}")
    world.run()
    assert sorted(len(one["endpoints"]) for one in slices(world)) == [50, 100, 100]
    before = {meta.name(one): one for one in slices(world)}
    world.tell("web-7", is_ready=True)
    world.run()
    after = {meta.name(one): one for one in slices(world)}
    changed = [name for name in before if before[name] != after[name]]
    assert before.keys() == after.keys()
    assert [each["targetRef"]["name"] for each in after[changed[0]]["endpoints"]] == [
        each["targetRef"]["name"] for each in before[changed[0]]["endpoints"]
    ]
    assert len(changed) == 1


def test_a_newcomer_fills_the_hole_that_another_left(world: World) -> None:
    world.put(a_service())
    for number in range(101):
        world.pod(f"web-{number}", f"10.0.0.{number}")
    world.run()
    names = [meta.name(one) for one in slices(world)]
    world.end_pod("web-5")
    world.run()
    world.pod("web-5", "10.0.0.200")
    world.run()
    assert [meta.name(one) for one in slices(world)] == names
    assert sorted(len(one["endpoints"]) for one in slices(world)) == [1, 100]


def test_new_ports_rewrite_the_slices_there_are(world: World) -> None:
    world.put(a_service())
    world.pod("web-0", "10.0.0.1")
    world.run()
    (before,) = slices(world)
    world.patch("Service", "nginx", {"spec": {"ports": [{"name": "web", "port": 81, "targetPort": 81}]}})
    world.run()
    (after,) = slices(world)
    assert meta.name(after) == meta.name(before)
    assert after["ports"][0]["port"] == 81


@pytest.mark.parametrize(
    "spec", [{"selector": None}, {"type": "ExternalName", "externalName": "a.b", "clusterIP": None}]
)
def test_services_that_select_nothing_have_no_slices(world: World, spec: Json) -> None:
    """3.2.6"""
    service = a_service()
    body = {name: value for name, value in {**service["spec"], **spec}.items() if value is not None}
    world.put({**service, "spec": body})
    world.pod("web-0", "10.0.0.1")
    world.run()
    assert slices(world) == []
    assert world.get("Endpoints", "nginx") is None


def test_what_others_do_to_a_slice_is_put_right(world: World) -> None:
    world.put(a_service())
    world.pod("web-0", "10.0.0.1")
    world.run()
    (found,) = slices(world)
    world.patch("EndpointSlice", meta.name(found), {"endpoints": [{"addresses": ["9.9.9.9"], "conditions": {}}]})
    world.run()
    assert [each["addresses"] for each in slices(world)[0]["endpoints"]] == [["10.0.0.1"]]
    world.delete("EndpointSlice", meta.name(slices(world)[0]))
    world.run()
    assert list(endpoints(world)) == ["web-0"]


def test_the_older_object_sorts_the_ready_from_the_others(world: World) -> None:
    """3.2.6"""
    world.put(a_service(labels={"team": "red"}))
    world.pod("web-0", "10.0.0.1", is_ready=True, hostname="web-0", subdomain="nginx")
    world.pod("web-1", "10.0.0.2")
    world.run()
    found = world.get("Endpoints", "nginx")
    (subset,) = found["subsets"]
    assert [(each["ip"], each.get("hostname")) for each in subset["addresses"]] == [("10.0.0.1", "web-0")]
    assert [each["ip"] for each in subset["notReadyAddresses"]] == ["10.0.0.2"]
    assert [(port["name"], port["port"]) for port in subset["ports"]] == [("web", 80)]
    assert meta.annotations(found)["endpoints.kubernetes.io/last-change-trigger-time"] == world.now.text
    assert meta.labels(found)["team"] == "red"


def test_the_older_object_goes_with_its_service(world: World) -> None:
    """Slices are garbage then; this one has no owner."""
    world.put(a_service())
    world.run()
    assert world.get("Endpoints", "nginx") is not None
    world.delete("Service", "nginx")
    world.run()
    assert world.get("Endpoints", "nginx") is None


def test_large_services_write_the_older_object_once_a_second() -> None:
    """1,000 pods turning ready one by one would otherwise write a million addresses."""
    world = World("endpoints")
    world.put(a_service())
    for number in range(120):
        world.pod(f"web-{number}", f"10.0.0.{number}")
    world.run(2)
    before = len(world.rounds)
    for number in range(120):
        world.tell(f"web-{number}", is_ready=True)
        world.run()
    world.run(2)
    writes = [
        action.obj["kind"] for each in world.rounds[before:] for action, _ in each.deeds if hasattr(action, "obj")
    ]
    assert writes.count("Endpoints") <= 2
    assert len(world.get("Endpoints", "nginx")["subsets"][0]["addresses"]) == 120


def test_after_a_restart_nothing_is_written(world: World) -> None:
    world.put(a_service())
    for number in range(5):
        world.pod(f"web-{number}", f"10.0.0.{number}", is_ready=True)
    world.run()
    world.rounds.clear()
    world.crash()
    world.run()
    assert [each.deeds for each in world.rounds if each.deeds] == []


DEEDS = st.lists(
    st.tuples(st.sampled_from(["create", "ready", "unready", "relabel", "end", "service", "crash"]), st.integers(0, 4)),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(DEEDS)
def test_whatever_happens_the_slices_hold_the_members(deeds: list[tuple[str, int]]) -> None:
    """Folded forward is the same as counted anew."""
    world = World("endpoints")
    world.put(a_service())
    for deed, number in deeds:
        name = f"web-{number}"
        is_there = world.get("Pod", name) is not None
        if deed == "create" and not is_there:
            world.pod(name, f"10.0.0.{number}")
        elif deed in ("ready", "unready") and is_there:
            world.tell(name, is_ready=deed == "ready")
        elif deed == "relabel" and is_there:
            label = "db" if meta.labels(world.get("Pod", name))["app"] == "nginx" else "nginx"
            world.patch("Pod", name, {"metadata": {"labels": {"app": label}}})
        elif deed == "end" and is_there:
            world.end_pod(name)
        elif deed == "service":
            world.patch("Service", "nginx", {"spec": {"publishNotReadyAddresses": bool(number % 2)}})
        elif deed == "crash":
            world.crash()
        if number % 2:
            world.run()
    world.run(2)
    members = [pod for pod in world.all("Pod") if meta.labels(pod)["app"] == "nginx"]
    is_open = bool(world.get("Service", "nginx")["spec"].get("publishNotReadyAddresses"))
    expected = {meta.name(pod): is_open or meta.has_condition(pod, "Ready") for pod in members}
    assert {name: each["conditions"]["ready"] for name, each in endpoints(world).items()} == expected
    assert len(slices(world)) == 1
