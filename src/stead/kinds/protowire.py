"""Protocol buffers as bytes: fields, numbers and lengths. What they mean, `protobuf` knows.

Every step moves forward, so the work is bounded by the length; what is cut off or malformed raises DecodingError.
"""

from collections.abc import Iterator

from stead.kinds.scalars import DecodingError

Wire = int | memoryview  # a field's value as it stands: a number, or bytes that had their length before them

NO_BYTES = memoryview(b"")

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_TRUNCATED = "unexpected EOF"


def fields(data: memoryview) -> Iterator[tuple[int, Wire]]:
    """The fields of a message in the order they come: number and value."""
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint_at(data, at)
        number, form = tag >> 3, tag & 7
        if not number:
            raise DecodingError(f"proto: illegal tag {number} (wire type {form})")
        if form == _VARINT:
            value, at = _varint_at(data, at)
            yield number, value
            continue
        start, at = _span(data, at, form)
        yield number, data[start:at] if form == _BYTES else int.from_bytes(data[start:at], "little")


def last(value: Wire) -> dict[int, Wire]:
    """A small message by number; of what comes twice the last."""
    return dict(fields(octets(value)))


def packed(data: memoryview) -> Iterator[int]:
    """Varints in a row, as a list of numbers may come."""
    at = 0
    while at < len(data):
        number, at = _varint_at(data, at)
        yield number


def number(value: Wire) -> int:
    if isinstance(value, int):
        return value
    raise DecodingError("proto: wrong wireType = 2, want a number")


def octets(value: Wire) -> memoryview:
    if isinstance(value, memoryview):
        return value
    raise DecodingError("proto: wrong wireType = 0, want bytes")


def _varint_at(data: memoryview, at: int) -> tuple[int, int]:
    """An unsigned number of at most 64 bits, and where it ends."""
    total = 0
    for place, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        total |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return total & 0xFFFFFFFFFFFFFFFF, at + place + 1
    raise DecodingError("proto: integer overflow" if len(data) - at >= _LONGEST_VARINT else _TRUNCATED)


def _span(data: memoryview, at: int, form: int) -> tuple[int, int]:
    """Where a value that is no varint begins and ends."""
    length = _FIXED.get(form)
    if form == _BYTES:
        length, at = _varint_at(data, at)
    if length is None:
        raise DecodingError(f"proto: illegal wireType {form}")
    if at + length > len(data):
        raise DecodingError(_TRUNCATED)
    return at, at + length
