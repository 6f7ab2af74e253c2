"""The macros that go over a list or a map."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stead.kinds.cel.celtypes import BOOL, DYN, Type, list_of, map_of
from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.frames import Frame, Run
from stead.kinds.cel.values import NOTHING, Optional

Fault = tuple[int, str]  # which body, and what is wrong with it
Loop = Callable[[Frame, Iterator[None], list[Run], int], Any]


def result_type(name: str, bodies: list[Type], key: Type, item: Type) -> tuple[Type, Fault | None]:
    """What a macro makes of a `key` and an `item`, and which of its bodies has not the type it must have."""
    tests = bodies if name in ("all", "exists", "exists_one", "filter") else bodies[:-1]
    for at, test in enumerate(tests):
        if test.name not in ("bool", "dyn"):
            return DYN, (at, f"found no matching overload for '{_word(name)}' applied to '({_given(name, test)})'")
    if name in ("all", "exists", "exists_one"):
        return BOOL, None
    if name == "filter":
        return list_of(item), None
    if name == "transformMap":
        return map_of(key, bodies[-1]), None
    if name == "transformMapEntry":
        return bodies[-1], None
    return list_of(bodies[-1]), None


def _word(name: str) -> str:
    return {"all": "_&&_", "exists": "_||_"}.get(name, "_?_:_")


def _given(name: str, test: Type) -> str:
    return f"bool, {test}" if name in ("all", "exists") else str(test)


def looped(name: str, ranged: Run, bodies: list[Run], slots: tuple[int, int]) -> Run:
    """`slots`: the first slot of the macro's variables, and how many there are."""
    first, count = slots
    loop = _LOOPS[name]

    def run(frame: Frame) -> Any:
        over = ranged(frame)
        return loop(frame, _rounds(frame, over, first, count), bodies, first)

    return run


def _rounds(frame: Frame, over: Any, first: int, count: int) -> Iterator[None]:
    """Each round puts the variables in their slots and costs what the loop itself does."""
    if isinstance(over, Mapping):
        pairs: Iterator[tuple[Any, Any]] = iter(over.items())
    elif isinstance(over, list):
        pairs = enumerate(over) if count == 2 else ((item, None) for item in over)
    else:
        raise no_overload()
    for key, item in pairs:
        frame.spend(3)
        frame.slots[first] = key
        if count == 2:
            frame.slots[first + 1] = item
        yield


def _all(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> bool:
    return _decided(frame, rounds, bodies[0], decides=False)


def _exists(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> bool:
    return _decided(frame, rounds, bodies[0], decides=True)


def _decided(frame: Frame, rounds: Iterator[None], body: Run, *, decides: bool) -> bool:
    """The answer that one round can decide beats the errors of the others."""
    wrong: RunError | None = None
    for _ in rounds:
        try:
            found = body(frame)
        except RunError as error:
            wrong = wrong or error
            continue
        if found is decides:
            return bool(decides)
        if not isinstance(found, bool):
            wrong = wrong or no_overload()
    if wrong is not None:
        raise wrong
    return not decides


def _exists_one(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> bool:
    return sum(_tested(bodies[0], frame) for _ in rounds) == 1


def _tested(body: Run, frame: Frame) -> bool:
    found = body(frame)
    if found is not True and found is not False:
        raise no_overload()
    return bool(found)


def _filter(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> list[Any]:
    found: list[Any] = []
    for _ in rounds:
        item = frame.slots[first]
        if _tested(bodies[0], frame):
            found.append(item)
    return found


def _map(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> list[Any]:
    *tests, made = bodies
    return [made(frame) for _ in rounds if all(_tested(test, frame) for test in tests)]


def _transform_map(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> dict[Any, Any]:
    *tests, made = bodies
    found: dict[Any, Any] = {}
    for _ in rounds:
        if all(_tested(test, frame) for test in tests):
            found[frame.slots[first]] = made(frame)
    return found


def _transform_entry(frame: Frame, rounds: Iterator[None], bodies: list[Run], first: int) -> dict[Any, Any]:
    *tests, made = bodies
    found: dict[Any, Any] = {}
    for _ in rounds:
        if not all(_tested(test, frame) for test in tests):
            continue
        for key, value in made(frame).items():
            if key in found:
                raise RunError(f"insert failed: key {key} already exists")
            found[key] = value
    return found


_LOOPS: Mapping[str, Loop] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
    "transformList": _map,
    "transformMap": _transform_map,
    "transformMapEntry": _transform_entry,
}


def bound(operand: Run, body: Run, slot: int, *, is_flat: bool) -> Run:
    """`optMap` and `optFlatMap`: the body where the value is there, else nothing."""

    def run(frame: Frame) -> Any:
        found = operand(frame)
        if not isinstance(found, Optional):
            raise no_overload()
        if not found.is_there:
            return NOTHING
        frame.slots[slot] = found.value
        made = body(frame)
        return made if is_flat else Optional(made, True)

    return run
