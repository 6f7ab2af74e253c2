"""What is said of a patch whose result is no object of its kind, in the words of the two ways in which Go finds out.

A JSON or merge patch is decoded from text and told with the text; a strategic one is converted from a map and told
with the patch as Go prints maps.
"""

from collections.abc import Mapping
from typing import Any

from stead.machinery import errors, fields
from stead.machinery.errors import Invalid
from stead.machinery.goprint import json_text, printed
from stead.machinery.objects import Json


def of_text(made: Any, old: Json, why: str) -> Invalid:
    """The result of a JSON or merge patch does not fit."""
    return _refusal(json_text(in_order_of_keys(made, old)), why)


def of_map(given: Json, why: str) -> Invalid:
    """The result of a strategic merge patch does not fit: `why` is what was said of a map."""
    return _refusal(printed(given), why)


def _refusal(shown: str, why: str) -> Invalid:
    return errors.invalid("", "", "", [fields.invalid("patch", shown, why)])


def in_order_of(made: Any, before: Any) -> Any:
    """`made` with what is equal to a part of `before` written as it stands there."""
    if made == before:
        return before
    if isinstance(made, Mapping) and isinstance(before, Mapping):
        return {name: in_order_of(value, before.get(name)) for name, value in made.items()}
    return made


def in_order_of_keys(made: Any, old: Any) -> Any:
    """Objects on the way to a change come out with their keys sorted; what was not touched stays as it stood."""
    if made is old or not isinstance(made, Mapping):
        return made
    before = old if isinstance(old, Mapping) else {}
    return {name: in_order_of_keys(made[name], before.get(name)) for name in sorted(made)}
