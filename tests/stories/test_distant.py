"""The remote shell in virtual time: a cache that lags, writes on their way, answers that never come back."""

from pathlib import Path

import pytest

from stead.cluster import manifests
from stead.machinery.objects import Json, with_value
from stead.simulation.schedules import Schedule, a_set, a_step
from stead.simulation.shell import Simulation
from stead.simulation.stories import live

EXAMPLE = Path(__file__).parents[2] / "examples" / "web.yaml"


def web(replicas: int = 3) -> list[Json]:
    objs = [manifest.obj for manifest in manifests.read([str(EXAMPLE)])]
    return [with_value(obj, ("spec", "replicas"), replicas) if obj["kind"] == "StatefulSet" else obj for obj in objs]


def far(seed: int, lag: float) -> Simulation:
    simulation = Simulation(seed, is_distant=True, is_sworn=True)
    assert simulation.distant is not None
    simulation.distant.lag_seconds = lag
    return simulation


@pytest.mark.parametrize("lag", [0.0, 0.5, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_up_roll_and_down_from_afar(seed: int, lag: float) -> None:
    simulation = far(seed, lag)
    simulation.apply(*web())
    simulation.settle()
    assert list(simulation.pods()) == ["web-0", "web-1", "web-2"]
    simulation.patch("StatefulSet", "web", {"spec": {"template": {"metadata": {"annotations": {"roll": "b"}}}}})
    simulation.settle()
    assert {pod.obj["metadata"]["annotations"]["roll"] for pod in simulation.pods().values()} == {"b"}
    simulation.scale("web", 1)
    simulation.settle()
    simulation.run_until(lambda: list(simulation.pods()) == ["web-0"])


def test_answers_are_lost_and_nothing_is_done_twice() -> None:
    """What was written though nobody said so is met again as AlreadyExists, NotFound or nothing to do."""
    lost = 0
    for seed in range(12):
        simulation = far(seed, 1.0)
        simulation.apply(*web(5))
        simulation.settle()
        assert simulation.distant is not None
        deeds = [deed for round_ in simulation.distant.engine.journal.rounds for deed in round_.deeds]
        lost += sum(type(outcome).__name__ == "Lost" for _, outcome in deeds)
    assert lost > 3


@pytest.mark.parametrize("seed", range(6))
def test_promises_are_kept_while_writes_are_on_their_way(seed: int) -> None:
    steps = (
        a_step(20.0, "scale", set="web", replicas=5),
        a_step(21.0, "delete-pod", pod="web-0"),
        a_step(30.0, "scale", set="web", replicas=2),
        a_step(31.0, "die", after=2),
        a_step(33.0, "scale", set="web", replicas=4),
    )
    schedule = Schedule((a_set(name="web", replicas=3, claims=("www",)),), steps, seed, distant=True, lag=3.0)
    assert live(schedule).broken == ""
