"""Simple JSON paths, as printer columns use them: fields, indexes, `[*]` and one sort of filter."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

Step = Callable[[Any], Iterator[Any]]

_STEP = re.compile(
    r"""\.(?P<field>(?:\\.|[^.\[\\])+)
      | \[(?:'(?P<quoted>[^']*)'|"(?P<double>[^"]*)")\]
      | \[(?P<index>-?\d+)\]
      | (?P<all>\[\*\]|\.\*)
      | \[\?\(\s*@(?P<left>(?:\.(?:\\.|[^.=!<>\s])+)+)\s*(?P<sign>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|[^)\s]+)\s*\)\]""",
    re.VERBOSE,
)


class BadPath(ValueError):
    """The text is no path of the sort that is understood here."""


@lru_cache(maxsize=1024)
def compiled(path: str) -> Callable[[Any], list[Any]]:
    """The values that `.status.conditions[?(@.type=="Ready")].status` names, none where there are none."""
    steps = tuple(_steps(path.strip().removeprefix("{").removesuffix("}").removeprefix("$")))

    def read(value: Any) -> list[Any]:
        found = [value]
        for step in steps:
            found = [item for one in found for item in step(one)]
        return found

    return read


def first(path: str, value: Any) -> Any:
    """The first value at `path`, None where there is none; a path that is not understood finds nothing."""
    try:
        return next(iter(compiled(path)(value)), None)
    except BadPath:
        return None


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise BadPath(f"{text}: not understood from character {at + 1} on")
        yield _step(match.groupdict())
        at = match.end()


def _step(parts: Mapping[str, str | None]) -> Step:
    name = parts["field"] or parts["quoted"] or parts["double"]
    if name is not None:
        return _field(name.replace("\\", "") if parts["field"] else name)
    if parts["index"] is not None:
        return _index(int(parts["index"]))
    if parts["all"]:
        return _all
    return _filter(parts["left"] or "", parts["sign"] == "==", (parts["right"] or "").strip("\"'"))


def _field(name: str) -> Step:
    return lambda value: iter([value[name]] if isinstance(value, Mapping) and name in value else [])


def _index(index: int) -> Step:
    return lambda value: iter(value[index:][:1] if isinstance(value, list) else [])


def _all(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    elif isinstance(value, Mapping):
        yield from value.values()


def _filter(left: str, is_equal: bool, right: str) -> Step:
    read = compiled(left)

    def step(value: Any) -> Iterator[Any]:
        for item in value if isinstance(value, list) else []:
            if any((_text(found) == right) == is_equal for found in read(item)):
                yield item

    return step


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
