"""What is said of a patch whose result is no object of its kind, in the words of the two ways in which Go finds out.

A JSON or merge patch is decoded from text and told with the text; a strategic one is converted from a map and told
with the patch as Go prints maps.
"""

import re
from collections.abc import Mapping
from typing import Any

from stead.machinery import errors, fields
from stead.machinery.errors import Invalid
from stead.machinery.goprint import printed
from stead.machinery.objects import Json, encode

_MISMATCH = re.compile(r"json: cannot unmarshal (?P<found>\w+).* of type (?P<wanted>\S+)$")
_KINDS = {"string": "string", "bool": "bool", "array": "slice", "object": "map", "number": "int64"}
_NUMBERS = ("int32", "int64", "float64")


def of_text(made: Any, old: Json, why: str) -> Invalid:
    """The result of a JSON or merge patch does not fit."""
    return _refusal(encode(_as_patched(made, old)).decode(), why)


def of_map(given: Json, why: str) -> Invalid:
    """The result of a strategic merge patch does not fit."""
    return _refusal(printed(given), _converted(why))


def _refusal(shown: str, why: str) -> Invalid:
    return errors.invalid("", "", "", [fields.invalid("patch", shown, why)])


def in_order_of(made: Any, before: Any) -> Any:
    """`made` with what is equal to a part of `before` written as it stands there."""
    if made == before:
        return before
    if isinstance(made, Mapping) and isinstance(before, Mapping):
        return {name: in_order_of(value, before.get(name)) for name, value in made.items()}
    return made


def _as_patched(made: Any, old: Any) -> Any:
    """Objects on the way to a change come out with their keys sorted; what was not touched stays as it stood."""
    if made is old or not isinstance(made, Mapping):
        return made
    before = old if isinstance(old, Mapping) else {}
    return {name: _as_patched(made[name], before.get(name)) for name in sorted(made)}


def _converted(why: str) -> str:
    """A mismatch of types as the conversion from a map tells it; other reasons as they are."""
    match = _MISMATCH.match(why)
    if match is None:
        return why
    found, wanted = _KINDS.get(match["found"], match["found"]), match["wanted"]
    if wanted.startswith("[]"):
        return f"cannot restore slice from {found}"
    if wanted.startswith("map["):
        return f"cannot restore map from {found}"
    if "." in wanted:
        return f"cannot restore struct from: {found}"
    is_number = match["found"] == "number"
    if is_number and (wanted == "string" or wanted in _NUMBERS):
        return f"cannot convert {'int64' if wanted == 'string' else 'float64'} to {wanted}"
    return f"unrecognized type: {wanted}"
