"""What claims, volumes and secrets become, and what of them may change."""

from typing import Any

import pytest

from stead.kinds.persistentvolumeclaim import PERSISTENT_VOLUME_CLAIM as CLAIM
from stead.kinds.plain import CONFIG_MAP, SECRET
from stead.machinery.objects import Json


def a_claim(phase: str = "Pending", capacity: str = "", **spec: Any) -> Json:
    storage = spec.pop("storage", "2Gi")
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}, **spec}
    status: dict[str, Any] = {"phase": phase}
    if capacity:
        status["capacity"] = {"storage": capacity}
    metadata = {"name": "data", "namespace": "ns"}
    return CLAIM.default({"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": status})


def told(new: Json, old: Json) -> list[str]:
    return [str(error) for error in CLAIM.validate_update(CLAIM.prepare_update(new, old), old)]


BOUND = {"phase": "Bound", "capacity": "2Gi", "volumeName": "v"}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (a_claim(volumeName="v"), a_claim()),
        (a_claim(storage="4Gi", volumeName="v"), a_claim(**BOUND)),
        (a_claim(storage="3Gi", volumeName="v"), a_claim(**BOUND, storage="4Gi")),
        (a_claim(volumeName="v", volumeAttributesClassName="fast"), a_claim(**BOUND)),
    ],
    ids=["volume named once", "grow", "back, above what there is", "attributes"],
)
def test_what_of_a_claim_may_change(new: Json, old: Json) -> None:
    """V-3."""
    assert told(new, old) == []


def test_what_of_a_claim_may_not_change() -> None:
    """V-3, with the difference as upstream prints it."""
    (error,) = told(a_claim(storage="4Gi"), a_claim())
    assert error == (
        "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
        "bound claims\n"
        "@@ -6,7 +6,7 @@\n"
        '  "Resources": {\n'
        '   "Limits": null,\n'
        '   "Requests": {\n'
        '-   "storage": "2Gi"\n'
        '+   "storage": "4Gi"\n'
        "   }\n"
        "  },\n"
        '  "VolumeName": "",\n'
    )


def test_a_claim_does_not_shrink_to_what_it_holds() -> None:
    """V-3."""
    assert told(a_claim(storage="2Gi", volumeName="v"), a_claim(**BOUND, storage="4Gi")) == [
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    ]


def test_a_new_claim_is_pending() -> None:
    assert CLAIM.prepare_create(a_claim(**BOUND))["status"] == {"phase": "Pending"}


def test_plain_text_of_a_secret_is_kept_encoded() -> None:
    secret = SECRET.default({"metadata": {"name": "s"}, "data": {"a": "eA=="}, "stringData": {"b": "y"}})
    assert secret == {"metadata": {"name": "s"}, "type": "Opaque", "data": {"a": "eA==", "b": "eQ=="}}


def test_what_is_immutable_stays_so() -> None:
    old = {"metadata": {"name": "c"}, "data": {"a": "b"}, "immutable": True}
    errors = CONFIG_MAP.validate_update({"metadata": {"name": "c"}, "data": {"a": "c"}}, old)
    assert [str(error) for error in errors] == [
        "immutable: Forbidden: field is immutable when `immutable` is set",
        "data: Forbidden: field is immutable when `immutable` is set",
    ]


def test_a_bad_label_is_told_as_often_as_upstream_looks() -> None:
    """Twice for any kind, once by the kind's own change, once with the kind as a whole: the message tells it once."""
    old: Json = {"metadata": {"name": "c"}}
    errors = CONFIG_MAP.validate_update({"metadata": {"name": "c", "labels": {"a": "b c"}}}, old)
    assert [error.field for error in errors] == ["metadata.labels"] * 4


def of_status(**status: Any) -> list[str]:
    old = a_claim()
    return [str(error) for error in CLAIM.validate_status({**old, "status": {**old["status"], **status}}, old)]


@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        (
            {"capacity": {"storage": "-1"}},
            ["status.capacity[storage]: Invalid value: -1: must be a valid resource quantity"],
        ),
        ({"allocatedResources": {"storage": "1Gi", "example.com/a": "1"}}, []),
        (
            {"allocatedResources": {"storage": "-2"}},
            ["status.allocatedResources[storage]: Invalid value: -2: must be a valid resource quantity"],
        ),
        (
            {"allocatedResources": {"cpu": "1"}},
            ['status.allocatedResources: Unsupported value: "cpu": supported values: "storage"'],
        ),
        (
            {"allocatedResourceStatuses": {"storage": "Growing"}},
            [
                'status.allocatedResourceStatus: Unsupported value: "storage": supported values: '
                '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", '
                '"NodeResizeInfeasible", "NodeResizePending"'
            ],
        ),
        ({"allocatedResourceStatuses": {"storage": "NodeResizePending"}, "currentVolumeAttributesClassName": "a"}, []),
    ],
)
def test_what_a_status_of_a_claim_may_not_be(status: Json, wrong: list[str]) -> None:
    assert of_status(**status) == wrong


OLD_CLASS = "volume.beta.kubernetes.io/storage-class"


def annotated(class_: str, **spec: Any) -> Json:
    claim = a_claim(**spec)
    return {**claim, "metadata": {**claim["metadata"], "annotations": {OLD_CLASS: class_}}}


def test_a_class_in_the_old_annotation_may_move_into_its_field() -> None:
    assert told(annotated("a", storageClassName="a"), annotated("a")) == []
    assert told(a_claim(storageClassName="a"), annotated("a")) == []
    path = f"metadata.annotations.{OLD_CLASS}"
    assert told(annotated("b"), annotated("a")) == [f'{path}: Invalid value: "b": field is immutable']
    wrong = told(a_claim(storageClassName="b"), annotated("a"))
    assert [text.partition(":")[0] for text in wrong] == [path, "spec"]


def test_attributes_that_are_given_up_are_told_of_twice() -> None:
    """V-3."""
    wrong = told(a_claim(volumeName="v"), a_claim(**BOUND, volumeAttributesClassName="fast"))
    assert wrong[0].startswith("spec: Forbidden: spec is immutable after creation")
    assert wrong[1:] == ["spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden"]
