"""What the schema of a definition may not say: words that are not supported, list types that do not fit, bad rules."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stead.kinds import schemapaths
from stead.kinds.schema import EMBEDDED, LIST_TYPE, MAP_KEYS, MAP_TYPE, OF_EVERY_OBJECT, PRESERVES, RULES
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.late import Late
from stead.machinery.objects import Json

Errors = Iterator[FieldError]
celtypes: Any = Late("stead.kinds.cel.schematypes")
celrules: Any = Late("stead.kinds.cel.rules")

COST_OF_RULE, COST_OF_SCHEMA = 10_000_000, 100_000_000
TYPES = ("array", "boolean", "integer", "number", "object", "string")
REASONS = (fields.DUPLICATE, fields.FORBIDDEN, fields.INVALID, fields.REQUIRED)
_UNSUPPORTED = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
_JUNCTIONS = ("allOf", "oneOf", "anyOf")
_BREAKS = re.compile(r"[\n\r]")


class Spot(Struct, frozen=True):
    """A place in a schema, and what is known from above.

    `no_defaults`: why none may be set here. `loose`: the path of the list or map above whose parts have no old selves.
    `times`: how often the place may occur, None for without limit. `has_types`: whether rules can be understood here.
    """

    path: str
    is_root: bool = False
    no_defaults: str = ""
    is_meta: bool = False
    loose: str = ""
    times: int | None = 1
    has_types: bool = True


class Costs:
    """What all rules of a schema cost together."""

    def __init__(self) -> None:
        self.total = 0
        self.most: list[tuple[int, str]] = []

    def add(self, path: str, cost: int) -> None:
        self.total += cost
        if cost > COST_OF_SCHEMA // 100:
            self.most = sorted([*self.most, (cost, path)], key=lambda one: -one[0])[:4]


def errors(schema: Json, path: str, *, has_types: bool, known: frozenset[str]) -> list[FieldError]:
    """All of a schema; `known` are rules that the definition had before, whose cost was judged then."""
    costs = Costs()
    found, rules = _both(schema, Spot(path, is_root=True, has_types=has_types), costs, known)
    if costs.total > COST_OF_SCHEMA:
        told = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        rules += [fields.forbidden(where, told) for _, where in costs.most]
        name = f"{RULES} estimated rule cost total for entire OpenAPIv3 schema"
        rules.append(fields.forbidden(path, _too_costly(name, costs.total, COST_OF_SCHEMA)))
    return [*found, *rules]


Both = tuple[list[FieldError], list[FieldError]]  # of the schema, and of its rules


def _both(schema: Json, spot: Spot, costs: Costs, known: frozenset[str]) -> Both:
    found, rules = list(_words(schema, spot)), list[FieldError]()
    for below, inner in _below(schema, spot):
        more, wrong = _both(below, inner, costs, known)
        found += more
        rules += wrong
    found += [*_extensions(schema, spot.path), *_list_rules(schema, spot.path)]
    said = schema.get(RULES) or ()
    for index, rule in enumerate(said):
        found += _rule_words(rule, schema, f"{spot.path}.{RULES}[{index}]")
    if said and not found and spot.has_types:
        rules += _rules(schema, spot, costs, known)
    return found, rules


def _below(schema: Json, spot: Spot) -> Iterator[tuple[Json, Spot]]:
    """Every schema below, with what holds there."""
    path, others, items = spot.path, schema.get("additionalProperties"), schema.get("items")
    if isinstance(others, Mapping):
        why = "inside additionalProperties applying to object metadata" if spot.is_meta else spot.no_defaults
        at = replace(spot, path=f"{path}.additionalProperties", is_root=False, no_defaults=why)
        yield others, replace(at, times=_times(spot.times, schema.get("maxProperties")))
    for name, below in (schema.get("properties") or {}).items():
        yield below, _of_property(schema, spot, name)
    for word in ("not", *_JUNCTIONS):
        nested = schema.get(word) or ()
        for index, below in enumerate([nested] if isinstance(nested, Mapping) else nested):
            where = f"{path}.{word}" if word == "not" else f"{path}.{word}[{index}]"
            yield below, replace(spot, path=where, is_root=False, has_types=False)
    if isinstance(items, Mapping):
        loose = spot.loose or ("" if schema.get(LIST_TYPE) == "map" else path)
        at = replace(spot, path=f"{path}.items", is_root=False, loose=loose)
        yield items, replace(at, times=_times(spot.times, schema.get("maxItems")))


def _of_property(schema: Json, spot: Spot, name: str) -> Spot:
    loose = spot.loose or (spot.path if schema.get(MAP_TYPE) == "atomic" else "")
    at = replace(spot, path=f"{spot.path}.properties[{name}]", is_root=False, loose=loose)
    if name not in OF_EVERY_OBJECT or not (spot.is_root or schema.get(EMBEDDED)):
        return at
    return replace(at, is_meta=True, no_defaults=f"in top-level {name}" if spot.is_root else spot.no_defaults)


def _times(times: int | None, most: int | None) -> int | None:
    return None if times is None or most is None else times * max(0, most)


# --- words


def _words(schema: Json, spot: Spot) -> Errors:
    path, sort = spot.path, schema.get("type") or ""
    if sort and sort not in TYPES:
        yield fields.not_supported(f"{path}.type", sort, list(TYPES))
    if schema.get("default") is not None and spot.no_defaults:
        yield fields.forbidden(f"{path}.default", f"must not be set {spot.no_defaults}")
    for word in _UNSUPPORTED:
        if schema.get(word):
            yield fields.forbidden(f"{path}.{word}", f"{word} is not supported")
    if sort == "null":
        yield fields.forbidden(f"{path}.type", "type cannot be set to null, use nullable as an alternative")
    if isinstance(schema.get("items"), list):
        yield fields.forbidden(f"{path}.items", "items must be a schema object and not an array")
    if spot.is_meta and schema.get(EMBEDDED):
        yield fields.forbidden(f"{path}.{EMBEDDED}", "must not be used inside of resource meta")
    if schema.get("uniqueItems"):
        told = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield fields.forbidden(f"{path}.uniqueItems", told)
    if schema.get("properties") and schema.get("additionalProperties") not in (None, True):
        told = "additionalProperties and properties are mutual exclusive"
        yield fields.forbidden(f"{path}.additionalProperties", told)


def _needs_type(schema: Json, path: str, wanted: str, word: str) -> Errors:
    sort, where = schema.get("type") or "", f"{path}.type"
    if schema.get(word) is not None and sort != wanted:
        told = f"must be {wanted} if {word} is specified"
        yield fields.invalid(where, sort, told) if sort else fields.required(where, told)


def _extensions(schema: Json, path: str) -> Errors:
    if schema.get(PRESERVES) is False:
        yield fields.invalid(f"{path}.{PRESERVES}", False, "must be true or undefined")
    yield from _needs_type(schema, path, "object", MAP_TYPE)
    if schema.get(MAP_TYPE) not in (None, "atomic", "granular"):
        yield fields.not_supported(f"{path}.{MAP_TYPE}", schema[MAP_TYPE], ["atomic", "granular"])
    yield from _needs_type(schema, path, "array", LIST_TYPE)
    if schema.get("type") == "array" and schema.get(LIST_TYPE) == "set":
        yield from _set_items(schema.get("items"), path)
    if schema.get(LIST_TYPE) not in (None, "atomic", "set", "map"):
        yield fields.not_supported(f"{path}.{LIST_TYPE}", schema[LIST_TYPE], ["atomic", "set", "map"])


def _set_items(items: Any, path: str) -> Errors:
    """Items of a set are wholes."""
    if not isinstance(items, Mapping):
        return
    told = f"must be atomic as item of a list with {LIST_TYPE}=set"
    if items.get("type") == "array" and items.get(LIST_TYPE) not in (None, "atomic"):
        yield fields.invalid(f"{path}.items.{LIST_TYPE}", items[LIST_TYPE], told)
    if items.get("type") == "object" and items.get(MAP_TYPE) != "atomic":
        yield fields.invalid(f"{path}.items.{MAP_TYPE}", items.get(LIST_TYPE), told)


def _list_rules(schema: Json, path: str) -> Errors:
    """Lists with keys: which they are, and that every item has them."""
    keys, sort, items = list(schema.get(MAP_KEYS) or ()), schema.get(LIST_TYPE), schema.get("items")
    if keys and sort != "map":
        told = f"must be map if {MAP_KEYS} is non-empty"
        where = f"{path}.{LIST_TYPE}"
        yield fields.required(where, told) if sort is None else fields.invalid(where, sort, told)
    if sort == "map":
        yield from _map_rules(keys, items, path)
    if sort in ("map", "set") and isinstance(items, Mapping):
        if items.get("nullable"):
            yield fields.forbidden(f"{path}.items.nullable", f"cannot be nullable when {LIST_TYPE} is {sort}")
        yield from _key_rules(keys if sort == "map" else [], items, path)


def _map_rules(keys: list[str], items: Any, path: str) -> Errors:
    if not keys:
        yield fields.required(f"{path}.{MAP_KEYS}", f"must not be empty if {LIST_TYPE} is map")
    if items is None:
        yield fields.required(f"{path}.items", f"must have a schema if {LIST_TYPE} is map")
    if isinstance(items, list):
        yield fields.invalid(f"{path}.items", items, f"must only have a single schema if {LIST_TYPE} is map")
    if not isinstance(items, Mapping):
        return
    sort, parent = items.get("type") or "", f"if parent array's {LIST_TYPE} is map"
    if sort != "object":
        yield fields.invalid(f"{path}.items.type", sort, f"must be object {parent}")
        return
    properties: Json = items.get("properties") or {}
    for index, key in enumerate(keys):
        if key not in properties:
            yield fields.invalid(f"{path}.{MAP_KEYS}", keys, "entries must all be names of item properties")
        elif properties[key].get("type") in ("array", "object"):
            yield fields.invalid(f"{path}.items.properties[{key}].type", sort, f"must be a scalar type {parent}")
        if key in keys[:index]:
            yield fields.invalid(f"{path}.{MAP_KEYS}", keys, "must not contain duplicate entries")


def _key_rules(keys: list[str], items: Json, path: str) -> Errors:
    needed = items.get("required") or ()
    for key in keys:
        own = (items.get("properties") or {}).get(key)
        where = f"{path}.items.properties[{key}]"
        if own is not None and key not in needed and own.get("default") is None:
            told = f"this property is in {MAP_KEYS}, so it must have a default or be a required property"
            yield fields.required(f"{where}.default", told)
        if own is not None and own.get("nullable"):
            yield fields.forbidden(f"{where}.nullable", f"this property is in {MAP_KEYS}, so it cannot be nullable")


# --- rules


def _rule_words(said: Json, schema: Json, path: str) -> Errors:
    rule, message = str(said.get("rule") or ""), str(said.get("message") or "")
    if not rule.strip():
        yield fields.required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield fields.invalid(f"{path}.message", message, "message must be non-empty if specified")
    elif _BREAKS.search(message.strip()):
        yield fields.invalid(f"{path}.message", message, "message must not contain line breaks")
    elif _BREAKS.search(rule.strip()) and not message.strip():
        yield fields.required(f"{path}.message", "message must be specified if rule contains line breaks")
    if said.get("messageExpression") and not said["messageExpression"].strip():
        yield fields.required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")
    if said.get("reason") is not None and said["reason"] not in REASONS:
        yield fields.not_supported(f"{path}.reason", said["reason"], list(REASONS))
    yield from _field_path(said.get("fieldPath") or "", schema, f"{path}.fieldPath")


def _field_path(field_path: str, schema: Json, path: str) -> Errors:
    if not field_path:
        return
    if not field_path.strip():
        yield fields.invalid(path, field_path, "fieldPath must be non-empty if specified")
    if _BREAKS.search(field_path):
        yield fields.invalid(path, field_path, "fieldPath must not contain line breaks")
    try:
        schemapaths.found(field_path, schema)
    except schemapaths.NoSuchPath:
        yield fields.invalid(path, field_path, "fieldPath must be a valid path")


def _rules(schema: Json, spot: Spot, costs: Costs, known: frozenset[str]) -> Errors:
    """Every rule compiled: its types, what it costs, and whether it may look back."""
    type_ = celtypes.type_of(schema, is_object=spot.is_root)
    if type_ is None:
        told = f"internal error: failed to retrieve type information for {RULES}"
        yield FieldError(f"{spot.path}.{RULES}", "InternalError", f"Internal error: {told}")
        return
    times = celtypes.cardinality(schema) if spot.times is None else spot.times
    for index, said in enumerate(schema[RULES]):
        rule = celrules.compiled(said, type_)
        yield from _rule(rule, f"{spot.path}.{RULES}[{index}]", times, costs, known)
        yield from _looking_back(rule, spot, f"{spot.path}.{RULES}[{index}]")


def _rule(rule: Any, path: str, times: int, costs: Costs, known: frozenset[str]) -> Errors:
    parts = (
        ("rule", "estimated rule cost", rule.program, rule.fault, times),
        ("messageExpression", "estimated messageExpression cost", rule.message, rule.message_fault, 1),
    )
    for word, name, program, fault, count in parts:
        cost = program.checked.cost * count if program else 0
        if cost > COST_OF_RULE and rule.said.get(word) not in known:
            yield fields.forbidden(f"{path}.{word}", _too_costly(name, cost, COST_OF_RULE))
        costs.add(f"{path}.{word}", cost if rule.said.get(word) not in known else 0)
        if fault:
            yield fields.invalid(f"{path}.{word}", _as_go(rule.said), fault)


def _looking_back(rule: Any, spot: Spot, path: str) -> Errors:
    said = rule.said
    if rule.uses_old and spot.loose:
        told = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {spot.loose}"
        yield fields.invalid(f"{path}.rule", said.get("rule", ""), told)
    elif not rule.uses_old and said.get("optionalOldSelf") is not None:
        told = "may not be set if oldSelf is not used in rule"
        yield fields.invalid(f"{path}.optionalOldSelf", said["optionalOldSelf"], told)


def _as_go(said: Json) -> Json:
    """A rule as messages print it."""
    return {
        "Rule": said.get("rule") or "",
        "Message": said.get("message") or "",
        "MessageExpression": said.get("messageExpression") or "",
        "Reason": said.get("reason"),
        "FieldPath": said.get("fieldPath") or "",
        "OptionalOldSelf": said.get("optionalOldSelf"),
    }


def _too_costly(name: str, cost: int, most: int) -> str:
    factor = cost / most
    shown = "more than 100x" if factor > 100 else f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return (
        f"{name} exceeds budget by factor of {shown} (try simplifying the rule, or adding maxItems, maxProperties, "
        "and maxLength where arrays, maps, and strings are declared)"
    )
