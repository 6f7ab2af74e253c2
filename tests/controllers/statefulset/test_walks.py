"""Filling slots, per-replica work, scale-down and roll-out: a picture and one line of truth for each rule."""

import pytest

from stead.controllers.statefulset.profile import V1_36, V1_37, Profile
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery.plan import Delete, Patch
from stead.testing.builders import NOON
from stead.testing.pictures import in_picture, in_words, picture

ORDERED = [
    # filling
    ("ID-4", "0", "", "-"),
    ("PR-2", "3", "", "create 0a"),
    ("PR-2", "3", "0R", "create 1a"),
    ("PR-2", "3 start=100", "100R", "create 101a"),
    ("PR-2", "3", "0R 1- 2R", "create 1a"),
    ("PVC-3", "3 claims", "", "create claim www-web-0, create 0a"),
    # stops
    ("PR-1", "3", "0R 1F 2R", "delete 1"),
    ("PR-1", "3", "0R 1S", "delete 1"),
    ("PR-1", "3", "0U 1F", "wait PR-5 web-0"),
    ("PR-4", "3", "0R 1T 2R", "wait PR-4 web-1"),
    ("PR-5", "3", "0R 1P", "wait PR-5 web-1"),
    ("PR-5", "3", "0U 1-", "wait PR-5 web-0"),
    ("PR-6", "3 ready=10", "0R 1Y", "wait PR-6 web-1"),
    ("PR-6", "3 ready=10", "0R 1R", "create 2a"),
    # which revision comes back
    ("RE-2", "3 b", "0Ra 1- 2Rb", "create 1b"),
    ("RE-2", "3 b null", "0Ra 1- 2Rb", "create 1b"),
    ("RE-2", "3 b null", "0- 1Ra 2Rb", "create 0a"),
    ("RE-3", "3 b partition=2", "0Ra 1- 2Rb", "create 1a"),
    ("RE-2", "3 b ondelete", "0Ra 1- 2Ra", "create 1b"),
    ("RE-2", "3 b partition=2 start=100", "100Ra 101- 102Rb", "create 101a"),
    # scale-down
    ("SD-1", "1", "0U 1R 2R", "wait PR-5 web-0"),
    ("SD-3", "1", "0R 1R 2R", "delete 2"),
    ("SD-3", "1", "0R 1R 2T", "wait SD-3 web-2"),
    ("SD-4", "1", "0R 1R 2U", "delete 2"),
    ("SD-4", "1", "0R 1U 2R", "delete 2"),
    ("SD-4", "1", "0R 1U 2U", "wait SD-4 web-2"),
    ("SD-4", "0", "0U 1U", "wait SD-4 web-1"),
    ("SD-4", "1 ready=10", "0R 1R 2Y", "delete 2"),
    ("SD-6", "2 start=2", "0R 1R", "create 2a"),
    ("SD-6", "2 start=2", "0R 1R 2R 3R", "delete 1"),
    ("SD-6", "2", "0R 1R 2R 3R", "delete 3"),
    # rolling out
    ("RU-1", "3 b ondelete", "0Ra 1Ra 2Ra", "wait RU-1 web"),
    ("RU-2", "3 b", "0Ra 1Ra 2Ra", "delete 2"),
    ("RU-2", "3 b", "0Ra 1Ra 2Rb", "delete 1"),
    ("RU-2", "3 b", "0Rb 1Ra 2Rb", "delete 1"),
    ("RU-2", "3 b", "0Rb 1Rb 2Rb", "-"),
    ("RU-3", "3 b partition=2", "0Ra 1Ra 2Ra", "delete 2"),
    ("RU-3", "3 b partition=2", "0Ra 1Ra 2Rb", "wait RU-3 web"),
    ("RU-3", "3 b partition=3", "0Ra 1Ra 2Ra", "wait RU-3 web"),
    ("RU-3", "3 b partition=2 start=100", "100Ra 101Ra 102Ra", "delete 102"),
    ("RU-3", "3 b partition=100 start=100", "100Ra 101Ra 102Ra", "wait RU-3 web"),
    ("RU-9", "3 b partition=3", "0Ra 1Rb 2Rb", "wait RU-3 web"),
    ("RU-12", "3 c", "0Ra 1Ra 2Rb", "delete 2"),
    ("RU-13", "3 b ready=10", "0Ra 1Ra 2Yb", "wait PR-6 web-2"),
]

PARALLEL = [
    ("PR-11", "3", "", "create 0a, create 1a, create 2a"),
    ("PR-11", "3", "0P 1T", "create 2a"),
    ("PR-1", "3", "0F 1- 2S", "delete 0, create 1a, delete 2"),
    ("SD-5", "1", "0U 1R 2U 3T", "delete 2, delete 1"),
    ("SD-5", "1 b", "0Ra 1Ra 2Ra", "delete 2, delete 1, delete 0"),
    ("RU-2", "3 b", "0U 1Ra 2Ra", "delete 2"),
    ("RU-2", "3 b", "0Ra 1Ra 2Ua", "delete 2"),
    ("RU-2", "3 b", "0Ra 1Ra 2Ub", "wait RU-2 web-2"),
    ("RU-2", "3 b", "0Ra 1Ra 2T", "wait RU-2 web-2"),
    ("RU-2", "3 b partition=2", "0Ra 1Ra 2Ub", "wait RU-2 web-2"),
    ("RU-2", "3 b", "0Ra 1Ua 2Rb", "delete 1"),
]

GATE_ON = Profile("v1.36 with the gate", has_max_unavailable=True)
BUDGETS = [
    ("RU-4", V1_36, "4 b max=2", "0Ra 1Ra 2Ra 3Ra", "delete 3"),
    ("RU-5", GATE_ON, "4 b", "0Ra 1Ra 2Ra 3Ra", "delete 3"),
    ("RU-5", GATE_ON, "4 b max=2", "0Ra 1Ra 2Ra 3Ra", "delete 3, delete 2"),
    ("RU-5", GATE_ON, "4 b max=2 parallel", "0Ra 1Ra 2Ub 3Rb", "delete 1"),
    ("RU-5", GATE_ON, "4 b max=2 partition=3", "0Ra 1Ra 2Ra 3Ra", "delete 3"),
    ("RU-5", GATE_ON, "4 b max=1 parallel partition=2", "0U 1Ra 2Ra 3Ra", "wait RU-5 web"),
    ("RU-6", GATE_ON, "3 b max=50%", "0Ra 1Ra 2Ra", "delete 2"),
    ("RU-6", GATE_ON, "3 b max=100%", "0Ra 1Ra 2Ra", "delete 2, delete 1, delete 0"),
    ("RU-8", GATE_ON, "4 b max=2 parallel", "0Ua 1Ua 2Ra 3Ra", "wait RU-5 web"),
    ("RU-8", V1_37, "4 b max=2 parallel", "0Ua 1Ua 2Ra 3Ra", "delete 1, delete 0"),
    ("RU-8", V1_37, "4 b max=3 parallel", "0Ua 1Ra 2Ra 3Ra", "delete 0, delete 3, delete 2"),
    ("SD-8", V1_36, "3 parallel", "0R 2R 5R", "create 1a, delete 5"),
    ("SD-8", V1_37, "3 parallel", "0R 2R 5R", "delete 5, create 1a"),
]


def decided(spec: str, pods: str, profile: Profile = V1_36) -> str:
    return in_words(reconcile(picture(spec, pods, profile=profile), NOON))


@pytest.mark.parametrize(("rule", "spec", "pods", "expected"), ORDERED)
def test_ordered(rule: str, spec: str, pods: str, expected: str) -> None:
    assert decided(spec, pods) == expected


@pytest.mark.parametrize(("rule", "spec", "pods", "expected"), PARALLEL)
def test_parallel(rule: str, spec: str, pods: str, expected: str) -> None:
    assert decided(f"{spec} parallel", pods) == expected


@pytest.mark.parametrize(("rule", "profile", "spec", "pods", "expected"), BUDGETS)
def test_differences_between_versions(rule: str, profile: Profile, spec: str, pods: str, expected: str) -> None:
    assert decided(spec, pods, profile) == expected


@pytest.mark.parametrize("line", ["", "0Ra 1Rb 2Pa", "0Fa 1Sa 2Ta 3Ub", "7Rc"])
def test_a_picture_reads_back_as_it_was_drawn(line: str) -> None:
    assert in_picture(picture("3 c", line)) == line


def test_every_deletion_names_the_uid_that_was_seen() -> None:
    plan = reconcile(picture("1", "0R 1R"), NOON)
    assert [action.uid for action in plan.actions if isinstance(action, Delete)] == ["web-1-uid"]


def test_sy_4_a_terminating_set_is_only_counted() -> None:
    plan = reconcile(picture("3 b deleting", "0F 1U 5R"), NOON)
    assert [type(action) for action in (*plan.actions, *plan.always)] == [Patch]
    assert plan.waiting[0].rule == "SY-4"


def test_q_5_looks_again_when_the_next_pod_becomes_available() -> None:
    assert reconcile(picture("1 ready=10", "0Y"), NOON).wake_after_seconds == 10
    assert reconcile(picture("1 ready=10", "0R"), NOON).wake_after_seconds is None
