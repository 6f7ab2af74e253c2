"""JSON patch and merge patch (wire.md 3.6): what comes out, what is refused, and that nothing given changes."""

import copy
from typing import Any

import pytest

from stead.machinery.patches import PatchError, json_patch, merge_patch

OBJ: dict[str, Any] = {"a": {"b": 1, "x/y~z": 2}, "list": [1, 2, 3], "null": None}


@pytest.mark.parametrize(
    "operation, path, expected",
    [
        ({"op": "add", "path": "/a/c", "value": 9}, ("a", "c"), 9),
        ({"op": "add", "path": "/list/-", "value": 9}, ("list",), [1, 2, 3, 9]),
        ({"op": "add", "path": "/list/0", "value": 9}, ("list",), [9, 1, 2, 3]),
        ({"op": "add", "path": "/list/3", "value": 9}, ("list",), [1, 2, 3, 9]),
        ({"op": "remove", "path": "/list/1"}, ("list",), [1, 3]),
        ({"op": "remove", "path": "/list/-1"}, ("list",), [1, 2]),
        ({"op": "replace", "path": "/list/1", "value": 9}, ("list",), [1, 9, 3]),
        ({"op": "replace", "path": "/a/x~1y~0z", "value": 9}, ("a", "x/y~z"), 9),
        ({"op": "move", "from": "/a/b", "path": "/b"}, ("b",), 1),
        ({"op": "copy", "from": "/list", "path": "/a/b"}, ("a", "b"), [1, 2, 3]),
        ({"op": "test", "path": "/list", "value": [1, 2, 3]}, ("a", "b"), 1),
        ({"op": "test", "path": "/none", "value": None}, ("a", "b"), 1),
        ({"op": "test", "path": "/null", "value": None}, ("a", "b"), 1),
    ],
)
def test_one_operation(operation: dict[str, Any], path: tuple[str, ...], expected: Any) -> None:
    before = copy.deepcopy(OBJ)
    found = json_patch(OBJ, [operation])
    for step in path:
        found = found[step]
    assert found == expected
    assert before == OBJ


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "frob", "path": "/a"},
        {"path": "/a"},
        {"op": "remove"},
        {"op": "remove", "path": "/none"},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "add", "path": "/none/x", "value": 1},
        {"op": "add", "path": "/list/4", "value": 1},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "add", "path": "/list/-9", "value": 1},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "move", "from": "/none", "path": "/x"},
        {"op": "test", "path": "/a/b", "value": 2},
        {"op": "test", "path": "/a/b", "value": True},
        {"op": "test", "path": "/a/b", "value": 1.0},
    ],
)
def test_refused_operation(operation: Any) -> None:
    with pytest.raises(PatchError) as raised:
        json_patch(OBJ, [operation])
    assert raised.value.code == 422


def test_no_patch_too_much_patch_and_a_copy_bomb() -> None:
    with pytest.raises(PatchError) as raised:
        json_patch(OBJ, {"op": "add"})
    assert raised.value.code == 400
    with pytest.raises(
        PatchError, match="The allowed maximum operations in a JSON patch is 10000, got 10001"
    ) as raised:
        json_patch(OBJ, [{"op": "test", "path": "/a/b", "value": 1}] * 10_001)
    assert raised.value.code == 413
    doubled = [{"op": "copy", "from": "/list", "path": "/list/-"}] * 60
    with pytest.raises(PatchError, match="the accumulated size increase of copy"):
        json_patch(OBJ, doubled)


def test_beside_the_change_everything_is_shared() -> None:
    patched = json_patch(OBJ, [{"op": "replace", "path": "/a/b", "value": 3}])
    assert patched["list"] is OBJ["list"]
    assert merge_patch(OBJ, {"a": {"b": 2}})["list"] is OBJ["list"]


@pytest.mark.parametrize(
    "patch, expected",
    [
        ({}, {"a": {"b": 1}, "l": [1]}),
        ({"a": None}, {"l": [1]}),
        ({"a": {"b": None, "c": 2}}, {"a": {"c": 2}, "l": [1]}),
        ({"l": [2, None]}, {"a": {"b": 1}, "l": [2, None]}),
        ({"n": {"x": None, "y": [{"z": None}]}}, {"a": {"b": 1}, "l": [1], "n": {"y": [{}]}}),
        ({"a": 5}, {"a": 5, "l": [1]}),
        ({"l": {"x": 1}}, {"a": {"b": 1}, "l": {"x": 1}}),
    ],
)
def test_merge_patch(patch: dict[str, Any], expected: dict[str, Any]) -> None:
    obj = {"a": {"b": 1}, "l": [1]}
    assert merge_patch(obj, patch) == expected
    assert obj == {"a": {"b": 1}, "l": [1]}


@pytest.mark.parametrize("patch, sort", [([], "array"), ("x", "string"), (1, "number"), (True, "bool")])
def test_merge_patch_that_is_no_object(patch: Any, sort: str) -> None:
    with pytest.raises(
        PatchError, match=f"error decoding patch: json: cannot unmarshal {sort} into Go value"
    ) as raised:
        merge_patch({}, patch)
    assert raised.value.code == 400
