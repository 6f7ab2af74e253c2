"""What a list can be asked: sums, ends, order, places; and lists as sets."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from stead.kinds.cel import texts
from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.values import Duration, Unsigned, checked, equal, is_number, marked, sort_of


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise no_overload()
    return value


def _comparable(items: Any) -> list[Any]:
    found = _listed(items)
    if any(isinstance(item, list | Mapping | type(None)) or sort_of(item) != sort_of(found[0]) for item in found):
        raise no_overload()
    return found


def _sum(items: Any) -> Any:
    found = _listed(items)
    if not found:
        return 0
    if all(isinstance(item, Duration) for item in found):
        return Duration(checked(sum(found)))
    if not all(is_number(item) and type(item) is type(found[0]) for item in found):
        raise no_overload()
    if isinstance(found[0], float):
        return float(sum(found))
    return (
        Unsigned(checked(sum(found), least=0, most=2**64 - 1))
        if isinstance(found[0], Unsigned)
        else checked(sum(found))
    )


def _end(of: Callable[[list[Any]], Any], name: str) -> Callable[[Any], Any]:
    def run(items: Any) -> Any:
        found = _comparable(items)
        if not found:
            raise RunError(f"{name} called on empty list")
        return of(found)

    return run


def _is_sorted(items: Any) -> bool:
    found = _comparable(items)
    return all(one <= other for one, other in pairwise(found))


def _index(value: Any, item: Any, *rest: Any) -> int:
    if isinstance(value, str):
        return texts.index_of(value, item, *rest)
    return next((at for at, one in enumerate(_listed(value)) if equal(one, item)), -1)


def _last_index(value: Any, item: Any, *rest: Any) -> int:
    if isinstance(value, str):
        return texts.last_index_of(value, item, *rest)
    found = _listed(value)
    return next((at for at in range(len(found) - 1, -1, -1) if equal(found[at], item)), -1)


def _contains(whole: Any, part: Any) -> bool:
    known = {marked(item) for item in _listed(whole)}
    return all(marked(item) in known for item in _listed(part))


def _intersects(one: Any, other: Any) -> bool:
    known = {marked(item) for item in _listed(one)}
    return any(marked(item) in known for item in _listed(other))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sum": _sum,
    "min": _end(min, "min"),
    "max": _end(max, "max"),
    "isSorted": _is_sorted,
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "sets.contains": _contains,
    "sets.equivalent": lambda one, other: _contains(one, other) and _contains(other, one),
    "sets.intersects": _intersects,
}
