"""The halves of rules that no other test would miss: each row here was a change of the code that went unseen."""

from typing import Any

import pytest

from stead.controllers.statefulset.profile import V1_36, V1_37, Profile
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery import meta
from stead.machinery.keys import Key
from stead.machinery.objects import Json, with_value, without
from stead.machinery.plan import Action, Create, Delete, Emit, Outcome, Patch, Refused
from stead.testing.builders import AN_HOUR_AGO, NOON, a_claim, a_claim_template, a_pod
from stead.testing.pictures import a_set, in_words, picture, status_in
from tests.controllers.statefulset.scene import Scene

GATE = Profile("v1.36 with the gate", has_max_unavailable=True)
NAME = "statefulset.kubernetes.io/pod-name"


@pytest.mark.parametrize(
    ("rule", "profile", "spec", "pods", "expected"),
    [
        ("RE-2", V1_36, "3 b ondelete", "0- 1Ra 2Ra", "create 0b"),  # whatever status.currentReplicas says
        ("SD-4", V1_36, "1 ready=10", "0R 1Y 2Y", "wait SD-4 web-2"),  # Ready, and not available
        ("SD-4", V1_36, "1 ready=10", "0R 1R 2Y", "delete 2"),
        ("RU-13", V1_36, "3 b ready=10 parallel", "0Ra 1Ra 2Yb", "wait RU-2 web-2"),
        ("RU-13", V1_36, "2 b ready=10 parallel", "0Ra 1Ra 5Ya", "delete 5, delete 1"),  # of those that are wanted
        ("RU-5", GATE, "4 b max=1 ready=10 parallel", "0Ra 1Ra 2Ra 3Yb", "wait RU-5 web"),
        ("RU-5", GATE, "4 b max=2 ready=10 parallel", "0Ra 1Ra 2Ra 3Yb", "delete 2"),
        ("RU-5", GATE, "4 b max=2 ready=10 parallel", "0Ra 1Ra 2Ra 3Rb 7Yb", "delete 7, delete 2, delete 1"),
        ("RU-5", GATE, "2 b max=1 parallel", "0Rb 1Ub", "wait PR-5 web-1"),  # nothing to roll: no budget is in the way
        ("RU-8", V1_37, "4 b max=1 parallel", "0Ua 1Ua 2Ra 3Ra", "delete 1"),
        ("RU-8", V1_37, "4 b max=3 parallel", "0Ra 1Ra 2Ra 3Ua", "delete 3, delete 2, delete 1"),
        ("RU-8", V1_37, "4 b max=2 partition=1 parallel", "0Ua 1Ra 2Ra 3Ra", "delete 3"),
        ("RU-8", V1_37, "3 b max=2 parallel", "0Ra 1T 2Ra", "delete 2"),
        ("RU-8", V1_37, "3 b max=1 ready=10 parallel", "0Ra 1Ra 2Ya", "delete 2"),
        ("RU-8", V1_37, "2 b max=1 ready=10 parallel", "0Ra 1Ra 5Ya", "delete 5, delete 1"),
    ],
)
def test_in_a_picture(rule: str, profile: Profile, spec: str, pods: str, expected: str) -> None:
    assert in_words(reconcile(picture(spec, pods, profile=profile), NOON)) == expected


def asked_of(scene: Scene, refused: str) -> list[str]:
    """Which pods and claims are written to in one round where the write to `refused` is not taken."""
    asked: list[str] = []

    def refuse(action: Action) -> Outcome | None:
        if not isinstance(action, Delete | Patch) or action.key.kind not in ("Pod", "PersistentVolumeClaim"):
            return None
        asked.append(action.key.name)
        return Refused("Forbidden", "no") if action.key.name == refused else None

    scene.refuse = refuse
    assert scene.round().is_failed
    return asked


def test_ru_5_the_first_refusal_ends_a_batch_of_a_rollout() -> None:
    assert asked_of(Scene("4 b max=3", "0Ra 1Ra 2Ra 3Ra", profile=GATE), "web-2") == ["web-3", "web-2"]


def test_sd_5_condemned_below_the_first_ordinal_have_their_place_in_the_batches() -> None:
    """From the top: 5; 4 and 1; 0."""
    scene = Scene("2 start=2 parallel", "0R 1R 2R 3R 4R 5R")
    assert asked_of(scene, "web-4") == ["web-5", "web-4", "web-1"]


@pytest.mark.parametrize(("policy", "asked"), [("", ["2"]), ("parallel", ["2", "1"])])
def test_sd_2_owners_of_claims_are_set_as_the_policy_of_pods_says(policy: str, asked: list[str]) -> None:
    """Ordered: the first refusal ends it; parallel: its batch (3; 2 and 1; ...) is finished; no pod goes in either."""
    spec = f"1 claims scaled=Delete {policy}"
    scene = Scene(spec, "0R 1R 2R 3R", *(a_claim(a_set(spec), ordinal) for ordinal in range(4)))
    assert asked_of(scene, "www-web-2") == ["www-web-3", *(f"www-web-{ordinal}" for ordinal in asked)]


def test_sd_2_claims_that_are_right_have_their_place_in_the_batches_too() -> None:
    """3 needs nothing; so 2 and 1 are one batch, and it is finished."""
    spec = "1 claims scaled=Delete parallel"
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "web-3", "uid": "web-3-uid", "controller": True}
    claims = [a_claim(a_set(spec), 0), a_claim(a_set(spec), 3, owners=[owner])]
    scene = Scene(spec, "0R 1R 2R 3R", *claims, *(a_claim(a_set(spec), ordinal) for ordinal in (1, 2)))
    assert asked_of(scene, "www-web-2") == ["www-web-2", "www-web-1"]


def test_sd_2_the_claim_of_a_condemned_pod_that_somebody_else_controls_is_let_be_in_silence() -> None:
    """Its owners are as they must be, so there is nothing to do about it, and nothing to tell."""
    other = {"apiVersion": "v1", "kind": "Thing", "name": "other", "uid": "other", "controller": True}
    spec = "1 claims scaled=Delete"
    plan = reconcile(picture(spec, "0R 1R", a_claim(a_set(spec), 0), a_claim(a_set(spec), 1, owners=[other])), NOON)
    assert not [action for action in plan.actions if isinstance(action, Emit)]
    assert in_words(plan) == "delete 1"


@pytest.mark.parametrize(
    ("owner", "is_stale"),
    [
        ({"kind": "Pod", "name": "web-0", "uid": "earlier"}, True),
        ({"kind": "Pod", "name": "web-1", "uid": "earlier"}, False),
        ({"kind": "Thing", "name": "web-0", "uid": "other"}, False),
    ],
)
def test_pvc_8_only_a_pod_of_that_very_name_makes_a_claim_stale(owner: Json, is_stale: bool) -> None:
    spec = "1 claims scaled=Delete"
    held = a_claim(a_set(spec), 0, owners=[{"apiVersion": "v1", **owner}])
    plan = reconcile(picture(spec, "", held), NOON)
    assert (plan.waiting[0].rule == "PVC-8") is is_stale
    assert any(isinstance(action, Create) for action in plan.actions) is not is_stale


def test_pvc_3_what_is_wrong_with_several_claims_is_told_in_one_event() -> None:
    leaving = [a_claim(a_set("1"), 0, name, deletionTimestamp=AN_HOUR_AGO) for name in ("www", "log")]
    scene = Scene("1 claims", "", *leaving)
    scene.edit(volumeClaimTemplates=[a_claim_template(), a_claim_template("log")])
    scene.round()
    told = "[pvc www-web-0 is being deleted, pvc log-web-0 is being deleted]"
    assert scene.told == [f"FailedCreate: Create Pod web-0 in StatefulSet web failed error: {told}"]


def test_pr_1_a_parallel_pod_that_ended_is_deleted_and_not_repaired() -> None:
    ended = without(a_pod(a_set("1"), 0, "F"), "metadata", "labels", NAME)
    assert in_words(reconcile(picture("1 parallel", "", ended), NOON)) == "delete 0"


def test_pvc_6_a_parallel_pod_whose_claim_goes_is_not_repaired() -> None:
    spec = "1 claims parallel"
    pending = without(a_pod(a_set(spec), 0, "P"), "metadata", "labels", NAME)
    plan = reconcile(picture(spec, "", pending, a_claim(a_set(spec), 0, deletionTimestamp=AN_HOUR_AGO)), NOON)
    assert plan.is_failed and in_words(plan).startswith("wait PVC-4")


def test_st_4_an_on_delete_set_counts_no_deletion_though_its_round_failed() -> None:
    scene = Scene("3 b ondelete parallel", "0- 1R 2R")
    scene.refuse = lambda action: Refused("Forbidden", "no") if isinstance(action, Create) else None
    assert scene.round().is_failed
    assert scene.status["currentReplicas"] == 2


TELLING = ("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas")


@pytest.mark.parametrize("field", [*TELLING, "currentRevision", "updateRevision"])
def test_st_7_each_field_that_differs_is_written(field: str) -> None:
    scene = Scene("2", "0R 1R")
    scene.settle()
    web = scene.get("StatefulSet", "web")
    true = web["status"][field]
    scene.put(with_value(web, ("status", field), "web-other" if isinstance(true, str) else 7))
    assert scene.round().deeds
    assert scene.status[field] == true


def test_st_3_a_member_without_an_ordinal_is_available_when_it_is_while_the_set_goes() -> None:
    odd = a_pod(a_set("1"), 7, "R", name="web-99999999999", uid="odd", ready_since=NOON.text)
    ripe = a_pod(a_set("1"), 8, "R", name="web-99999999998", uid="ripe")
    sick = a_pod(a_set("1"), 9, "U", name="web-99999999997", uid="sick")
    written: dict[str, Any] = dict(status_in(reconcile(picture("1 ready=10 deleting", "0R", odd, ripe, sick), NOON)))
    assert (written["replicas"], written["readyReplicas"], written["availableReplicas"]) == (4, 3, 2)


def test_q_2_nobody_is_woken_by_a_claim_or_a_revision() -> None:
    """PVC-7."""
    scene = Scene("1 claims", "0R", a_claim(a_set("1"), 0))
    scene.settle()
    while scene.engine.turn(scene.now) is not None:
        pass
    scene.remove("PersistentVolumeClaim", "www-web-0")
    scene.remove("ControllerRevision", scene.status["currentRevision"])
    assert scene.engine.due() == 0


def test_cl_2_who_is_let_go_keeps_other_owners() -> None:
    other = {"apiVersion": "v1", "kind": "Thing", "name": "other", "uid": "other"}
    stranger = a_pod(a_set("1"), 0, "R")
    stranger = with_value(stranger, ("metadata", "ownerReferences"), [*meta.owners(stranger), other])
    scene = Scene("1", "", with_value(stranger, ("metadata", "labels"), {"app": "other"}))
    scene.round()
    assert meta.owners(scene.engine.cache.get(Key("Pod", "default", "web-0")) or {}) == [other]


def refused(verb: type, kind: str, reason: str) -> Any:
    def refuse(action: Action) -> Outcome | None:
        key = action.key if isinstance(action, Delete | Patch) else None
        is_status = isinstance(action, Patch) and action.subresource == "status"
        is_meant = isinstance(action, verb) and key is not None and key.kind == kind and not is_status
        return Refused(reason, "no") if is_meant else None

    return refuse


@pytest.mark.parametrize(
    ("labels", "owners", "reason", "made"),
    [
        ({"app": "other"}, 1, "NotFound", ["web-0", "web-1"]),  # released
        ({"app": "other"}, 1, "Invalid", ["web-0", "web-1"]),
        ({"app": "other"}, 1, "Forbidden", []),
        ({"app": "nginx"}, 0, "NotFound", ["web-0"]),  # adopted
        ({"app": "nginx"}, 0, "Invalid", []),
        ({"app": "nginx"}, 0, "Conflict", []),
    ],
)
def test_cl_5_who_is_gone_is_forgiven_and_all_else_ends_the_round(
    labels: Any, owners: int, reason: str, made: list[str]
) -> None:
    """Where it ends, nothing else is done and no status is written; nothing is told in either case."""
    pod = with_value(a_pod(a_set("2"), 1, "R"), ("metadata", "labels"), labels)
    scene = Scene("2 parallel", "", with_value(pod, ("metadata", "ownerReferences"), meta.owners(pod)[:owners]))
    scene.refuse = refused(Patch, "Pod", reason)
    before = scene.status
    done = scene.round()
    asked = [meta.name(deed.obj) for deed in scene.deeds if isinstance(deed, Create) and deed.obj["kind"] == "Pod"]
    assert (asked, scene.status != before) == (made, bool(made))
    assert made or done.is_failed
    assert not [line for line in scene.told if "Failed" in line]


@pytest.mark.parametrize(("lost", "count"), [("web-3", 4), ("web-2", 3), ("web-1", 2)])
def test_st_4_of_several_deletions_those_before_the_refused_one_are_counted(lost: str, count: int) -> None:
    scene = Scene("4 b max=3", "0Ra 1Ra 2Ra 3Ra", profile=GATE)
    scene.refuse = lambda one: Refused("Forbidden", "no") if isinstance(one, Delete) and one.key.name == lost else None
    scene.round()
    assert scene.status["currentReplicas"] == count


def test_st_4_a_pod_that_was_gone_already_counts_as_ended() -> None:
    scene = Scene("3 b", "0Ra 1Ra 2Ra")
    scene.refuse = refused(Delete, "Pod", "NotFound")
    assert not scene.round().is_failed
    assert scene.status["currentReplicas"] == 2


def test_sy_2_a_revision_that_cannot_be_renumbered_lets_history_be_cut_all_the_same() -> None:
    """RU-10 refused: no status, and what no pod names goes down to the limit."""
    scene = Scene("1 limit=0", "0Rb")
    before = scene.status
    scene.refuse = lambda action: (
        Refused("Forbidden", "no") if isinstance(action, Patch) and "revision" in action.body else None
    )
    assert scene.round().is_failed
    gone = [deed.key.kind for deed in scene.deeds if isinstance(deed, Delete)]
    assert (gone, scene.status) == (["ControllerRevision"], before)


def test_pvc_5_of_a_condemned_pending_pod_nothing_is_made_and_nothing_is_told() -> None:
    """In range alone claims come back; and a refused owner of a condemned claim is no event."""
    spec = "1 claims scaled=Delete"
    scene = Scene(spec, "0R 1P", a_claim(a_set(spec), 0), a_claim(a_set(spec), 1))
    scene.refuse = refused(Patch, "PersistentVolumeClaim", "Forbidden")
    assert scene.round().is_failed
    assert scene.told == []
