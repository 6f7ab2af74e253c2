"""A structural schema as CEL sees it: the type of a place, and its value as that type wants it.

How big a value may be follows from the schema's limits or, where it has none, from the size of the largest request.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stead.kinds.cel import celtypes
from stead.kinds.cel.celtypes import Type, list_of, map_of
from stead.kinds.cel.conversions import base64_bytes
from stead.kinds.cel.faults import RunError
from stead.kinds.cel.values import MapList, SetList, duration, moment
from stead.kinds.schema import EMBEDDED, INT_OR_STRING, LIST_TYPE, MAP_KEYS
from stead.machinery.objects import Json

LARGEST_REQUEST = 3 * 1024 * 1024
Reads = Callable[[Any], Any]

_KEYWORDS = (
    "true false null in as break const continue else for function if import let loop package namespace return var void "
    "while"
)
_RESERVED = frozenset(_KEYWORDS.split())
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_METADATA: Json = {"type": "object", "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}}}
_TEXT: Json = {"type": "string"}
_TEXT_SIZES = {"date": 10, "date-time": 32, "duration": 32}
_LEAST_TEXTS = {"date": 12, "date-time": 21, "duration": 3}
_KEY = Type("string", most=0)


def escaped(name: str) -> str | None:
    """A property's name as a rule writes it; None for one that no rule can name."""
    if name in _RESERVED:
        return f"__{name}__"
    for sign, word in _ESCAPES.items():
        name = name.replace(sign, word)
    return name if name.isidentifier() and name.isascii() else None


def of_object(schema: Json) -> Json:
    """The schema of a whole object, with what every object has."""
    properties = {**(schema.get("properties") or {}), "apiVersion": _TEXT, "kind": _TEXT, "metadata": _METADATA}
    return {**schema, "properties": properties}


def type_of(schema: Json, name: str = "selfType", *, is_object: bool = False) -> Type | None:
    """The type at a place; None where a rule can see nothing (unknown fields, no type)."""
    if schema.get(INT_OR_STRING):
        return celtypes.DYN
    if is_object or schema.get(EMBEDDED):
        schema = of_object(schema)
    made = _MAKERS.get(schema.get("type", ""))
    return made(schema, name) if made else None


def _object(schema: Json, name: str) -> Type | None:
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        value = type_of(others, f"{name}.@values")
        return map_of(_KEY, value, _most_entries(schema, others)) if value else None
    if others is True:
        return None
    found: dict[str, Type] = {}
    for key, inner in (schema.get("properties") or {}).items():
        word, type_ = escaped(key), type_of(inner, f"{name}.{key}")
        if word and type_:
            found[word] = type_
    return Type(name if found else "object", fields=found, most=0)


def _list(schema: Json, name: str) -> Type | None:
    items = schema.get("items")
    if not isinstance(items, Mapping):
        return None
    element = type_of(items, f"{name}.@idx")
    if element is None:
        return None
    most = schema.get("maxItems")
    return list_of(element, (LARGEST_REQUEST - 2) // (_least(items) + 1) if most is None else max(0, most))


def _most_entries(schema: Json, value: Json) -> int:
    most = schema.get("maxProperties")
    return (LARGEST_REQUEST - 2) // (_least(value) + 6) if most is None else max(0, most)


def _text(schema: Json, name: str) -> Type:
    sort = {"byte": "bytes", "date": "timestamp", "date-time": "timestamp", "duration": "duration"}
    form = schema.get("format", "")
    if form in sort and form != "byte":
        return Type(sort[form], most=_TEXT_SIZES[form])
    return Type(sort.get(form, "string"), most=_most_bytes(schema))


def _most_bytes(schema: Json) -> int:
    most = schema.get("maxLength")
    if most is not None:
        return max(0, int(most)) * 4
    allowed = [one for one in schema.get("enum") or () if isinstance(one, str)]
    return max(map(len, allowed)) if allowed else LARGEST_REQUEST - 2


def _least(schema: Json) -> int:
    """How few bytes of JSON a value may be."""
    if schema.get(INT_OR_STRING):
        return 1
    sort = schema.get("type", "")
    if sort == "object":
        properties: Json = schema.get("properties") or {}
        needed = [name for name in schema.get("required") or () if name in properties]
        return 2 + sum(len(name) + 4 + _least(properties[name]) for name in needed if "default" not in properties[name])
    if sort == "string":
        if schema.get("format") in _LEAST_TEXTS:
            return _LEAST_TEXTS[schema["format"]]
        allowed = [len(one) for one in schema.get("enum") or () if isinstance(one, str)]
        return 2 + (min(allowed) if allowed else schema.get("minLength") or 0)
    return {"boolean": 4, "array": 2}.get(sort, 1)


def cardinality(schema: Json) -> int:
    """How often a value of that schema fits into one request."""
    return max(1, LARGEST_REQUEST // max(1, _least(schema)))


_MAKERS: Mapping[str, Callable[[Json, str], Type | None]] = {
    "object": _object,
    "array": _list,
    "string": _text,
    "boolean": lambda schema, name: Type("bool", most=0),
    "integer": lambda schema, name: Type("int", most=0),
    "number": lambda schema, name: Type("double", most=0),
}


# --- values


def reader_of(schema: Json, *, is_object: bool = False) -> Reads | None:
    """What makes the value of a place what its type wants; None where JSON says it already."""
    if schema.get(INT_OR_STRING):
        return None
    if is_object or schema.get(EMBEDDED):
        schema = of_object(schema)
    sort = schema.get("type", "")
    if sort == "object":
        return _object_reader(schema)
    if sort == "array":
        return _list_reader(schema)
    if sort == "number":
        return lambda value: float(value) if type(value) is int else value
    return _TEXT_READERS.get(schema.get("format", "")) if sort == "string" else None


def _object_reader(schema: Json) -> Reads | None:
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        read = reader_of(others)
        return read and (lambda value: {key: read(item) for key, item in value.items()} if _is_map(value) else value)
    properties: Json = schema.get("properties") or {}
    known = {name: (escaped(name), reader_of(inner)) for name, inner in properties.items()}
    changed = {name: both for name, both in known.items() if both[1] is not None or both[0] != name}
    if not changed and not any(inner.get("nullable") for inner in properties.values()):
        return None

    def read_fields(value: Any) -> Any:
        if not _is_map(value):
            return value
        made: dict[str, Any] = {}
        for name, item in value.items():
            word, reads = changed.get(name, (name, None))
            if word is not None and item is not None:  # a field that is null is as good as absent
                made[word] = reads(item) if reads else item
        return made

    return read_fields


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _list_reader(schema: Json) -> Reads | None:
    items = schema.get("items")
    read = reader_of(items) if isinstance(items, Mapping) else None
    sort = schema.get(LIST_TYPE)
    if sort == "set":
        return lambda value: SetList(map(read, value) if read else value) if isinstance(value, list) else value
    if sort == "map":
        keys = tuple(schema.get(MAP_KEYS) or ())
        return lambda value: _map_list(value, read, keys)
    return read and (lambda value: [read(item) for item in value] if isinstance(value, list) else value)


def _map_list(value: Any, read: Reads | None, keys: tuple[str, ...]) -> Any:
    if not isinstance(value, list):
        return value
    made = MapList(map(read, value) if read else value)
    made.keys = tuple(escaped(key) or key for key in keys)
    return made


def _or_itself(read: Callable[[str], Any]) -> Reads:
    def reads(value: Any) -> Any:
        try:
            return read(value) if isinstance(value, str) else value
        except RunError:
            return value

    return reads


_TEXT_READERS: Mapping[str, Reads] = {
    "byte": _or_itself(base64_bytes),
    "date": _or_itself(lambda text: moment(f"{text}T00:00:00Z")),
    "date-time": _or_itself(moment),
    "duration": _or_itself(duration),
}
