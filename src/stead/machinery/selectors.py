"""Label and field selectors: read from an object or a query string, matched, printed back in one canonical text."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from stead.machinery import labels
from stead.machinery.fields import FieldError, invalid, not_supported
from stead.machinery.objects import Json

_INTEGER = re.compile(r"[-+]?[0-9]{1,19}", re.ASCII)
_FROM_OBJECT = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_PRINTED = {"in": " in ", "notin": " notin ", "gt": ">", "lt": "<"}
_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt")


class Requirement(NamedTuple):
    """One condition on one label. `operator` is one of `= == != in notin exists ! gt lt`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, found: Mapping[str, str]) -> bool:
        return _MATCHES[self.operator](found.get(self.key), self.values)

    def __str__(self) -> str:
        if self.operator in ("exists", "!"):
            return f"!{self.key}" if self.operator == "!" else self.key
        listed = ",".join(sorted(self.values))
        printed = _PRINTED.get(self.operator, self.operator)
        return f"{self.key}{printed}({listed})" if self.operator in ("in", "notin") else f"{self.key}{printed}{listed}"


class Selector(Struct, frozen=True):
    """All of its requirements must hold; `None` for a selector that selects nothing at all."""

    requirements: tuple[Requirement, ...] | None

    def matches(self, found: Mapping[str, str]) -> bool:
        return self.requirements is not None and all(one.matches(found) for one in self.requirements)

    @property
    def is_empty(self) -> bool:
        """Whether everything matches."""
        return self.requirements == ()

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements or ()))


EVERYTHING = Selector(())
NOTHING = Selector(None)


def from_object(selector: Json | None) -> Selector:
    """From `{matchLabels, matchExpressions}`. None selects nothing, the empty one everything; ValueError if wrong."""
    if selector is None:
        return NOTHING
    found = [requirement(key, "=", (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        operator = expression.get("operator", "")
        if operator not in _FROM_OBJECT:
            raise ValueError(f'"{operator}" is not a valid label selector operator')
        values = tuple(expression.get("values") or ())
        found.append(requirement(expression.get("key", ""), _FROM_OBJECT[operator], values))
    return _in_order(found)


def from_labels(wanted: Mapping[str, str] | None) -> Selector:
    """From plain labels, as a Service selects; unchecked. Empty or None selects everything."""
    return _in_order(Requirement(key, "=", (value,)) for key, value in (wanted or {}).items())


def parse(text: str) -> Selector:
    """From a query string: `app=nginx,tier in (a,b),!old,n>5`. ValueError in the API's words."""
    return _in_order(_Parser(text).requirements())


def requirement(key: str, operator: str, values: Sequence[str]) -> Requirement:
    """A checked requirement; ValueError that names everything wrong with it."""
    errors = [*_key_errors(key, "key"), *_count_errors(operator, values)]
    for position, value in enumerate(values):
        if wrong := labels.value_errors(value):
            errors.append(invalid(f"values[{position}][{key}]", value, "; ".join(wrong)))
    _raise(errors)
    return Requirement(key, operator, tuple(values))


def _in_order(found: Iterable[Requirement]) -> Selector:
    return Selector(tuple(sorted(found, key=lambda one: one.key)))


def _raise(errors: Sequence[FieldError]) -> None:
    if errors:
        texts = list(dict.fromkeys(map(str, errors)))
        raise ValueError(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")


def _key_errors(key: str, field: str) -> list[FieldError]:
    wrong = labels.key_errors(key)
    return [invalid(field, key, "; ".join(wrong))] if wrong else []


def _count_errors(operator: str, values: Sequence[str]) -> list[FieldError]:
    if operator in ("gt", "lt"):
        return _bound_errors(values)
    if operator not in _COUNTS:
        return [not_supported("operator", operator, list(_MATCHES))]
    fits, wrong = _COUNTS[operator]
    return [] if fits(len(values)) else [invalid("values", list(values), wrong)]


_SOME = (bool, "for 'in', 'notin' operators, values set can't be empty")
_ONE = ((1).__eq__, "exact-match compatibility requires one single value")
_NONE = ((0).__eq__, "values set must be empty for exists and does not exist")
_COUNTS: Mapping[str, tuple[Callable[[int], bool], str]] = {
    "in": _SOME,
    "notin": _SOME,
    "=": _ONE,
    "==": _ONE,
    "!=": _ONE,
    "exists": _NONE,
    "!": _NONE,
}


def _bound_errors(values: Sequence[str]) -> list[FieldError]:
    errors = []
    if len(values) != 1:
        errors.append(invalid("values", list(values), "for 'Gt', 'Lt' operators, exactly one value is required"))
    for position, value in enumerate(values):
        if _integer(value) is None:
            detail = "for 'Gt', 'Lt' operators, the value must be an integer"
            errors.append(invalid(f"values[{position}]", value, detail))
    return errors


def _integer(text: str | None) -> int | None:
    """A 64-bit integer, else None."""
    number = int(text) if text and _INTEGER.fullmatch(text) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _is_beyond(found: str | None, bound: str, sign: int) -> bool:
    one, other = _integer(found), _integer(bound)
    return one is not None and other is not None and sign * one > sign * other


_MATCHES: dict[str, Callable[[str | None, tuple[str, ...]], bool]] = {
    "=": lambda found, values: found == values[0],
    "==": lambda found, values: found == values[0],
    "in": lambda found, values: found in values,
    "!=": lambda found, values: found != values[0],
    "notin": lambda found, values: found not in values,
    "exists": lambda found, values: found is not None,
    "!": lambda found, values: found is None,
    "gt": lambda found, values: _is_beyond(found, values[0], 1),
    "lt": lambda found, values: _is_beyond(found, values[0], -1),
}


_WORD = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+)")
_SIGNS = frozenset(("==", "!=", "=", "!", "(", ")", ",", "<", ">", ""))
_SIGN_OPERATORS = {">": "gt", "<": "lt"}


class _Parser:
    """Words of a label selector, read from left to right. The empty word is the end."""

    def __init__(self, text: str) -> None:
        self._words = [found[1] for found in _WORD.finditer(text)]
        self._words.reverse()

    @property
    def _next(self) -> str:
        return self._words[-1] if self._words else ""

    def _take(self) -> str:
        return self._words.pop() if self._words else ""

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while word := self._next:
            if word in _SIGNS and word != "!":
                raise ValueError(f"found '{word}', expected: !, identifier, or 'end of string'")
            found.append(self._requirement())
            self._comma()
        return found

    def _comma(self) -> None:
        word = self._take()
        if word not in (",", ""):
            raise ValueError(f"found '{word}', expected: ',' or 'end of string'")
        if word and self._next in _SIGNS and self._next != "!":
            raise ValueError(f"found '{self._next}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        try:
            is_negated = self._next == "!" and bool(self._take())
            key = self._identifier()
            _raise(_key_errors(key, "<nil>"))
            if is_negated:
                return requirement(key, "!", ())
            if self._next in (",", ""):
                return requirement(key, "exists", ())
            operator = self._operator()
            values = self._list() if operator in ("in", "notin") else self._value()
            return requirement(key, operator, sorted(values))
        except ValueError as wrong:
            raise ValueError(f"unable to parse requirement: {wrong}") from None

    def _identifier(self) -> str:
        word = self._take()
        if word in _SIGNS:
            raise ValueError(f"found '{word}', expected: identifier")
        return word

    def _operator(self) -> str:
        word = self._take()
        operator = _SIGN_OPERATORS.get(word, word)
        if operator not in _OPERATORS or word in ("gt", "lt"):
            raise ValueError(f"found '{word}', expected: {', '.join(_OPERATORS)}")
        return operator

    def _value(self) -> set[str]:
        return {""} if self._next in (",", "") else {self._identifier()}

    def _list(self) -> set[str]:
        """`(a,b)`; what is left out between commas and brackets is the empty value."""
        word = self._take()
        if word != "(":
            raise ValueError(f"found '{word}' expected: '('")
        if self._next in _SIGNS and self._next not in (",", ")"):
            raise ValueError(f"found '{self._next}', expected: ',', ')' or identifier")
        found = {self._item()}
        while (word := self._take()) == ",":
            found.add(self._item())
        if word != ")":
            raise ValueError(f"found '{word}', expected: ',' or ')'")
        return found

    def _item(self) -> str:
        if self._next in (",", ")"):
            return ""
        if self._next in _SIGNS:
            raise ValueError(f"found '{self._next}', expected: ',', or identifier")
        return self._take()


class Term(NamedTuple):
    """One condition on one field."""

    field: str
    value: str
    is_equal: bool = True

    def __str__(self) -> str:
        escaped = re.sub(r"([\\,=])", r"\\\1", self.value)
        return f"{self.field}{'=' if self.is_equal else '!='}{escaped}"


class FieldSelector(Struct, frozen=True):
    """All of its terms must hold."""

    terms: tuple[Term, ...] = ()

    def matches(self, read: Callable[[str], Any]) -> bool:
        """`read` gives the text of a field of the object, "" where it is not set."""
        return all((read(term.field) == term.value) == term.is_equal for term in self.terms)

    def exact(self, field: str) -> str | None:
        """The one value `field` must have, where the selector says so."""
        return next((term.value for term in self.terms if term.field == field and term.is_equal), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


_ESCAPED = re.compile(r"(?:\\.|[^\\,])+\\?|\\", re.DOTALL)
_TERM = re.compile(r"(.*?)(!=|==|=)(.*)", re.DOTALL)


def parse_fields(text: str) -> FieldSelector:
    """From a query string: `metadata.name=a,status.phase!=Running`. Empty terms say nothing. ValueError if wrong."""
    return FieldSelector(tuple(_term(text, part) for part in sorted(_ESCAPED.findall(text))))


def _term(text: str, part: str) -> Term:
    found = _TERM.fullmatch(part)
    if found is None:
        raise ValueError(f"invalid selector: '{text}'; can't understand '{part}'")
    return Term(found[1], _unescaped(found[3]), found[2] != "!=")


def _unescaped(value: str) -> str:
    for found in re.finditer(r"\\(.?)|([,=])", value, re.DOTALL):
        if found[2]:
            raise ValueError(f"invalid field selector: unescaped character in value: {ord(found[2])}")
        if found[1] not in ("\\", ",", "="):
            raise ValueError(f"invalid field selector: invalid escape sequence: {found[0]}")
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
