"""Claims and the retention policy (PVC-1 to PVC-8, RP-1 to RP-9)."""

from typing import Any

import pytest

from stead.controllers.statefulset import claims, spec
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery import meta
from stead.machinery.objects import Json, with_value
from stead.testing.builders import NOON, a_claim, a_claim_template, a_pod, a_stateful_set
from stead.testing.pictures import a_set, events_in, in_words, picture

SET_REF = spec.read(a_stateful_set()).owner
POD_REF = {**SET_REF, "apiVersion": "v1", "kind": "Pod", "name": "web-1", "uid": "web-1-uid"}
FOREIGN = {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "other-uid"}
CONTROLLING = {**FOREIGN, "controller": True}


def a_read(replicas: int, deleted: str, scaled: str) -> spec.Spec:
    policy = {"whenDeleted": deleted, "whenScaled": scaled}
    return spec.read(
        a_stateful_set(
            replicas=replicas, volumeClaimTemplates=[a_claim_template()], persistentVolumeClaimRetentionPolicy=policy
        )
    )


def owners_after(read: spec.Spec, refs: list[Any]) -> list[Any] | None:
    """Who owns the claim of web-1 after a retention pass; None where nothing is written."""
    web = a_stateful_set()
    claim, pod = a_claim(web, 1, owners=refs), a_pod(web, 1)
    if claims.is_kept_right(read, claim, pod):
        return None
    return claims.keep(read, claim, pod).body["metadata"]["ownerReferences"] or []


@pytest.mark.parametrize(
    ("deleted", "scaled", "in_range", "condemned"),
    [
        ("Retain", "Retain", None, None),
        ("Delete", "Retain", [SET_REF], [SET_REF]),
        ("Retain", "Delete", None, [POD_REF]),
        ("Delete", "Delete", [SET_REF], [POD_REF]),
    ],
)
def test_rp_1_who_owns_a_claim(deleted: str, scaled: str, in_range: list[Any], condemned: list[Any]) -> None:
    assert owners_after(a_read(2, deleted, scaled), []) == in_range
    assert owners_after(a_read(1, deleted, scaled), []) == condemned


OFTEN = ("Delete", "Delete")
EDGES = [
    ("RP-1", ("Retain", "Retain"), [SET_REF], []),
    ("RP-1", OFTEN, [POD_REF], [SET_REF]),
    ("RP-3", OFTEN, [{**SET_REF, "uid": "old"}], None),
    ("RP-3", OFTEN, [{**POD_REF, "uid": "old"}, SET_REF], None),
    ("RP-4", OFTEN, [CONTROLLING], None),
    ("RP-4", OFTEN, [CONTROLLING, SET_REF], [CONTROLLING]),
    ("RP-4", ("Retain", "Retain"), [CONTROLLING, SET_REF], [CONTROLLING]),
    ("RP-5", OFTEN, [FOREIGN], [FOREIGN, SET_REF]),
    ("RP-6", OFTEN, [{**SET_REF, "controller": False}], [SET_REF]),
    ("RP-1", OFTEN, [SET_REF], None),
]


@pytest.mark.parametrize(("rule", "policy", "before", "after"), EDGES)
def test_retention_corner_cases(rule: str, policy: tuple[str, str], before: list[Any], after: list[Any] | None) -> None:
    assert owners_after(a_read(2, *policy), before) == after


def test_pvc_1_a_claim_is_its_template_with_name_namespace_and_match_labels() -> None:
    labelled = {"labels": {"app": "mine", "tier": "db"}, "annotations": {"a": "b"}, "name": "www"}
    template = {**a_claim_template(), "metadata": labelled, "status": {"phase": "Pending"}}
    web = a_stateful_set(volumeClaimTemplates=[template])
    claim = claims.claim(spec.read(web), template, 1)
    assert claim["metadata"] == {
        "name": "www-web-1",
        "namespace": "default",
        "labels": {"app": "nginx", "tier": "db"},
        "annotations": {"a": "b"},
    }
    assert claim["spec"] == template["spec"]
    assert "status" not in claim


def decided(drawn: str, pods: str, *others: Json) -> str:
    return in_words(reconcile(picture(drawn, pods, *others), NOON))


WEB = a_set("3 claims")
STALE = a_claim(WEB, 0, owners=[{**POD_REF, "name": "web-0"}])
TWO = [a_claim(WEB, 1), a_claim(WEB, 2)]
TURNED = "own by web-2 claim www-web-2, own by web-1 claim www-web-1, delete 2"
GOING = {"deletionTimestamp": NOON.text}


@pytest.mark.parametrize(
    ("rule", "drawn", "pods", "others", "expected"),
    [
        ("PVC-2", "1 claims", "", [a_claim(WEB, 0)], "create 0a"),
        ("PVC-4", "1 claims", "", [a_claim(WEB, 0, **GOING)], "tell FailedCreate"),
        ("PVC-5", "1 claims", "0P", [], "create claim www-web-0"),
        ("PVC-5", "1 claims", "0U", [], "wait PR-5 web-0"),
        ("PVC-5", "1 claims deleted=Delete", "0P", [a_claim(WEB, 0)], "own by web claim www-web-0"),
        ("PVC-6", "1 claims", "0P", [a_claim(WEB, 0, **GOING)], "wait PVC-4 www-web-0"),
        ("PVC-5", "2 claims parallel", "0P 1P", [a_claim(WEB, 1)], "create claim www-web-0"),
        ("PVC-8", "1 claims scaled=Delete", "", [STALE], "wait PVC-8 www-web-0"),
        ("PVC-8", "1 claims", "", [STALE], "create 0a"),
        ("RP-8", "1 claims deleted=Delete", "", [], "create claim www-web-0, create 0a"),
        ("PR-7", "1 claims deleted=Delete", "0R", [a_claim(WEB, 0)], "own by web claim www-web-0, repair 0"),
        ("PR-8", "1 claims deleted=Delete", "0R", [], "-"),
        ("SD-2", "1 claims scaled=Delete", "0R 1R 2R", TWO, TURNED),
        ("RP-7", "1 claims scaled=Delete", "0R", [a_claim(WEB, 1)], "-"),
        ("RP-10", "1 claims scaled=Delete", "0U 1R", [a_claim(WEB, 1)], "wait PR-5 web-0"),
    ],
)  # fmt: skip
def test_claims_of_pods(rule: str, drawn: str, pods: str, others: list[Json], expected: str) -> None:
    assert decided(drawn, pods, *others) == expected


def test_pvc_4_a_terminating_claim_is_an_error_and_told() -> None:
    plan = reconcile(picture("1 claims", "", a_claim(WEB, 0, **GOING)), NOON)
    assert plan.is_failed
    message = "FailedCreate: Create Pod web-0 in StatefulSet web failed error: pvc www-web-0 is being deleted"
    assert events_in(plan.actions) == [message]


def test_pvc_6_for_a_pending_pod_the_error_is_not_told() -> None:
    plan = reconcile(picture("1 claims", "0P", a_claim(WEB, 0, **GOING)), NOON)
    assert plan.is_failed
    assert events_in(plan.actions) == []


def test_pvc_8_a_parallel_set_goes_on_with_the_others() -> None:
    stale = a_claim(WEB, 0, owners=[{**POD_REF, "name": "web-0", "uid": "old"}])
    plan = reconcile(picture("2 claims scaled=Delete parallel", "5R", stale), NOON)
    assert in_words(plan) == "create claim www-web-1, create 1a, delete 5"
    assert not plan.is_failed


def test_rp_4_the_conflict_is_told_whenever_the_pass_meets_it() -> None:
    theirs = a_claim(WEB, 0, owners=[CONTROLLING])
    for pods, times in (("0P", 1), ("0R", 0), ("", 1)):
        plan = reconcile(picture("1 claims deleted=Delete", pods, theirs), NOON)
        told = [text for text in events_in(plan.actions) if text.startswith("ConflictingController: ")]
        assert len(told) == times
        assert all("www-web-0" in text for text in told)


def test_pr_7_storage_that_is_wrong_is_tried_to_be_repaired() -> None:
    """An orphan-recreated set with more templates than its pods have volumes: the API will refuse, for ever."""
    bare = with_value(a_pod(WEB, 0), ("spec", "volumes"), [])
    plan = reconcile(picture("1 claims", "", bare), NOON)
    assert in_words(plan) == "create claim www-web-0, repair 0"
    assert meta.name(bare) == "web-0"
