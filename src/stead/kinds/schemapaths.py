"""Paths of fields as a definition writes them (`.spec.size`, `['a-b'].c`), found in its schema."""

import re
from collections.abc import Mapping

from stead.machinery.objects import Json

_QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'")
_ESCAPE = re.compile(r"\\(.)")
_WORDS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


class NoSuchPath(ValueError):
    """The path is none, or leads nowhere."""


def found(path: str, schema: Json, *, with_brackets: bool = True) -> tuple[str, Json]:
    """The path as errors print it, and the schema it leads to; raises NoSuchPath."""
    shown, at = "", 0
    while at < len(path):
        sign = path[at]
        if sign == "[" and not with_brackets:
            raise NoSuchPath("array notation is not allowed")
        if sign not in ".[":
            raise NoSuchPath(f"expected [ or . but got: {_word(path, at)}")
        name, at = _bracketed(path, at + 1) if sign == "[" else _dotted(path, at + 1)
        shown, schema = _step(shown, schema, name)
    return shown, schema


def _word(path: str, at: int) -> str:
    end = min((path.find(sign, at + 1) for sign in ".[]" if path.find(sign, at + 1) > 0), default=len(path))
    return path[at:end]


def _dotted(path: str, at: int) -> tuple[str, int]:
    if at >= len(path):
        raise NoSuchPath("unexpected end of JSON path")
    name = _word(path, at)
    return name, at + len(name)


def _bracketed(path: str, at: int) -> tuple[str, int]:
    if at >= len(path):
        raise NoSuchPath("unexpected end of JSON path")
    match = _QUOTED.match(path, at)
    if match is None:
        raise NoSuchPath(f"expected single quoted string but got {_word(path, at)}")
    end = match.end()
    if end >= len(path):
        raise NoSuchPath("unexpected end of JSON path")
    if path[end] != "]":
        raise NoSuchPath(f"expected ] but got {_word(path, end)}")
    return _ESCAPE.sub(_unescaped, match[1]), end + 1


def _unescaped(match: re.Match[str]) -> str:
    if match[1] not in _WORDS:
        raise NoSuchPath(f"invalid string literal: invalid escape char {match[0]}")
    return _WORDS[match[1]]


def _step(shown: str, schema: Json, name: str) -> tuple[str, Json]:
    properties, others = schema.get("properties"), schema.get("additionalProperties")
    if properties:
        if name not in properties:
            raise NoSuchPath("does not refer to a valid field")
        return (f"{shown}.{name}" if shown else name), properties[name]
    if not isinstance(others, Mapping):
        raise NoSuchPath("does not refer to a valid field")
    return f"{shown}[{name}]", others
