"""Server-side apply on a small hand-made shape: who owns, who loses, what goes (wire.md 3.6)."""

import copy
from typing import Any

import pytest

from stead.machinery.apply import LAST_APPLIED, Conflicts, apply, merge
from stead.machinery.errors import Nameless
from stead.machinery.managedfields import managed_after_scale, managed_after_update
from stead.machinery.objects import encode
from stead.machinery.shapes import ANYTHING, Shape

TEXT, NUMBER = Shape("scalar", "string"), Shape("scalar", "int32")
TEXTS = Shape("map", "string", element=TEXT)
BOX = Shape("struct", "Box", {"name": TEXT, "image": TEXT, "args": Shape("list", "string", element=TEXT)})
PORT = Shape("struct", "Port", {"port": NUMBER, "protocol": TEXT, "name": TEXT})
SPEC = Shape(
    "struct",
    "Spec",
    {
        "replicas": NUMBER,
        "labels": TEXTS,
        "selector": Shape("map", "string", element=TEXT, is_atomic=True),
        "boxes": Shape("list", "Box", element=BOX, list_type="map", map_keys=("name",)),
        "ports": Shape(
            "list", "Port", element=PORT, list_type="map", map_keys=("port", "protocol"), defaults={"protocol": "TCP"}
        ),
        "marks": Shape("list", "string", element=TEXT, list_type="set"),
        "template": Shape("struct", "Template", {"a": TEXT, "b": TEXT}),
    },
)
SHAPE = Shape(
    "struct",
    "Thing",
    {
        "apiVersion": TEXT,
        "kind": TEXT,
        "metadata": Shape(
            "struct", "Meta", {"name": TEXT, "annotations": TEXTS, "labels": TEXTS, "managedFields": ANYTHING}
        ),
        "spec": SPEC,
        "status": Shape("struct", "Status", {"ready": NUMBER}),
    },
)
ZERO: dict[str, Any] = {"metadata": {}, "spec": {}, "status": {}}
WAYS: dict[str, Any] = {"api_version": "v1", "shape": SHAPE, "zero": ZERO, "reset": [("status",)]}


def thing(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec}


def applied(live: Any, manager: str, *, force: bool = False, time: str = "T1", **spec: Any) -> Any:
    before = copy.deepcopy(live)
    made = apply(live, thing(**spec), manager=manager, force=force, time=time, **WAYS)
    assert live == before
    return made


def updated(live: Any, manager: str, time: str = "T1", subresource: str = "", **spec: Any) -> Any:
    new = {**(live or thing()), "spec": spec}
    ways = {**WAYS, "reset": [("spec",)]} if subresource else WAYS
    return managed_after_update(live, new, manager=manager, time=time, subresource=subresource, **ways)


def owners(obj: Any) -> dict[str, Any]:
    """What each manager owns of the spec."""
    return {entry["manager"]: entry["fieldsV1"].get("f:spec") for entry in obj["metadata"].get("managedFields", ())}


def test_who_states_a_field_owns_it_and_only_it() -> None:
    one = applied(None, "one", replicas=3, labels={"a": "1"}, selector={"x": "y"})
    assert owners(one) == {"one": {"f:labels": {"f:a": {}}, "f:replicas": {}, "f:selector": {}}}
    assert one["metadata"]["managedFields"][0] == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": "T1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": owners(one)["one"]},
    }


def test_changing_what_another_owns_is_a_conflict_and_force_takes_it() -> None:
    one = applied(None, "one", replicas=3, labels={"a": "1"})
    with pytest.raises(Conflicts) as raised:
        applied(one, "two", replicas=4)
    assert str(raised.value) == 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    two = applied(one, "two", force=True, replicas=4)
    assert owners(two) == {"one": {"f:labels": {"f:a": {}}}, "two": {"f:replicas": {}}}


def test_many_conflicts_are_told_owner_by_owner() -> None:
    live = updated(None, "editor", replicas=3, boxes=[{"name": "a", "image": "i"}])
    live = applied(live, "one", labels={"a": "1"})
    with pytest.raises(Conflicts) as raised:
        applied(live, "two", replicas=4, boxes=[{"name": "a", "image": "j"}], labels={"a": "2"})
    assert str(raised.value) == (
        'Apply failed with 3 conflicts: conflicts with "editor" using v1:\n- .spec.replicas\n'
        '- .spec.boxes[name="a"].image\nconflicts with "one":\n- .spec.labels.a'
    )
    assert raised.value.status()["details"]["causes"][1] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "editor" using v1',
        "field": '.spec.boxes[name="a"].image',
    }


def test_a_subresource_is_named_in_the_conflict() -> None:
    live = updated(None, "hpa", replicas=3)
    live = managed_after_scale(live, {**live, "spec": {"replicas": 5}}, manager="hpa", api_version="v1")
    assert [entry.get("subresource") for entry in live["metadata"]["managedFields"]] == ["scale"]
    with pytest.raises(Conflicts, match='conflict with "hpa" with subresource "scale" using v1'):
        applied(live, "one", replicas=3)


def test_stating_the_same_shares_the_field() -> None:
    two = applied(applied(None, "one", replicas=3), "two", replicas=3)
    assert owners(two) == {"one": {"f:replicas": {}}, "two": {"f:replicas": {}}}


def test_what_is_no_longer_stated_goes_unless_another_owns_it() -> None:
    one = applied(None, "one", labels={"a": "1", "b": "2"}, boxes=[{"name": "x", "image": "i"}, {"name": "y"}])
    two = applied(one, "two", labels={"b": "2"})
    made = applied(two, "one", boxes=[{"name": "y"}])
    assert made["spec"] == {"labels": {"b": "2"}, "boxes": [{"name": "y"}]}
    assert owners(made)["two"] == {"f:labels": {"f:b": {}}}


def test_what_others_put_into_an_item_goes_with_the_item() -> None:
    one = applied(None, "one", boxes=[{"name": "x"}, {"name": "y"}])
    live = updated(one, "editor", boxes=[{"name": "x", "image": "i"}, {"name": "y"}])
    made = applied(live, "one", boxes=[{"name": "y"}])
    assert [box["name"] for box in made["spec"]["boxes"]] == ["y"]


def test_an_apply_that_changes_nothing_keeps_the_time() -> None:
    one = applied(None, "one", replicas=3)
    assert applied(one, "one", time="T2", replicas=3) == one
    assert applied(one, "one", time="T2", replicas=4)["metadata"]["managedFields"][0]["time"] == "T2"


def test_keys_left_out_count_as_their_default() -> None:
    made = applied(None, "one", ports=[{"port": 80}, {"port": 53, "protocol": "UDP"}])
    assert list(owners(made)["one"]["f:ports"]) == [
        'k:{"port":53,"protocol":"UDP"}',
        'k:{"port":80,"protocol":"TCP"}',
    ]
    live = updated(None, "editor", ports=[{"port": 80, "protocol": "TCP"}])
    assert applied(live, "one", ports=[{"port": 80, "name": "web"}])["spec"]["ports"] == [
        {"port": 80, "protocol": "TCP", "name": "web"}
    ]


@pytest.mark.parametrize(
    "old, new, merged",
    [
        ("ab", "s", "abs"),
        ("ab", "na", "nab"),
        ("xa", "na", "xna"),
        ("abc", "ca", "bca"),
        ("bac", "abn", "acbn"),
        ("abc", "", "abc"),
        ("", "ab", "ab"),
    ],
)
def test_order_of_merged_lists(old: str, new: str, merged: str) -> None:
    assert merge({"marks": list(old)}, {"marks": list(new)}, SPEC)["marks"] == list(merged)


def test_an_update_takes_what_it_changes_and_drops_what_is_gone() -> None:
    live = applied(None, "one", replicas=3, labels={"a": "1", "b": "2"}, selector={"x": "y"})
    live = updated(live, "editor", replicas=4, labels={"a": "1"}, selector={"x": "z"})
    assert owners(live) == {"one": {"f:labels": {"f:a": {}}}, "editor": {"f:replicas": {}, "f:selector": {}}}
    assert updated(live, "third", "T2", **live["spec"]) == live


def test_a_field_that_was_always_printed_is_not_taken_by_who_leaves_it() -> None:
    made = managed_after_update(
        None, thing(replicas=1), manager="m", time="T", **{**WAYS, "zero": {**ZERO, "spec": {"replicas": 1}}}
    )
    assert "managedFields" not in made["metadata"]


def test_status_is_owned_apart() -> None:
    live = {**updated(None, "one", replicas=3), "status": {}}
    new = {**live, "status": {"ready": 1}}
    made = managed_after_update(
        live, new, manager="one", time="T2", subresource="status", **{**WAYS, "reset": [("spec",)]}
    )
    entries = made["metadata"]["managedFields"]
    assert [(entry.get("subresource"), entry["time"]) for entry in entries] == [(None, "T1"), ("status", "T2")]
    assert entries[1]["fieldsV1"] == {"f:status": {"f:ready": {}}}
    ignored = managed_after_update(live, new, manager="one", time="T2", **WAYS)
    assert ignored["metadata"]["managedFields"] == live["metadata"]["managedFields"]


def test_entries_that_a_client_writes_count_and_an_empty_one_forgets_all() -> None:
    live = updated(None, "one", replicas=3)
    entry = {**live["metadata"]["managedFields"][0], "manager": "other"}
    renamed = {**live, "metadata": {**live["metadata"], "managedFields": [entry]}}
    assert owners(managed_after_update(live, renamed, manager="m", time="T2", **WAYS)) == {"other": {"f:replicas": {}}}
    broken = {**live, "metadata": {**live["metadata"], "managedFields": [{**entry, "fieldsV1": {"x": 1}}]}}
    assert owners(managed_after_update(live, broken, manager="m", time="T2", **WAYS)) == {"one": {"f:replicas": {}}}
    reset = {**live, "metadata": {**live["metadata"], "managedFields": [{}]}}
    forgotten = managed_after_update(live, reset, manager="m", time="T2", **WAYS)
    assert "managedFields" not in forgotten["metadata"]
    assert "managedFields" not in updated(forgotten, "m", replicas=9)["metadata"]
    made = applied(forgotten, "one", labels={"a": "1"})
    assert owners(made) == {"one": {"f:labels": {"f:a": {}}}, "before-first-apply": {"f:replicas": {}}}


def test_ten_updaters_are_kept_and_older_ones_become_one() -> None:
    live: Any = None
    for count in range(13):
        labels = {f"l{place}": "x" for place in range(count + 1)}
        live = updated(live, f"m{count:02}", f"2026-01-01T00:00:{count:02}Z", labels=labels)
    names = [entry["manager"] for entry in live["metadata"]["managedFields"]]
    assert names == ["ancient-changes", *(f"m{count:02}" for count in range(4, 13))]
    assert owners(live)["ancient-changes"] == {"f:labels": {".": {}, "f:l0": {}, "f:l1": {}, "f:l2": {}, "f:l3": {}}}


def test_kubectl_takes_over_what_its_older_apply_set() -> None:
    config = thing(replicas=3, template={"a": "1"})
    live = updated(None, "kubectl-client-side-apply", replicas=3, template={"a": "1"})
    live["metadata"]["annotations"] = {LAST_APPLIED: encode(config).decode()}
    made = applied(live, "kubectl", replicas=4, template={"a": "1"})
    assert made["spec"]["replicas"] == 4
    assert '"replicas":4' in made["metadata"]["annotations"][LAST_APPLIED]
    with pytest.raises(Conflicts):
        applied(live, "other", replicas=4)
    edited = updated(live, "editor", replicas=5, template={"a": "1"})
    with pytest.raises(Conflicts, match="editor"):
        applied(edited, "kubectl", replicas=4)


@pytest.mark.parametrize(
    "spec, message",
    [
        ({"nope": 1}, ".spec.nope: field not declared in schema"),
        ({"replicas": "3"}, ".spec.replicas: expected numeric (int or float), got string"),
        ({"labels": {"a": 1}}, ".spec.labels.a: expected string, got &value.valueUnstructured{Value:1}"),
        ({"boxes": [{"name": "a"}, {"name": "a"}]}, '.spec.boxes: duplicate entries for key [name="a"]'),
        (
            {"boxes": [{"image": "a"}]},
            ".spec.boxes: element 0: associative list with keys has an element that omits all key fields "
            '["name"] (and doesn\'t have default values for any key fields)',
        ),
        (
            {"boxes": [None, {"name": "a", "nope": 1}]},
            ".spec.boxes: element 0: associative list with keys may not have a null element",
        ),
        (
            {"boxes": ["a"]},
            ".spec.boxes: element 0: associative list with keys may not have non-map elements",
        ),
        ({"x": 1, "y": 2}, "errors:\n  .spec.x: field not declared in schema\n  .spec.y: field not declared in schema"),
    ],
)
def test_what_does_not_fit_the_kind_is_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(Nameless) as raised:
        applied(None, "one", **spec)
    assert str(raised.value) == f"failed to create typed patch object (/t; /v1, Kind=Thing): {message}"
