"""Events go an hour after they were last told, whatever happens to stead meanwhile."""

from stead.cluster.housekeeping import EVENT_SECONDS
from stead.machinery.objects import Json
from stead.simulation.shell import Simulation
from stead.testing.builders import a_stateful_set

WEB = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "web"},
    "spec": a_stateful_set("web", 3)["spec"],
}


def events(simulation: Simulation) -> dict[str, int]:
    """Reasons of the pods' events, and how many there are."""
    found: dict[str, int] = {}
    for row in simulation.store.rows("Event", "default"):
        found[row.obj["reason"]] = found.get(row.obj["reason"], 0) + 1
    return found


def a_world() -> Simulation:
    simulation = Simulation(seed=1)
    simulation.apply(WEB)
    simulation.settle()
    return simulation


def test_an_event_goes_an_hour_after_it_was_told() -> None:
    simulation = a_world()
    assert events(simulation)["Started"] == 3
    simulation.run_for(EVENT_SECONDS - 60)
    assert events(simulation)["Started"] == 3
    simulation.run_for(120)
    assert events(simulation) == {}


def test_one_that_is_told_again_lives_on() -> None:
    simulation = a_world()
    simulation.run_for(EVENT_SECONDS / 2)
    (told, *_) = simulation.store.rows("Event", "default")
    again: Json = {"lastTimestamp": simulation.now.text, "count": 2}
    simulation.patch("Event", told.key.name, again)
    simulation.run_for(EVENT_SECONDS / 2 + 120)
    assert [row.key for row in simulation.store.rows("Event", "default")] == [told.key]
    simulation.run_for(EVENT_SECONDS / 2)
    assert events(simulation) == {}


def test_what_a_restart_finds_goes_in_its_time() -> None:
    simulation = a_world()
    simulation.run_for(EVENT_SECONDS / 2)
    simulation.crash()
    simulation.run_for(EVENT_SECONDS / 2 - 60)
    assert events(simulation)["Started"] == 3
    simulation.run_for(120)
    assert events(simulation) == {"Starting": 1, "RegisteredNode": 1}, "what the restart itself told"
