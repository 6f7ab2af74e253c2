"""Manifests as people write them: YAML or JSON files to objects, with the place of every mistake."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from stead.api import yamltext
from stead.api.yamltext import NotYaml
from stead.machinery.objects import Json, dig


class ManifestError(Exception):
    """One mistake: the message names the file, the document, the line or field, and what to do."""


class Manifest(Struct, frozen=True):
    """One object as it was written, and where: `web.yaml, document 2`."""

    obj: Json
    place: str


def parse(text: str, source: str) -> list[Manifest]:
    """Every object of a YAML or JSON text, Lists taken apart; raises ManifestError."""
    manifests: list[Manifest] = []
    try:
        for number, document in enumerate(yamltext.documents(text), start=1):
            manifests += _objects(document, f"{source}, document {number}")
    except NotYaml as error:
        number = text[: error.index].count("\n---") + 1
        place = f", document {number}, line {error.line}, column {error.column}" if error.line else ""
        raise ManifestError(f"{source}{place}: not valid YAML: {error.problem}") from error
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
