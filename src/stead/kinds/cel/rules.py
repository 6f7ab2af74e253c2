"""The rules of a schema: compiled once, held against every object, told as the real server tells them.

A rule costs steps, and an object has a budget of them: a hostile rule is refused when it runs out, and nobody waits.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from msgspec import Struct

from stead.kinds import twins
from stead.kinds.cel import checking, schematypes
from stead.kinds.cel.celtypes import STRING, Type, optional_of
from stead.kinds.cel.checking import Program
from stead.kinds.cel.faults import RunError, TooCostly, Unreadable
from stead.kinds.cel.frames import Frame
from stead.kinds.cel.schematypes import Reads
from stead.kinds.cel.values import NOTHING, Optional
from stead.kinds.schema import LIST_TYPE, MAP_KEYS, MAP_TYPE, RULES
from stead.kinds.twins import Twin
from stead.machinery import fields
from stead.machinery.fields import FieldError
from stead.machinery.objects import Json, canonical

PER_CALL = 1_000_000
PER_OBJECT = 2_000_000  # a fifth of upstream's: its steps are faster than ours
LONGEST_MESSAGE = 5 * 1024
OUT = "validation failed due to running out of cost budget, no further validation rules will be run"


class Rule(Struct, frozen=True):
    """One rule of a definition, ready to run."""

    said: Json
    program: Program | None = None
    message: Program | None = None
    fault: str = ""  # why it is no rule
    message_fault: str = ""

    @property
    def uses_old(self) -> bool:
        programs = [program for program in (self.program, self.message) if program]
        return any("oldSelf" in program.uses for program in programs)

    @property
    def shown(self) -> str:
        return str(self.said.get("message") or self.said.get("rule", "")).strip()


def compiled(said: Json, type_: Type) -> Rule:
    """A rule on a value of that type; what is wrong with it is in the rule."""
    old = optional_of(type_) if said.get("optionalOldSelf") else type_
    variables = {"self": type_, "oldSelf": old}
    made = Rule(said)
    try:
        program = checking.compiled(said.get("rule", ""), variables)
        told = "" if program.type.name in ("bool", "dyn") else "cel expression must evaluate to a bool"
        made = Rule(said, program, fault=told)
    except Unreadable as wrong:
        made = Rule(said, fault=f"compilation failed: {wrong}")
    return _with_message(made, variables) if str(said.get("messageExpression") or "").strip() else made


def _with_message(rule: Rule, variables: Mapping[str, Type]) -> Rule:
    try:
        program = checking.compiled(rule.said["messageExpression"], variables)
    except Unreadable as wrong:
        told = f"messageExpression compilation failed: {wrong}"
        return Rule(rule.said, rule.program, fault=rule.fault, message_fault=told)
    told = "" if program.type.name == STRING.name else "messageExpression must evaluate to a string"
    return Rule(rule.said, rule.program, program, rule.fault, told)


class Place(Struct, frozen=True):
    """A schema with rules, or with places below that have."""

    schema: Json
    rules: tuple[Rule, ...] = ()
    reads: Reads | None = None
    properties: Mapping[str, "Place"] = {}
    others: "Place | None" = None
    items: "Place | None" = None
    all_of: tuple["Place", ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.rules or self.properties or self.others or self.items or self.all_of)


def place_of(schema: Json, *, is_object: bool = False) -> Place | None:
    """The rules of a schema and of all below it, None where there are none."""
    said, type_ = schema.get(RULES) or (), None
    if said:
        type_ = schematypes.type_of(schema, is_object=is_object)
    items, others = schema.get("items"), schema.get("additionalProperties")
    below = {name: place_of(inner) for name, inner in (schema.get("properties") or {}).items()}
    made = Place(
        schema,
        tuple(compiled(rule, type_) for rule in said) if type_ else (),
        schematypes.reader_of(schema, is_object=is_object) if type_ else None,
        {name: place for name, place in below.items() if place},
        place_of(others) if isinstance(others, Mapping) else None,
        place_of(items) if isinstance(items, Mapping) else None,
    )
    return None if made.is_empty else made


class Verdict:
    """What the rules say of one object: errors, and warnings for what was wrong before and may stay so."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []
        self.warnings: list[str] = []
        self.left = PER_OBJECT


class _Spent(Exception):
    """The budget is gone: no rule runs any more."""


def judged(place: Place, new: Json, old: Json | None) -> Verdict:
    """Hold every rule against an object; `old` is what it was before an update."""
    verdict = Verdict()
    twin = twins.of(new, old) if old is not None else None
    with suppress(_Spent):
        _judge(verdict, place, "", _Value(new, old, twin))
    return verdict


class _Value(Struct, frozen=True):
    """A value, what `oldSelf` is for its rules, and its twin for what may stay wrong."""

    new: Any
    old: Any
    twin: Twin | None
    nearest: Twin | None = None

    @property
    def may_stay(self) -> bool:
        twin = self.twin or self.nearest
        return twin is not None and twin.is_same


def _judge(verdict: Verdict, place: Place, path: str, value: _Value) -> None:
    if value.new is None:
        return
    _run(verdict, place, path, value)
    if isinstance(value.new, list) and place.items:
        _judge_items(verdict, place, path, value)
    elif isinstance(value.new, Mapping):
        _judge_fields(verdict, place, path, value)


def _judge_fields(verdict: Verdict, place: Place, path: str, value: _Value) -> None:
    is_granular = place.schema.get(MAP_TYPE) != "atomic"
    olds = value.old if isinstance(value.old, Mapping) and is_granular else {}
    for name, item in value.new.items():
        below = place.properties.get(name)
        where = f"{path}.{name}" if path else name
        if below is None and name not in (place.schema.get("properties") or {}):
            below, where = place.others, f"{path}[{name}]"
        if below is not None:
            twin = value.twin.at_key(name, is_granular=is_granular) if value.twin else None
            _judge(verdict, below, where, _Value(item, olds.get(name), twin, value.twin or value.nearest))


def _judge_items(verdict: Verdict, place: Place, path: str, value: _Value) -> None:
    assert place.items is not None
    keys = tuple(place.schema.get(MAP_KEYS) or ()) if place.schema.get(LIST_TYPE) == "map" else ()
    olds = {_mark(item, keys): item for item in value.old} if keys and isinstance(value.old, list) else {}
    for index, item in enumerate(value.new):
        old = olds.get(_mark(item, keys)) if keys else None
        twin = value.twin.at_index(index, keys) if value.twin else None
        _judge(verdict, place.items, f"{path}[{index}]", _Value(item, old, twin, value.twin or value.nearest))


def _mark(item: Any, keys: tuple[str, ...]) -> bytes:
    return canonical([item.get(key) if isinstance(item, Mapping) else None for key in keys])


# --- one rule


def _run(verdict: Verdict, place: Place, path: str, value: _Value) -> None:
    if not place.rules:
        return
    reads = place.reads or (lambda given: given)
    this, sort = reads(value.new), str(place.schema.get("type") or "")
    old = None if value.old is None else reads(value.old)
    for rule in place.rules:
        for error in _told(verdict, rule, (path, sort), (this, old)):
            if value.may_stay and not rule.uses_old:
                verdict.warnings.append(str(error))
            else:
                verdict.errors.append(error)
        if verdict.left < 0:
            raise _Spent


def _told(verdict: Verdict, rule: Rule, where: tuple[str, str], values: tuple[Any, Any]) -> Iterator[FieldError]:
    """What a rule has against a value (`values`: now and before) at a path of a sort."""
    path, sort = where[0] or "<nil>", where[1]
    if rule.fault:
        yield fields.invalid(path, sort, f"rule compile error: {rule.fault}")
        return
    is_optional = bool(rule.said.get("optionalOldSelf"))
    if rule.program is None or (rule.uses_old and values[1] is None and not is_optional):
        return
    try:
        if _evaluated(verdict, rule.program, values, is_optional) is True:
            return
    except TooCostly:
        yield _over_budget(verdict, rule, path, sort)
        return
    except RunError as wrong:
        yield fields.invalid(path, sort, _run_error(str(wrong), rule))
        return
    yield _refusal(verdict, rule, (_with_field(where[0], rule), sort), values)


def _evaluated(verdict: Verdict, program: Program, values: tuple[Any, Any], is_optional: bool) -> Any:
    this, old = values
    if is_optional:
        old = NOTHING if old is None else Optional(old, True)
    allowed = min(PER_CALL, verdict.left)
    frame = Frame([this, old, *[None] * (program.slots - 2)], allowed)
    try:
        return program.checked.run(frame)
    except RecursionError:
        raise TooCostly from None
    finally:
        verdict.left -= allowed - frame.left


def _over_budget(verdict: Verdict, rule: Rule, path: str, sort: str) -> FieldError:
    is_call = verdict.left >= 0
    verdict.left = -1
    if is_call:
        told = "operation cancelled: actual cost limit exceeded"
        why = "no further validation rules will be run due to call cost exceeds limit for rule"
        return fields.invalid(path, sort, f"'{told}': {why}: {rule.shown}")
    return fields.invalid(path, sort, OUT)


def _run_error(wrong: str, rule: Rule) -> str:
    if wrong.startswith("no such overload"):
        why = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{wrong}': {why}: {rule.shown}"
    return f"{wrong} evaluating rule: {rule.shown}"


def _with_field(path: str, rule: Rule) -> str:
    below = str(rule.said.get("fieldPath") or "").strip()
    if not below:
        return path or "<nil>"
    return f"{path}{below}" if path else below.removeprefix(".")


def _refusal(verdict: Verdict, rule: Rule, where: tuple[str, str], values: tuple[Any, Any]) -> FieldError:
    detail = _message(verdict, rule, values) or str(rule.said.get("message") or "").strip()
    detail = detail or f"failed rule: {str(rule.said.get('rule', '')).strip()}"
    path, sort = where
    reason = rule.said.get("reason") or fields.INVALID
    if reason == fields.FORBIDDEN:
        return fields.forbidden(path, detail)
    if reason == fields.REQUIRED:
        return fields.required(path, detail)
    return fields.duplicate(path, sort) if reason == fields.DUPLICATE else fields.invalid(path, sort, detail)


def _message(verdict: Verdict, rule: Rule, values: tuple[Any, Any]) -> str:
    """What the messageExpression says, "" where it fails or says nothing of use."""
    if rule.message is None:
        return ""
    try:
        made = _evaluated(verdict, rule.message, values, bool(rule.said.get("optionalOldSelf")))
    except TooCostly:
        verdict.left = -1
        return f"messageExpression evaluation{OUT.removeprefix('validation')}"
    except RunError:
        return ""
    text = made.strip() if isinstance(made, str) else ""
    return text if "\n" not in text and len(text.encode()) <= LONGEST_MESSAGE else ""


def has_rules(schema: Any) -> bool:
    """Whether there is any rule at all below."""
    if isinstance(schema, Mapping):
        return bool(schema.get(RULES)) or any(has_rules(part) for part in schema.values())
    return isinstance(schema, list) and any(has_rules(part) for part in schema)
