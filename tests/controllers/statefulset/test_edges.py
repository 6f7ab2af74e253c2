"""The 25 nastiest cases of section 5 and their runners-up, as far as they are this controller's alone.

Number 22 (node loss) and the DNS half of 25 are stories of the whole house; 14 is told with the revisions.
"""

from typing import Any

import pytest

from stead.controllers.statefulset.profile import V1_37, Profile
from stead.machinery import meta
from stead.machinery.objects import Json, with_value, without
from stead.machinery.plan import Create, Delete, Patch, Refused, Update
from stead.testing.builders import AN_HOUR_AGO, a_claim, a_claim_template, a_pod, a_revision, a_template
from stead.testing.pictures import a_set
from tests.controllers.statefulset.scene import Scene

B, C = a_set("1 b")["spec"]["template"], a_set("1 c")["spec"]["template"]


def settled(spec: str, pods: str = "", profile: Profile | None = None) -> Scene:
    scene = Scene(spec, pods, profile=profile) if profile else Scene(spec, pods)
    scene.settle()
    return scene


def test_1_forced_rollback_is_stuck_until_the_pod_is_deleted_by_hand() -> None:
    scene = settled("3", "0R 1R 2R")
    good = scene.get("StatefulSet", "web")["spec"]["template"]
    scene.edit(template=B)
    scene.round()
    scene.gone(2)
    scene.round()
    scene.set_state(2, "Pending")
    scene.edit(template=good)
    for _ in range(5):
        done = scene.round()
    assert str(scene) == "0Ra 1Ra 2Pb"
    assert (done.waiting[0].rule, done.waiting[0].remedy) == ("RU-11", "kubectl delete pod web-2")
    scene.gone(2)
    scene.settle()
    assert str(scene) == "0Ra 1Ra 2Ra"
    assert scene.status["currentRevision"] == scene.status["updateRevision"]


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_2_terminal_pods_get_one_delete_and_come_back(phase: str) -> None:
    scene = settled("3", "0R 1R 2R")
    scene.set_state(1, phase)
    scene.round()
    scene.round()
    deletes = [deed for deed in scene.deeds if isinstance(deed, Delete)]
    assert [deed.key.name for deed in deletes] == ["web-1"]
    scene.gone(1)
    scene.settle()
    assert str(scene) == "0Ra 1Ra 2Ra"


def test_2_ordered_a_failed_pod_is_not_touched_while_a_lower_one_is_sick() -> None:
    scene = settled("3", "0R 1R 2R")
    scene.set_state(0, "Running")
    scene.set_state(1, "Failed")
    scene.round()
    assert str(scene) == "0Ua 1Fa 2Ra"


def test_3_two_unhealthy_condemned_pods_block_for_ever() -> None:
    scene = settled("3", "0R 1R 2R")
    scene.set_state(1, "Running")
    scene.set_state(2, "Running")
    scene.edit(replicas=1)
    for _ in range(5):
        done = scene.round()
    assert (str(scene), done.waiting[0].rule) == ("0Ra 1Ua 2Ua", "SD-4")
    scene.ready(1)
    scene.settle()
    assert str(scene) == "0Ra"


def test_4_partition_counts_slots_when_rolling_and_ordinals_when_recreating() -> None:
    scene = settled("3 start=100 partition=2", "100R 101R 102R")
    scene.edit(template=B)
    scene.settle()
    assert str(scene) == "100Ra 101Ra 102Rb"
    scene.gone(101)
    scene.settle()
    assert str(scene) == "100Ra 101Ra 102Rb"


@pytest.mark.parametrize(("strategy", "back_at"), [("", "b"), ("null", "a")])
def test_5_a_lower_pod_lost_in_mid_rollout(strategy: str, back_at: str) -> None:
    scene = settled(f"3 {strategy}", "0R 1R 2R")
    scene.edit(template=B)
    scene.round()
    scene.gone(2)
    scene.round()
    scene.ready(2)
    scene.gone(0)
    scene.round()
    assert str(scene) == f"0P{back_at} 1Ra 2Rb"


def test_6_scaling_to_zero_promotes_though_a_partition_holds() -> None:
    scene = settled("3 partition=2", "0R 1R 2R")
    scene.edit(template=B)
    scene.settle()
    scene.edit(replicas=0)
    scene.settle()
    assert scene.status["currentRevision"] == scene.status["updateRevision"]
    scene.edit(replicas=3)
    scene.settle()
    assert str(scene) == "0Rb 1Rb 2Rb"


def test_7_a_lower_pod_returns_at_the_current_revision_while_the_update_fails() -> None:
    scene = settled("3 partition=1", "0R 1R 2R")
    scene.edit(template=B)
    scene.round()
    scene.gone(2)
    scene.round()
    scene.set_state(2, "Pending")
    scene.gone(0)
    scene.round()
    assert str(scene) == "0Pa 1Ra 2Pb"


def test_8_a_third_revision_lowers_a_count_it_was_not_in() -> None:
    scene = Scene("3 c", "0Rb 1Rb 2Rb")
    asked: list[Json] = []

    def refuse(action: Any) -> Any:
        is_status = isinstance(action, Patch) and action.subresource == "status"
        asked.extend([action.body["status"]] if is_status else [])
        return Refused("Invalid") if is_status and (action.body["status"]["currentReplicas"] or 0) < 0 else None

    scene.refuse = refuse
    assert scene.round().is_failed
    assert asked[-1]["currentReplicas"] == -1
    assert not scene.round().is_failed


def test_9_parallel_with_broken_old_pods_deadlocks_until_1_37() -> None:
    gate = Profile("gate", has_max_unavailable=True)
    for profile, expected in ((gate, "0Ua 1Ua 2Ra 3Ra"), (V1_37, "0Ta 1Ta 2Ra 3Ra")):
        scene = Scene("4 b max=2 parallel", "0Ua 1Ua 2Ra 3Ra", profile=profile)
        scene.round()
        assert str(scene) == expected


@pytest.mark.parametrize(("profile", "is_promoted"), [(None, False), (V1_37, True)])
def test_10_on_delete_never_completes_before_1_37(profile: Profile | None, is_promoted: bool) -> None:
    scene = settled("2 ondelete", "0R 1R", profile)
    scene.edit(template=B)
    scene.settle()
    for ordinal in (0, 1):
        scene.gone(ordinal)
        scene.settle()
    status = scene.status
    assert (str(scene), status["updatedReplicas"]) == ("0Rb 1Rb", 2)
    assert (status["currentRevision"] == status["updateRevision"]) is is_promoted
    assert status.get("currentReplicas", 0) == (2 if is_promoted else 0)


def test_11_completion_does_not_wait_for_min_ready_seconds() -> None:
    scene = Scene("2 b ready=10", "0Rb 1Yb")
    scene.round()
    assert scene.status["currentRevision"] == scene.status["updateRevision"]
    assert scene.status["availableReplicas"] == 1


def test_12_web_01_takes_slot_1_and_fails_every_round() -> None:
    odd = a_pod(a_set("3"), 1, "R", name="web-01", uid="odd", ownerReferences=[])
    scene = Scene("2", "0R", odd)
    scene.round()
    for _ in range(3):
        done = scene.round()
        assert (done.is_failed, done.waiting[0].rule) == (True, "ID-3")
    assert scene.told[-1] == 'FailedUpdate: Update Pod web-1 in StatefulSet web failed error: pods "web-1" not found'
    assert not any(isinstance(deed, Create) for deed in scene.deeds)
    strict = Scene("2", "0R", odd, profile=Profile("strict", refuses_leading_zeros=True))
    strict.round()
    assert str(strict) == "0Ra 1Pa"


def test_12_an_ordinal_that_overflows_is_adopted_and_left_alone() -> None:
    scene = Scene("1", "0R", a_pod(a_set("3"), 1, "R", name="web-4294967296", ownerReferences=[]))
    scene.round()
    assert meta.is_controlled_by(scene.get("Pod", "web-4294967296"), "web-uid")
    scene.edit(replicas=0)
    scene.gone(0)
    scene.round()
    assert not meta.is_terminating(scene.get("Pod", "web-4294967296"))


def test_13_a_set_called_web_1_and_a_set_called_web_do_not_meet() -> None:
    other = {**a_set("1"), "metadata": {**a_set("1")["metadata"], "name": "web-1", "uid": "other"}}
    theirs = a_pod(other, 0, "R", ownerReferences=[])
    scene = Scene("1", "0R", theirs)
    scene.settle(is_kubelet=False)
    assert meta.owners(scene.get("Pod", "web-1-0")) == []


def test_15_a_collision_is_counted_and_seen_only_when_something_else_changes() -> None:
    web = a_set("1")
    first = a_revision(web, a_template())
    blocker = {**first, "data": {"spec": {}}, "metadata": {**first["metadata"], "ownerReferences": [], "labels": {}}}
    scene = Scene("1")
    scene.put(blocker)
    scene.settle()
    assert scene.status["updateRevision"] != meta.name(first)
    assert scene.status["collisionCount"] in (0, 1)


def test_16_old_pods_of_an_earlier_set_hold_their_names_in_silence() -> None:
    earlier = [{**meta.owner_reference(a_set("1")), "uid": "earlier"}]
    scene = Scene("1", "", a_pod(a_set("1"), 0, "R", ownerReferences=earlier))
    done = scene.round()
    assert (done.is_failed, scene.told, done.waiting[0].rule) == (True, [], "CL-4")
    scene.gone(0)
    scene.settle()
    assert str(scene) == "0Ra"


def test_17_a_pod_waits_for_its_terminating_claim_and_gets_a_new_one() -> None:
    scene = Scene("1 claims", "0R", a_claim(a_set("1"), 0, deletionTimestamp=AN_HOUR_AGO))
    scene.gone(0)
    done = scene.round()
    assert (done.is_failed, done.waiting[0].rule) == (True, "PVC-4")
    scene.remove("PersistentVolumeClaim", "www-web-0")
    scene.settle()
    assert not meta.is_terminating(scene.get("PersistentVolumeClaim", "www-web-0"))
    assert str(scene) == "0Ra"


def test_18_only_pending_pods_get_claims_back() -> None:
    scene = Scene("1 claims", "0R", a_claim(a_set("1"), 0))
    scene.settle()
    scene.remove("PersistentVolumeClaim", "www-web-0")
    scene.round()
    assert not list(scene.engine.cache.all("PersistentVolumeClaim"))
    scene.set_state(0, "Pending")
    scene.round()
    assert [meta.name(claim) for claim in scene.engine.cache.all("PersistentVolumeClaim")] == ["www-web-0"]


def test_19_a_policy_turned_to_delete_reaches_only_claims_of_live_pods() -> None:
    web = a_set("1")
    scene = Scene("1 claims", "0R", a_claim(web, 0), a_claim(web, 1))
    scene.settle()
    scene.edit(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete", "whenScaled": "Delete"})
    scene.settle()
    assert [owner["uid"] for owner in meta.owners(scene.get("PersistentVolumeClaim", "www-web-0"))] == ["web-uid"]
    assert meta.owners(scene.get("PersistentVolumeClaim", "www-web-1")) == []
    assert scene.told == ["SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful"]


def test_20_scale_down_and_up_again_before_the_claim_is_gone_stalls_silently() -> None:
    scene = settled("2 claims scaled=Delete")
    scene.edit(replicas=1)
    scene.round()
    assert [owner["kind"] for owner in meta.owners(scene.get("PersistentVolumeClaim", "www-web-1"))] == ["Pod"]
    scene.gone(1)
    scene.edit(replicas=2)
    told = list(scene.told)
    done = scene.round()
    assert (done.is_failed, done.waiting[0].rule, scene.told) == (False, "PVC-8", told)
    assert str(scene) == "0Ra"
    scene.remove("PersistentVolumeClaim", "www-web-1")
    scene.settle()
    assert str(scene) == "0Ra 1Ra"


def test_21_parallel_an_error_in_one_batch_holds_all_that_follows() -> None:
    scene = Scene("6 b parallel", "0Ra 1Ra 2Ra 3Ra 4Ra 9Ra")
    scene.refuse = lambda action: Refused("Forbidden", "quota") if isinstance(action, Create) else None
    assert scene.round().is_failed
    assert str(scene) == "0Ra 1Ra 2Ra 3Ra 4Ra 9Ra"
    assert scene.status["replicas"] == 6


def test_23_status_arithmetic_of_one_round() -> None:
    scene = Scene("3 parallel", "0R 1T")
    scene.round()
    counts = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas")
    assert [scene.status.get(name, 0) for name in counts] == [2, 2, 1, 1]


@pytest.mark.parametrize(("policy", "expected"), [("parallel", "1Ra 2Ta"), ("", "1Ra 2Ra")])
def test_24_parallel_rollout_takes_no_heed_of_a_lower_pod(policy: str, expected: str) -> None:
    scene = Scene(f"3 b {policy}", "0U 1R 2R")
    scene.round()
    assert str(scene) == f"0Ua {expected}"


def test_25_which_drift_is_repaired() -> None:
    scene = settled("2", "0R 1R")
    web_0 = scene.get("Pod", "web-0")
    scene.put(without(web_0, "metadata", "labels", "apps.kubernetes.io/pod-index"))
    scene.round()
    assert scene.told == []
    scene.put(without(web_0, "metadata", "labels", "statefulset.kubernetes.io/pod-name"))
    scene.round()
    assert scene.told == ["SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful"]
    scene.put(with_value(scene.get("Pod", "web-1"), ("metadata", "labels", "controller-revision-hash"), "by-hand"))
    scene.round()
    assert str(scene) == "0Ra 1Ta"


# --- runners-up


def test_raising_the_first_ordinal_creates_above_before_it_deletes_below_from_the_top() -> None:
    scene = settled("3", "0R 1R 2R")
    scene.edit(ordinals={"start": 3})
    seen = []
    for _ in range(40):
        scene.settle(is_kubelet=False)
        seen.append(str(scene))
        if not scene._kubelet():
            break
    assert seen[0] == "0Ra 1Ra 2Ra 3Pa"
    assert "0Ra 1Ra 2Ta 3Ra 4Ra 5Ra" in seen
    assert seen[-1] == "3Ra 4Ra 5Ra"


def test_an_orphan_recreated_set_with_more_templates_cannot_repair_what_it_adopts() -> None:
    scene = Scene("1 claims", "0R")
    scene.edit(volumeClaimTemplates=[a_claim_template(), a_claim_template("logs")])
    scene.refuse = lambda action: Refused("Invalid", "immutable") if isinstance(action, Update) else None
    for _ in range(3):
        assert scene.round().is_failed
    assert scene.told[-1] == "FailedUpdate: Update Pod web-0 in StatefulSet web failed error: immutable"


def test_a_history_limit_of_zero_deletes_the_way_back_at_once() -> None:
    scene = settled("1 limit=0", "0R")
    scene.edit(template=B)
    scene.settle()
    assert len(list(scene.engine.cache.all("ControllerRevision"))) == 1


def test_a_rollout_that_changes_its_mind_goes_straight_for_the_last_wish() -> None:
    scene = settled("3", "0R 1R 2R")
    scene.edit(template=B)
    scene.round()
    scene.gone(2)
    scene.edit(template=C)
    scene.settle()
    assert str(scene) == "0Rc 1Rc 2Rc"
    assert scene.status["currentRevision"] == scene.status["updateRevision"]


def test_re_2_c_parallel_with_a_null_block_creates_at_current_and_rolls_it_next() -> None:
    scene = Scene("2 b parallel null", "1Ra")
    scene.round()
    assert str(scene) == "0Pa 1Ta"
    scene.settle()
    assert str(scene) == "0Rb 1Rb"
