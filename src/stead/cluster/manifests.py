"""Manifests as people write them: YAML or JSON files to objects, with the place of every mistake.

Scalars are read as kubectl reads them (YAML 1.1 as Go's sigs.k8s.io/yaml has it), which no Python library does: `y` and
`off` are booleans, `0777` is 511, `12:30:45` and dates are text, keys become text.
"""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from stead.machinery.objects import Json, dig

TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"])
FALSE = frozenset(["n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"])


class ManifestError(Exception):
    """One mistake: the message names the file, the document, the line or field, and what to do."""


class Manifest(Struct, frozen=True):
    """One object as it was written, and where: `web.yaml, document 2`."""

    obj: Json
    place: str


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's parser with kubectl's idea of scalars."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        self.flatten_mapping(node)
        pairs = ((self.construct_object(k, deep=True), self.construct_object(v, deep=True)) for k, v in node.value)
        return {_key_text(key): value for key, value in pairs}


def _key_text(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, dict | list):
        raise yaml.YAMLError("a mapping key must be a scalar")
    return str(key)


def _boolean(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return node.value in TRUE


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    text = node.value.replace("_", "")
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    number = sign * _magnitude(digits)
    return number if -(2**63) <= number < 2**64 else float(number)


def _magnitude(digits: str) -> int:
    lower = digits.lower()
    if lower.startswith(("0x", "0b", "0o")):
        return int(lower, 0)
    if len(digits) > 1 and digits[0] == "0" and not set(digits) & {"8", "9"}:
        return int(digits, 8)
    return int(digits)


def _number(loader: _Loader, node: yaml.ScalarNode) -> float | int:
    if "inf" in node.value.lower() or "nan" in node.value.lower():
        raise yaml.constructor.ConstructorError(
            None, None, f"{node.value} is not a number that JSON knows", node.start_mark
        )
    number = float(node.value.replace("_", ""))
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _binary(loader: _Loader, node: yaml.ScalarNode) -> str:
    return base64.b64decode(node.value).decode("utf-8", "replace")


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolve("bool", "|".join(sorted(TRUE | FALSE)), "yYnNtTfFoO")
_resolve("null", r"~|null|Null|NULL|", "~nN\0")
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
_resolve("int", r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_resolve("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.")
_resolve("merge", "<<", "<")
_Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_constructor("tag:yaml.org,2002:binary", _binary)


def parse(text: str, source: str) -> list[Manifest]:
    """Every object of a YAML or JSON text, Lists taken apart; raises ManifestError."""
    manifests: list[Manifest] = []
    try:
        for number, document in enumerate(yaml.load_all(text, _Loader), start=1):
            manifests += _objects(document, f"{source}, document {number}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        number = text[: mark.index].count("\n---") + 1 if mark else 1
        raise ManifestError(f"{source}, document {number}{line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ManifestError(f"{source}: not valid YAML: {error}") from error
    return manifests


def read(paths: list[str]) -> list[Manifest]:
    """Every object of files and of the folders' `*.yaml`, `*.yml` and `*.json`, in order; raises ManifestError."""
    manifests: list[Manifest] = []
    for path in _files(paths):
        try:
            manifests += parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ManifestError(f"{path}: {reason}") from error
    return manifests


def _files(paths: list[str]) -> Iterator[Path]:
    for name in paths:
        path = Path(name)
        if path.is_dir():
            yield from sorted(found for found in path.iterdir() if found.suffix in (".yaml", ".yml", ".json"))
        else:
            yield path


def _objects(document: Any, place: str) -> list[Manifest]:
    if document is None:
        return []
    if not isinstance(document, dict):
        raise ManifestError(f"{place}: an object is wanted (apiVersion, kind, metadata), this is {_named(document)}")
    for field in ("apiVersion", "kind"):
        if not isinstance(document.get(field), str) or not document[field]:
            raise ManifestError(f"{place}: {field} is missing; say which kind of object this is")
    if document["kind"] == "List" or (document["kind"].endswith("List") and "items" in document):
        return [one for i, item in enumerate(document.get("items") or []) for one in _objects(item, f"{place}[{i}]")]
    if not dig(document, "metadata", "name") and not dig(document, "metadata", "generateName"):
        raise ManifestError(f"{place}: metadata.name is missing; every {document['kind']} needs a name")
    return [Manifest(document, place)]


def _named(value: Any) -> str:
    return {"list": "a list", "str": "a text"}.get(type(value).__name__, f"a {type(value).__name__}")
