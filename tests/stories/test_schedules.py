"""Drawn lives keep every promise; schedules can be written, read back, refused, shrunk and lived twice."""

import re

import pytest
from msgspec.structs import replace

from stead.simulation import schedules, stories
from stead.simulation.drawing import draw
from stead.simulation.schedules import Schedule, ScheduleError, a_set, a_step, parse
from stead.simulation.shrinking import shrink
from stead.simulation.stories import live
from tests.stories import many

SEEDS = range(2000, 2016)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_is_kept(seed: int) -> None:
    assert live(draw(seed)).broken == ""


FOUND = {
    "5348: a pod without grace is forgotten while its lost node runs it, and its successor is deleted": """
nodes: 3
zones: [a, b]
sets: [{name: web, replicas: 0, start: 5, grace: 0}]
steps:
- {at: 10.0, do: scale, set: web, replicas: 2}
- {at: 76.0, do: lose-node, node: stead-2}
- {at: 535.0, do: delete-pod, pod: web-6}
""",
    "174: a round of a node is cut while kubelets probe: what their runtimes say must not wait": """
piece: 1
nodes: 3
zones: [a, b]
sets: [{name: web, replicas: 2, readyAfter: 1}]
steps:
- {at: 72.0, do: lose-node, node: stead-3}
- {at: 344.4, do: quota, pods: 3}
""",
    "7310466: a claim goes with its pod, and the policy turns to Retain when the pod is gone": """
sets: [{name: web, replicas: 3, policy: "Parallel", start: 5, claims: [www], startAfter: 3, stopAfter: 10}]
steps:
- {at: 2.8, do: scale, set: web, replicas: 4}
- {at: 3.0, do: lose-node}
- {at: 10.4, do: retention, set: web, deleted: "Delete", scaled: "Delete"}
- {at: 15.1, do: start, set: web, start: 1}
- {at: 19.9, do: start, set: web, start: 2}
- {at: 31.5, do: retention, set: web, deleted: "Retain", scaled: "Retain"}
""",
}


@pytest.mark.parametrize("life", FOUND)
def test_lives_that_were_once_broken(life: str) -> None:
    assert live(parse(FOUND[life])).broken == ""


@pytest.mark.parametrize("piece", [1, 7])
def test_rounds_in_pieces_keep_every_promise(piece: int) -> None:
    for seed in range(2020, 2030):
        assert live(replace(draw(seed), piece=piece)).broken == ""


@pytest.mark.parametrize("seed", [2016, 2017])
def test_one_seed_is_one_life(seed: int) -> None:
    assert live(draw(seed)).digest == live(draw(seed)).digest


@pytest.mark.parametrize("seed", range(0, 200, 7))
def test_what_is_printed_is_read_back(seed: int) -> None:
    schedule = draw(seed)
    assert parse(str(schedule)) == schedule


MISTAKES = {
    "": "empty; a mapping with `sets` and `steps` is wanted",
    "- a": "line 1: the schedule: a mapping is wanted",
    "seed: five": "line 1: seed: a whole number from 0 to 9223372036854775808 is wanted, this is 'five'",
    "sets:\n- {replicas: 3}": (
        "line 2: sets[0].name: missing; a name (lower case letters, digits and dashes) is wanted"
    ),
    "sets:\n- {name: w}\n- {name: d, replicas: -1}": (
        "line 3: sets[1].replicas: a whole number from 0 to 20000 is wanted, this is -1"
    ),
    "sets: web": "line 1: sets: a list is wanted",
    "steps:\n- {at: 1, do: partition, set: w, size: 2}": (
        "line 2: steps[0].size: no such field here; there are set, partition"
    ),
    "steps:\n- {at: 1, do: scale, set: web, set: db, replicas: 1}": "line 2: steps[0].set: said twice",
    "steps:\n- {do: lose-node}": "line 2: steps[0].at: missing; seconds, a number from 0 to 1e+07 is wanted",
    "steps:\n- {at: 1": "line 2: not valid YAML: expected ',' or '}', but got '<stream end>'",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_field(text: str) -> None:
    with pytest.raises(ScheduleError) as refusal:
        parse(text)
    assert str(refusal.value).removeprefix("schedule").lstrip(",: ") == MISTAKES[text]


def test_an_unknown_verb_is_told_with_those_there_are() -> None:
    with pytest.raises(
        ScheduleError, match=r"line 1: steps\[0\].do: one of scale, revise, .* is wanted, this is 'explode'"
    ):
        parse("steps: [{at: 1, do: explode}]")


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ScheduleError, match=r"nowhere\.yaml: No such file"):
        schedules.read("nowhere.yaml")


def test_shrinking_leaves_what_breaks_it() -> None:
    web = a_set(name="web", replicas=5, claims=("www",))
    steps = tuple(a_step(float(at), "scale", set="web", replicas=at) for at in range(20))
    small = shrink(Schedule((web, a_set(name="db")), steps), lambda one: any(step.at == 13 for step in one.steps))
    assert [shape["replicas"] for shape in small.sets] in ([0], [1])
    assert [step.at for step in small.steps] == [13.0]


def test_a_story_that_finds_no_calm_says_what_it_waits_for() -> None:
    web = a_set(name="a-name-that-is-longer-than-what-a-label-can-hold-in-full-x", replicas=1)
    broken = live(Schedule((web,))).broken
    assert "is missing" in broken and "too long for a label" in broken


@pytest.mark.parametrize(("asked", "expected"), [("", (0, 0)), ("500", (0, 500)), ("500-1000", (500, 500))])
def test_which_seeds_are_asked_for(asked: str, expected: tuple[int, int]) -> None:
    assert many.seeds(asked) == expected


def test_two_lives_that_differ_are_found() -> None:
    assert list(many.differences([{"seed": 1, "digest": 2}, {"seed": 1, "digest": 3}, {"seed": 2, "digest": 3}])) == [1]


def test_a_schedule_that_is_too_long_to_be_lived_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "MOST_STEPS", 200)
    broken = live(Schedule((a_set(name="web"),), (a_step(9_000_000, "scale", set="web", replicas=2),))).broken
    assert re.match(r"the budget of 200 steps is spent at \d+ s of virtual time, and this goes on to 9000001 s", broken)
