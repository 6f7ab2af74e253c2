"""A pod template as the bytes of a revision: what the revision's name is the hash of (RV-1 in controller.md)."""

import re
from decimal import Decimal
from typing import Any

from stead.machinery.objects import Json
from stead.machinery.objects import canonical as sorted_json

_ESCAPED = (
    (b"&", rb"\u0026"),
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)
_LONG_NUMBER = re.compile(rb"[0-9]{16}")
_EXACT = 2**53  # beyond it a float64 has no room for every whole number


def template_data(template: Json) -> bytes:
    """`template`, decoded and defaulted, as ControllerRevision data: the patch that puts it back into a set.

    Compact, keys sorted, escaped for HTML, numbers as float64: byte for byte what Go's encoder writes.
    """
    return go_json({"spec": {"template": {**template, "$patch": "replace"}}})


def go_json(value: Any) -> bytes:
    """Go's JSON of a generic value."""
    data = sorted_json(value)
    if _LONG_NUMBER.search(data):
        data = sorted_json(_through_float64(value))
    for sign, escape in _ESCAPED:
        data = data.replace(sign, escape)
    return data


def _through_float64(value: Any) -> Any:
    match value:
        case dict():
            return {key: _through_float64(item) for key, item in value.items()}
        case list():
            return [_through_float64(item) for item in value]
        case int() if abs(value) > _EXACT:
            return int(Decimal(repr(float(value))))
    return value
