"""What an expression costs at most, by the limits of its schema: the estimate that refuses a rule before it ever runs.

The figures are those of Kubernetes, so that a definition which is accepted here is accepted there.
"""

from collections.abc import Callable, Sequence

from stead.kinds.cel.celtypes import UNKNOWN_SIZE, Type

MOST = 2**64 - 1
LIST, MAP, LOOP = 10, 30, 3
SCALARS = frozenset(("bool", "int", "uint", "double", "timestamp", "duration", "type", "null"))

Sizes = Sequence[int]
Types = Sequence[Type]


def added(*costs: int) -> int:
    return min(MOST, sum(costs))


def times(count: int, cost: int) -> int:
    return min(MOST, count * cost)


def _looked(size: int) -> int:
    """Looking through a text or list costs a tenth of its size."""
    return min(MOST, -(-size // 10))


def of_call(name: str, sizes: Sizes, types: Types) -> int:
    """The cost of a call itself, without that of its arguments."""
    known = _CALLS.get(name)
    return known(sizes, types) if known else 1


def _matching(sizes: Sizes, types: Types) -> int:
    return times(_looked(sizes[0] + 1), -(-sizes[1] // 4))


def _containing(sizes: Sizes, types: Types) -> int:
    return times(_looked(sizes[0]), _looked(sizes[1]))


def _equal(sizes: Sizes, types: Types) -> int:
    return _looked(min(sizes))


def _added(sizes: Sizes, types: Types) -> int:
    return _looked(sizes[0] + sizes[1]) if types[0].name in ("string", "bytes") else 1


def _within(sizes: Sizes, types: Types) -> int:
    return sizes[1] if types[1].name == "list" else 1


def _first(sizes: Sizes, types: Types) -> int:
    return _looked(sizes[0])


def _twice(sizes: Sizes, types: Types) -> int:
    return 2 * _looked(sizes[0])


def _second(sizes: Sizes, types: Types) -> int:
    return _looked(sizes[1])


def _every(sizes: Sizes, types: Types) -> int:
    """Every item of a list; of a text, its whole."""
    if types[0].name != "list":
        return times(_looked(sizes[0]), _looked(sizes[1])) if len(sizes) > 1 else MOST
    return times(sizes[0], 1 + _looked(types[0].args[0].most))


def _joined(sizes: Sizes, types: Types) -> int:
    between = times(max(0, sizes[0] - 1), sizes[1]) if len(sizes) > 1 else 0
    items = times(sizes[0], types[0].args[0].most) if types[0].args else MOST
    return _looked(added(items, between))


def _pairs(sizes: Sizes, types: Types) -> int:
    return times(sizes[0], sizes[1])


_LOOKED_THROUGH = (
    "lowerAscii upperAscii trim substring format strings.quote quantity isQuantity url isURL ip isIP cidr isCIDR "
    "semver isSemver validate string bytes duration timestamp"
)
_CALLS: dict[str, Callable[[Sizes, Types], int]] = {
    "_==_": _equal,
    "_!=_": _equal,
    "_+_": _added,
    "@in": _within,
    "matches": _matching,
    "find": _matching,
    "findAll": _matching,
    "contains": _containing,
    "startsWith": _second,
    "endsWith": _second,
    "join": _joined,
    "replace": _twice,
    "split": _twice,
    **dict.fromkeys(("sets.contains", "sets.intersects", "sets.equivalent"), _pairs),
    **dict.fromkeys(("sum", "min", "max", "isSorted", "lastIndexOf", "indexOf"), _every),
    **dict.fromkeys(_LOOKED_THROUGH.split(), _first),
}
_GROWS_NOT = "lowerAscii upperAscii trim substring split find findAll string bytes quantity semver"
_SAME_SIZE = frozenset(_GROWS_NOT.split())


def size_of_call(name: str, sizes: Sizes, result: Type) -> int:
    """How big a call's value is at most; one where its type has but one size."""
    if name == "_+_" and result.name in ("string", "bytes", "list"):
        return added(*sizes)
    if name in _SAME_SIZE:
        return sizes[0]
    if name == "replace":
        return times(max(1, sizes[0]), max(1, sizes[2]))
    return size_of(result)


def size_of(type_: Type) -> int:
    """How big a value of the type is at most."""
    return 1 if type_.name in SCALARS and type_.most == UNKNOWN_SIZE else type_.most
