"""Manifests: scalars as kubectl reads them, and mistakes told with their place."""

import pytest

from stead.cluster import manifests

SCALARS = [
    ("yes", True),
    ("on", True),
    ("Off", False),
    ("y", True),
    ("n", False),
    ("0777", 511),
    ("0o777", 511),
    ("089", 89),
    ("0x1F", 31),
    ("12:30:45", "12:30:45"),
    ("1e3", 1000),
    ("12e03", 12000),
    ("1.5", 1.5),
    ("1.0", 1),
    ("2001-12-14", "2001-12-14"),
    ("2001-12-14T21:59:43Z", "2001-12-14T21:59:43Z"),
    ("=", "="),
    ("!!binary aGk=", "hi"),
    ("12345678901234567890123", 12345678901234567890123.0),
    ("~", None),
    ("", None),
    ("null", None),
    ('"yes"', "yes"),
    ("1Gi", "1Gi"),
    ("-3", -3),
]


def one(text: str) -> dict:
    (found,) = manifests.parse(f"apiVersion: v1\nkind: X\nmetadata: {{name: a}}\n{text}", "a.yaml")
    return dict(found.obj)


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_as_kubectl_reads_them(text: str, value: object) -> None:
    got = one(f"v: {text}")["v"]
    assert got == value
    assert type(got) is type(value)


def test_keys_become_text() -> None:
    assert one("v: {1: a, true: b, 2.5: c}")["v"] == {"1": "a", "true": "b", "2.5": "c"}


def test_documents_and_lists_are_taken_apart() -> None:
    text = """
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
---
---
apiVersion: v1
kind: Secret
metadata: {name: c}
"""
    found = manifests.parse(text, "all.yaml")
    assert [(m.obj["kind"], m.obj["metadata"]["name"]) for m in found] == [
        ("ConfigMap", "a"),
        ("ConfigMap", "b"),
        ("Secret", "c"),
    ]
    assert found[2].place == "all.yaml, document 3"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "a.yaml, document 1, line 2, column 1: not valid YAML"),
        ("kind: A\napiVersion: v1\nmetadata: {name: a}\n---\nx: :\n y: [", "a.yaml, document 2"),
        ("- 1", "a.yaml, document 1: an object is wanted (apiVersion, kind, metadata), this is a list"),
        ("kind: Pod", "a.yaml, document 1: apiVersion is missing"),
        ("apiVersion: v1\nkind: Pod", "a.yaml, document 1: metadata.name is missing; every Pod needs a name"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nv: .inf", ".inf is not a number that JSON knows"),
    ],
)
def test_mistakes_have_a_place(text: str, told: str) -> None:
    with pytest.raises(manifests.ManifestError) as caught:
        manifests.parse(text, "a.yaml")
    assert told in str(caught.value)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(manifests.ManifestError, match=r"nope\.yaml: No such file or directory"):
        manifests.read([str(tmp_path / "nope.yaml")])
