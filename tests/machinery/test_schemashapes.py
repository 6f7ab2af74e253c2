"""Custom kinds are merged and owned as their schema says (wire.md 3.9)."""

from typing import Any

import pytest

from stead.machinery.apply import apply, merge
from stead.machinery.errors import Nameless
from stead.machinery.managedfields import managed_after_update
from stead.machinery.schemashapes import shape_of_schema

TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "port": {"x-kubernetes-int-or-string": True},
                "plain": {"type": "array", "items": TEXT},
                "set": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
                "named": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name", "zone"],
                    "items": {
                        "type": "object",
                        "properties": {"name": TEXT, "zone": {"type": "string", "default": "z"}, "v": TEXT},
                    },
                },
                "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": TEXT}},
                "texts": {"type": "object", "additionalProperties": TEXT},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    },
}
SHAPE = shape_of_schema(SCHEMA)
SPEC = SHAPE.fields["spec"]


@pytest.mark.parametrize(
    "spec, owned",
    [
        ({"size": 1, "port": "http"}, {"f:port": {}, "f:size": {}}),
        ({"plain": ["a"], "set": ["a"]}, {"f:plain": {}, "f:set": {".": {}, 'v:"a"': {}}}),
        (
            {"named": [{"name": "n"}]},
            {"f:named": {".": {}, 'k:{"name":"n","zone":"z"}': {".": {}, "f:name": {}}}},
        ),
        ({"whole": {"a": "1"}, "texts": {"k": "v"}}, {"f:texts": {".": {}, "f:k": {}}, "f:whole": {}}),
        (
            {"free": {"x": {"y": [1], "z": {}}}},
            {"f:free": {".": {}, "f:x": {".": {}, "f:y": {}, "f:z": {}}}},
        ),
    ],
)
def test_owned(spec: dict[str, Any], owned: dict[str, Any]) -> None:
    new = {"apiVersion": "g/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}
    made = managed_after_update(
        None, new, manager="m", api_version="g/v1", time="T", shape=SHAPE, zero={"metadata": {}, "spec": {}}
    )
    assert made["metadata"]["managedFields"][0]["fieldsV1"] == {"f:spec": owned}


def test_merged() -> None:
    old = {"named": [{"name": "a", "v": "1"}], "free": {"x": {"y": 1}}, "whole": {"a": "1"}, "plain": ["a"]}
    new = {"named": [{"name": "a", "zone": "z"}], "free": {"x": {"z": 2}}, "whole": {}, "plain": ["b"]}
    assert merge(old, new, SPEC) == {
        "named": [{"name": "a", "v": "1", "zone": "z"}],
        "free": {"x": {"y": 1, "z": 2}},
        "whole": {},
        "plain": ["b"],
    }


def test_unknown_fields_are_refused_only_where_the_schema_knows_them_all() -> None:
    ways: dict[str, Any] = {"manager": "m", "force": False, "api_version": "g/v1", "time": "T", "shape": SHAPE}
    thing = {"apiVersion": "g/v1", "kind": "Thing", "metadata": {"name": "t"}}
    apply(None, {**thing, "spec": {"free": {"anything": [1, "x"]}}}, **ways)
    with pytest.raises(Nameless, match=r"\(/t; g/v1, Kind=Thing\): .spec.nope: field not declared in schema"):
        apply(None, {**thing, "spec": {"nope": 1}}, **ways)
