"""The kernel's step: what follows within it, and what becomes of it when nothing can be written."""

from stead.machinery.objects import without
from stead.simulation.shell import Simulation
from stead.testing.builders import a_stateful_set


def test_a_step_that_reads_on_places_the_pod_it_has_made():
    simulation = _with_a_set()
    rounds = simulation.cluster.step(simulation.now, reads_on=True)
    controllers = [round_.controller for round_ in rounds if round_.deeds]
    assert controllers.index("statefulset") < controllers.index("scheduler") < controllers.index("kubelet")


def test_what_could_not_be_written_was_never_seen():
    simulation = _with_a_set()
    cluster, db = simulation.cluster, simulation.store._db
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


def _with_a_set() -> Simulation:
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    simulation.apply(without(without(a_stateful_set(), "metadata", "resourceVersion"), "status"))
    return simulation


def _place(obj):
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
