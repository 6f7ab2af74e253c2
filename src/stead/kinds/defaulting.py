"""How defaults are laid over what was given: a copy, or the object itself where nothing was missing."""

from collections.abc import Callable, Iterable
from typing import Any

from stead.machinery.objects import Json

Default = Callable[[Json], Json]


def filled(obj: Json, **defaults: Any) -> Json:
    """`obj` with `defaults` where a member is missing or an empty text (a zero or false that was given stays)."""
    missing = {key: value for key, value in defaults.items() if obj.get(key) is None or obj.get(key) == ""}
    return {**obj, **missing} if missing else obj


def filled_zero(obj: Json, **defaults: Any) -> Json:
    """`obj` with `defaults` where a member is missing or zero: for numbers whose zero means nothing."""
    missing = {key: value for key, value in defaults.items() if not obj.get(key)}
    return {**obj, **missing} if missing else obj


def within(obj: Json, key: str, default: Default) -> Json:
    """`obj` with `default` applied to the member `key`, if it is there."""
    old = obj.get(key)
    if old is None:
        return obj
    new = default(old)
    return obj if new is old else {**obj, key: new}


def each(obj: Json, key: str, default: Default) -> Json:
    """`obj` with `default` applied to every item of the list `key`, if it is there."""
    items = obj.get(key)
    if not items:
        return obj
    new = [default(item) for item in items]
    return {**obj, key: new} if any(a is not b for a, b in zip(new, items, strict=True)) else obj


def all_of(*steps: Default) -> Default:
    """One default after the other."""

    def stepped(obj: Json) -> Json:
        for step in steps:
            obj = step(obj)
        return obj

    return stepped


def by_member(obj: Json, table: Iterable[tuple[str, Default]]) -> Json:
    """`obj` with each row's default applied to the member it names, if it is there."""
    for key, default in table:
        obj = within(obj, key, default)
    return obj
