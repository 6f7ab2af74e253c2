"""Where a pod goes, and upstream's words for why it goes nowhere (3.4, 3.3.9)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.kinds.podrequests import amounts
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.quantity import NANOS
from tests.controllers.world import World, a_claim, a_class, a_pod, a_volume

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"


@pytest.fixture
def world() -> World:
    return World("scheduler")


def node(
    world: World, name: str, zone: str = "", *, taints: list[Json] | None = None, labels: Json | None = None, **has: str
) -> None:
    labels = {HOST: name, **({ZONE: zone} if zone else {}), **(labels or {})}
    spec = {"taints": taints} if taints else {}
    world.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec})
    found = {"cpu": "4", "memory": "8Gi", "pods": "110", **has}
    world.set_status("Node", name, {"capacity": found, "allocatable": found}, "")


def pod(world: World, name: str, **fields: Any) -> Json:
    return world.put(a_pod(name, **fields))


def home(world: World, name: str) -> str:
    return str(dig(world.get("Pod", name), "spec", "nodeName", default=""))


def message(world: World, name: str) -> str:
    """The message of a pod that is not scheduled."""
    condition = meta.condition(world.get("Pod", name) or {}, "PodScheduled") or {}
    return str(condition.get("message", "")) if condition.get("status") == "False" else ""


def why(world: World, name: str) -> str:
    """The same without what is said of devices and of preemption."""
    return message(world, name).partition(" no new claims")[0]


def asks(name: str = "c", ports: list[Json] | None = None, **requests: str) -> dict[str, Any]:
    return {"containers": [{"name": name, "image": "i", "resources": {"requests": requests}, "ports": ports or []}]}


def test_a_pod_gets_a_node(world: World) -> None:
    node(world, "n1")
    pod(world, "web-0")
    world.run()
    assert home(world, "web-0") == "n1"
    assert meta.has_condition(world.get("Pod", "web-0") or {}, "PodScheduled")
    assert world.messages("web-0") == ["Successfully assigned default/web-0 to n1"]


def test_no_nodes(world: World) -> None:
    pod(world, "web-0")
    world.run()
    assert why(world, "web-0") == "no nodes available to schedule pods"
    assert world.events("web-0") == ["FailedScheduling"]
    condition = meta.condition(world.get("Pod", "web-0") or {}, "PodScheduled") or {}
    assert condition["reason"] == "Unschedulable"
    node(world, "n1")
    world.run()
    assert home(world, "web-0") == "n1"


NO_SCHEDULE = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
ON_N2 = {"key": HOST, "operator": "In", "values": ["n2"]}


def node_affinity(*expressions: Json) -> Json:
    terms = [{"matchExpressions": list(expressions)}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


WORDS: dict[str, tuple[Json, Json, str]] = {
    "cpu": ({}, asks(cpu="5"), "1 Insufficient cpu"),
    "memory and cpu": ({}, asks(cpu="5", memory="9Gi"), "1 Insufficient cpu, 1 Insufficient memory"),
    "what no node has": ({}, asks(**{"ephemeral-storage": "1Gi"}), "1 Insufficient ephemeral-storage"),
    "too many": ({"pods": "0"}, {}, "1 Too many pods"),
    "taint": ({"taints": [NO_SCHEDULE]}, {}, "1 node(s) had untolerated taint(s)"),
    "selector": ({}, {"nodeSelector": {"disk": "ssd"}}, "1 node(s) didn't match Pod's node affinity/selector"),
    "affinity": ({}, {"affinity": node_affinity(ON_N2)}, "1 node(s) didn't match Pod's node affinity/selector"),
}


@pytest.mark.parametrize(("fields", "spec", "expected"), WORDS.values(), ids=WORDS)
def test_words(world: World, fields: Json, spec: Json, expected: str) -> None:
    """3.4"""
    node(world, "n1", **fields)
    pod(world, "web-0", **spec)
    world.run()
    assert why(world, "web-0") == f"0/1 nodes are available: {expected}."


def test_reasons_are_counted_over_all_nodes(world: World) -> None:
    node(world, "n1", taints=[NO_SCHEDULE])
    node(world, "n2", taints=[NO_SCHEDULE])
    node(world, "n3", cpu="1")
    node(world, "n4")
    world.patch("Node", "n4", {"spec": {"unschedulable": True}}, "")
    pod(world, "web-0", **asks(cpu="2"))
    world.run()
    assert why(world, "web-0") == (
        "0/4 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s)."
    )
    assert world.waits_of("Pod", "web-0") == [why(world, "web-0").rstrip(".")]


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        ("In", ["4", "8"], True),
        ("NotIn", ["4"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["3"], True),
        ("Gt", ["4"], False),
        ("Lt", ["5"], True),
        ("Lt", ["many"], False),
    ],
)
def test_operators_of_node_affinity(world: World, operator: str, values: list[str], expected: bool) -> None:
    node(world, "n1", labels={"cores": "4"})
    pod(world, "web-0", affinity=node_affinity({"key": "cores", "operator": operator, "values": values}))
    world.run()
    assert bool(home(world, "web-0")) == expected


def test_an_uncordoned_node_is_open_at_once() -> None:
    """Its taint goes a step later; nobody is told of that."""
    world = World("scheduler", "nodelife")
    node(world, "n1")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": world.now.text}
    world.set_status("Node", "n1", {"conditions": [{**ready, "lastHeartbeatTime": world.now.text}]}, "")
    world.patch("Node", "n1", {"spec": {"unschedulable": True}}, "")
    world.run()
    pod(world, "web-0")
    world.run()
    world.patch("Node", "n1", {"spec": {"unschedulable": None}}, "")
    world.run()
    assert world.messages("web-0") == [
        "0/1 nodes are available: 1 node(s) were unschedulable. "
        "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        "Successfully assigned default/web-0 to n1",
    ]


def test_a_gated_pod_waits_for_its_gates(world: World) -> None:
    node(world, "n1")
    pod(world, "web-0", schedulingGates=[{"name": "example.com/ready"}])
    world.run()
    condition = meta.condition(world.get("Pod", "web-0") or {}, "PodScheduled") or {}
    assert (condition["reason"], why(world, "web-0")) == (
        "SchedulingGated",
        "Scheduling is blocked due to non-empty scheduling gates",
    )
    world.patch("Pod", "web-0", {"spec": {"schedulingGates": None}})
    world.run()
    assert home(world, "web-0") == "n1"


def test_pods_of_another_scheduler_are_left(world: World) -> None:
    node(world, "n1")
    pod(world, "web-0", schedulerName="mine")
    world.run()
    assert (home(world, "web-0"), why(world, "web-0")) == ("", "")


# --- room


def test_room_is_taken_at_once(world: World) -> None:
    """All in one step: the cache is a step behind, the scheduler is not."""
    node(world, "n1", cpu="2")
    node(world, "n2", cpu="1")
    for number in range(5):
        pod(world, f"web-{number}", **asks(cpu="1"))
    world.run()
    homes = sorted(home(world, f"web-{number}") for number in range(5))
    assert homes == ["", "", "n1", "n1", "n2"]


def test_a_pod_that_ends_makes_room(world: World) -> None:
    node(world, "n1", cpu="1")
    pod(world, "a", **asks(cpu="1"))
    world.run()
    pod(world, "b", **asks(cpu="1"))
    world.run()
    assert why(world, "b") == "0/1 nodes are available: 1 Insufficient cpu."
    world.tell("a", phase="Succeeded")
    world.run()
    assert home(world, "b") == "n1"


def test_what_a_pod_asks(world: World) -> None:
    """Initial containers run one by one, sidecars beside all that follow."""

    def one(name: str, cpu: str, **fields: Any) -> Json:
        return {"name": name, "resources": {"requests": {"cpu": cpu}}, **fields}

    spec = {
        "initContainers": [one("i", "4"), one("s", "1", restartPolicy="Always"), one("j", "5")],
        "containers": [one("a", "2"), one("b", "2")],
        "overhead": {"cpu": "500m"},
    }
    assert amounts({"spec": spec}) == {"cpu": 6 * NANOS + NANOS // 2}
    assert amounts({"spec": {**spec, "resources": {"requests": {"cpu": "3"}}}}) == {"cpu": 3 * NANOS + NANOS // 2}


@pytest.mark.parametrize(
    ("other", "is_free"),
    [
        ({"containerPort": 80, "hostPort": 80}, False),
        ({"containerPort": 80, "hostPort": 80, "hostIP": "10.1.1.1"}, False),
        ({"containerPort": 80, "hostPort": 80, "protocol": "UDP"}, True),
        ({"containerPort": 80, "hostPort": 81}, True),
        ({"containerPort": 80}, True),
    ],
)
def test_host_ports(world: World, other: Json, is_free: bool) -> None:
    node(world, "n1")
    pod(world, "a", **asks(ports=[{"containerPort": 80, "hostPort": 80}]))
    pod(world, "b", **asks(ports=[other]))
    world.run()
    expected = (
        "" if is_free else "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    )
    assert why(world, "b") == expected


# --- others


def spread(most: int = 1, key: str = ZONE, **fields: Any) -> Json:
    selector = {"matchLabels": {"app": "nginx"}}
    wanted = {"maxSkew": most, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
    return {"topologySpreadConstraints": [{**wanted, **fields}]}


def near(sort: str, key: str = HOST, app: str = "nginx", **fields: Any) -> Json:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key, **fields}
    return {"affinity": {sort: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def test_spread_over_zones(world: World) -> None:
    node(world, "n1", "east")
    node(world, "n2", "east")
    node(world, "n3", "west")
    for number in range(4):
        pod(world, f"web-{number}", **spread())
    world.run()
    zones = [{"n1": "east", "n2": "east", "n3": "west"}[home(world, f"web-{number}")] for number in range(4)]
    assert sorted(zones) == ["east", "east", "west", "west"]


def test_spread_says_what_is_in_the_way(world: World) -> None:
    node(world, "n1", "east")
    node(world, "n2", "west", taints=[NO_SCHEDULE])
    node(world, "n3")
    pod(world, "web-0", **spread())
    world.run()
    pod(world, "web-1", **spread())
    world.run()
    assert why(world, "web-1") == (
        "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, "
        "1 node(s) didn't match pod topology spread constraints (missing required label), "
        "1 node(s) had untolerated taint(s)."
    )
    world.patch("Node", "n2", {"spec": {"taints": None}}, "")
    world.run()
    assert home(world, "web-1") == "n2"


def test_spread_may_overlook_nodes_it_cannot_use(world: World) -> None:
    node(world, "n1", "east")
    node(world, "n2", "west", taints=[NO_SCHEDULE])
    for number in range(3):
        pod(world, f"web-{number}", **spread(nodeTaintsPolicy="Honor"))
    world.run()
    assert [home(world, f"web-{number}") for number in range(3)] == ["n1", "n1", "n1"]


def test_fewer_domains_than_wanted_count_as_empty_ones(world: World) -> None:
    node(world, "n1", "east")
    for number in range(2):
        pod(world, f"web-{number}", **spread(minDomains=2))
    world.run()
    assert [home(world, f"web-{number}") for number in range(2)] == ["n1", ""]


def test_one_on_each_host(world: World) -> None:
    """Anti-affinity to one's own kind, as stateful programs ask."""
    for name in ("n1", "n2"):
        node(world, name)
    for number in range(3):
        pod(world, f"web-{number}", **near("podAntiAffinity"))
    world.run()
    assert sorted(home(world, f"web-{number}") for number in range(3)) == ["", "n1", "n2"]
    (left,) = [name for name in ("web-0", "web-1", "web-2") if not home(world, name)]
    assert why(world, left) == "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules."


def test_who_is_not_welcome(world: World) -> None:
    """The one that is there minds, though the newcomer does not."""
    node(world, "n1")
    pod(world, "shy", labels={"app": "db"}, **near("podAntiAffinity"))
    world.run()
    pod(world, "web-0")
    world.run()
    assert why(world, "web-0") == (
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."
    )
    world.end_pod("shy")
    world.run()
    assert home(world, "web-0") == "n1"


def test_near_another(world: World) -> None:
    node(world, "n1", "east")
    node(world, "n2", "west")
    node(world, "n3", "west")
    pod(world, "web-0", labels={"app": "web"}, **near("podAffinity", ZONE, "db"))
    world.run()
    assert why(world, "web-0") == "0/3 nodes are available: 3 node(s) didn't match pod affinity rules."
    pod(world, "db", labels={"app": "db"}, nodeSelector={HOST: "n3"})
    world.run()
    assert home(world, "web-0") in ("n2", "n3")


def test_the_first_of_those_that_want_to_be_together(world: World) -> None:
    node(world, "n1")
    node(world, "n2")
    for number in range(3):
        pod(world, f"web-{number}", **near("podAffinity"))
    world.run()
    assert len({home(world, f"web-{number}") for number in range(3)} - {""}) == 1


def test_pods_of_another_namespace_are_strangers_unless_named(world: World) -> None:
    world.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "red", "labels": {"team": "red"}}})
    world.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "red"}})
    node(world, "n1")
    there = a_pod("there")
    world.put({**there, "metadata": {**there["metadata"], "namespace": "red"}})
    world.run()
    pod(world, "own", labels={"app": "x"}, **near("podAntiAffinity"))
    pod(world, "named", labels={"app": "x"}, **near("podAntiAffinity", namespaces=["red"]))
    pod(
        world,
        "chosen",
        labels={"app": "x"},
        **near("podAntiAffinity", namespaceSelector={"matchLabels": {"team": "red"}}),
    )
    world.run()
    assert [bool(home(world, name)) for name in ("own", "named", "chosen")] == [True, False, False]


def test_a_set_is_spread_where_nothing_else_decides(world: World) -> None:
    """3.4: softly"""
    for name in ("n1", "n2", "n3"):
        node(world, name)
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "uid": "web-uid"}}
    refs = {"ownerReferences": [meta.owner_reference(owner)]}
    for number in range(3):
        pod(world, f"web-{number}", meta=refs)
    world.run()
    assert sorted(home(world, f"web-{number}") for number in range(3)) == ["n1", "n2", "n3"]


def test_preferences_choose_among_nodes_that_will_do(world: World) -> None:
    node(world, "n1")
    node(world, "n2", labels={"disk": "ssd"})
    node(world, "n3", taints=[{"key": "old", "effect": "PreferNoSchedule"}], labels={"disk": "ssd"})
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    wish = [{"weight": 1, "preference": preference}]
    pod(world, "web-0", affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}})
    world.run()
    assert home(world, "web-0") == "n2"


# --- claims

CLAIMS: dict[str, tuple[list[Json], str]] = {
    "not there": ([], 'persistentvolumeclaim "c" not found. not found'),
    "not bound": ([a_claim("c")], "pod has unbound immediate PersistentVolumeClaims. not found"),
    "late, and nobody makes one": (
        [
            a_class(provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer"),
            a_claim("c", class_name="fast"),
        ],
        "1 node(s) didn't find available persistent volumes to bind.",
    ),
    "late, and not made here": (
        [
            a_class(
                volumeBindingMode="WaitForFirstConsumer",
                allowedTopologies=[{"matchLabelExpressions": [{"key": ZONE, "values": ["west"]}]}],
            ),
            a_claim("c", class_name="fast"),
        ],
        "1 node(s) didn't find available persistent volumes to bind.",
    ),
}


@pytest.mark.parametrize(("objects", "expected"), CLAIMS.values(), ids=CLAIMS)
def test_words_of_claims(objects: list[Json], expected: str) -> None:
    """3.4"""
    world = World("scheduler", "binder")
    node(world, "n1", "east")
    for obj in objects:
        world.put(obj)
    pod(world, "web-0", claims=["c"])
    world.run()
    assert why(world, "web-0") == f"0/1 nodes are available: {expected}"


def test_a_claim_on_its_way_out_is_told(world: World) -> None:
    """3.3.8"""
    node(world, "n1")
    world.put(a_claim("c"))
    world.delete("PersistentVolumeClaim", "c")
    pod(world, "web-0", claims=["c"])
    world.run()
    assert why(world, "web-0") == '0/1 nodes are available: persistentvolumeclaim "c" is being deleted. not found'


def local(name: str, where: str, **fields: Any) -> Json:
    terms = [{"matchExpressions": [{"key": HOST, "operator": "In", "values": [where]}]}]
    return a_volume(name, nodeAffinity={"required": {"nodeSelectorTerms": terms}}, **fields)


def test_a_local_volume_pins_its_pod() -> None:
    """3.3.9"""
    world = World("scheduler", "binder")
    node(world, "n1")
    node(world, "n2")
    world.put(local("v", "n2"))
    world.put(a_claim("c"))
    pod(world, "web-0", claims=["c"])
    world.run()
    assert home(world, "web-0") == "n2"
    world.end_pod("web-0")
    world.delete("Node", "n2", "")
    pod(world, "web-0", claims=["c"])
    world.run()
    assert why(world, "web-0") == ("0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.")


@pytest.mark.parametrize("is_made", [True, False])
def test_a_late_claim_is_told_the_node_first(is_made: bool) -> None:
    """3.3.3 and 3.4: filter, tell the claim, wait until it is bound, bind the pod."""
    world = World("scheduler", "binder", "provisioner")
    node(world, "n1")
    node(world, "n2")
    provisioner = "stead.dev/directory" if is_made else "kubernetes.io/no-provisioner"
    world.put(a_class(provisioner=provisioner, volumeBindingMode="WaitForFirstConsumer"))
    if not is_made:
        world.put(local("v", "n2", storageClassName="fast"))
        world.run()
    world.put(a_claim("c", class_name="fast"))
    pod(world, "web-0", claims=["c"])
    world.run(1)
    claim = world.get("PersistentVolumeClaim", "c") or {}
    assert claim["status"]["phase"] == "Bound"
    assert home(world, "web-0") == meta.annotations(claim)["volume.kubernetes.io/selected-node"]
    assert is_made or home(world, "web-0") == "n2"


def test_two_late_claims_need_two_volumes() -> None:
    world = World("scheduler", "binder")
    node(world, "n1")
    node(world, "n2")
    world.put(a_class(provisioner="kubernetes.io/no-provisioner", volumeBindingMode="WaitForFirstConsumer"))
    for name, where in (("v1", "n1"), ("v2", "n2"), ("v3", "n2")):
        world.put(local(name, where, storageClassName="fast"))
    world.run()
    for name in ("c1", "c2"):
        world.put(a_claim(name, class_name="fast"))
    pod(world, "web-0", claims=["c1", "c2"])
    world.run(1)
    assert home(world, "web-0") == "n2"


def test_a_claim_for_one_pod_has_one_user() -> None:
    world = World("scheduler", "binder")
    node(world, "n1")
    world.put(a_volume("v", accessModes=["ReadWriteOncePod"]))
    world.put(a_claim("c", accessModes=["ReadWriteOncePod"]))
    pod(world, "a", claims=["c"])
    world.run()
    pod(world, "b", claims=["c"])
    world.run()
    assert why(world, "b") == (
        "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and "
        "ReadWriteOncePod access mode."
    )
    world.end_pod("a")
    world.run()
    assert home(world, "b") == "n1"


# --- at rest


def test_a_pod_that_waits_costs_nothing(world: World) -> None:
    node(world, "n1", cpu="1")
    for number in range(20):
        pod(world, f"web-{number}", **asks(cpu="1"))
    world.run()
    before = len(world.rounds)
    world.run(3600)
    assert len(world.rounds) == before


DEEDS = st.lists(st.tuples(st.sampled_from(["pod", "end", "node", "drop", "crash"]), st.integers(0, 5)), max_size=20)


@settings(max_examples=40, deadline=None)
@given(DEEDS)
def test_no_node_is_ever_overfull_and_no_room_is_left_unused(deeds: list[tuple[str, int]]) -> None:
    world = World("scheduler")
    for deed, number in deeds:
        is_there = world.get("Pod", f"p{number}") is not None
        if deed == "pod" and not is_there:
            pod(world, f"p{number}", **asks(cpu=str(1 + number % 2)))
        elif deed == "end" and is_there:
            world.end_pod(f"p{number}")
        elif deed == "node" and world.get("Node", f"n{number % 2}", "") is None:
            node(world, f"n{number % 2}", cpu="3")
        elif deed == "drop" and world.get("Node", f"n{number % 2}", "") is not None:
            world.delete("Node", f"n{number % 2}", "")
        elif deed == "crash":
            world.crash()
        if number % 2:
            world.run()
    world.run(1)
    free: dict[str, int] = {}
    for one in world.store.rows("Node"):
        tenants = [p for p in world.all("Pod") if dig(p, "spec", "nodeName") == one.key.name]
        free[one.key.name] = 3 - sum(amounts(tenant)["cpu"] // NANOS for tenant in tenants)
    assert all(left >= 0 for left in free.values())
    for one in world.all("Pod"):
        if not dig(one, "spec", "nodeName"):
            assert amounts(one)["cpu"] // NANOS > max(free.values(), default=0)
            assert world.waits(Key("Pod", "default", meta.name(one)))
