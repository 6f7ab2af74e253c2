"""What an expression costs at most, by the limits of its schema: the estimate that refuses a rule before it ever runs.

The figures are those of Kubernetes, so that a definition which is accepted here is accepted there.
"""

from collections.abc import Callable, Sequence

MOST = 2**64 - 1
LIST, MAP, LOOP = 10, 30, 3
BYTE = 0.1  # looking through a text or list costs a tenth of its size
PATTERN = 0.25

Sizes = Sequence[int]


def added(*costs: int) -> int:
    return min(MOST, sum(costs))


def times(count: int, cost: int) -> int:
    return min(MOST, count * cost)


def _looked(size: float) -> int:
    return min(MOST, int(-(-size * BYTE // 1)))


def of_call(name: str, sizes: Sizes, types: Sequence[str]) -> int:
    """The cost of a call itself, without that of its arguments."""
    known = _CALLS.get(name)
    return known(sizes, types) if known else 1


def _matching(sizes: Sizes, types: Sequence[str]) -> int:
    text, pattern = sizes[0], sizes[1]
    return times(_looked(text + 1), max(1, int(-(-pattern * PATTERN // 1))))


def _containing(sizes: Sizes, types: Sequence[str]) -> int:
    return times(_looked(sizes[0]), max(1, _looked(sizes[1])))


def _equal(sizes: Sizes, types: Sequence[str]) -> int:
    return _looked(min(sizes)) if types[0] in ("string", "bytes") or types[0].startswith(("list", "map")) else 1


def _joined(sizes: Sizes, types: Sequence[str]) -> int:
    return _looked(sizes[0] + sizes[1]) if types[0] in ("string", "bytes") else 1


def _within(sizes: Sizes, types: Sequence[str]) -> int:
    return sizes[1] if types[1].startswith("list") else 1


def _first(sizes: Sizes, types: Sequence[str]) -> int:
    return _looked(sizes[0])


def _second(sizes: Sizes, types: Sequence[str]) -> int:
    return _looked(sizes[1])


def _every(sizes: Sizes, types: Sequence[str]) -> int:
    return sizes[0]


def _pairs(sizes: Sizes, types: Sequence[str]) -> int:
    return times(sizes[0], sizes[1])


_LOOKED_THROUGH = (
    "lowerAscii upperAscii trim replace split substring join format strings.quote quantity isQuantity url isURL ip "
    "isIP cidr isCIDR semver isSemver validate string bytes duration timestamp"
)
_CALLS: dict[str, Callable[[Sizes, Sequence[str]], int]] = {
    "_==_": _equal,
    "_!=_": _equal,
    "_+_": _joined,
    "@in": _within,
    "matches": _matching,
    "find": _matching,
    "findAll": _matching,
    "contains": _containing,
    "startsWith": _second,
    "endsWith": _second,
    **dict.fromkeys(("sets.contains", "sets.intersects", "sets.equivalent"), _pairs),
    **dict.fromkeys(("sum", "min", "max", "isSorted", "lastIndexOf", "indexOf"), _every),
    **dict.fromkeys(_LOOKED_THROUGH.split(), _first),
}
_GROWS_NOT = "lowerAscii upperAscii trim substring split find findAll string bytes quantity semver"
_SAME_SIZE = frozenset(_GROWS_NOT.split())


def size_of_call(name: str, sizes: Sizes, most: int) -> int:
    """How big a call's value is at most; `most` where only its type tells."""
    if name == "_+_" and len(sizes) == 2:
        return added(*sizes)
    if name in _SAME_SIZE:
        return sizes[0]
    if name == "replace":
        return times(max(1, sizes[0]), max(1, sizes[2]))
    return most
