"""Strategic merge (wire.md 3.6): merge keys, directives and the order of merged lists, on a small hand-made shape."""

import copy
from typing import Any

import pytest

from stead.machinery.patches import PatchError, strategic_merge
from stead.machinery.shapes import Shape

TEXT = Shape("scalar", "string")
MERGE = frozenset({"merge"})
ENV = Shape("struct", "Env", {"name": TEXT, "value": TEXT})
BOX = Shape(
    "struct",
    "Box",
    {
        "name": TEXT,
        "env": Shape("list", "Env", element=ENV, patch_strategy=MERGE, patch_merge_key="name"),
        "args": Shape("list", "string", element=TEXT),
    },
)
SHAPE = Shape(
    "struct",
    "Thing",
    {
        "boxes": Shape("list", "Box", element=BOX, patch_strategy=MERGE, patch_merge_key="name"),
        "finalizers": Shape("list", "string", element=TEXT, patch_strategy=MERGE),
        "labels": Shape("map", "string", element=TEXT),
        "strategy": Shape("struct", "Strategy", {"type": TEXT}, patch_strategy=frozenset({"retainKeys"})),
        "whole": Shape("struct", "Whole", {"a": TEXT, "b": TEXT}, patch_strategy=frozenset({"replace"})),
        "keyless": Shape("list", "Env", element=ENV, patch_strategy=MERGE),
    },
)
LIVE: dict[str, Any] = {
    "boxes": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}, {"name": "b"}],
    "finalizers": ["f", "g"],
    "labels": {"k": "v", "l": "w"},
    "strategy": {"type": "Rolling", "rolling": {"partition": 0}},
    "whole": {"a": "1", "b": "2"},
    "keyless": [{"name": "a"}],
}


def boxes(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


CASES: list[tuple[str, dict[str, Any], str, Any]] = [
    ("a new item goes before those not named", {"boxes": boxes("c")}, "boxes", boxes("c", "a", "b")),
    ("named items come as the patch has them", {"boxes": boxes("b", "a")}, "boxes", boxes("b", "a")),
    ("an item is taken away", {"boxes": [{"$patch": "delete", "name": "a"}]}, "boxes", boxes("b")),
    ("of one that is not there, nothing", {"boxes": [{"$patch": "delete", "name": "z"}]}, "boxes", boxes("a", "b")),
    ("a list is replaced", {"boxes": [{"name": "z"}, {"$patch": "replace"}]}, "boxes", boxes("z")),
    ("a list is emptied", {"boxes": [{"$patch": "replace"}]}, "boxes", []),
    ("null takes away", {"boxes": None}, "boxes", None),
    (
        "the order is set, the rest stays between",
        {"$setElementOrder/boxes": boxes("b", "c"), "boxes": [{"name": "c"}]},
        "boxes",
        boxes("a", "b", "c"),
    ),
    ("the order alone", {"$setElementOrder/boxes": boxes("b", "a")}, "boxes", boxes("b", "a")),
    ("scalars merge as a set", {"finalizers": ["g", "h"]}, "finalizers", ["f", "g", "h"]),
    ("new scalars go first", {"finalizers": ["h"]}, "finalizers", ["h", "f", "g"]),
    ("scalars are deleted", {"$deleteFromPrimitiveList/finalizers": ["f", "z"]}, "finalizers", ["g"]),
    (
        "scalars deleted, added and ordered, as kubectl sends it",
        {
            "$deleteFromPrimitiveList/finalizers": ["f"],
            "$setElementOrder/finalizers": ["h", "g"],
            "finalizers": ["h"],
        },
        "finalizers",
        ["h", "g"],
    ),
    ("map members", {"labels": {"k": None, "n": "x"}}, "labels", {"l": "w", "n": "x"}),
    ("a map is replaced", {"labels": {"$patch": "replace", "n": "x"}}, "labels", {"n": "x"}),
    ("a map is emptied", {"labels": {"$patch": "delete"}}, "labels", {}),
    ("replace strategy", {"whole": {"a": "3"}}, "whole", {"a": "3"}),
    (
        "keys are retained",
        {"strategy": {"$retainKeys": ["type"], "type": "OnDelete"}},
        "strategy",
        {"type": "OnDelete"},
    ),
    (
        "what is new carries no directive",
        {"new": {"$retainKeys": ["x"], "x": None, "y": [{"$patch": "delete"}]}},
        "new",
        {"y": []},
    ),
]


@pytest.mark.parametrize("patch, field, expected", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_merged(patch: dict[str, Any], field: str, expected: Any) -> None:
    live, given = copy.deepcopy(LIVE), copy.deepcopy(patch)
    found = strategic_merge(live, patch, SHAPE).get(field)
    if field == "boxes" and found is not None:
        found = [{"name": box["name"]} for box in found]
    assert found == expected
    assert (live, patch) == (LIVE, given)


def test_items_merge_deeply() -> None:
    patch = {"boxes": [{"name": "a", "args": ["x"], "env": [{"name": "Y", "value": "3"}, {"name": "Z"}]}]}
    merged = strategic_merge(LIVE, patch, SHAPE)
    assert merged["boxes"] == [
        {"name": "a", "args": ["x"], "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}, {"name": "Z"}]},
        {"name": "b"},
    ]
    again = strategic_merge(merged, {"boxes": [{"name": "a", "args": ["y"]}]}, SHAPE)
    assert again["boxes"][0]["args"] == ["y"]


@pytest.mark.parametrize(
    "patch, message, code",
    [
        ([], "invalid JSON document", 400),
        ({"labels": {"$patch": "frob"}}, "unknown patch type: frob in map: map[$patch:frob]", 500),
        ({"boxes": [{"$patch": "frob"}]}, "unknown patch type: frob in map: map[$patch:frob]", 500),
        ({"boxes": [{"$patch": "merge"}]}, "merging lists cannot yet be specified in the patch", 500),
        ({"boxes": [{"image": "i"}]}, "map: map[image:i] does not contain declared merge key: name", 500),
        ({"boxes": [{"$patch": "delete"}]}, "map: map[$patch:delete] does not contain declared merge key: name", 500),
        (
            {"boxes": [[]]},
            "list element types are not identical: "
            "[[map[env:[map[name:X value:1] map[name:Y value:2]] name:a] map[name:b]] [[]]]",
            500,
        ),
        ({"keyless": [{"name": "x"}]}, "cannot merge lists without merge key for Env", 500),
        ({"$setElementOrderboxes": []}, "invalid patch format of setElementOrder list", 400),
        ({"$setElementOrder/boxes": "x"}, "invalid patch format of setElementOrder list", 400),
        ({"$deleteFromPrimitiveListx": []}, "invalid patch format of primitive list", 400),
        ({"$deleteFromPrimitiveList/finalizers": 1}, "invalid patch format of primitive list", 400),
        ({"strategy": {"$retainKeys": "type"}}, "invalid patch format of retainKeys", 400),
        ({"strategy": {"$retainKeys": [], "type": "x"}}, "invalid patch format of retainKeys", 400),
        (
            {"$setElementOrder/boxes": boxes("b"), "boxes": boxes("c")},
            "The order in patch list:\n[map[name:c]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
            500,
        ),
    ],
)
def test_refused(patch: Any, message: str, code: int) -> None:
    with pytest.raises(PatchError) as raised:
        strategic_merge(LIVE, patch, SHAPE)
    assert (str(raised.value), raised.value.code) == (message, code)
