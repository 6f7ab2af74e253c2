"""Three nodes in virtual time: one falls silent or stops, and what a StatefulSet does (3.6 in around.md)."""

import itertools

import pytest

from stead.cluster import standing
from stead.cluster.config import Config
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import dig, without
from stead.simulation import drawing, stories
from stead.simulation.shell import Simulation
from stead.testing.builders import a_stateful_set
from tests.stories.tale import Tale

POLICIES = ("OrderedReady", "Parallel")


@pytest.fixture(params=POLICIES)
def tale(request: pytest.FixtureRequest) -> Tale:
    """web-0 to web-2, each on a node of its own."""
    return begun(request.param)


def begun(policy: str = "OrderedReady") -> Tale:
    told = Tale(nodes=3, policy=policy, claims=["www"])
    told.settle()
    return told


def homes(tale: Tale) -> list[str]:
    return [pod.node for pod in tale.simulation.pods().values()]


def pod(tale: Tale, name: str = "web-1") -> PodView:
    return tale.simulation.pods()[name]


def running(tale: Tale, name: str = "web-1") -> int:
    """How many containers of that name run, on all nodes."""
    return sum(key.name == name for key, _ in tale.simulation.running())


def ready(tale: Tale, node: str = "stead-2") -> str:
    return str((meta.condition(tale.simulation.get("Node", node, "") or {}, "Ready") or {})["status"])


def test_a_set_spreads_over_the_nodes(tale: Tale) -> None:
    assert homes(tale) == ["stead", "stead-2", "stead-3"]
    ranges = [dig(tale.simulation.get("Node", name, ""), "spec", "podCIDR") for name in homes(tale)]
    assert ranges == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]


def test_a_node_takes_what_it_offers_and_no_more() -> None:
    simulation = Simulation(config=Config(runtime="simulated", node_count=2, node_cpu=("1", "2"), node_memory=("1Gi",)))
    simulation.run_for(1)
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "600m", "memory": "1Mi"}}}
    template = {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [container]}}
    wanted = a_stateful_set(replicas=5, podManagementPolicy="Parallel", template=template)
    simulation.apply(without(without(wanted, "metadata", "resourceVersion"), "status"))
    simulation.run_for(60)
    placed = [found.node for found in simulation.pods().values()]
    assert sorted(placed) == ["", "stead", "stead-2", "stead-2", "stead-2"]


def test_the_time_table_of_a_silent_node(tale: Tale) -> None:
    """50 s to Unknown, 300 s of patience, and then Terminating for ever: its name is taken."""
    uid = pod(tale).uid
    tale.do("lose-node", node="stead-2")
    tale.run(38)
    assert (ready(tale), str(tale)) == ("True", "0Ra 1Ra 2Ra")
    tale.run(15)
    assert (ready(tale), str(tale)) == ("Unknown", "0Ra 1Ua 2Ra")
    tale.run(285)
    assert not pod(tale).is_terminating
    tale.run(20)
    assert pod(tale).is_terminating
    tale.run(7200)
    assert (pod(tale).uid, str(tale), running(tale)) == (uid, "0Ra 1Ta 2Ra", 1)
    told = [wait.text for wait in tale.waits()]
    assert any("web-1 is terminating, and its node stead-2 is not there to confirm its end" in text for text in told)


def test_back_again_it_ends_what_was_given_up(tale: Tale) -> None:
    """It learns what it missed; only then does the next web-1 begin."""
    uid = pod(tale).uid
    tale.do("lose-node", node="stead-2")
    tale.run(400)
    tale.do("return-node", node="stead-2")
    for _ in range(60):
        tale.run(0.5)
        assert running(tale) <= 1
    assert (str(tale), running(tale)) == ("0Ra 1Ra 2Ra", 1)
    assert pod(tale).uid != uid


def test_back_in_time_nothing_has_happened(tale: Tale) -> None:
    uids = [pod(tale, name).uid for name in tale.simulation.pods()]
    tale.do("lose-node", node="stead-2")
    tale.run(200)
    tale.do("return-node", node="stead-2")
    tale.run(600)
    assert (str(tale), [pod(tale, name).uid for name in tale.simulation.pods()]) == ("0Ra 1Ra 2Ra", uids)


def test_alone_it_keeps_its_pods_alive(tale: Tale) -> None:
    """A container that dies on a node that is cut off is started again, and told of when the node is heard."""
    tale.do("lose-node", node="stead-2")
    tale.do("crash-container", pod="web-1", code=1)
    tale.run(20)
    assert running(tale) == 1
    assert dig(pod(tale).obj, "status", "containerStatuses")[0]["restartCount"] == 0
    tale.do("return-node", node="stead-2")
    tale.run(20)
    assert dig(pod(tale).obj, "status", "containerStatuses")[0]["restartCount"] == 1


WAYS = {
    "the Node is deleted": ("delete-node", {"node": "stead-2"}, 60),
    "out of service": ("out-of-service", {"node": "stead-2"}, 30),
    "by force": ("delete-pod", {"pod": "web-1", "grace": 0}, 20),
}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("way", "said", "seconds"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("verb", ["lose-node", "stop-node"])
def test_the_ways_out(policy: str, verb: str, way: str, said: dict[str, str | int], seconds: int) -> None:
    """3.6.3: whoever says that a node is gone gets the name back; if it was not, two of that name run."""
    tale = begun(policy)
    volume = pod(tale).claim_names()
    tale.do(verb, node="stead-2")
    tale.run(400)
    assert tale.do(way, **said) == ""
    tale.run(seconds)
    assert (str(tale), pod(tale).node != "stead-2") == ("0Ra 1Ra 2Ra", True)
    assert pod(tale).claim_names() == volume
    assert running(tale) == (2 if verb == "lose-node" else 1)
    tale.do("return-node", node="stead-2")
    tale.run(60)
    assert (str(tale), running(tale), ready(tale)) == ("0Ra 1Ra 2Ra", 1, "True")


def test_a_machine_that_is_off_runs_nothing_and_nobody_says_so(tale: Tale) -> None:
    tale.do("stop-node", node="stead-2")
    tale.run(30)
    assert (ready(tale), str(tale), running(tale)) == ("True", "0Ra 1Ra 2Ra", 0)
    tale.do("return-node", node="stead-2")
    tale.run(30)
    assert (str(tale), running(tale), pod(tale).node) == ("0Ra 1Ra 2Ra", 1, "stead-2")
    assert dig(pod(tale).obj, "status", "containerStatuses")[0]["restartCount"] == 1


def test_cut_off_it_keeps_its_pods_alive_through_a_restart_of_stead(tale: Tale) -> None:
    """Its kubelet is another machine's: nobody has restarted that."""
    tale.do("lose-node", node="stead-2")
    tale.simulation.crash()
    tale.do("crash-container", pod="web-1", code=1)
    tale.run(20)
    assert running(tale) == 1
    tale.run(400)
    tale.simulation.crash()
    tale.do("crash-container", pod="web-1", code=1)
    tale.run(60)
    assert (str(tale), running(tale)) == ("0Ra 1Ta 2Ra", 1)
    tale.do("return-node", node="stead-2")
    tale.run(60)
    assert (str(tale), running(tale)) == ("0Ra 1Ra 2Ra", 1)


DEATHS = ("between", "before commit", "before runtime")


@pytest.mark.parametrize("way", range(len(DEATHS)), ids=DEATHS)
def test_stead_may_die_at_any_action_while_a_node_is_cut(way: int) -> None:
    """At each action in one of three ways. Never two of a name; given up all the same, and whole when it is heard."""
    how = DEATHS[way]
    for actions in itertools.count(way, len(DEATHS)):
        tale = begun(POLICIES[actions % 2])
        uid = pod(tale).uid
        tale.do("lose-node", node="stead-2")
        tale.do("crash-container", pod="web-1", code=1)
        tale.do("die", after=actions, how=how)
        tale.until("0Ra 1Ta 2Ra")
        for _ in range(10):
            tale.run(10)
            assert (str(tale), pod(tale).uid, running(tale)) == ("0Ra 1Ta 2Ra", uid, 1)
        tale.do("return-node", node="stead-2")
        for _ in range(40):
            tale.run(0.5)
            assert running(tale) <= 1
        tale.run(60)
        assert (str(tale), running(tale), ready(tale)) == ("0Ra 1Ra 2Ra", 1, "True")
        if not tale.simulation.deaths:
            assert actions > 100, "it had many chances"
            break


@pytest.mark.parametrize("verb", ["lose-node", "stop-node"])
def test_a_restart_of_stead_changes_nothing(tale: Tale, verb: str) -> None:
    uid = pod(tale).uid
    tale.do(verb, node="stead-2")
    tale.simulation.crash()
    tale.run(500)
    assert (ready(tale), str(tale), pod(tale).uid) == ("Unknown", "0Ra 1Ta 2Ra", uid)
    assert running(tale) == (1 if verb == "lose-node" else 0)
    tale.do("return-node", node="stead-2")
    tale.run(60)
    assert (str(tale), running(tale)) == ("0Ra 1Ra 2Ra", 1)


def test_cordoned_it_gets_nothing_new(tale: Tale) -> None:
    tale.do("cordon", node="stead-2")
    tale.do("delete-pod", pod="web-1")
    tale.run(30)
    assert (str(tale), pod(tale).node in ("stead", "stead-3")) == ("0Ra 1Ra 2Ra", True)
    tale.do("cordon", node="stead")
    tale.do("cordon", node="stead-3")
    tale.do("delete-pod", pod="web-0")
    tale.run(30)
    assert str(tale).split()[0] == "0Pa"
    tale.do("uncordon", node="stead-2")
    tale.run(30)
    assert pod(tale, "web-0").node == "stead-2"


def test_how_a_node_is_is_told(tale: Tale) -> None:
    def told() -> str:
        return standing.of(tale.simulation.cluster.cache, Key("Node", "", "stead-2"), is_waiting=False)

    assert told() == "it is Ready"
    tale.do("cordon", node="stead-2")
    tale.do("lose-node", node="stead-2")
    tale.run(60)
    assert told() == "it is Unknown: nobody has heard of it, and takes no pods (cordoned)"


def told_of(tale: Tale, node: str = "stead-2") -> list[tuple[str, int]]:
    """Reasons of a node's events, in the order they were first told, and how often."""
    events = [row.obj for row in tale.simulation.store.rows("Event") if row.obj["involvedObject"]["name"] == node]
    return [(event["reason"], event["count"]) for event in events]


@pytest.mark.parametrize(("verb", "starts"), [("lose-node", 1), ("stop-node", 2)])
def test_what_people_are_told_of_a_node_that_goes_and_comes_back(tale: Tale, verb: str, starts: int) -> None:
    """Its kubelet begins anew only where its machine was off; a node in time spares its pods."""
    tale.do(verb, node="stead-2")
    tale.run(100)
    tale.do("return-node", node="stead-2")
    tale.run(60)
    told = dict(told_of(tale))
    healthy = ("NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady")
    assert {reason: told[reason] for reason in healthy} == dict.fromkeys(healthy, 2)
    assert (told["Starting"], told["NodeNotReady"], told["RegisteredNode"]) == (starts, 1, 1)
    assert ("TaintManagerEviction", 1) in told_of(tale, "web-1")


def test_a_node_that_is_not_there(tale: Tale) -> None:
    assert tale.do("lose-node", node="n9") == "BadRequest: there is no node n9; there is stead, stead-2, stead-3"


def test_drawn_lives_have_several_nodes_too() -> None:
    """Every promise is kept in them: above all, never two running containers of one name, unless somebody forced it."""
    drawn = [schedule for schedule in map(drawing.draw, range(24)) if schedule.nodes > 1]
    assert len(drawn) > 4
    assert [ending.broken for ending in map(stories.live, drawn)] == [""] * len(drawn)
