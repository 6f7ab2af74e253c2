"""How the parts of a program run: names, members, operators, calls, literals."""

from collections.abc import Callable, Mapping
from typing import Any

from stead.kinds.cel import amounts, conversions, lists, network, patterns, texts, times, values
from stead.kinds.cel.faults import RunError, no_overload
from stead.kinds.cel.frames import Frame, Run
from stead.kinds.cel.values import NOTHING, Duration, Moment, Optional, TypeValue, Unsigned, checked, equal, is_number

Function = Callable[..., Any]


def type_named(name: str) -> TypeValue:
    return TypeValue(name)


def constant(value: Any) -> Run:
    return lambda frame: value


def slot(index: int) -> Run:
    def run(frame: Frame) -> Any:
        frame.spend(1)
        return frame.slots[index]

    return run


# --- members


def selected(operand: Run, name: str, *, is_optional: bool, is_test: bool) -> Run:
    """`a.b`, `a.?b` and `has(a.b)`; a member of an optional value is optional."""

    def run(frame: Frame) -> Any:
        frame.spend(1)
        value = operand(frame)
        if type(value) is dict and not is_test and not is_optional:
            if name in value:
                return value[name]
            raise RunError(f"no such key: {name}")
        return _member(value, name, is_optional=is_optional, is_test=is_test)

    return run


def _member(value: Any, name: str, *, is_optional: bool, is_test: bool) -> Any:
    is_chained = isinstance(value, Optional)
    if is_chained:
        if not value.is_there:
            return False if is_test else NOTHING
        value = value.value
    if not isinstance(value, Mapping):
        raise no_overload()
    if is_test:
        return name in value
    if is_chained or is_optional:
        return Optional(value[name], True) if name in value else NOTHING
    if name not in value:
        raise RunError(f"no such key: {name}")
    return value[name]


def _indexed(value: Any, index: Any) -> Any:
    if isinstance(value, Optional):
        return _perhaps_indexed(value, index)
    if isinstance(value, list):
        if not is_number(index) or index != int(index):
            raise no_overload()
        if not 0 <= index < len(value):
            raise RunError(f"index out of bounds: {index}")
        return value[int(index)]
    if not isinstance(value, Mapping):
        raise no_overload()
    if _key(value, index) not in value:
        raise RunError(f"no such key: {index}")
    return value[_key(value, index)]


def _perhaps_indexed(value: Any, index: Any) -> Optional:
    if isinstance(value, Optional):
        if not value.is_there:
            return NOTHING
        value = value.value
    if isinstance(value, list):
        is_there = is_number(index) and index == int(index) and 0 <= index < len(value)
        return Optional(value[int(index)], True) if is_there else NOTHING
    if not isinstance(value, Mapping):
        raise no_overload()
    key = _key(value, index)
    return Optional(value[key], True) if key in value else NOTHING


def _key(value: Mapping[Any, Any], key: Any) -> Any:
    """True is no 1 for a map, whatever Python thinks."""
    if isinstance(key, bool):
        return next((known for known in value if known is key), NOTHING)
    return key if isinstance(key, str | int | float) else NOTHING


# --- logic


def logical(parts: list[Run], *, is_and: bool) -> Run:
    """`&&` and `||`: what decides the answer beats an error beside it."""
    decides = not is_and

    def run(frame: Frame) -> Any:
        wrong: RunError | None = None
        for part in parts:
            try:
                value = part(frame)
            except RunError as error:
                wrong = wrong or error
                continue
            if value is decides:
                return decides
            if not isinstance(value, bool):
                wrong = wrong or no_overload()
        if wrong is not None:
            raise wrong
        return is_and

    return run


def choice(test: Run, yes: Run, no: Run) -> Run:
    def run(frame: Frame) -> Any:
        found = test(frame)
        if found is True:
            return yes(frame)
        if found is False:
            return no(frame)
        raise no_overload()

    return run


# --- literals


def listed(items: list[tuple[Run, bool]]) -> Run:
    def run(frame: Frame) -> Any:
        frame.spend(10)
        found: list[Any] = []
        for item, is_optional in items:
            value = item(frame)
            if not is_optional:
                found.append(value)
            elif isinstance(value, Optional) and value.is_there:
                found.append(value.value)
        return found

    return run


def mapped(entries: list[tuple[Run, Run, bool]]) -> Run:
    def run(frame: Frame) -> Any:
        frame.spend(30)
        found: dict[Any, Any] = {}
        for key, value, is_optional in entries:
            name, item = key(frame), value(frame)
            if not isinstance(name, str | int):
                raise RunError(f"unsupported key type: {values.sort_of(name)}")
            if name in found:
                raise RunError(f"Failed with repeated key: {name}")
            if not is_optional:
                found[name] = item
            elif isinstance(item, Optional) and item.is_there:
                found[name] = item.value
        return found

    return run


# --- calls


def called(name: str, args: list[Run]) -> Run:
    """A call of a function; looking through text or lists is paid for by their size."""
    function = FUNCTIONS[name]
    per_size = name in _BY_SIZE

    def run(frame: Frame) -> Any:
        given = [arg(frame) for arg in args]
        frame.spend(1 + sum(values.size_of(value) for value in given) // 10 if per_size else 1)
        try:
            made = function(*given)
        except (TypeError, AttributeError):
            raise no_overload() from None
        except (ArithmeticError, LookupError, ValueError) as wrong:
            raise RunError(f"{name}: {wrong}") from None
        if per_size:
            frame.spend(values.size_of(made) // 10)
        return made

    return run


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left + right
    if isinstance(left, list) and isinstance(right, list):
        return values.joined(left, right)
    if isinstance(left, Moment | Duration) and isinstance(right, Moment | Duration):
        both = checked(int(left) + int(right))
        return Moment(both) if Moment in (type(left), type(right)) else Duration(both)
    return _counted(left, right, int.__add__, float.__add__)


def _minus(left: Any, right: Any) -> Any:
    if isinstance(left, Moment | Duration) and isinstance(right, Moment | Duration):
        rest = checked(int(left) - int(right))
        is_moment = isinstance(left, Moment) and isinstance(right, Duration)
        return Moment(rest) if is_moment else Duration(rest)
    return _counted(left, right, int.__sub__, float.__sub__)


def _counted(left: Any, right: Any, whole: Function, real: Function) -> Any:
    """Arithmetic of two numbers of one type, which must fit in 64 bits."""
    if type(left) is int and type(right) is int:
        return checked(whole(left, right))
    if type(left) is Unsigned and type(right) is Unsigned:
        return Unsigned(checked(whole(int(left), int(right)), least=0, most=values.MOST_UNSIGNED))
    if type(left) is float and type(right) is float:
        return real(left, right)
    raise no_overload()


def _over(left: Any, right: Any) -> Any:
    if type(left) is float and type(right) is float:
        if right == 0.0:
            return float("nan") if left == 0.0 or left != left else left * float("inf") * (1.0 if right >= 0 else -1.0)
        return left / right
    if right == 0:
        raise RunError("division by zero")
    return _counted(left, right, _divided, float.__truediv__)


def _rest(left: Any, right: Any) -> Any:
    if right == 0 and type(right) is not float:
        raise RunError("modulus by zero")
    return _counted(left, right, lambda a, b: a - b * _divided(a, b), _no_rest)


def _no_rest(left: float, right: float) -> float:
    raise no_overload()


def _divided(left: int, right: int) -> int:
    """Towards zero."""
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _negative(value: Any) -> Any:
    if type(value) is int:
        return checked(-value)
    if type(value) is float:
        return -value
    raise no_overload()


def _inverted(value: Any) -> bool:
    if isinstance(value, bool):
        return not value
    raise no_overload()


def _within(item: Any, of: Any) -> bool:
    if isinstance(of, list):
        return any(equal(item, one) for one in of)
    if isinstance(of, Mapping):
        return _key(of, item) in of
    raise no_overload()


def _orders(test: Callable[[Any, Any], bool]) -> Function:
    def run(left: Any, right: Any) -> bool:
        is_fair = (is_number(left) and is_number(right)) or values.sort_of(left) == values.sort_of(right)
        if not is_fair or isinstance(left, list | Mapping | type(None)):
            raise no_overload()
        return test(left, right)

    return run


def fault_of_literal(name: str, text: str) -> str:
    """What is wrong with a pattern, a duration or a time that is written out."""
    if name in ("duration", "timestamp"):
        try:
            (values.duration if name == "duration" else values.moment)(text)
        except RunError as wrong:
            return f"invalid {name} argument: {wrong}" if name == "duration" else f"invalid timestamp: {wrong}"
        return ""
    wrong_pattern = patterns.fault(text)
    return f"invalid matches argument: {wrong_pattern}" if wrong_pattern else ""


_LOOKING = (
    "_+_ _==_ _!=_ @in contains startsWith endsWith matches find findAll indexOf lastIndexOf lowerAscii upperAscii "
    "trim replace split substring join format strings.quote sum min max isSorted string bytes quantity isQuantity url "
    "isURL ip isIP cidr isCIDR semver isSemver validate sets.contains sets.equivalent sets.intersects"
)
_BY_SIZE = frozenset(_LOOKING.split())
FUNCTIONS: Mapping[str, Function] = {
    "_+_": _plus,
    "_-_": _minus,
    "_*_": lambda left, right: _counted(left, right, int.__mul__, float.__mul__),
    "_/_": _over,
    "_%_": _rest,
    "-_": _negative,
    "!_": _inverted,
    "_==_": equal,
    "_!=_": lambda left, right: not equal(left, right),
    "_<_": _orders(lambda left, right: left < right),
    "_<=_": _orders(lambda left, right: left <= right),
    "_>_": _orders(lambda left, right: left > right),
    "_>=_": _orders(lambda left, right: left >= right),
    "@in": _within,
    "_[_]": _indexed,
    "_[?_]": _perhaps_indexed,
    **conversions.FUNCTIONS,
    **texts.FUNCTIONS,
    **lists.FUNCTIONS,
    **times.FUNCTIONS,
    **network.FUNCTIONS,
    **amounts.FUNCTIONS,
}
