"""Every type and field that is served is described, in a sentence of its own, and nothing else is."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

import pytest

from stead.api import openapi, schemas
from stead.kinds import descriptions, types
from stead.kinds.descriptions import ELSEWHERE, Descriptions
from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import decode

LONGEST = 420
FILLER = re.compile(r"^(the )?(\w+) (is|of) (the|a|an) \2\b|more info|https?:", re.IGNORECASE)


def served() -> dict[str, list[str]]:
    """Every type that a document of OpenAPI shows, and its fields."""
    subs = {openapi.SUBRESOURCE_TYPES.get(sub.kind, "") for kind in BUILT_IN for sub in kind.subresources}
    roots = [kind.type for kind in BUILT_IN if kind.type]
    waiting = [*roots, *sorted(filter(None, subs)), "meta.v1.ListMeta", openapi.OPTIONS, openapi.STATUS]
    found: dict[str, list[str]] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = [] if name in schemas.NAMED else list(types.fields_of(name))
            waiting += [] if name in schemas.NAMED else schemas._parts(name)
    return found


SERVED = served()


@pytest.mark.parametrize("name", sorted(SERVED))
def test_every_field_is_described(name: str) -> None:
    told = Descriptions().of(name)
    assert [field for field in ["", *SERVED[name]] if not told.get(field)] == []


def written() -> Iterator[tuple[str, str, str]]:
    """Every text there is: type, field, text."""
    for path in sorted(descriptions.HERE.glob("*.json")):
        group = path.stem.partition("-")[0]
        for type_name, told in decode(path.read_bytes()).items():
            is_whole = type_name == "*" or type_name.partition(".")[0] in ELSEWHERE
            whole = type_name if is_whole else f"{group}.{type_name}"
            yield from ((whole, field, text) for field, text in told.items())


def test_nothing_else_is_described() -> None:
    known = {"*", "meta.List", *SERVED}
    assert sorted({name for name, _, _ in written()} - known) == []
    left = [
        f"{name}.{field}"
        for name, field, _ in written()
        if name in SERVED and field not in ("_", "like") and field not in SERVED[name]
    ]
    assert left == []


def test_texts_are_short_sentences() -> None:
    wrong = [
        f"{name}.{field}: {text}"
        for name, field, text in written()
        if field != "like"
        and (len(text) > LONGEST or text[-1] not in ".)" or text != text.strip() or "  " in text or FILLER.search(text))
    ]
    assert wrong == []


def test_no_type_is_described_twice() -> None:
    names = [name for name, field, _ in written() if field == "_"]
    assert sorted(name for name in names if names.count(name) > 1) == []


def test_a_field_and_its_type_say_different_things() -> None:
    """`kubectl explain` prints the one below the other."""
    texts = Descriptions()
    same: list[str] = []
    for name in filter(SERVED.get, SERVED):
        told = texts.of(name)
        for field, of in types.fields_of(name).items():
            part = schemas._innermost(of.go_type)
            if SERVED.get(part) and _are_alike(told[field], texts.of(part)[""]):
                same.append(f"{name}.{field}: {told[field]}")
    assert same == []


def _are_alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one.lower().strip(".`"), other.lower().strip(".`")).ratio() > 0.8
