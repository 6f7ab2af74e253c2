"""Growth: what a replica costs does not grow with the set, counted in calls, which no neighbour disturbs."""

import cProfile
from collections.abc import Callable
from typing import Any

import pytest

from stead.machinery.objects import without
from stead.simulation.shell import Simulation
from stead.testing.builders import a_stateful_set

ALLOWED = 1.12  # indexes are searched by halves, so a little more is fair


def calls_of(deed: Callable[[], Any]) -> int:
    profile = cProfile.Profile(builtins=False)
    profile.runcall(deed)
    return sum(entry.callcount for entry in profile.getstats())


def a_life(policy: str, replicas: int) -> dict[str, float]:
    """Calls a replica of coming up, rolling and going down."""
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    made = without(without(a_stateful_set(replicas=replicas, podManagementPolicy=policy), "status"), "metadata", "uid")

    def up() -> None:
        simulation.apply(without(made, "metadata", "resourceVersion"))
        simulation.settle(1e7)

    def roll() -> None:
        simulation.patch("StatefulSet", "web", {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}})
        simulation.settle(1e7)

    def down() -> None:
        simulation.scale("web", 0)
        simulation.run_until(lambda: not any(simulation.cluster.cache.all("Pod")), seconds=1e7)

    return {deed.__name__: calls_of(deed) / replicas for deed in (up, roll, down)}


@pytest.mark.parametrize("policy", ["Parallel", "OrderedReady"])
def test_a_replica_costs_the_same_in_a_small_set_and_in_a_large_one(policy: str) -> None:
    small, large = a_life(policy, 20), a_life(policy, 100)
    assert all(large[name] < ALLOWED * small[name] for name in small), (small, large)
