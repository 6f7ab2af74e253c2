"""Whatever comes in, the words answer with their own errors, and leave what they were given alone."""

import copy
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stead.machinery import selectors
from stead.machinery.apply import apply
from stead.machinery.errors import ApiError
from stead.machinery.managedfields import managed_after_update
from stead.machinery.patches import PatchError, json_patch, merge_patch, strategic_merge
from stead.machinery.shapes import Shape

TEXT = Shape("scalar", "string")
ITEM = Shape("struct", "Item", {"name": TEXT, "b": Shape("map", "string", element=TEXT)})
MERGED = frozenset({"merge"})
SHAPE = Shape(
    "struct",
    "Thing",
    {
        "metadata": Shape("struct", "Meta", {"name": TEXT, "managedFields": Shape("any")}),
        "a": Shape(
            "list", element=ITEM, patch_strategy=MERGED, patch_merge_key="name", list_type="map", map_keys=("name",)
        ),
        "b": Shape("list", element=TEXT, patch_strategy=MERGED, list_type="set"),
        "name": Shape("map", element=ITEM),
    },
)
names = st.sampled_from(
    [
        "a",
        "b",
        "name",
        "$patch",
        "$retainKeys",
        "$setElementOrder/a",
        "$deleteFromPrimitiveList/b",
        "$setElementOrder/b",
    ]
)
leaves = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["x", "y", "replace", "delete", "merge", ""])
anything: Any = st.recursive(
    leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3), max_leaves=12
)
maps = st.dictionaries(names, anything, max_size=4)
plain_names = st.sampled_from(["a", "b", "name"])
plain: Any = st.recursive(
    leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(plain_names, below, max_size=3), max_leaves=12
)
plain_maps = st.dictionaries(plain_names, plain, max_size=3)


@settings(max_examples=100)
@given(plain_maps, anything)
def test_merging(obj: Any, patch: Any) -> None:
    before, given_patch = copy.deepcopy(obj), copy.deepcopy(patch)
    for merge in (merge_patch, lambda old, new: strategic_merge(old, new, SHAPE)):
        try:
            merge(obj, patch)
        except PatchError as wrong:
            assert wrong.code in (400, 422, 500)
    assert (obj, patch) == (before, given_patch)


steps = st.sampled_from(["a", "b", "name", "-", "0", "-1", "1", "", "~0"])
pointers = st.lists(steps, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
operations = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "?"]), "path": pointers},
    optional={"value": plain, "from": pointers},
)


@settings(max_examples=100)
@given(plain_maps, st.lists(operations, max_size=4))
def test_json_patch(obj: Any, patch: Any) -> None:
    before = copy.deepcopy(obj)
    try:
        json_patch(obj, patch)
    except PatchError as wrong:
        assert wrong.code == 422
    assert obj == before


@settings(max_examples=100)
@given(plain_maps, plain_maps, st.booleans())
def test_applying_twice_is_applying_once(first: Any, second: Any, force: bool) -> None:
    ways: dict[str, Any] = {"api_version": "v1", "time": "T", "shape": SHAPE}
    first, second = ({**obj, "metadata": {"name": "t"}} for obj in (first, second))
    try:
        live = managed_after_update(None, first, manager="one", **ways)
        made = apply(live, second, manager="two", force=force, **ways)
    except ApiError:
        return
    assume("managedFields" in made["metadata"])
    assert apply(made, second, manager="two", force=False, **ways) == made


@settings(max_examples=100)
@given(st.text("ab=!(),<> in\tnot\\\u00e9", max_size=12))
def test_selectors(text: str) -> None:
    for read in (selectors.parse, selectors.parse_fields):
        try:
            read(text)
        except ValueError:
            continue


def test_deep_patches_are_refused_not_endless() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"name": deep}
    for merge in (merge_patch, lambda old, new: strategic_merge(old, new, SHAPE)):
        try:
            merge({"name": {"name": {}}}, {"name": deep})
        except PatchError as wrong:
            assert wrong.code == 400
