"""Slow start, and small print of a round that no other page tells."""

from collections import Counter

import pytest

from stead.controllers.statefulset.profile import V1_37
from stead.controllers.statefulset.reconcile import reconcile
from stead.controllers.statefulset.steps import batch_of
from stead.machinery import meta
from stead.machinery.objects import with_value, without
from stead.machinery.plan import Create, Delete, Patch
from stead.testing.builders import AN_HOUR_AGO, NOON, a_claim, a_pod, a_revision, a_template
from stead.testing.pictures import a_set, in_words, picture
from tests.controllers.statefulset.scene import Scene


def test_pr_11_batches_double_up_to_five_hundred() -> None:
    sizes = Counter(map(batch_of, range(2000)))
    assert [sizes[number] for number in sorted(sizes)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 500, 489]


def test_pr_11_an_error_of_the_first_slot_holds_all_the_others() -> None:
    """Its claim is being deleted (PVC-4): that is an error though the API was not even asked."""
    spec = "3 claims parallel"
    plan = reconcile(picture(spec, "9R", a_claim(a_set(spec), 0, deletionTimestamp=AN_HOUR_AGO)), NOON)
    assert plan.is_failed
    assert not [action for action in plan.actions if isinstance(action, Create | Delete)]


def test_sd_8_an_ordered_set_fills_before_it_scales_down_in_1_37_too() -> None:
    assert in_words(reconcile(picture("3", "0R 2R 5R", profile=V1_37), NOON)) == "create 1a"


@pytest.mark.parametrize(("spec", "is_let_go"), [("1", True), ("1 deleting", False)])
def test_cl_2_a_pod_under_a_foreign_name_is_let_go_unless_the_set_goes(spec: str, is_let_go: bool) -> None:
    """Nobody asks whether the set is still there: that is for adopting (CL-3)."""
    stray = a_pod(a_set("1"), 6, "R", name="other-pod", uid="stray")
    plan = reconcile(picture(spec, "0R", stray), NOON)
    patched = [action.key.name for action in plan.actions if isinstance(action, Patch)]
    assert patched == (["other-pod"] if is_let_go else [])


def test_q_5_a_ready_pod_of_no_known_time_is_looked_at_again_after_min_ready_seconds() -> None:
    pod = a_pod(a_set("1 ready=10"), 0, "R")
    (ready,) = pod["status"]["conditions"]
    timeless = with_value(pod, ("status", "conditions"), [without(ready, "lastTransitionTime")])
    plan = reconcile(picture("1 ready=10", "", timeless), NOON)
    assert plan.wake_after_seconds == 10


def test_rv_7_all_that_is_too_much_goes_in_one_round() -> None:
    web = a_set("1 limit=1")
    olds = [a_revision(web, a_template(f"old{number}"), number, name=f"web-old{number}") for number in (1, 2, 3)]
    scene = Scene("1 limit=1", "0R", *olds)
    web = scene.get("StatefulSet", "web")
    now_at = meta.labels(scene.get("Pod", "web-0"))["controller-revision-hash"]
    scene.put(with_value(web, ("status", "currentRevision"), now_at))
    scene.put({**scene.get("ControllerRevision", now_at), "revision": 9})
    scene.round()
    assert [deed.key.name for deed in scene.deeds if isinstance(deed, Delete)] == ["web-old1", "web-old2"]
