"""Sets of fields: who owns which places of an object, in the form that `managedFields` keeps (FieldsV1).

A set is the tree that the API prints: a key is one step (`f:spec` a field, `k:{"name":"a"}` an item of a list by its
keys, `v:"x"` an item by its value), `.` or an empty node says that the place itself is a member. Sets are never
changed; all functions share the branches they do not touch.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

FieldSet = Mapping[str, Any]

LEAF: dict[str, Any] = {}
EMPTY: dict[str, Any] = {}
SELF = "."


def is_member(node: FieldSet) -> bool:
    """Whether the place of a node is itself in the set."""
    return not node or SELF in node


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of either."""
    if not one or not other:
        return other or one
    both = dict(one)
    for step, node in other.items():
        here = both.get(step)
        both[step] = node if here is None else here if step == SELF else _union_below(here, node)
    return both if len(both) == len(one) else in_order(both)


def _union_below(one: FieldSet, other: FieldSet) -> FieldSet:
    below = union(one, other)
    if below and SELF not in below and (not one or not other):
        return {SELF: LEAF, **below}
    return below


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of the first that are not in the other."""
    if not one or not other:
        return one
    left: dict[str, Any] = {}
    for step, node in one.items():
        there = other.get(step)
        rest = node if there is None else None if step == SELF else _below(node, there)
        if rest is not None:
            left[step] = rest
    return left


def _below(node: FieldSet, gone: FieldSet) -> FieldSet | None:
    """What is left of one node, None if nothing is."""
    stays = is_member(node) and not is_member(gone)
    below = {step: found for step, found in difference(node, gone).items() if step != SELF}
    if stays:
        return {SELF: LEAF, **below} if below else LEAF
    return below or None


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    """Members of both."""
    both: dict[str, Any] = {}
    for step, node in one.items():
        there = other.get(step)
        if there is None or step == SELF:
            continue
        below = intersection(node, there)
        if is_member(node) and is_member(there):
            both[step] = {SELF: LEAF, **below} if below else LEAF
        elif below:
            both[step] = below
    return both


def without_branches(one: FieldSet, paths: Sequence[Sequence[str]]) -> FieldSet:
    """The set less all that is at or below the paths, each a sequence of field names."""
    for path in paths:
        one = _without_branch(one, path)
    return one


def _without_branch(one: FieldSet, path: Sequence[str]) -> FieldSet:
    step = f"f:{path[0]}"
    if step not in one:
        return one
    left = dict(one)
    node = left.pop(step)
    below = _without_branch(node, path[1:]) if len(path) > 1 else EMPTY
    return in_order({**left, step: below}) if below else left


def in_order(one: FieldSet) -> FieldSet:
    """The same set, its first steps in the order in which the API prints them."""
    return {step: one[step] for step in sorted(one, key=_rank)}


@lru_cache(4096)
def _rank(step: str) -> tuple[Any, ...]:
    """Fields by name, items by the values of their keys: numbers by size, before texts."""
    if step[:2] not in ("k:", "v:"):
        return (step,)
    value = msgspec.json.decode(step[2:])
    values = value.values() if isinstance(value, dict) else (value,)
    return (step[:2], *(((0, item, "") if isinstance(item, int | float) else (1, 0, str(item))) for item in values))


def members(one: FieldSet, path: str = "") -> Iterator[str]:
    """The places as messages name them (`.spec.containers[name="c"].image`), those of one level before those below."""
    steps = [(f"{path}{step_text(step)}", node) for step, node in one.items() if step != SELF]
    yield from (place for place, node in steps if is_member(node))
    for place, node in steps:
        yield from members(node, place)


def step_text(step: str) -> str:
    """One step as messages name it: `.spec`, `[name="c"]`."""
    mark, rest = step[:2], step[2:]
    if mark == "f:":
        return f".{rest}"
    if mark == "k:":
        keys = msgspec.json.decode(rest)
        return f"[{','.join(f'{name}={msgspec.json.encode(value).decode()}' for name, value in keys.items())}]"
    return f"[={rest}]" if mark == "v:" else f"[{rest}]"


def checked(given: Any) -> FieldSet:
    """A set that came from outside, its steps written as we write them; ValueError if it is none."""
    if not isinstance(given, Mapping):
        raise ValueError("a set of fields must be an object")
    return in_order({_checked_step(step): LEAF if step == SELF else checked(node) for step, node in given.items()})


def _checked_step(step: str) -> str:
    if step == SELF or step[:2] == "f:":
        return step
    if step[:2] not in ("k:", "v:", "i:"):
        raise ValueError(f'invalid path element "{step}"')
    try:
        value = msgspec.json.decode(step[2:])
    except msgspec.DecodeError:
        raise ValueError(f'invalid path element "{step}"') from None
    if step[0] == "k" and not isinstance(value, dict):
        raise ValueError(f'invalid path element "{step}"')
    return item_step(value) if step[0] == "k" else f"{step[:2]}{msgspec.json.encode(value).decode()}"


_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def item_step(keys: Mapping[str, Any]) -> str:
    """The step to the item of a list that has these keys."""
    return f"k:{_encode_sorted(keys).decode()}"


def value_step(value: Any) -> str:
    """The step to an item of a set."""
    return f"v:{msgspec.json.encode(value).decode()}"
