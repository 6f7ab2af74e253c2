"""The 25 nastiest cases of controller.md, section 5, told by the whole house: API, kubelet, collector, volumes, node.

`tests/controllers/statefulset/test_edges.py` tells the same of the controller alone.
"""

from typing import Any

import pytest

from stead.machinery import meta
from stead.machinery.objects import dig
from stead.machinery.plan import Refused
from tests.stories.tale import WEB, Tale


def test_1_a_forced_roll_back_is_stuck_until_the_pod_is_deleted_by_hand() -> None:
    """RU-11."""
    tale = Tale()
    tale.settle()
    tale.do("revise", image="b", trouble="image")
    assert tale.run(60) == "0Ra 1Ra 2Pb"
    tale.do("revise", image="a")
    assert tale.run(900) == "0Ra 1Ra 2Pb"
    assert tale.rules() == ["RU-11"] and "kubectl delete pod web-2" in tale.waits()[0].remedy
    tale.do("delete-pod", pod="web-2")
    assert tale.settle() == "0Ra 1Ra 2Ra"


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_2_terminal_pods_get_one_delete_and_come_back(phase: str, policy: str) -> None:
    """PR-1."""
    tale = Tale(policy=policy)
    tale.settle()
    before = tale.uids()
    tale.do("fail-pod", pod="web-1", phase=phase)
    assert tale.settle() == "0Ra 1Ra 2Ra"
    assert [name for name, uid in tale.uids().items() if before[name] != uid] == ["web-1"]
    assert tale.events("SuccessfulDelete") == ["Delete Pod web-1 in StatefulSet web successful"]


def test_2_an_ordered_set_does_not_touch_a_failed_pod_above_a_sick_one() -> None:
    tale = Tale(readyAfter=1)
    tale.settle()
    tale.do("ready", pod="web-0", says=False)
    assert tale.run(20) == "0Ua 1Ra 2Ra"
    tale.do("fail-pod", pod="web-1")
    assert tale.run(120) == "0Ua 1Fa 2Ra"
    tale.do("ready", pod="web-0", says=True)
    assert tale.settle() == "0Ra 1Ra 2Ra"


def test_3_two_sick_condemned_pods_block_for_ever() -> None:
    """SD-4."""
    tale = Tale(readyAfter=1)
    tale.settle()
    for pod in ("web-1", "web-2"):
        tale.do("ready", pod=pod, says=False)
    tale.run(20)
    tale.do("scale", replicas=1)
    assert tale.run(900) == "0Ra 1Ua 2Ua"
    assert tale.rules() == ["SD-4"]
    tale.do("ready", pod="web-1", says=True)
    assert tale.settle() == "0Ra"


def test_3_one_sick_condemned_pod_goes() -> None:
    tale = Tale(readyAfter=1)
    tale.settle()
    tale.do("ready", pod="web-2", says=False)
    tale.run(20)
    tale.do("scale", replicas=1)
    assert tale.settle() == "0Ra"


def test_4_the_partition_counts_slots_when_rolling_and_ordinals_when_recreating() -> None:
    """RU-3, RE-2."""
    tale = Tale(start=100, partition=2, strategy="RollingUpdate")
    tale.settle()
    tale.do("revise", image="b")
    assert tale.settle() == "100Ra 101Ra 102Rb"
    tale.do("delete-pod", pod="web-101")
    tale.run(5)
    assert tale.settle() == "100Ra 101Ra 102Rb"
    tale.do("partition", partition=100)
    tale.do("revise", image="c")
    assert tale.run(60) == "100Ra 101Ra 102Rb"


@pytest.mark.parametrize(("strategy", "expected"), [("default", "0Pb 1Ra 2Pb"), ("bare", "0Ra 1Ra 2Pb")])
def test_5_a_lower_pod_lost_in_mid_roll_out(strategy: str, expected: str) -> None:
    """RE-2, effects A and B."""
    tale = Tale(strategy=strategy)
    tale.settle()
    tale.do("revise", image="b", trouble="image")
    tale.until("0Ra 1Ra 2Pb")
    tale.do("delete-pod", pod="web-0")
    assert tale.run(60) == expected


def test_6_scaling_to_nothing_promotes_though_a_partition_holds() -> None:
    """ST-6."""
    tale = Tale(partition=2, strategy="RollingUpdate")
    tale.settle()
    tale.do("revise", image="b")
    assert tale.settle() == "0Ra 1Ra 2Rb"
    tale.do("scale", replicas=0)
    tale.settle()
    assert tale.status["currentRevision"] == tale.status["updateRevision"]
    tale.do("scale", replicas=3)
    assert tale.settle() == "0Rb 1Rb 2Rb"


def test_7_a_lower_pod_returns_at_the_current_revision_while_the_update_fails() -> None:
    """RE-3."""
    tale = Tale(partition=1, strategy="RollingUpdate")
    tale.settle()
    tale.do("revise", image="b", trouble="image")
    tale.until("0Ra 1Ra 2Pb")
    tale.do("delete-pod", pod="web-0")
    assert tale.run(60) == "0Ra 1Ra 2Pb"


def test_8_a_third_revision_is_counted_and_never_below_nothing() -> None:
    """RU-12."""
    tale = Tale(startAfter=2)
    tale.settle()
    tale.do("revise", image="b")
    tale.until("0Ra 1Ra 2Rb")
    tale.do("revise", image="c")
    assert tale.settle() == "0Rc 1Rc 2Rc"
    assert all(status.get("currentReplicas", 0) >= 0 for status in tale.statuses())
    assert tale.status["currentRevision"] == tale.status["updateRevision"]


def test_8_a_count_below_nothing_is_refused_and_heals_with_the_next_round() -> None:
    """RU-12, ST-10: no pod is at the current revision any more, and one at a third is rolled."""
    tale, refused = Tale(policy="Parallel", startAfter=2), []
    tale.settle()
    tale.do("revise", image="b")
    tale.until("0Pb 1Rb 2Rb")
    tale.simulation.watchers.append(lambda round_: refused.extend(o for _, o in round_.deeds if isinstance(o, Refused)))
    tale.do("revise", image="c")
    assert tale.settle() == "0Rc 1Rc 2Rc"
    assert [one.reason for one in refused] == 3 * ["Invalid"] and "status.currentReplicas" in refused[0].message


def test_9_max_unavailable_is_dropped_before_1_37() -> None:
    """RU-4."""
    tale = Tale(maxUnavailable=2, strategy="RollingUpdate", policy="Parallel", startAfter=3)
    tale.settle()
    assert dig(tale.get("StatefulSet", "web"), "spec", "updateStrategy", "rollingUpdate") == {"partition": 0}
    tale.do("revise", image="b")
    tale.until("0Ra 1Ra 2Pb")


@pytest.mark.parametrize(
    ("most", "first"), [(2, "0Ra 1Ta 2Ta"), ("25%", "0Ra 1Ra 2Ta"), ("50%", "0Ra 1Ra 2Ta"), ("100%", "0Ta 1Ta 2Ta")]
)
def test_9_max_unavailable_rounds_down_and_is_at_least_one(most: Any, first: str) -> None:
    """RU-5, RU-6."""
    tale = Tale("v1_37", maxUnavailable=most, strategy="RollingUpdate", stopAfter=1, grace=5)
    tale.settle()
    tale.do("revise", image="b")
    tale.until(first)
    assert tale.settle() == "0Rb 1Rb 2Rb"


def test_9_parallel_with_broken_old_pods_is_repaired_from_1_37_on() -> None:
    """RU-8."""
    tale = Tale("v1_37", replicas=4, maxUnavailable=2, strategy="RollingUpdate", policy="Parallel", readyAfter=1)
    tale.settle()
    for pod in ("web-0", "web-1"):
        tale.do("ready", pod=pod, says=False)
    tale.run(20)
    tale.do("revise", image="b")
    assert tale.settle() == "0Rb 1Rb 2Rb 3Rb"


@pytest.mark.parametrize(("profile", "is_promoted"), [("v1_36", False), ("v1_37", True)])
def test_10_on_delete_never_completes_before_1_37(profile: str, is_promoted: bool) -> None:
    """ST-6."""
    tale = Tale(profile, strategy="OnDelete", replicas=2)
    tale.settle()
    tale.do("revise", image="b")
    assert tale.run(60) == "0Ra 1Ra"
    for pod in ("web-0", "web-1"):
        tale.do("delete-pod", pod=pod)
        tale.run(10)
    assert (tale.settle(), tale.status["updatedReplicas"]) == ("0Rb 1Rb", 2)
    assert (tale.status["currentRevision"] == tale.status["updateRevision"]) is is_promoted


def test_11_completion_does_not_wait_for_min_ready_seconds() -> None:
    """ST-6."""
    tale = Tale(minReadySeconds=10)
    tale.settle()
    tale.do("revise", image="b")
    tale.settle()
    promoted = [one for one in tale.statuses() if one.get("currentRevision") == tale.status["updateRevision"]]
    assert promoted[0]["availableReplicas"] == 2


def test_12_web_01_takes_slot_1_and_fails_every_round() -> None:
    """ID-3."""
    tale = Tale(replicas=2)
    tale.do("delete-set")
    tale.run(30)
    tale.do("stray-pod", pod="web-01")
    tale.do("create-set")
    tale.run(60)
    assert tale.owners("Pod", "web-01") == ["StatefulSet web"]
    assert "web-1" not in tale.uids() and "ID-3" in tale.rules()
    assert tale.events("FailedUpdate")
    tale.do("delete-pod", pod="web-01")
    tale.run(300)
    assert tale.settle() == "0Ra 1Ra"


def test_12_an_ordinal_that_overflows_is_adopted_left_alone_and_dies_with_the_set() -> None:
    """ID-2."""
    tale = Tale(replicas=1)
    tale.settle()
    tale.do("stray-pod", pod="web-4294967296")
    tale.do("scale", replicas=0)
    tale.run(60)
    assert tale.owners("Pod", "web-4294967296") == ["StatefulSet web"]
    assert list(tale.uids()) == ["web-4294967296"]
    tale.do("delete-set")
    tale.run(60)
    assert tale.uids() == {}


def test_13_a_set_called_web_1_and_a_set_called_web_do_not_meet() -> None:
    """ID-2, CL-1."""
    other = {**Tale(replicas=0).world.shapes["web"], "name": "web-1", "replicas": 2}
    tale = Tale(replicas=2, others=[other])
    tale.run(30)
    assert sorted(tale.uids()) == ["web-0", "web-1", "web-1-0", "web-1-1"]
    assert tale.owners("Pod", "web-1-0") == ["StatefulSet web-1"]
    assert tale.owners("Pod", "web-1") == ["StatefulSet web"]


def test_14_a_new_stead_finds_the_revisions_of_the_old_one() -> None:
    """RV-4."""
    tale = Tale()
    tale.settle()
    before = tale.names("ControllerRevision"), tale.uids()
    tale.simulation.crash()
    tale.run(60)
    assert (tale.names("ControllerRevision"), tale.uids()) == before


def test_15_a_revision_that_was_there_before_is_reused_or_stepped_around() -> None:
    """RV-5."""
    first = Tale(replicas=1)
    first.settle()
    kept = first.get("ControllerRevision", str(first.status["updateRevision"]))
    labels = {"metadata": {"name": meta.name(kept), "namespace": "default", "labels": {"by": "hand"}}}
    for data, collisions in ((kept["data"], 0), ({"spec": {"other": 1}}, 1)):
        tale = Tale(replicas=0)
        tale.do("delete-set")
        tale.run(30)
        tale.simulation.apply({**kept, **labels, "data": data})
        tale.do("create-set")
        tale.do("scale", replicas=1)
        assert tale.settle() == "0Ra"
        assert (tale.status["updateRevision"] == meta.name(kept)) is (not collisions)
        assert tale.status["collisionCount"] == collisions


def test_16_deleted_and_created_again_at_once_takes_over_no_old_pod() -> None:
    """DL-5, CL-4."""
    tale = Tale(startAfter=1)
    tale.settle()
    before = tale.uids()
    tale.do("delete-set")
    tale.do("create-set")
    assert tale.settle() == "0Ra 1Ra 2Ra"
    assert not set(tale.uids().values()) & set(before.values())
    assert tale.events("FailedCreate") == []


def test_16_orphaned_pods_are_taken_over_by_the_next_set() -> None:
    """DL-2."""
    tale = Tale()
    tale.settle()
    before = tale.uids()
    tale.do("delete-set", policy="Orphan")
    tale.run(10)
    assert tale.simulation.get("StatefulSet", "web") is None and tale.owners("Pod", "web-0") == []
    tale.do("create-set")
    tale.settle()
    assert tale.uids() == before and tale.owners("Pod", "web-0") == ["StatefulSet web"]


def test_17_claim_first_then_pod_waits_for_a_new_claim() -> None:
    """PVC-4."""
    tale = Tale(claims=["www"], stopAfter=3, grace=10)
    tale.settle()
    before = meta.uid(tale.get("PersistentVolumeClaim", "www-web-0"))
    tale.do("delete-claim", claim="www-web-0")
    assert meta.is_terminating(tale.get("PersistentVolumeClaim", "www-web-0"))
    tale.do("delete-pod", pod="web-0")
    tale.run(60)
    assert tale.settle() == "0Ra 1Ra 2Ra"
    assert meta.uid(tale.get("PersistentVolumeClaim", "www-web-0")) != before


def test_17_a_pending_pod_gets_back_the_claim_that_vanished() -> None:
    """PVC-5, 3.3.7: an unscheduled pod protects nothing."""
    tale = Tale(claims=["www"], replicas=1)
    tale.settle()
    tale.simulation.apply(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "stead"}, "spec": {"unschedulable": True}}
    )
    tale.do("delete-pod", pod="web-0")
    assert tale.run(10) == "0Pa"
    before = meta.uid(tale.get("PersistentVolumeClaim", "www-web-0"))
    tale.do("delete-claim", claim="www-web-0")
    tale.run(300)
    tale.simulation.patch("Node", "stead", {"spec": {"unschedulable": None}}, "")
    assert tale.settle() == "0Ra"
    assert meta.uid(tale.get("PersistentVolumeClaim", "www-web-0")) != before


def test_18_only_pending_pods_get_claims_back() -> None:
    """PVC-5."""
    tale = Tale(claims=["www"], replicas=1)
    tale.settle()
    tale.do("delete-claim", claim="www-web-0")
    tale.simulation.patch("PersistentVolumeClaim", "www-web-0", {"metadata": {"finalizers": None}})
    tale.run(60)
    assert tale.claims() == [] and str(tale) == "0Ra"
    tale.do("delete-pod", pod="web-0")
    tale.run(10)
    assert tale.settle() == "0Ra" and tale.claims() == ["www-web-0"]


def test_19_a_policy_turned_to_delete_reaches_only_claims_of_live_pods() -> None:
    """RP-7, RP-1."""
    tale = Tale(claims=["www"])
    tale.settle()
    tale.do("scale", replicas=2)
    tale.settle()
    tale.do("retention", deleted="Delete", scaled="Delete")
    tale.run(30)
    assert tale.owners("PersistentVolumeClaim", "www-web-0") == ["StatefulSet web"]
    assert tale.owners("PersistentVolumeClaim", "www-web-2") == []
    tale.do("scale", replicas=1)
    tale.settle()
    assert tale.claims() == ["www-web-0", "www-web-2"]
    tale.do("delete-set")
    tale.run(60)
    assert tale.claims() == ["www-web-2"]


def test_19_a_claim_of_another_controller_is_left_alone_and_told_of() -> None:
    """RP-4."""
    tale = Tale(claims=["www"], whenDeleted="Delete", replicas=2)
    tale.settle()
    service = meta.owner_reference(tale.get("Service", "web"))
    ours = {**meta.owner_reference(tale.get("StatefulSet", "web")), "controller": False}
    both = {"metadata": {"ownerReferences": [service, ours]}}
    tale.simulation.patch("PersistentVolumeClaim", "www-web-1", both)
    tale.do("label-pod", pod="web-1", label="any", value="event")
    tale.run(10)
    assert tale.owners("PersistentVolumeClaim", "www-web-1") == ["Service web"]
    assert tale.events("ConflictingController")


def test_20_down_and_up_again_with_claims_that_go() -> None:
    """PVC-8: the pod waits for the claim of its predecessor to go, and nobody tells the set that it has (PVC-7)."""
    tale = Tale(claims=["www"], whenScaled="Delete", stopAfter=2, grace=10)
    tale.settle()
    before = meta.uid(tale.get("PersistentVolumeClaim", "www-web-2"))
    tale.do("scale", replicas=2)
    tale.run(1)
    tale.do("scale", replicas=3)
    assert (tale.run(600), tale.rules()) == ("0Ra 1Ra", ["PVC-8"])
    assert tale.claims() == ["www-web-0", "www-web-1"]
    tale.do("label-pod", pod="web-0", label="any", value="event")
    assert tale.settle() == "0Ra 1Ra 2Ra"
    assert meta.uid(tale.get("PersistentVolumeClaim", "www-web-2")) != before


def test_21_parallel_a_quota_holds_the_scale_down_too() -> None:
    """SD-8, SY-3."""
    tale = Tale(policy="Parallel", replicas=3)
    tale.settle()
    tale.do("quota", pods=4)
    tale.do("start", start=3)
    tale.run(60)
    assert str(tale) == "0Ra 1Ra 2Ra 3Ra"
    assert tale.status["observedGeneration"] == 2 and tale.events("FailedCreate")
    tale.do("quota", pods=None)
    tale.run(200)
    assert tale.settle() == "3Ra 4Ra 5Ra"


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_22_a_pod_of_a_lost_node_is_waited_for_whatever_the_policy(policy: str) -> None:
    """3.6: never two pods of one identity."""
    tale = Tale(policy=policy, nodes=2)
    tale.settle()
    before = tale.uids()["web-1"]
    tale.do("lose-node", node="stead-2")
    tale.do("delete-pod", pod="web-1")
    assert tale.run(40) == "0Ra 1Ta 2Ra"
    assert tale.run(3600) == "0Ra 1Ta 2Ra"
    assert tale.uids()["web-1"] == before
    tale.do("return-node", node="stead-2")
    tale.run(60)
    assert tale.settle() == "0Ra 1Ra 2Ra"


@pytest.mark.parametrize("policy", ["OrderedReady", "Parallel"])
def test_22_a_silent_node_loses_its_pods_after_six_minutes_and_nobody_replaces_them(policy: str) -> None:
    """3.6.1 and 3.6.2: NotReady after fifty seconds, Terminating after three hundred more, then nothing."""
    tale = Tale(policy=policy, nodes=2)
    tale.settle()
    before = tale.uids()
    tale.do("lose-node")
    assert tale.run(40) == "0Ra 1Ra 2Ra"
    assert tale.run(60) == "0Ua 1Ra 2Ua"
    assert tale.run(220) == "0Ua 1Ra 2Ua"
    assert tale.run(120) == "0Ta 1Ra 2Ta"
    assert tale.run(7200) == "0Ta 1Ra 2Ta"
    assert tale.uids() == before
    tale.do("return-node")
    tale.run(60)
    assert tale.settle() == "0Ra 1Ra 2Ra"
    assert {name for name, uid in tale.uids().items() if uid == before[name]} == {"web-1"}


def test_22_where_the_only_node_falls_silent_nobody_is_driven_out() -> None:
    """3.6.1: it is the network then, for all anybody knows."""
    tale = Tale()
    tale.settle()
    before = tale.uids()
    tale.do("lose-node")
    assert tale.run(7200) == "0Ua 1Ua 2Ua"
    tale.do("return-node")
    assert (tale.run(60), tale.uids()) == ("0Ra 1Ra 2Ra", before)


def test_22_the_pods_of_a_node_object_that_is_deleted_are_let_go_after_a_while() -> None:
    """3.6.3."""
    tale = Tale(replicas=0)
    tale.simulation.apply(_node("far"))
    tale.simulation.patch("Node", "far", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "")
    spec = {"template": {"spec": {"nodeSelector": {"kubernetes.io/hostname": "far"}}}, "replicas": 1}
    tale.simulation.patch("StatefulSet", "web", {"spec": spec})
    tale.run(10)
    pod = tale.get("Pod", "web-0")
    assert pod["spec"].get("nodeName") == "far"
    tale.do("delete-pod", pod="web-0")
    tale.run(600)
    assert tale.uids() == {"web-0": meta.uid(pod)}
    tale.simulation.delete("Node", "far", "")
    tale.run(200)
    assert tale.uids()["web-0"] != meta.uid(pod)


def test_23_terminating_pods_count_as_there_and_not_as_current() -> None:
    """ST-1."""
    tale = Tale(stopAfter=20, grace=60)
    tale.settle()
    tale.do("delete-pod", pod="web-1")
    tale.run(2)
    status = tale.status
    assert (status["replicas"], status["currentReplicas"], status["updatedReplicas"]) == (3, 2, 2)


def test_23_the_status_is_written_though_the_round_failed_and_conditions_of_others_go() -> None:
    """SY-3, ST-8."""
    tale = Tale(replicas=2)
    tale.settle()
    foreign = {"status": {"conditions": [{"type": "Mine", "status": "True"}]}}
    tale.simulation.cluster.api.merge_patch(WEB, foreign, tale.simulation.now, subresource="status")
    tale.do("refuse", reason="Forbidden", write="create", kind="Pod", times=1000)
    tale.do("scale", replicas=3)
    tale.run(10)
    assert (tale.status["observedGeneration"], tale.status["replicas"]) == (2, 2)
    assert "conditions" not in tale.status


def test_24_a_parallel_roll_out_takes_no_heed_of_lower_pods_and_budgets() -> None:
    """RU-2, SD-7."""
    for policy in ("OrderedReady", "Parallel"):
        tale = Tale(policy=policy, readyAfter=1, startAfter=2)
        tale.simulation.apply(_budget())
        tale.settle()
        tale.do("ready", pod="web-0", says=False)
        tale.run(20)
        tale.do("revise", image="b")
        if policy == "Parallel":
            tale.until("0Ua 1Ra 2Pb")
        else:
            assert tale.run(120) == "0Ua 1Ra 2Ra"


def test_25_which_drift_is_repaired() -> None:
    """ID-10."""
    tale = Tale(replicas=2)
    tale.settle()
    before = tale.uids()
    tale.do("label-pod", pod="web-0", label="apps.kubernetes.io/pod-index", value=None)
    tale.run(30)
    assert "apps.kubernetes.io/pod-index" not in meta.labels(tale.get("Pod", "web-0"))
    tale.do("label-pod", pod="web-0", label="statefulset.kubernetes.io/pod-name", value=None)
    tale.run(30)
    assert meta.labels(tale.get("Pod", "web-0"))["statefulset.kubernetes.io/pod-name"] == "web-0"
    assert tale.uids() == before
    tale.do("label-pod", pod="web-1", label="controller-revision-hash", value="by-hand")
    tale.run(30)
    tale.settle()
    assert tale.uids()["web-1"] != before["web-1"] and tale.uids()["web-0"] == before["web-0"]


def test_25_only_the_right_service_gives_pods_their_names() -> None:
    """3.2.4."""
    tale = Tale(replicas=1)
    other = {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    tale.simulation.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}, "spec": other})
    tale.settle()
    slices = [row.obj for row in tale.simulation.store.rows("EndpointSlice", "default")]
    hostnames = {
        meta.labels(one)["kubernetes.io/service-name"]: [point.get("hostname") for point in one["endpoints"]]
        for one in slices
        if one["endpoints"]
    }
    assert hostnames["web"] == ["web-0"] and hostnames["other"] == [None]


def _node(name: str) -> Any:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    resources = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    status = {
        "capacity": resources,
        "allocatable": resources,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}],
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "status": status}


def _budget() -> Any:
    spec = {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}
