"""What a custom object may not be by its schema, in the words of the real server's validator."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stead.kinds import formats
from stead.kinds.cel import patterns
from stead.kinds.schema import EMBEDDED, INT_OR_STRING, LIST_TYPE, MAP_KEYS, MAP_TYPE, OF_EVERY_OBJECT
from stead.kinds.twins import Twin
from stead.machinery import fields
from stead.machinery.fields import TOO_LONG, TOO_MANY, TYPE_INVALID, FieldError, shown
from stead.machinery.objects import Json, canonical

_OF_NUMBERS = ("integer", "number")
_SAFE = (1 << 53) - 1  # beyond it a number written with a fraction or too long is never a whole one

Check = Callable[[Any, Json, str], Iterator[FieldError]]


def errors(value: Any, schema: Json, path: str = "", twin: Twin | None = None) -> Iterator[FieldError]:
    """Everything wrong with `value`. What has not changed since its twin may stay as it was (KEP-4008)."""
    found = list(_errors(value, schema, path, twin))
    if found and not (twin is not None and twin.is_same):
        yield from found


def _errors(value: Any, schema: Json, path: str, twin: Twin | None) -> Iterator[FieldError]:
    wrong_type = _type_error(value, schema, path)
    if wrong_type is not None:
        yield wrong_type
    if value is None:
        yield from _enum(value, schema, path)
        return
    for check in (_combined, _text, _number):
        yield from check(value, schema, path)
    if isinstance(value, list):
        yield from _list(value, schema, path, twin)
    yield from _enum(value, schema, path)
    if isinstance(value, Mapping):
        yield from _object(value, schema, path, twin)


def _sort(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() if formats.fits("int64", value):
            return "integer"
        case int() | float():
            return "integer" if float(value).is_integer() and abs(value) <= _SAFE else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _type_error(value: Any, schema: Json, path: str) -> FieldError | None:
    wanted, found = schema.get("type", ""), _sort(value)
    if value is None and schema.get("nullable"):
        return None
    if schema.get(INT_OR_STRING):
        allowed: tuple[str, ...] = ("integer", "string")
        told = "integer,string"
    else:
        allowed, told = (wanted,), wanted
    form = _format(schema)
    if found in allowed or (wanted == "number" and found == "integer") or not (told or form):
        return None
    if form and found in ("string", "array") and wanted not in _OF_NUMBERS:
        return None  # whoever looks at texts of a format passes lists by
    if form and found not in ("string", "array"):
        told, found = form, _go_format(value)
    text = f'Invalid value: "{found}": {_named(path)} in body must be of type {told}: "{found}"'
    return FieldError(_place(path), TYPE_INVALID, text)


def _format(schema: Json) -> str:
    """The format that somebody looks at, if any."""
    form, sort = schema.get("format") or "", "" if schema.get(INT_OR_STRING) else schema.get("type") or ""
    return form if form and formats.is_known(form, sort) else ""


def _go_format(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return "int64" if isinstance(value, int) and formats.fits("int64", value) else "float64"


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
    least, most, factor = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    yield from _fitting(value, schema, path, "Checked")
    if factor:
        yield from _fitting(factor, schema, path, "MultipleOf")
        if value % factor:
            yield _invalid(path, value, f"should be a multiple of {_plain(factor)}")
    if least is not None:
        yield from _fitting(least, schema, path, "Minimum boundary")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        how = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _invalid(path, value, f"should be {how} {_plain(least)}")
    if most is not None:
        yield from _fitting(most, schema, path, "Maximum boundary")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        how = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _invalid(path, value, f"should be {how} {_plain(most)}")


def _fitting(number: float, schema: Json, path: str, what: str) -> Iterator[FieldError]:
    """A value and its bounds have their place in the format; what has none is told of no field but of the whole."""
    sort, form = schema.get("type"), _format(schema)
    if form and sort in _OF_NUMBERS and not formats.fits(form, number):
        yield fields.invalid("<nil>", "", f"{what} value must be of type {sort} with format {form} in {path}")


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
    form = _format(schema)
    if form and schema.get("type") not in _OF_NUMBERS and not formats.holds(form, value):
        told = f"{_named(path)} in body must be of type {form}: {shown(value)}"
        yield FieldError(_place(path), TYPE_INVALID, f"Invalid value: {shown(value)}: {told}")


def _matches(pattern: str, value: str) -> bool:
    try:
        return patterns.matches(pattern, value)
    except ValueError:
        return True  # no definition is accepted with such a pattern; an old one refuses nobody


def _list(value: list[Any], schema: Json, path: str, twin: Twin | None) -> Iterator[FieldError]:
    least, most, items = schema.get("minItems"), schema.get("maxItems"), schema.get("items")
    if isinstance(items, Mapping):
        keys = tuple(schema.get(MAP_KEYS) or ()) if schema.get(LIST_TYPE) == "map" else ()
        for index, item in enumerate(value):
            yield from errors(item, items, f"{path}[{index}]", twin.at_index(index, keys) if twin else None)
    if least is not None and len(value) < least:
        yield _invalid(path, value, f"should have at least {least} items")
    if most is not None and len(value) > most:
        yield FieldError(_place(path), TOO_MANY, f"Too many: {len(value)}: must have at most {most} items")


def _object(value: Json, schema: Json, path: str, twin: Twin | None) -> Iterator[FieldError]:
    properties: Json = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    is_object = not path or bool(schema.get(EMBEDDED))
    is_granular = schema.get(MAP_TYPE) != "atomic"
    yield from _counted(value, schema, path)
    for name in schema.get("required") or ():
        if name not in value:
            yield fields.required(f"{path}.{name}" if path else name)
    for name, item in value.items():
        inner = properties.get(name, others)
        if isinstance(inner, Mapping) and not (is_object and name in OF_EVERY_OBJECT):
            below = twin.at_key(name, is_granular=is_granular) if twin else None
            yield from errors(item, inner, f"{path}.{name}" if path else name, below)


def _counted(value: Json, schema: Json, path: str) -> Iterator[FieldError]:
    least, most = schema.get("minProperties"), schema.get("maxProperties")
    if most is not None and len(value) > most:
        yield FieldError(_place(path), TOO_MANY, f"Too many: {len(value)}: must have at most {most} items")
    if least is not None and len(value) < least:
        yield _invalid(path, dict(value), f"should have at least {least} properties")


def _combined(value: Any, schema: Json, path: str) -> Iterator[FieldError]:
    """The junctions: what they miss is told of no field but of the whole, beside the faults of the first branch."""
    any_of, one_of, all_of = schema.get("anyOf"), schema.get("oneOf"), schema.get("allOf")
    if any_of:
        branches = [list(errors(value, one, path)) for one in any_of]
        if all(branches):
            yield _whole(path, "must validate at least one schema (anyOf)")
            yield from branches[0]
    if one_of:
        branches = [list(errors(value, one, path)) for one in one_of]
        yield from _one_of(branches, path)
    if all_of:
        branches = [list(errors(value, one, path)) for one in all_of]
        yield from (error for branch in branches for error in branch)
        if any(branches):
            yield _whole(path, f"must validate all the schemas (allOf){'. None validated' if all(branches) else ''}")
    if schema.get("not") and not list(errors(value, schema["not"], path)):
        yield _whole(path, "must not validate the schema (not)")


def _one_of(branches: list[list[FieldError]], path: str) -> Iterator[FieldError]:
    count = sum(not branch for branch in branches)
    if count == 1:
        return
    found = f"Found {count} valid alternatives" if count else "Found none valid"
    yield _whole(path, f"must validate one and only one schema (oneOf). {found}")
    if not count:
        yield from branches[0]


def _whole(path: str, rule: str) -> FieldError:
    return fields.invalid("<nil>", "", f'"{path}" {rule}')


def repeated(value: Any, schema: Json, path: str = "") -> Iterator[FieldError]:
    """Items of a set, and of a list with keys, are different from each other: every place where they are not."""
    items, others = schema.get("items"), schema.get("additionalProperties")
    if isinstance(value, list):
        yield from _repeated(value, schema, path)
        if isinstance(items, Mapping):
            for index, item in enumerate(value):
                yield from repeated(item, items, f"{path}[{index}]")
    elif isinstance(value, Mapping):
        properties: Json = schema.get("properties") or {}
        for name, item in value.items():
            inner = properties.get(name, others)
            if isinstance(inner, Mapping):
                below = f"{path}.{name}" if name in properties else f"{path}[{name}]"
                yield from repeated(item, inner, below if path else below.removeprefix("."))


def _repeated(value: list[Any], schema: Json, path: str) -> Iterator[FieldError]:
    sort, seen = schema.get(LIST_TYPE), set[bytes]()
    if sort not in ("map", "set"):
        return
    for index, item in enumerate(value):
        is_keyed = sort == "map" and isinstance(item, Mapping)
        told = {key: item[key] for key in schema.get(MAP_KEYS) or () if key in item} if is_keyed else item
        mark = canonical(told)
        if mark in seen:
            yield fields.duplicate(f"{path}[{index}]", told)
        seen.add(mark)
