"""From a schedule that breaks a promise to the shortest one found that still does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from stead.simulation.fields import REQUIRED
from stead.simulation.schedules import SET, Schedule, Step
from stead.simulation.verbs import VERBS

MOST_TRIES = 200

IsBroken = Callable[[Schedule], bool]


def shrink(schedule: Schedule, is_broken: IsBroken, most_tries: int = MOST_TRIES) -> Schedule:
    """Drop sets and steps, then make what is left plainer, as long as `is_broken` says it is still broken."""
    tries = 0

    def is_still(candidate: Schedule) -> bool:
        nonlocal tries
        tries += 1
        return tries <= most_tries and is_broken(candidate)

    is_shorter = True
    while is_shorter and tries < most_tries:
        shorter = _fewer_steps(schedule, is_still)
        shorter = next((one for one in _plainer(shorter) if is_still(one)), shorter)
        is_shorter, schedule = shorter != schedule, shorter
    return schedule


def _fewer_steps(schedule: Schedule, is_still: IsBroken) -> Schedule:
    """Halves, quarters, ... single steps are left out."""
    size = len(schedule.steps) // 2 or 1
    while size:
        start = 0
        while start < len(schedule.steps):
            candidate = schedule.without(*range(start, start + size))
            if is_still(candidate):
                schedule = candidate
            else:
                start += size
        size //= 2
    return schedule


def _plainer(schedule: Schedule) -> Iterator[Schedule]:
    """The same with one thing less."""
    for place in range(len(schedule.sets)):
        if len(schedule.sets) > 1:
            yield replace(schedule, sets=schedule.sets[:place] + schedule.sets[place + 1 :])
    if schedule.distant:
        yield replace(schedule, distant=False, lag=0)
    if schedule.profile != "v1_36":
        yield replace(schedule, profile="v1_36")
    for place, shape in enumerate(schedule.sets):
        for plain in _plainer_shapes(shape):
            yield replace(schedule, sets=(*schedule.sets[:place], plain, *schedule.sets[place + 1 :]))
    for place, step in enumerate(schedule.steps):
        for easy in _plainer_steps(step):
            yield replace(schedule, steps=(*schedule.steps[:place], easy, *schedule.steps[place + 1 :]))


def _plainer_shapes(shape: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name, field in SET.items():
        if field.default is not REQUIRED and shape[name] != field.default and name != "replicas":
            yield {**shape, name: field.default}
    if len(shape["claims"]) > 1:
        yield {**shape, "claims": shape["claims"][:1]}
    for fewer in range(shape["replicas"]):
        yield {**shape, "replicas": fewer}


def _plainer_steps(step: Step) -> Iterator[Step]:
    for name, field in VERBS[step.verb].items():
        if field.default is not REQUIRED and step.said[name] != field.default:
            yield replace(step, said={**step.said, name: field.default})
    for name in ("times", "after", "replicas"):
        if isinstance(step.said.get(name), int) and step.said[name] > 1:
            yield replace(step, said={**step.said, name: step.said[name] // 2})
    if step.at != int(step.at):
        yield replace(step, at=float(int(step.at)))
