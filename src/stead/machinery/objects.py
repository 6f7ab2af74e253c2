"""An API object on the move: a mapping that nobody writes into.

Reading goes by path, changing by copying the path from the root to the change; everything beside it is shared.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

Json = Mapping[str, Any]


class Literal(float):
    """A number with a point or an exponent, which knows how it was written: Go reads no integer out of `1.0`."""

    text = ""

    def __new__(cls, text: str) -> "Literal":
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        return self.text


def _as_written(value: Any) -> msgspec.Raw:
    if isinstance(value, Literal):
        return msgspec.Raw(value.text.encode())
    raise NotImplementedError(type(value).__name__)


_encoder = msgspec.json.Encoder(enc_hook=_as_written)
_sorted_encoder = msgspec.json.Encoder(order="sorted", enc_hook=_as_written)
_literal_decoder = msgspec.json.Decoder(float_hook=Literal)


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


def is_alike(new: Any, old: Any) -> bool:
    """Whether two values are the same in JSON, where `true` is not `1`."""
    return bool(new == old) and (new is old or canonical(new) == canonical(old))


def decode(data: bytes | str) -> Any:
    """JSON to plain dicts and lists; raises `msgspec.DecodeError`."""
    return msgspec.json.decode(data)


def decode_literally(data: bytes | str) -> Any:
    """The same of what somebody sent: numbers with a point or an exponent remember how they were written."""
    return _literal_decoder.decode(data)
