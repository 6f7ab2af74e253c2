"""What a text can be asked, and how one is formatted."""

import json
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from stead.kinds.cel import patterns
from stead.kinds.cel.conversions import text_of
from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.values import Duration, Moment, TypeValue, affordable, is_number

ANY = -1
PRECISION = 6
MOST_PRECISION = 100


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise no_overload()
    return value


def _char_at(value: Any, at: int) -> str:
    text = _text(value)
    if not 0 <= at <= len(text):
        raise RunError(f"index out of range: {at}")
    return text[at : at + 1]


def index_of(value: str, part: Any, start: int = 0) -> int:
    """Where `part` begins at or after `start`, -1 where it does not."""
    if not isinstance(part, str):
        raise no_overload()
    if not part:
        return start
    if not 0 <= start < max(1, len(value)):
        raise RunError(f"index out of range: {start}")
    return value.find(part, start)


def last_index_of(value: str, part: Any, start: int | None = None) -> int:
    """The last place where `part` begins, not after `start`."""
    if not isinstance(part, str):
        raise no_overload()
    if start is None:
        return value.rfind(part)
    if not part:
        return start
    if not 0 <= start < max(1, len(value)):
        raise RunError(f"index out of range: {start}")
    return value.rfind(part, 0, start + len(part))


def _replace(value: Any, old: str, new: str, count: int = ANY) -> str:
    text, times = _text(value), len(_text(value)) + 1 if not _text(old) else _text(value).count(old)
    times = times if count < 0 else min(times, count)
    affordable(len(text) + times * len(_text(new)))
    return text.replace(old, new, times)


def _split(value: Any, by: str, count: int = ANY) -> list[str]:
    text = _text(value)
    if count == 0:
        return []
    if not by:
        parts = list(text)
        return parts if count < 0 or len(parts) <= count else [*parts[: count - 1], "".join(parts[count - 1 :])]
    return text.split(_text(by), count - 1 if count > 0 else -1)


def _substring(value: Any, start: int, end: int | None = None) -> str:
    text = _text(value)
    end = len(text) if end is None else end
    for at in (start, end):
        if not 0 <= at <= len(text):
            raise RunError(f"index out of range: {at}")
    if start > end:
        raise RunError(f"invalid substring range. start: {start}, end: {end}")
    return text[start:end]


def _joined(items: Any, by: str = "") -> str:
    if not isinstance(items, list):
        raise no_overload()
    affordable(sum(len(_text(item)) + len(_text(by)) for item in items))
    return by.join(items)


def _matches(value: Any, pattern: Any) -> bool:
    try:
        return patterns.matches(_text(pattern), _text(value))
    except ValueError as wrong:
        raise RunError(str(wrong)) from None


def _find(value: Any, pattern: Any) -> str:
    return next(iter(_find_all(value, pattern, 1)), "")


def _find_all(value: Any, pattern: Any, limit: int = ANY) -> list[str]:
    try:
        return patterns.found_in(_text(pattern), _text(value), limit)
    except ValueError as wrong:
        raise RunError(f"Illegal regex: {wrong}") from None


_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def _contains(value: Any, part: Any) -> bool:
    return _text(part) in _text(value)


def _quoted(value: Any) -> str:
    return json.dumps(_text(value), ensure_ascii=False)


# --- format


def _format(template: Any, args: Any) -> str:
    """`'%s has %d'.format([name, count])`, with the verbs s, d, f, e, b, x, X and o."""
    text, left = _text(template), list(args)
    made, at, size = list[str](), 0, len(text)
    while at < len(text):
        if text[at] != "%":
            end = text.find("%", at)
            end = len(text) if end < 0 else end
            made.append(text[at:end])
            at = end
            continue
        verb, precision, at = _verb(text, at + 1)
        if verb == "%":
            made.append("%")
            continue
        if not left:
            raise RunError(f"index {len(args)} out of range")
        made.append(_FORMATS[verb](left.pop(0), precision))
        size += len(made[-1])
        affordable(size)
    return "".join(made)


def _verb(text: str, at: int) -> tuple[str, int, int]:
    """The letter, the precision before it, and where the text goes on."""
    precision = PRECISION
    if text[at : at + 1] == ".":
        end = at + 1
        while end < len(text) and text[end].isdigit():
            end += 1
        precision = int(text[at + 1 : end] or 0)
        if precision > MOST_PRECISION:
            raise RunError(f"could not parse formatting clause: precision {precision} is too large")
        at = end
    verb = text[at : at + 1]
    if verb != "%" and verb not in _FORMATS:
        raise RunError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')
    return verb, precision, at + 1


def _shown(value: Any, precision: int = PRECISION) -> str:
    if value is None:
        return "null"
    if isinstance(value, TypeValue):
        return value.name
    if isinstance(value, list):
        return f"[{', '.join(map(_inner, value))}]"
    if isinstance(value, Mapping):
        entries = sorted((_inner(key), _inner(item)) for key, item in value.items())
        return f"{{{', '.join(f'{key}: {item}' for key, item in entries)}}}"
    return text_of(value)


def _inner(value: Any) -> str:
    return _shown(value)


def _decimal(value: Any, precision: int) -> str:
    if is_number(value) and (isinstance(value, int) or value != value or abs(value) == float("inf")):
        return text_of(value)
    raise RunError(f"error during formatting: decimal clause can only be used on integers, was given {_named(value)}")


def _fixed(value: Any, precision: int) -> str:
    if not is_number(value):
        raise RunError(
            f"error during formatting: fixed-point clause can only be used on doubles, was given {_named(value)}"
        )
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return {"NaN": "NaN", "+Inf": "∞", "-Inf": "-∞"}[text_of(value)]
    return str(Decimal(value).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_EVEN))


def _scientific(value: Any, precision: int) -> str:
    if not is_number(value):
        raise RunError(
            f"error during formatting: scientific clause can only be used on doubles, was given {_named(value)}"
        )
    return f"{value:.{precision}e}"


def _whole(name: str, spec: str) -> Callable[[Any, int], str]:
    def show(value: Any, precision: int) -> str:
        if spec in "xX" and isinstance(value, str | bytes):
            data = value.encode() if isinstance(value, str) else value
            return data.hex() if spec == "x" else data.hex().upper()
        if isinstance(value, bool) and spec == "b":
            return "1" if value else "0"
        if not isinstance(value, int) or isinstance(value, bool | Duration | Moment):
            raise RunError(
                f"error during formatting: {name} clause can only be used on integers, was given {_named(value)}"
            )
        return format(int(value), spec)

    return show


def _named(value: Any) -> str:
    return "null" if value is None else type(value).__name__


_FORMATS: Mapping[str, Callable[[Any, int], str]] = {
    "s": _shown,
    "d": _decimal,
    "f": _fixed,
    "e": _scientific,
    "b": _whole("binary", "b"),
    "o": _whole("octal", "o"),
    "x": _whole("hex", "x"),
    "X": _whole("hex", "X"),
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "contains": _contains,
    "startsWith": lambda value, part: _text(value).startswith(_text(part)),
    "endsWith": lambda value, part: _text(value).endswith(_text(part)),
    "matches": _matches,
    "find": _find,
    "findAll": _find_all,
    "charAt": _char_at,
    "lowerAscii": lambda value: _text(value).translate(_LOWER),
    "upperAscii": lambda value: _text(value).translate(_UPPER),
    "trim": lambda value: _text(value).strip(),
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "join": _joined,
    "format": _format,
    "strings.quote": _quoted,
}
