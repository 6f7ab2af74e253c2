"""What a custom object may not be by its schema, in the words of the real server's validator."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from stead.kinds.schema import EMBEDDED, INT_OR_STRING, OF_EVERY_OBJECT
from stead.machinery import fields
from stead.machinery.fields import TOO_LONG, TOO_MANY, TYPE_INVALID, FieldError, shown
from stead.machinery.objects import Json, canonical

Check = Callable[[Any, Json, str], Iterator[FieldError]]


def errors(value: Any, schema: Json, path: str = "") -> Iterator[FieldError]:
    """Everything wrong with `value`. A type that does not fit is told alone."""
    if value is None and schema.get("nullable"):
        return
    wrong_type = _type_error(value, schema, path)
    if wrong_type is not None:
        yield wrong_type
        return
    for check in (_enum, _number, _text, _list, _object, _combined):
        yield from check(value, schema, path)


def _sort(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _type_error(value: Any, schema: Json, path: str) -> FieldError | None:
    wanted, found = schema.get("type", ""), _sort(value)
    if schema.get(INT_OR_STRING):
        allowed: tuple[str, ...] = ("integer", "string")
        told = "integer,string"
    else:
        allowed, told = (wanted,), wanted
    if not told or found in allowed or (wanted == "number" and found == "integer"):
        return None
    text = f'Invalid value: "{found}": {_named(path)} in body must be of type {told}: "{found}"'
    return FieldError(_place(path), TYPE_INVALID, text)


def _place(path: str) -> str:
    return path or "<nil>"


def _named(path: str) -> str:
    return path or '""'


def _invalid(path: str, value: Any, rule: str) -> FieldError:
    return fields.invalid(_place(path), value, f"{_named(path)} in body {rule}")


def _enum(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    allowed = schema.get("enum")
    if allowed and canonical(value) not in [canonical(one) for one in allowed]:
        listed = [one if isinstance(one, str) else shown(one) for one in allowed]
        yield fields.not_supported(_place(path), value, listed)


def _number(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        how = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _invalid(path, value, f"should be {how} {_plain(least)}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        how = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _invalid(path, value, f"should be {how} {_plain(most)}")
    factor = schema.get("multipleOf")
    if factor and value % factor:
        yield _invalid(path, value, f"should be a multiple of {_plain(factor)}")


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def _text(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    if not isinstance(value, str):
        return
    least, most, pattern = schema.get("minLength"), schema.get("maxLength"), schema.get("pattern")
    if most is not None and len(value) > most:
        yield FieldError(_place(path), TOO_LONG, f"Too long: may not be more than {most} bytes")
    if least is not None and len(value) < least:
        yield _invalid(path, value, f"should be at least {least} chars long")
    if pattern and not _matches(pattern, value):
        yield _invalid(path, value, f"should match '{pattern}'")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None  # Go's dialect has a few words that Python's has not: what cannot be read refuses nobody


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None


def _list(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    if not isinstance(value, list):
        return
    least, most, items = schema.get("minItems"), schema.get("maxItems"), schema.get("items")
    if most is not None and len(value) > most:
        yield FieldError(_place(path), TOO_MANY, f"Too many: {len(value)}: must have at most {most} items")
    if least is not None and len(value) < least:
        yield _invalid(path, value, f"should have at least {least} items")
    if isinstance(items, Mapping):
        for index, item in enumerate(value):
            yield from errors(item, items, f"{path}[{index}]")
    yield from _repeated(value, schema, path)


def _repeated(value: list[Any], schema: Json, path: str) -> Iterator[FieldError]:
    """Items of a set, and of a list with keys, are different from each other."""
    sort, seen = schema.get("x-kubernetes-list-type"), set()
    for index, item in enumerate(value):
        if sort == "map" and isinstance(item, Mapping):
            told: Any = {key: item.get(key) for key in schema.get("x-kubernetes-list-map-keys") or ()}
        elif sort == "set":
            told = item
        else:
            return
        mark = canonical(told)
        if mark in seen:
            yield fields.duplicate(f"{path}[{index}]", told)
        seen.add(mark)


def _object(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    if not isinstance(value, Mapping):
        return
    properties: Json = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    is_object = not path or bool(schema.get(EMBEDDED))
    for name in schema.get("required") or ():
        if name not in value:
            yield fields.required(f"{path}.{name}" if path else name)
    for name, item in value.items():
        inner = properties.get(name, others)
        if isinstance(inner, Mapping) and not (is_object and name in OF_EVERY_OBJECT):
            yield from errors(item, inner, _below(path, name, name in properties))
    yield from _counted(value, schema, path)


def _below(path: str, name: str, is_field: bool) -> str:
    if not is_field:
        return f"{path}.{name}"
    return f"{path}.{name}" if path else name


def _counted(value: Json, schema: Json, path: str) -> Iterator[FieldError]:
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    if most is not None and len(value) > most:
        yield FieldError(_place(path), TOO_MANY, f"Too many: {len(value)}: must have at most {most} items")
    if least is not None and len(value) < least:
        yield _invalid(path, dict(value), f"should have at least {least} properties")


def _combined(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    for one in schema.get("allOf") or ():
        yield from errors(value, one, path)
    any_of, one_of, none = schema.get("anyOf"), schema.get("oneOf"), schema.get("not")
    if any_of and not schema.get(INT_OR_STRING) and not any(_fits(value, one, path) for one in any_of):
        yield _whole(value, path, "must validate at least one schema (anyOf)")
    if one_of and sum(_fits(value, one, path) for one in one_of) != 1:
        yield _whole(value, path, "must validate one and only one schema (oneOf)")
    if none and _fits(value, none, path):
        yield _whole(value, path, "must not validate the schema (not)")


def _whole(value: Any, path: str, rule: str) -> FieldError:
    return fields.invalid(_place(path), value, f'"{path}" {rule}')


def _fits(value: Any, schema: Json, path: str) -> bool:
    return next(errors(value, schema, path), None) is None
