"""What a node says of itself (3.6)."""

import pytest

from stead.controllers.nodes import Cordons, Facts, Nodes, Observed
from stead.machinery import meta
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Emit
from tests.controllers.world import World


@pytest.fixture
def world() -> World:
    return World("node")


def node(world: World) -> Json:
    found = world.get("Node", world.config.node, "")
    assert found is not None
    return found


def beat(world: World) -> str:
    return str(dig(world.get("Lease", world.config.node, "kube-node-lease"), "spec", "renewTime"))


def test_it_registers_and_is_ready(world: World) -> None:
    found = node(world)
    assert meta.has_condition(found, "Ready")
    assert [one["type"] for one in found["status"]["conditions"]] == [
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "Ready",
    ]
    assert meta.labels(found)["kubernetes.io/hostname"] == world.config.node
    assert found["status"]["allocatable"] == found["status"]["capacity"]


def test_its_lease_is_renewed_every_ten_seconds(world: World) -> None:
    before = beat(world)
    world.run(9)
    assert beat(world) == before
    world.run(2)
    assert beat(world) > before
    writes = [round_ for round_ in world.rounds if round_.deeds]
    world.run(100)
    assert len([round_ for round_ in world.rounds if round_.deeds]) - len(writes) == 10


def test_its_lease_is_owned_by_it(world: World) -> None:
    lease = world.get("Lease", world.config.node, "kube-node-lease") or {}
    assert [ref["uid"] for ref in meta.owners(lease)] == [meta.uid(node(world))]


def test_it_contradicts_who_calls_it_lost(world: World) -> None:
    """Back again, it says so; what has not changed keeps its time."""
    before = {one["type"]: one for one in node(world)["status"]["conditions"]}
    world.run(100)
    lost = [{**one, "status": "Unknown"} if one["type"] == "Ready" else one for one in before.values()]
    world.set_status("Node", world.config.node, {"conditions": lost}, "")
    world.run()
    after = {one["type"]: one for one in node(world)["status"]["conditions"]}
    assert meta.has_condition(node(world), "Ready")
    assert after["Ready"]["lastTransitionTime"] > before["Ready"]["lastTransitionTime"]
    assert after["DiskPressure"]["lastTransitionTime"] == before["DiskPressure"]["lastTransitionTime"]


def test_it_reports_every_five_minutes(world: World) -> None:
    def heard() -> str:
        return str((meta.condition(node(world), "Ready") or {})["lastHeartbeatTime"])

    before = heard()
    world.run(290)
    assert heard() == before
    world.run(20)
    assert heard() > before


def test_deleted_it_registers_again(world: World) -> None:
    uid = meta.uid(node(world))
    world.delete("Node", world.config.node, "")
    world.run(1)
    assert meta.uid(node(world)) != uid
    assert meta.has_condition(node(world), "Ready")


def test_a_machine_that_was_started_anew(world: World) -> None:
    """stead, and so its kubelet, begins again on the same machine; then on one that was booted meanwhile."""

    def told(reason: str) -> list[str]:
        return [one["message"] for one in world.all("Event", None) if one["reason"] == reason]

    name = world.config.node
    world.run(1)
    world.set_status("Node", name, {"nodeInfo": {"bootID": "before"}}, "")
    world.crash()
    world.run(1)
    assert {one["reason"]: one["count"] for one in world.all("Event", None)}["Starting"] == 1
    assert len(told("Starting")) == 2, "a recorder forgets with its process"
    facts = Facts(name, info={"bootID": "after"})
    plan = Nodes(facts).reconcile(
        Observed(Cordons(), facts, 10.0, node(world), None, False), world.now._replace(wall=2e9)
    )
    (rebooted,) = [action for action in plan.actions if isinstance(action, Emit) and action.reason == "Rebooted"]
    assert (rebooted.type, rebooted.message) == ("Warning", f"Node {name} has been rebooted, boot id: after")


def test_a_clock_that_is_set_back_does_not_stop_the_lease(world: World) -> None:
    world.run(30)
    world.jump(-3600)
    world.run(11)
    before = beat(world)
    world.run(11)
    assert beat(world) > before
