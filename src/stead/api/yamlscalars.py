"""PyYAML's parser with Go's idea of scalars, kept by itself because PyYAML is loaded when the first YAML comes in."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import yaml

TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"])
FALSE = frozenset(["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"])
MOST_ALIASED = 100_000  # values that aliases may add to a document, so that a few lines cannot become gigabytes

ENDLESS = 10**9


class Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's parser with Go's idea of scalars."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        self.flatten_mapping(node)
        pairs = ((self.construct_object(k, deep=True), self.construct_object(v, deep=True)) for k, v in node.value)
        return {_key_text(key): value for key, value in pairs}

    def construct_document(self, node: yaml.Node) -> Any:
        written: dict[int, int] = {}
        if _weight(node, {}, written) > MOST_ALIASED + sum(written.values()):
            raise yaml.YAMLError("document contains excessive aliasing")
        return super().construct_document(node)


def repeated_keys(text: bytes) -> Iterator[tuple[int, str]]:
    """Keys that a mapping has already, with the line of their value, counted from 1."""
    waiting: list[yaml.Node] = [node for node in [yaml.compose(text, Loader)] if node is not None]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += reversed(node.value)
            continue
        keys = [(key.value, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
        there: set[str] = set()
        for key, value in keys:
            if key in there:
                yield value.start_mark.line + 1, key
            there.add(key)
        waiting += [value for _, value in reversed(keys)]


def _weight(node: yaml.Node | None, known: dict[int, int], written: dict[int, int]) -> int:
    """How many values a node stands for, aliases counted each time; `written` counts them once, where they stand."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    weight = known.get(id(node))
    if weight is None:
        known[id(node)] = ENDLESS  # an alias to a node around it has no end
        children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        written[id(node)] = 1 + len(children)
        weight = known[id(node)] = 1 + sum(_weight(child, known, written) for child in children)
    return weight


def _key_text(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, dict | list):
        raise yaml.YAMLError("a mapping key must be a scalar")
    return "null" if key is None else str(key)


def _boolean(loader: Loader, node: yaml.ScalarNode) -> bool:
    return node.value in TRUE


def _integer(loader: Loader, node: yaml.ScalarNode) -> int | float:
    text = node.value.replace("_", "")
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    number = sign * _magnitude(digits)
    return number if -(2**63) <= number < 2**64 else _as_json(float(number))


def _magnitude(digits: str) -> int:
    lower = digits.lower()
    if lower.startswith(("0x", "0b", "0o")):
        return int(lower, 0)
    if len(digits) > 1 and digits[0] == "0" and not set(digits) & {"8", "9"}:
        return int(digits, 8)
    return int(digits)


def _number(loader: Loader, node: yaml.ScalarNode) -> float | int:
    if "inf" in node.value.lower() or "nan" in node.value.lower():
        raise yaml.YAMLError(f"{node.value} is not a number that JSON knows")
    return _as_json(float(node.value.replace("_", "")))


def _as_json(number: float) -> float | int:
    """As Go prints it on the way to JSON: a whole number has no point until it needs an exponent."""
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _binary(loader: Loader, node: yaml.ScalarNode) -> str:
    return base64.b64decode(node.value).decode("utf-8", "replace")


def _resolve(tag: str, pattern: str, first: str) -> None:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolve("bool", "|".join(sorted(TRUE | FALSE)), "yYnNtTfFoO")
_resolve("null", "~|null|Null|NULL", "~nN")
Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
_resolve("int", r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_resolve("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.")
_resolve("merge", "<<", "<")
Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)
Loader.add_constructor("tag:yaml.org,2002:int", _integer)
Loader.add_constructor("tag:yaml.org,2002:float", _number)
Loader.add_constructor("tag:yaml.org,2002:binary", _binary)
