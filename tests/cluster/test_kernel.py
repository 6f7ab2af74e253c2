"""The kernel's step: what follows within it, and what becomes of it when nothing can be written."""

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from stead.api.request import Request
from stead.cluster import assembly, bootstrap
from stead.cluster.config import Config
from stead.cluster.kernel import ALL
from stead.cluster.members import Member
from stead.machinery.objects import Json, encode, without
from stead.machinery.times import Now
from stead.runtimes.simulated import SimulatedRuntime
from stead.simulation.shell import Simulation
from stead.store.log import Store
from stead.testing.builders import a_stateful_set

NOON = Now(1_790_000_000.0, 0.0)


def test_a_step_that_reads_on_places_the_pod_it_has_made():
    simulation = _with_a_set()
    rounds = simulation.cluster.step(simulation.now, reads_on=True)
    controllers = [round_.controller for round_ in rounds if round_.deeds]
    assert controllers.index("statefulset") < controllers.index("scheduler") < controllers.index("kubelet")


def test_what_came_of_an_image_is_told_with_the_start_that_follows():
    """A commit of its own would hold the start up."""
    simulation, told = _with_a_set(replicas=1), []
    for _ in range(60):
        before = len(_events(simulation))
        simulation.advance(simulation.now.mono + 60)
        simulation.cluster.step(simulation.now, reads_on=True)
        told.append([event["reason"] for event in _events(simulation)[before:]])
    assert list(filter(None, told)) == [["Scheduled"], ["Runtime"], ["Pulled", "Created", "Started"]]


def test_what_could_not_be_written_was_never_seen():
    simulation = _with_a_set()
    cluster, db = simulation.cluster, simulation.store.disk._db
    db.execute("PRAGMA max_page_count = 1")  # as full as it is now
    revision = simulation.store.revision
    for _ in range(5):
        cluster.step(simulation.now, reads_on=True)
    assert simulation.store.revision == revision
    for kind in simulation.store.kinds():
        assert [row.obj for row in simulation.store.rows(kind)] == sorted(cluster.cache.all(kind), key=_place), kind
    db.execute("PRAGMA max_page_count = 100000")
    simulation.settle()
    assert [pod.phase for pod in simulation.pods().values()] == ["Running"] * 3


def test_a_round_in_pieces_comes_to_what_a_whole_one_comes_to():
    """A parallel set makes forty pods in one round: the same writes in the same order, few of them in one step."""
    whole, cut = (_written_with(most_deeds) for most_deeds in (ALL, 5))
    assert cut.order == whole.order == [f"web-{ordinal}" for ordinal in range(40)]
    assert max(whole.steps) > 80 and max(cut.steps) <= 2 * 5


def test_somebody_who_asks_between_the_pieces_is_served_and_his_wish_is_heard():
    """The pods that the round had already decided on still come, as they would have; then they go again."""
    simulation = _with_a_set(replicas=40, podManagementPolicy="Parallel")
    simulation.cluster.step(simulation.now, most_deeds=5)
    assert 0 < len(simulation.pods()) < 40
    simulation.scale("web", 3)
    assert simulation.get("StatefulSet", "web")["spec"]["replicas"] == 3
    most = 0
    for _ in range(400):
        simulation.advance(simulation.now.mono + 60)
        simulation.cluster.step(simulation.now, most_deeds=5)
        most = max(most, len(simulation.pods()))
    assert most == 40
    assert sorted(simulation.pods()) == ["web-0", "web-1", "web-2"]


def test_a_piece_that_could_not_be_written_is_decided_anew_when_it_can():
    simulation = _with_a_set(replicas=40, podManagementPolicy="Parallel")
    cluster, db = simulation.cluster, simulation.store.disk._db
    cluster.step(simulation.now, reads_on=True, most_deeds=5)
    made = list(simulation.pods())
    db.execute("PRAGMA max_page_count = 1")
    for _ in range(5):
        cluster.step(simulation.now, reads_on=True, most_deeds=5)
    assert list(simulation.pods()) == made
    db.execute("PRAGMA max_page_count = 100000")
    simulation.settle()
    assert len([pod for pod in simulation.pods().values() if pod.phase == "Running"]) == 40
    assert list(_order_of_pods(simulation)) == [f"web-{ordinal}" for ordinal in range(40)]


class _Written(NamedTuple):
    """Pods in the order they were made, and how many writes each step had."""

    order: list[str]
    steps: list[int]


def _written_with(most_deeds: int) -> _Written:
    simulation = _with_a_set(replicas=40, podManagementPolicy="Parallel")
    steps = []
    while not simulation.is_settled():
        simulation.advance(simulation.now.mono + 60)
        before = simulation.store.revision
        rounds = simulation.cluster.step(simulation.now, most=1, most_deeds=most_deeds)
        steps += [simulation.store.revision - before] if not rounds or rounds[0].controller == "statefulset" else []
    return _Written(list(_order_of_pods(simulation)), steps)


def _order_of_pods(simulation: Simulation) -> Iterator[str]:
    for change in simulation.store.changes(0, None):
        if change.event.key.kind == "Pod" and change.event.type == "ADDED":
            yield change.event.key.name


def test_the_runtime_hears_nothing_before_it_is_on_the_disk(tmp_path):
    """A volume must not be gone while a power cut could bring its claim back."""
    store, runtime = Store(str(tmp_path / "store.db"), syncs="later"), SimulatedRuntime(Random(1))
    cluster = assembly.cluster(Config(runtime="simulated"), store, [Member("stead", runtime)], Random(2))
    bootstrap.install(cluster, Config(runtime="simulated"), NOON)
    made = Request("POST", "/apis/apps/v1/namespaces/default/statefulsets", (), {"user-agent": "t"}, encode(_a_set()))
    cluster.handle([made], NOON)
    for second in range(20):
        cluster.step(NOON._replace(mono=float(second)), reads_on=True)
    assert [row.key.name for row in store.rows("Pod")] == ["web-0"]
    assert not runtime.take(NOON._replace(mono=60.0)), "nobody has told it anything"
    store.disk.keep(store.disk.flush())
    for second in range(20, 60):
        cluster.step(NOON._replace(mono=float(second)), reads_on=True)
        store.disk.keep(store.disk.flush())
    assert [row.key.name for row in store.rows("Pod")] == ["web-0", "web-1", "web-2"]
    store.close()


def _events(simulation: Simulation) -> list[Json]:
    """Of the pod, oldest first."""
    events = [row.obj for row in simulation.store.rows("Event") if row.obj["involvedObject"]["kind"] == "Pod"]
    return sorted(events, key=lambda event: int(event["metadata"]["resourceVersion"]))


def _with_a_set(**spec: Any) -> Simulation:
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    simulation.apply(_a_set(**spec))
    return simulation


def _a_set(**spec: Any) -> Json:
    return without(without(a_stateful_set(**spec), "metadata", "resourceVersion"), "status")


def _place(obj):
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
