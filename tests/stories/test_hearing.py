"""What controllers and indexes are told: those that name their `kinds` miss nothing, and all that is folded is true."""

from copy import deepcopy

import pytest

from stead.cluster import assembly, manifests
from stead.controllers.disruption import Budgets
from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.observed import Residents
from stead.controllers.protection import Users
from stead.controllers.scheduler.line import Line
from stead.kinds.placed import Placed
from stead.machinery.cache import Cache, hears_of
from stead.machinery.watch import WatchEvent
from stead.simulation.shell import Simulation

from .test_circle import EXAMPLE

BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "nginx"}}},
}
ROLL = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}


def a_life(has_end: bool = True) -> tuple[Simulation, list[WatchEvent]]:
    """A set comes, its node is lost and returns, it rolls, and goes; with everything the engine was told."""
    simulation = Simulation(seed=3)
    engine, told = simulation.cluster.engine, []
    feed = engine.feed

    def listen(event: WatchEvent) -> None:
        feed(event)
        told.append(event)

    engine.feed = listen  # type: ignore[method-assign]
    simulation.apply(*(manifest.obj for manifest in manifests.read([str(EXAMPLE)])), BUDGET)
    simulation.settle()
    simulation.lose_node()
    simulation.run_for(100)
    simulation.return_node()
    simulation.settle()
    simulation.patch("StatefulSet", "web", ROLL)
    simulation.settle() if has_end else simulation.run_for(1)
    if has_end:
        simulation.delete("StatefulSet", "web")
        simulation.run_for(60)
    return simulation, told


def test_nobody_misses_what_concerns_them() -> None:
    simulation, told = a_life()
    cache = simulation.cluster.cache
    listeners = [*simulation.cluster.engine.controllers, *assembly.indexes(simulation.config)]
    unheard = [(event, one) for event in told for one in listeners if not hears_of(one, event.key.kind)]
    assert len({event.key.kind for event, _ in unheard}) >= 10
    for event, one in unheard:
        if hasattr(one, "wants"):
            assert list(one.wants(event, cache)) == [], (one, event.key)
        else:
            before = deepcopy(vars(one))
            one.apply(event.key, event.old, event.obj)
            assert vars(one) == before, (one, event.key)


@pytest.mark.parametrize("has_end", [False, True])
@pytest.mark.parametrize("index", [Line, Users, Residents, Placed, Budgets])
def test_what_is_folded_forward_is_what_is_there(index: type[Line], has_end: bool) -> None:
    simulation, _ = a_life(has_end)
    cache = simulation.cluster.cache
    built = Cache([index()])
    for row in (row for kind in simulation.store.kinds() for row in simulation.store.rows(kind)):
        built.put(row.key, row.obj)
    for record in cache.all(sandbox.KIND):
        built.put(sandbox.key_for(sandbox.uid_of(record)), record)
    assert known(cache.index(index)) == known(built.index(index))


def known(index: object) -> dict[str, object]:
    """What an index has, without the rows in which nothing is left."""
    tables = {name: table for name, table in vars(index).items() if isinstance(table, dict)}
    return {name: {row: value for row, value in table.items() if value != {}} for name, table in tables.items()}
