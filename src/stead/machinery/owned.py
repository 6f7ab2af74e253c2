"""From objects to sets of fields: what an object says, and in what two objects differ (server-side apply's two walks).

Lists are merged by key, as sets, or owned whole, as their `Shape` says. Here a field that is there but empty or null
differs from one that is not there at all, so objects must be as the API prints them (decoded and encoded again).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stead.machinery.fieldsets import EMPTY, LEAF, SELF, FieldSet, in_order, item_step, value_step
from stead.machinery.objects import Json, is_alike
from stead.machinery.shapes import ANYTHING, Shape

_Items = dict[str, Any]  # by step, in the order of the list
_MANY = object()  # stands for items that share a step: owned together, not looked into


class Differences(NamedTuple):
    """`taken`: places added or changed; `removed`: places that are gone."""

    taken: FieldSet
    removed: FieldSet

    @property
    def is_none(self) -> bool:
        return not self.taken and not self.removed


def said_by(obj: Json, shape: Shape) -> FieldSet:
    """The set of an applied object: its leaves, and the items of its lists and maps."""
    return in_order(_said(obj, shape) or EMPTY)


def _said(value: Any, shape: Shape) -> FieldSet | None:
    """The node of one value, None if it says nothing of itself (an empty list that is merged)."""
    step_of = _granular(value, shape)
    if step_of is None:
        return LEAF
    node: dict[str, Any] = {}
    for step, item in step_of(value, shape).items():
        is_item = shape.sort != "struct"
        below = LEAF if item is _MANY else _said(item, shape.at(step[2:]))
        if below and is_item and SELF not in below:
            below = {SELF: LEAF, **below}
        if below is not None:
            node[step] = below
    return in_order(node) if node else LEAF if isinstance(value, dict) else None


def whole(value: Any, shape: Shape) -> FieldSet:
    """The node of a value that is new or gone: it and everything in it."""
    if not value:
        return LEAF
    steps_of = _granular(value, shape)
    if steps_of is None:
        return LEAF
    node: dict[str, Any] = {SELF: LEAF}
    if shape.sort == "struct":
        for name in sorted(value):
            node[f"f:{name}"] = whole(value[name], shape.at(name))
        return node
    element = shape.element or ANYTHING
    for step, item in steps_of(value, shape).items():
        node[step] = LEAF if item is _MANY else whole(item, element)
    return in_order(node)


def compare(old: Json, new: Json, shape: Shape) -> Differences:
    """What a writer who makes `new` of `old` takes and removes."""
    if is_alike(new, old):
        return Differences(EMPTY, EMPTY)
    taken, removed = _compare(old, new, shape)
    return Differences(taken or EMPTY, removed or EMPTY)


_Pair = tuple[FieldSet | None, FieldSet | None]


def _compare(old: Any, new: Any, shape: Shape) -> _Pair:
    """The nodes of two values that differ: (taken, removed), None where there is nothing."""
    steps_of = _granular(new or old, shape)
    if steps_of is None or not (old or new) or _granular(old or new, shape) is not steps_of:
        return LEAF, None
    if steps_of is _members:
        return _compare_members(old or EMPTY, new or EMPTY, shape)
    before, after = steps_of(old or [], shape), steps_of(new or [], shape)
    element = shape.element or ANYTHING
    taken: dict[str, Any] = {}
    removed: dict[str, Any] = {}
    for step, item in after.items():
        if step not in before:
            taken[step] = LEAF if item is _MANY else whole(item, element)
        elif item != before[step]:
            is_many = item is _MANY or before[step] is _MANY
            _put(taken, removed, step, (LEAF, None) if is_many else _compare(before[step], item, element))
    for step in before.keys() - after.keys():
        removed[step] = LEAF if before[step] is _MANY else whole(before[step], element)
    return _nodes(taken, removed)


def _compare_members(old: Json, new: Json, shape: Shape) -> _Pair:
    """The same for two maps: most of what is compared, so without a detour over steps."""
    taken: dict[str, Any] = {}
    removed: dict[str, Any] = {}
    for name, item in new.items():
        if name not in old:
            taken[f"f:{name}"] = whole(item, shape.at(name))
        elif item is not old[name] and (item != old[name] or type(item) is not type(old[name])):
            _put(taken, removed, f"f:{name}", _compare(old[name], item, shape.at(name)))
    for name in old.keys() - new.keys():
        removed[f"f:{name}"] = whole(old[name], shape.at(name))
    return _nodes(taken, removed)


def _put(taken: dict[str, Any], removed: dict[str, Any], step: str, below: _Pair) -> None:
    if below[0] is not None:
        taken[step] = below[0]
    if below[1] is not None:
        removed[step] = below[1]


def _nodes(taken: FieldSet, removed: FieldSet) -> _Pair:
    return (in_order(taken) if taken else None), (in_order(removed) if removed else None)


def _granular(value: Any, shape: Shape) -> Callable[[Any, Shape], _Items] | None:
    """How to take a value apart into what is owned one by one; None for what is owned as a whole."""
    if isinstance(value, dict):
        return _members if shape.divides_maps and shape.sort != "list" else None
    if isinstance(value, list) and shape.sort == "list" and not shape.is_atomic:
        return _LISTS.get(shape.list_type)
    return None


def _members(value: Json, shape: Shape) -> _Items:
    return {f"f:{name}": item for name, item in value.items()}


def _values(items: list[Any], shape: Shape) -> _Items:
    found: _Items = {}
    for item in items:
        step = value_step(item)
        found[step] = _MANY if step in found else item
    return found


def _keyed(items: list[Any], shape: Shape) -> _Items:
    found: _Items = {}
    for item in items:
        step = key_step(item, shape)
        found[step] = _MANY if step in found else item
    return found


_LISTS: Mapping[str, Callable[[Any, Shape], _Items]] = {"map": _keyed, "set": _values}


def key_step(item: Any, shape: Shape) -> str:
    """The step to an item of a list by its keys; a key that is left out counts as its default, if it has one."""
    if not isinstance(item, dict):
        return value_step(item)
    keys = {key: item.get(key, shape.defaults.get(key)) for key in shape.map_keys}
    return item_step({key: value for key, value in keys.items() if value is not None})


def items_of(items: list[Any], shape: Shape) -> list[tuple[str, Any]] | None:
    """The items of a merged list with their steps, in order; None for a list that is owned whole."""
    if shape.is_atomic or shape.list_type not in _LISTS:
        return None
    step_of = key_step if shape.list_type == "map" else lambda item, _: value_step(item)
    return [(step_of(item, shape), item) for item in items]
