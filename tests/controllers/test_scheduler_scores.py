"""Which of several nodes a pod gets, and what is said of driving out others (3.4)."""

from typing import Any

import pytest

from stead.machinery import meta
from stead.machinery.objects import Json
from tests.controllers.test_scheduler import HOST, NO_SCHEDULE, asks, home, message, node, pod, spread, why
from tests.controllers.world import World, a_service

SOFTLY = "preferredDuringSchedulingIgnoredDuringExecution"
NO_HELP, NO_VICTIMS = "Preemption is not helpful for scheduling", "No preemption victims found for incoming pod"


@pytest.fixture
def world() -> World:
    return World("scheduler")


def a_set(world: World, name: str = "web") -> Json:
    """A set that nobody keeps, for pods to be of; answers the metadata of such a pod."""
    template = {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"serviceName": "nginx", "selector": {"matchLabels": {"app": "nginx"}}, "template": template}
    made = world.put({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec})
    return {"ownerReferences": [meta.owner_reference(made)]}


def placed(world: World, count: int, **fields: Any) -> list[str]:
    """The nodes that pods get, one after the other."""
    for number in range(count):
        pod(world, f"web-{number}", **fields)
        world.run()
    return [home(world, f"web-{number}") for number in range(count)]


# --- even without being asked


def test_a_set_goes_round_the_nodes(world: World) -> None:
    for name in ("n1", "n2", "n3"):
        node(world, name)
    assert placed(world, 6, meta=a_set(world)) == ["n1", "n2", "n3"] * 2


def test_a_set_goes_round_the_zones_first(world: World) -> None:
    """Of two free nodes, the one in the emptier zone."""
    for name, zone in (("n1", "east"), ("n2", "east"), ("n3", "west")):
        node(world, name, zone)
    assert placed(world, 3, meta=a_set(world))[:2] == ["n1", "n3"]


def test_pods_of_a_service_are_kin_too(world: World) -> None:
    """Where room alone would decide, both would go to the larger node."""
    node(world, "n1")
    node(world, "n2", cpu="8", memory="16Gi")
    world.put(a_service())
    assert placed(world, 2) == ["n2", "n1"]


def test_strangers_go_where_most_is_left(world: World) -> None:
    """A pod that asks for nothing is thought to need a little."""
    node(world, "n1")
    node(world, "n2", cpu="16", memory="32Gi")
    assert placed(world, 2) == ["n2", "n2"]


def test_processor_and_memory_are_used_alike(world: World) -> None:
    """Both have the same share left in all; on n2 it would be all of one and nothing of the other."""
    node(world, "n2", cpu="8", memory="8Gi")
    node(world, "n1", cpu="4", memory="16Gi")
    pod(world, "web-0", **asks(cpu="2", memory="8Gi"))
    world.run()
    assert home(world, "web-0") == "n1"


# --- as they ask


def test_a_soft_constraint_bends(world: World) -> None:
    node(world, "n1", "east")
    node(world, "n2", "west", cpu="1")
    wish = spread(whenUnsatisfiable="ScheduleAnyway")
    assert placed(world, 3, **wish, **asks(cpu="900m")) == ["n1", "n2", "n1"]


def test_too_few_domains_count_as_empty_ones(world: World) -> None:
    """minDomains: with two zones of the three that are wanted, no zone gets a second pod."""
    node(world, "n1", "east")
    node(world, "n2", "west")
    assert placed(world, 3, **spread(minDomains=3)) == ["n1", "n2", ""]
    assert why(world, "web-2") == "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints."
    node(world, "n3", "north")
    world.run()
    assert home(world, "web-2") == "n3"


@pytest.mark.parametrize(("policy", "expected"), [("Ignore", ["n1", ""]), ("Honor", ["n1", "n1"])])
def test_whether_a_tainted_node_is_a_domain(world: World, policy: str, expected: list[str]) -> None:
    node(world, "n1", "east")
    node(world, "n2", "west", taints=[NO_SCHEDULE])
    assert placed(world, 2, **spread(nodeTaintsPolicy=policy)) == expected


def test_revisions_are_spread_each_for_itself(world: World) -> None:
    """matchLabelKeys: two old pods on n1 do not keep the first new one away."""
    node(world, "n1")
    node(world, "n2")
    for number, revision in enumerate(("a", "b")):
        labels = {"app": "nginx", "controller-revision-hash": revision}
        fields = {"nodeSelector": {HOST: "n1"}, **spread(key=HOST, matchLabelKeys=["controller-revision-hash"])}
        pod(world, f"web-{number}", labels=labels, **fields)
        world.run()
    assert [home(world, f"web-{number}") for number in range(2)] == ["n1", "n1"]


def test_a_node_without_one_of_the_keys_is_counted_for_none(world: World) -> None:
    """n3 has a zone and no rack: its zone is no domain, and it is told so."""
    node(world, "n1", "east", labels={"rack": "1"})
    node(world, "n3", "west")
    both = [*spread()["topologySpreadConstraints"], *spread(key="rack")["topologySpreadConstraints"]]
    assert placed(world, 2, topologySpreadConstraints=both) == ["n1", "n1"]


def test_the_one_that_is_there_has_its_tastes_too(world: World) -> None:
    """A preferred anti-affinity speaks for both sides."""
    node(world, "n1", cpu="8", memory="16Gi")
    node(world, "n2", memory="7Gi")
    term = {"labelSelector": {"matchLabels": {"app": "nginx"}}, "topologyKey": HOST}
    shy = {"affinity": {"podAntiAffinity": {SOFTLY: [{"weight": 50, "podAffinityTerm": term}]}}}
    pod(world, "shy", labels={"app": "db"}, **shy)
    world.run()
    assert home(world, "shy") == "n1"
    assert placed(world, 1) == ["n2"]


def test_the_more_there_are_the_dearer(world: World) -> None:
    """Every matching pod counts its term's weight."""
    for name in ("n1", "n2"):
        node(world, name)
    for number, where in enumerate(("n1", "n2", "n2")):
        pod(world, f"db-{number}", labels={"app": "db"}, nodeSelector={HOST: where})
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": HOST}
    wish = {"affinity": {"podAffinity": {SOFTLY: [{"weight": 1, "podAffinityTerm": term}]}}}
    assert placed(world, 1, **wish) == ["n2"]


# --- nobody is driven out

PREEMPTION: dict[str, tuple[list[Json], Json, str]] = {
    "full": ([{"cpu": "1"}], {}, f"0/1 nodes are available: 1 {NO_VICTIMS}."),
    "too small": ([{"cpu": "500m"}], {}, f"0/1 nodes are available: 1 {NO_HELP}."),
    "one of each": (
        [{"cpu": "1"}, {"taints": [NO_SCHEDULE]}],
        {},
        f"0/2 nodes are available: 1 {NO_VICTIMS}, 1 {NO_HELP}.",
    ),
    "it would not": ([{"cpu": "1"}], {"preemptionPolicy": "Never"}, "not eligible due to preemptionPolicy=Never."),
}


@pytest.mark.parametrize(("nodes", "fields", "expected"), PREEMPTION.values(), ids=PREEMPTION)
def test_what_is_said_of_preemption(world: World, nodes: list[Json], fields: Json, expected: str) -> None:
    for number, has in enumerate(nodes):
        node(world, f"n{number}", **has)
    pod(world, "first", **asks(cpu="600m"))
    world.run()
    pod(world, "web-0", **asks(cpu="800m"), **fields)
    world.run()
    assert message(world, "web-0").partition(". no new claims to deallocate, preemption: ")[2] == expected
    assert world.messages("web-0") == [message(world, "web-0")]


def test_a_claim_keeps_it_from_every_node(world: World) -> None:
    node(world, "n1")
    node(world, "n2")
    pod(world, "web-0", claims=["c"])
    world.run()
    assert message(world, "web-0") == ('0/2 nodes are available: persistentvolumeclaim "c" not found. not found')
    assert world.waits_of("Pod", "web-0") == ['0/2 nodes are available: persistentvolumeclaim "c" not found']
