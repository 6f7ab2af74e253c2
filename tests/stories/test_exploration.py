"""Small sets explored in every way with few faults; `make stories SEEDS=exhaustive` goes further."""

import pytest

from stead.simulation.exploration import Bounds, explore
from stead.simulation.schedules import Schedule, Step, a_set, a_step
from stead.simulation.states import Seen
from tests.stories import exhaustive


@pytest.mark.parametrize(
    ("name", "faults"), [("1 ordered, coming up", 0), ("2 ordered, coming up", 0), ("3 ordered, in a roll-out", 0)]
)
def test_every_life_keeps_every_promise(name: str, faults: int) -> None:
    rest = "coming up" not in name
    found = explore(exhaustive.schedule(name), Bounds(faults), is_at_rest=rest, prelude=exhaustive.SCENES[name][1])
    assert (found.broken, found.is_whole) == ([], True)
    assert found.states > 10 and found.moves >= found.states - 1 and found.ends > 0


def test_every_life_with_one_fault_keeps_every_promise() -> None:
    """A set of one that is deleted, scaled or whose stead dies at any point of its life."""
    menu = (a_step(0, "delete-pod", pod="web-0"),)
    found = explore(Schedule((a_set(name="web", grace=1),), menu), Bounds(1, 120), is_at_rest=True)
    assert (found.broken, found.is_whole) == ([], True)
    assert found.longest > 10


def test_a_broken_promise_is_told_with_its_path() -> None:
    """A name too long for its revision's label finds no calm (ID-11)."""
    name = "a-name-that-is-longer-than-what-a-label-can-hold-in-full-x"
    found = explore(Schedule((a_set(name=name),)), Bounds(0, 30))
    assert found.broken and all(path.endswith("> calm") for path, _ in found.broken)
    assert "too long for a label" in found.broken[0][1]


def test_time_that_runs_out_is_told() -> None:
    steps: tuple[Step, ...] = (a_step(0, "scale", set="web", replicas=0),)
    found = explore(Schedule((a_set(name="web"),), steps), Bounds(2, seconds=0.0))
    assert not found.is_whole


def test_states_are_entered_once_with_as_many_faults() -> None:
    seen = Seen(8)
    one, two = b"1" * 15, b"2" * 15
    assert [seen.enter(one, 0), seen.enter(one, 0), seen.enter(two, 2), seen.enter(two, 1)] == [
        True,
        False,
        True,
        False,
    ]
    assert (seen.enter(one, 1), len(seen)) == (True, 2)


def test_a_full_table_says_so() -> None:
    seen = Seen(1)
    seen.enter(b"1" * 15, 0)
    with pytest.raises(MemoryError, match="more than 1 states"):
        seen.enter(b"2" * 15, 0)
