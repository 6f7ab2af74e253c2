"""Status: what is counted, when it is written, when a roll-out is complete (ST-1 to ST-10)."""

from typing import Any

import pytest

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import V1_36, V1_37, Profile
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery import meta
from stead.machinery.objects import with_value
from stead.machinery.plan import Create, Delete, Patch, Refused
from stead.testing.builders import NOON, a_pod, a_revision, a_template
from stead.testing.pictures import WEB, a_set, drawn, picture, status_in
from tests.controllers.statefulset.scene import Scene

COUNTS = ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas")


def counted(spec: str, pods: str, *others: Any, profile: Profile = V1_36) -> tuple[int, ...]:
    written = status_in(reconcile(picture(spec, pods, *others, profile=profile), NOON))
    return tuple(written.get(name, 0) for name in COUNTS)


@pytest.mark.parametrize(
    ("rule", "spec", "pods", "expected"),
    [
        ("ST-1", "3", "0R 1P", (2, 1, 1, 2, 2)),
        ("ST-1", "3 b partition=2", "0Ra 1Ra 2Ub", (3, 2, 2, 2, 1)),
        ("ST-1", "3", "0T 1F 2S", (3, 1, 1, 2, 2)),
        ("ST-1", "2 ready=10", "0R 1Y", (2, 2, 1, 2, 2)),
        ("ST-2", "3 parallel", "0R", (1, 1, 1, 1, 1)),
        ("ST-3", "1", "0R 1R 5U", (3, 2, 2, 3, 3)),
        ("ST-4", "3 b", "0Ra 1Ra 2Ra", (3, 3, 3, 2, 0)),
        ("ST-4", "1", "0R 1R", (2, 2, 2, 2, 2)),
        ("ST-6", "2 b", "0Rb 1Rb", (2, 2, 2, 2, 2)),
        ("ST-6", "2 b ondelete", "0Rb 1Rb", (2, 2, 2, 0, 2)),
        ("RU-12", "3 c", "0Rb 1Rb 2Rb", (3, 3, 3, -1, 0)),
    ],
)
def test_counts(rule: str, spec: str, pods: str, expected: tuple[int, ...]) -> None:
    assert counted(spec, pods) == expected


def test_st_3_members_without_an_ordinal_count_only_while_the_set_is_being_deleted() -> None:
    odd = a_pod(a_set("1"), 7, "R", name="web-99999999999", uid="odd")
    assert counted("1", "0R", odd) == (1, 1, 1, 1, 1)
    assert counted("1 deleting", "0R", odd) == (2, 2, 2, 2, 2)


@pytest.mark.parametrize(
    ("rule", "profile", "spec", "pods", "is_promoted"),
    [
        ("ST-6", V1_36, "2 b", "0Rb 1Rb", True),
        ("ST-6", V1_36, "2 b", "0Rb 1Ub", False),
        ("ST-6", V1_36, "2 b", "0Rb 1Rb 2Rb", False),
        ("ST-6", V1_36, "2 b ready=10", "0Rb 1Yb", True),
        ("ST-6", Profile("later", completes_when_available=True), "2 b ready=10", "0Rb 1Yb", False),
        ("ST-6", V1_36, "0 b partition=5", "", True),
        ("ST-6", V1_36, "2 b ondelete", "0Rb 1Rb", False),
        ("ST-6", V1_37, "2 b ondelete", "0Rb 1Rb", True),
    ],
)
def test_promotion(rule: str, profile: Profile, spec: str, pods: str, is_promoted: bool) -> None:
    written = status_in(reconcile(picture(spec, pods, profile=profile), NOON))
    assert (written["currentRevision"] == written["updateRevision"]) is is_promoted


def settled() -> Scene:
    scene = Scene("2", "0R 1R")
    scene.settle()
    return scene


def test_st_5_everything_that_is_said_once_all_is_well() -> None:
    status = settled().status
    assert status["currentRevision"] == status["updateRevision"]
    numbers = {name: value for name, value in status.items() if isinstance(value, int)}
    expected = dict.fromkeys(
        ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"), 2
    )
    assert numbers == {**expected, "observedGeneration": 1, "collisionCount": 0}


@pytest.mark.parametrize(
    ("change", "is_written"),
    [({"collisionCount": 7}, False), ({"conditions": [{"type": "Mine"}]}, False), ({"readyReplicas": 1}, True)],
)
def test_st_7_what_is_worth_a_write(change: Any, is_written: bool) -> None:
    scene = settled()
    web = scene.get("StatefulSet", "web")
    scene.put({**web, "status": {**web["status"], **change}})
    assert bool(scene.round().deeds) is is_written


def test_st_7_a_new_generation_is_always_written() -> None:
    scene = settled()
    scene.edit(serviceName="other")
    scene.round()
    assert scene.status["observedGeneration"] == 2


def test_st_8_conditions_of_others_vanish_at_the_next_write() -> None:
    scene = settled()
    web = scene.get("StatefulSet", "web")
    scene.put({**web, "status": {**web["status"], "conditions": [{"type": "Mine"}], "replicas": 9}})
    scene.round()
    assert "conditions" not in scene.status


def test_st_9_the_write_has_no_precondition_but_the_uid() -> None:
    (report,) = reconcile(picture("1", "0R"), NOON).always
    assert isinstance(report, Patch)
    assert (report.uid, report.if_revision, report.subresource) == ("web-uid", "", "status")


def test_zeros_are_taken_away_where_the_api_leaves_them_out() -> None:
    cache = drawn("1", "0U")
    web = cache.get(WEB)
    assert web is not None
    cache.put(WEB, with_value(web, ("status", "readyReplicas"), 1))
    observed = StatefulSetController().observe(cache, WEB)
    assert observed is not None
    (report,) = reconcile(observed, NOON).always
    assert isinstance(report, Patch)
    assert report.body["status"]["readyReplicas"] is None
    assert report.body["status"]["availableReplicas"] == 0


def test_sy_3_the_status_is_written_though_the_main_pass_failed() -> None:
    scene = Scene("2", "0R")
    scene.refuse = lambda action: Refused("Forbidden", "quota") if isinstance(action, Create) else None
    assert scene.round().is_failed
    assert scene.status["replicas"] == 1


def test_st_4_a_refused_deletion_is_not_counted() -> None:
    scene = Scene("3 b", "0R 1R 2R")
    scene.refuse = lambda action: Refused("Forbidden", "no") if isinstance(action, Delete) else None
    scene.round()
    assert scene.status["currentReplicas"] == 3
    scene.refuse = lambda action: None
    scene.round()
    assert scene.status["currentReplicas"] == 2


def test_st_4_nor_is_one_that_a_failure_before_it_prevented() -> None:
    scene = Scene("3 b parallel", "0- 1R 2R")
    scene.refuse = lambda action: Refused("Forbidden", "quota") if isinstance(action, Create) else None
    scene.round()
    assert (scene.status["currentReplicas"], str(scene)) == (2, "1Ra 2Ra")


def test_sy_2_without_a_revision_no_status() -> None:
    scene = Scene("1", "0R")
    scene.edit(template={**a_set("1 c")["spec"]["template"]})
    before = scene.status
    scene.refuse = lambda action: Refused("Forbidden", "no") if isinstance(action, Create) else None
    assert scene.round().is_failed
    assert scene.status == before


@pytest.mark.parametrize(("spec", "pods", "kept"), [("0 limit=0", "", set()), ("1 limit=0", "0Ra", {"a"})])
def test_sy_2_without_a_revision_only_pods_protect_the_history(spec: str, pods: str, kept: set[str]) -> None:
    """The write of the new revision is refused, and `a` is current: that alone saves nobody."""
    scene = Scene(spec, pods)
    scene.edit(template=a_set("1 c")["spec"]["template"])
    scene.refuse = lambda action: Refused("Forbidden", "no") if isinstance(action, Create) else None
    scene.round()
    left = [meta.name(one) for one in scene.engine.cache.all("ControllerRevision")]
    assert set(left) == {meta.name(a_revision(a_set("1"), a_template(letter))) for letter in kept}
