"""Profiles: 1.36 drops maxUnavailable, 1.37 rolls by it (RU-4, RU-5)."""

import pytest

from stead.cluster.config import Config
from stead.machinery.objects import Json, dig
from stead.simulation.shell import Simulation

STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}


def a_set(**spec: object) -> Json:
    container = {"name": "c", "image": "a"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container]}}
    wanted = {"replicas": 4, "selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": wanted}


def most_down_in_a_roll(simulation: Simulation) -> int:
    template = a_set()["spec"]["template"]
    changed = {**template, "metadata": {**template["metadata"], "annotations": {"roll": "1"}}}
    simulation.patch("StatefulSet", "web", {"spec": {"template": changed}})
    down: list[int] = []
    simulation.watchers.append(
        lambda _: down.append(sum(not p.has_ready_condition for p in simulation.pods().values()))
    )
    simulation.settle()
    return max(down)


@pytest.mark.parametrize(("profile", "kept", "down"), [("v1_36", None, 1), ("v1_37", 2, 2)])
def test_max_unavailable(profile: str, kept: int | None, down: int) -> None:
    simulation = Simulation(seed=1, config=Config(runtime="simulated", profile=profile))
    simulation.apply(a_set(updateStrategy=STRATEGY, podManagementPolicy="Parallel", minReadySeconds=5))
    simulation.settle()
    stored = simulation.get("StatefulSet", "web")
    assert dig(stored, "spec", "updateStrategy", "rollingUpdate", "maxUnavailable") == kept
    assert most_down_in_a_roll(simulation) == down


def test_in_1_37_one_at_a_time_is_the_default() -> None:
    simulation = Simulation(config=Config(runtime="simulated", profile="v1_37"))
    (made,) = simulation.apply(a_set())
    assert made["spec"]["updateStrategy"]["rollingUpdate"] == {"partition": 0, "maxUnavailable": 1}
