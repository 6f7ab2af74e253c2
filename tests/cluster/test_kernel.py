"""The kernel's step: what follows within it, and what becomes of it when nothing can be written."""

from random import Random

from stead.api.request import Request
from stead.cluster import assembly, bootstrap
from stead.cluster.config import Config
from stead.cluster.members import Member
from stead.machinery.objects import encode, without
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


def _with_a_set() -> Simulation:
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    simulation.apply(_a_set())
    return simulation


def _a_set():
    return without(without(a_stateful_set(), "metadata", "resourceVersion"), "status")


def _place(obj):
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
