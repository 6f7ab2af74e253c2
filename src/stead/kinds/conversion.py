"""Numbers out of maps: what strategic patches and applies hold is converted, not decoded, and cut to fit.

A whole number with a point is taken, and one too large for its field keeps its low bits, as Go converts them. Asked
only where reading has failed: everything else of a map is read as text is.
"""

from collections.abc import Mapping
from typing import Any

from stead.kinds import types

_BITS = {"int32": 32, "int64": 64}
_LARGEST = 1 << 63


def cut_to_fit(type_name: str, value: Any) -> Any:
    """`value` with every whole number as a `type_name` can hold it; the rest, misfits too, as it is."""
    mark, element = types.element_of(types.unwrapped(type_name))
    if mark == "list" and isinstance(value, list):
        return [cut_to_fit(element, item) for item in value]
    if mark == "map" and isinstance(value, Mapping):
        return {key: cut_to_fit(element, item) for key, item in value.items()}
    if types.is_struct(type_name) and isinstance(value, Mapping):
        fields = types.fields_of(type_name)
        return {key: cut_to_fit(fields[key].go_type, item) if key in fields else item for key, item in value.items()}
    return _cut(value, _BITS[type_name]) if type_name in _BITS else _as_read(type_name, value)


def _as_read(type_name: str, value: Any) -> Any:
    """A number or text comes as the text of what Go holds, so that `1.0` is `1`."""
    is_whole = type_name == "intstr.IntOrString" and isinstance(value, float) and value.is_integer()
    return int(value) if is_whole else value


def _cut(value: Any, bits: int) -> Any:
    if type(value) is not int and not (isinstance(value, float) and value.is_integer()):
        return value
    whole = int(value) if -_LARGEST <= value < _LARGEST else -_LARGEST
    limit = 1 << (bits - 1)
    return (whole + limit) % (2 * limit) - limit
