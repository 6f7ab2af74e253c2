"""What a StatefulSet becomes, and what of it may change."""

from typing import Any

import pytest

from stead.kinds.statefulset import STATEFUL_SET
from stead.machinery.objects import Json, dig

CLAIM = {
    "metadata": {"name": "www"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
CONTAINER = {"name": "c", "image": "i", "volumeMounts": [{"name": "www", "mountPath": "/www"}]}
FORBIDDEN = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)


def template(**spec: Any) -> Json:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER], **spec}}


def a_set(**spec: Any) -> Json:
    """A set as it is stored: it has its defaults."""
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "serviceName": "web",
        "template": template(),
        "volumeClaimTemplates": [CLAIM],
        **spec,
    }
    obj = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "ns"}, "spec": spec}
    return STATEFUL_SET.prepare_create(STATEFUL_SET.default(obj))


def told_of_update(new: Json, old: Json) -> list[str]:
    return [str(error) for error in STATEFUL_SET.validate_update(STATEFUL_SET.prepare_update(new, old), old)]


@pytest.mark.parametrize(
    ("given", "strategy"),
    [
        ({}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        ({"type": "RollingUpdate"}, {"type": "RollingUpdate"}),
        ({"type": "RollingUpdate", "rollingUpdate": {}}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        ({"rollingUpdate": {"partition": 2}}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}),
        ({"type": "OnDelete"}, {"type": "OnDelete"}),
    ],
)
def test_only_a_missing_strategy_type_brings_a_block(given: Json, strategy: Json) -> None:
    """D-2."""
    assert a_set(updateStrategy=given)["spec"]["updateStrategy"] == strategy


def test_defaults_are_laid_once() -> None:
    """D-5."""
    once = a_set()
    assert STATEFUL_SET.default(once) == once


def test_the_set_given_is_left_as_it_was() -> None:
    given = {"metadata": {"name": "web"}, "spec": {"template": template(volumes=[{"name": "v"}])}}
    copy = {"metadata": {"name": "web"}, "spec": {"template": template(volumes=[{"name": "v"}])}}
    STATEFUL_SET.prepare_create(STATEFUL_SET.default(given))
    assert given == copy


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 7},
        {"ordinals": {"start": 3}},
        {"minReadySeconds": 5},
        {"revisionHistoryLimit": 1},
        {"updateStrategy": {"type": "OnDelete"}},
        {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}},
        {"template": template(terminationGracePeriodSeconds=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_may_change(change: Json) -> None:
    """U-1."""
    assert told_of_update(a_set(**change), a_set()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"serviceName": "other"},
        {"serviceName": "NOT A NAME"},
        {"podManagementPolicy": "Parallel"},
        {"volumeClaimTemplates": [{**CLAIM, "metadata": {"name": "www", "labels": {"a": "b"}}}]},
    ],
    ids=str,
)
def test_what_may_not_change(change: Json) -> None:
    """U-2: one refusal, which does not say which."""
    assert told_of_update(a_set(**change), a_set()) == [f"spec: Forbidden: {FORBIDDEN}"]


@pytest.mark.parametrize(("new", "old"), [([], None), (None, []), ([], [])])
def test_an_empty_list_says_as_much_as_none(new: Json, old: Json) -> None:
    """U-1: differences are semantic."""
    assert told_of_update(a_set(volumeClaimTemplates=new), a_set(volumeClaimTemplates=old)) == []


def test_a_stored_set_with_faults_of_its_own_may_still_be_scaled() -> None:
    """U-3."""
    bad = {"serviceName": "NOT A NAME", "template": template(dnsPolicy="Mine"), "volumeClaimTemplates": [{"spec": {}}]}
    assert told_of_update(a_set(**bad, replicas=5), a_set(**bad)) == []


def test_status_is_the_stored_one_on_a_plain_write_and_spec_on_a_status_write() -> None:
    """S-2, S-3."""
    old = {**a_set(), "status": {"replicas": 3}}
    new = {**a_set(replicas=9), "status": {"replicas": 8}}
    assert STATEFUL_SET.prepare_update(new, old)["status"] == {"replicas": 3}
    written = STATEFUL_SET.prepare_status(new, old)
    assert (written["spec"], written["status"]) == (old["spec"], {"replicas": 8})


def test_max_unavailable_is_dropped_while_its_switch_is_off() -> None:
    """S-1: 1.36 as it comes; a set that has it already keeps it."""
    rolling = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}}
    path = ("spec", "updateStrategy", "rollingUpdate", "maxUnavailable")
    assert dig(a_set(**rolling), *path) is None
    stored = STATEFUL_SET.default({"metadata": {}, "spec": {**rolling, "template": template()}})
    assert dig(STATEFUL_SET.prepare_update(stored, stored), *path) == 2
    assert dig(STATEFUL_SET.prepare_update(stored, a_set()), *path) is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ({"replicas": 3, "readyReplicas": 3, "availableReplicas": 3}, []),
        (
            {"replicas": 0, "currentReplicas": -1},
            ["status.currentReplicas: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            {"replicas": 1, "updatedReplicas": 2},
            ["status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas"],
        ),
        ({"replicas": 1, "collisionCount": 1}, ["status.collisionCount: Invalid value: 1: cannot be decremented"]),
    ],
)
def test_status_arithmetic(status: Json, told: list[str]) -> None:
    """V-1."""
    old = {**a_set(), "status": {"replicas": 0, "collisionCount": 2} if "collisionCount" in status else {}}
    new = STATEFUL_SET.prepare_status({**a_set(), "status": status}, old)
    assert [str(error) for error in STATEFUL_SET.validate_status(new, old)] == told


def test_a_claim_template_is_a_claim_whatever_it_says() -> None:
    template = {"apiVersion": "x/v2", "kind": "Foo", "metadata": {"name": "d"}}
    (made,) = STATEFUL_SET.default(a_set(volumeClaimTemplates=[template]))["spec"]["volumeClaimTemplates"]
    assert (made["apiVersion"], made["kind"]) == ("v1", "PersistentVolumeClaim")


def test_a_mount_may_name_a_claim_template() -> None:
    """2.2 in api.md: a synthetic volume for every claim, in place of one of that name."""
    both = template(volumes=[{"name": "www", "hostPath": {}}])
    assert list(STATEFUL_SET.validate_create(a_set())) == []
    assert list(STATEFUL_SET.validate_create(a_set(template=both))) == []


def test_a_negative_history_is_warned_of() -> None:
    """S-6."""
    (told,) = STATEFUL_SET.warnings(a_set(revisionHistoryLimit=-1), None)
    assert told.startswith("spec.revisionHistoryLimit: a negative value retains all historical revisions;")
    assert list(STATEFUL_SET.warnings(a_set(), None)) == []
