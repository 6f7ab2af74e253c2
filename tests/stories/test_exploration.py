"""Small sets explored in every way to a small depth; `make stories SEEDS=exhaustive` goes further."""

from stead.simulation.exploration import Bounds, explore
from stead.simulation.schedules import Schedule, Step, a_set, a_step
from tests.stories import exhaustive

SHALLOW = Bounds(depth=3, faults=1, seconds=60)


def test_every_way_within_the_bounds_keeps_every_promise() -> None:
    found = explore(exhaustive.schedule("2 ordered, coming up"), SHALLOW)
    assert (found.broken, found.is_whole) == ([], True)
    assert found.states > 20 and found.moves >= found.calms > 0


def test_a_broken_promise_is_told_with_its_path() -> None:
    """A name too long for its revision's label finds no calm (ID-11)."""
    name = "a-name-that-is-longer-than-what-a-label-can-hold-in-full-x"
    found = explore(Schedule((a_set(name=name),)), Bounds(depth=1, faults=0, seconds=30))
    assert [path for path, _ in found.broken] == ["go 0 > calm"]
    assert "too long for a label" in found.broken[0][1]


def test_time_that_runs_out_is_told() -> None:
    steps: tuple[Step, ...] = (a_step(0, "scale", set="web", replicas=0),)
    found = explore(Schedule((a_set(name="web"),), steps), Bounds(depth=30, faults=2, seconds=0.0))
    assert not found.is_whole
