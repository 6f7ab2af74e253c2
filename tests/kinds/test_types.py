"""The facts of the API types, and the shapes made of them."""

import pytest

from stead.kinds import types
from stead.machinery.shapes import ANYTHING, Shape


def at(type_name: str, path: str) -> Shape:
    """The shape at a path; `*` steps into a list or map."""
    shape = types.shape_of(type_name)
    for step in path.split("."):
        shape = shape.element if step == "*" else shape.fields[step]
        assert shape is not None
    return shape


CONTAINERS = "spec.template.spec.containers"


@pytest.mark.parametrize(
    "path, sort, go_type",
    [
        ("spec", "struct", "apps.v1.StatefulSetSpec"),
        ("spec.replicas", "scalar", "int32"),
        ("metadata.labels", "map", "string"),
        ("metadata.creationTimestamp", "scalar", "meta.v1.Time"),
        (f"{CONTAINERS}", "list", "core.v1.Container"),
        (f"{CONTAINERS}.*.resources.limits", "map", "resource.Quantity"),
        (f"{CONTAINERS}.*.livenessProbe.httpGet.port", "scalar", "intstr.IntOrString"),
        ("spec.template.spec.volumes.*.emptyDir", "struct", "core.v1.EmptyDirVolumeSource"),
    ],
)
def test_what_stands_where(path: str, sort: str, go_type: str) -> None:
    shape = at("apps.v1.StatefulSet", path)
    assert (shape.sort, shape.type) == (sort, go_type)


@pytest.mark.parametrize(
    "type_name, path, strategy, key",
    [
        ("apps.v1.StatefulSet", CONTAINERS, {"merge"}, "name"),
        ("apps.v1.StatefulSet", f"{CONTAINERS}.*.ports", {"merge"}, "containerPort"),
        ("apps.v1.StatefulSet", "spec.template.spec.volumes", {"merge", "retainKeys"}, "name"),
        ("apps.v1.StatefulSet", "metadata.finalizers", {"merge"}, ""),
        ("apps.v1.StatefulSet", "spec.volumeClaimTemplates", set(), ""),
        ("policy.v1.PodDisruptionBudget", "spec.selector", {"replace"}, ""),
    ],
)
def test_strategic_merge_keys(type_name: str, path: str, strategy: set[str], key: str) -> None:
    shape = at(type_name, path)
    assert (shape.patch_strategy, shape.patch_merge_key) == (strategy, key)


@pytest.mark.parametrize(
    "type_name, path, list_type, keys, defaults",
    [
        ("apps.v1.StatefulSet", CONTAINERS, "map", ("name",), {}),
        (
            "apps.v1.StatefulSet",
            f"{CONTAINERS}.*.ports",
            "map",
            ("containerPort", "protocol"),
            {"protocol": "TCP"},
        ),
        ("core.v1.Service", "spec.ports", "map", ("port", "protocol"), {"protocol": "TCP"}),
        ("core.v1.Service", "spec.clusterIPs", "atomic", (), {}),
        ("core.v1.Pod", "metadata.finalizers", "set", (), {}),
        ("core.v1.Pod", "metadata.ownerReferences", "map", ("uid",), {}),
    ],
)
def test_lists_that_apply_owns_item_by_item(
    type_name: str, path: str, list_type: str, keys: tuple[str, ...], defaults: dict[str, str]
) -> None:
    shape = at(type_name, path)
    assert (shape.list_type, shape.map_keys, shape.defaults) == (list_type, keys, defaults)


@pytest.mark.parametrize(
    "type_name, path, is_atomic",
    [
        ("apps.v1.StatefulSet", "spec.selector", True),
        ("core.v1.Pod", "spec.nodeSelector", True),
        ("core.v1.Pod", "metadata.labels", False),
        ("core.v1.Event", "involvedObject", True),
        ("core.v1.PersistentVolume", "spec.claimRef", False),  # the same type, granular at this place
    ],
)
def test_what_apply_owns_as_a_whole(type_name: str, path: str, is_atomic: bool) -> None:
    assert at(type_name, path).is_atomic is is_atomic


def test_opaque_values_have_no_shape() -> None:
    assert at("apps.v1.ControllerRevision", "data") == Shape("any", list_type="atomic")
    assert at("meta.v1.ObjectMeta", "managedFields.*.fieldsV1").sort == ANYTHING.sort


def test_types_that_contain_themselves() -> None:
    schema = "apiextensions.v1.JSONSchemaProps"
    assert at(schema, "properties.*.properties.*.properties.*").type == schema


def test_every_type_has_a_shape_all_the_way_down() -> None:
    seen: set[str] = set()

    def visit(shape: Shape) -> None:
        if shape.element:
            visit(shape.element)
        if shape.sort != "struct" or shape.type in seen:
            return
        seen.add(shape.type)
        for inner in shape.fields.values():
            visit(inner)

    for name in types.names():
        visit(types.shape_of(name))
    assert len(seen) == 590 == len(list(types.names()))


def test_named_lists_and_maps_tell_what_they_hold() -> None:
    assert types.unwrapped("core.v1.ResourceList") == "map[string]resource.Quantity"
    assert types.unwrapped("authentication.v1.ExtraValue") == "[]string"
    assert types.unwrapped("apiextensions.v1.JSONSchemaDefinitions") == "map[string]apiextensions.v1.JSONSchemaProps"
    assert types.unwrapped("string") == "string"


def test_a_name_nobody_knows() -> None:
    with pytest.raises(KeyError):
        types.shape_of("apps.v1.Statefulset")
