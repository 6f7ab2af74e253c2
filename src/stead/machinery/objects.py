"""An API object on the move: a mapping that nobody writes into.

Reading goes by path, changing by copying the path from the root to the change; everything beside it is shared.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

Json = Mapping[str, Any]

_encoder = msgspec.json.Encoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")


def dig(obj: Any, *path: str, default: Any = None) -> Any:
    """The value at `path`, or `default` where the way ends early or in null.

    A dict is asked for at once: the question whether something is a Mapping costs ten times as much.
    """
    for step in path:
        if type(obj) is not dict and not isinstance(obj, Mapping):
            return default
        obj = obj.get(step)
    return default if obj is None else obj


def with_value(obj: Json, path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of `obj` with `value` at `path`; mappings on the way are made where missing."""
    copy = dict(obj)
    head, *rest = path
    copy[head] = with_value(copy.get(head) or {}, tuple(rest), value) if rest else value
    return copy


def without(obj: Json, *path: str) -> Json:
    """A copy of `obj` that has nothing at `path`; `obj` itself where nothing is there."""
    head, *rest = path
    if head not in obj:
        return obj
    copy = dict(obj)
    if not rest:
        del copy[head]
    elif isinstance(copy[head], Mapping):
        copy[head] = without(copy[head], *rest)
    return copy


def encode(obj: Any) -> bytes:
    """Compact JSON, keys in the order they stand."""
    return _encoder.encode(obj)


def canonical(obj: Any) -> bytes:
    """Compact JSON, keys sorted: equal objects give equal bytes."""
    return _sorted_encoder.encode(obj)


def decode(data: bytes | str) -> Any:
    """JSON to plain dicts and lists; raises `msgspec.DecodeError`."""
    return msgspec.json.decode(data)
