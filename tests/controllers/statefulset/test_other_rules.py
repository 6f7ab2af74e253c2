"""Rules about a round as a whole, which no page of one walk tells: order of steps, one clock, waking, the end."""

import pytest

from stead.controllers.statefulset.profile import V1_37
from stead.controllers.statefulset.reconcile import reconcile
from stead.controllers.statefulset.spec import read
from stead.engine.rounds import Engine
from stead.machinery import meta
from stead.machinery.objects import with_value
from stead.machinery.plan import Create, Delete, Patch
from stead.machinery.times import Now
from stead.testing.builders import NOON, a_claim, a_pod, a_revision, a_template
from stead.testing.pictures import WEB, a_set, in_words, picture
from tests.controllers.statefulset.scene import Scene

SET = a_set("3 claims")


def test_id_5_claims_are_called_template_set_ordinal() -> None:
    plan = reconcile(picture("1 claims start=7"), NOON)
    made = [meta.name(one.obj) for one in plan.actions if isinstance(one, Create)]
    assert made == ["www-web-7", "web-7"]


def test_sy_1_the_order_of_a_round() -> None:
    """Revisions are adopted, pods claimed, history resolved; then the walks, the status, and what may go of history."""
    orphan_revision = a_revision(SET, a_template("c"), 7, ownerReferences=[])
    stranger = with_value(a_pod(SET, 5), ("metadata", "labels"), {"app": "other"})
    scene = Scene("1 b limit=0", "0Ra", stranger, orphan_revision)
    scene.round()
    kinds = [type(deed).__name__ + " " + _kind(deed) for deed in scene.deeds if not isinstance(deed, str)]
    firsts = list(dict.fromkeys(kinds))
    assert firsts.index("Patch ControllerRevision") < firsts.index("Patch Pod")
    assert firsts.index("Patch Pod") < firsts.index("Delete Pod")
    told = [_kind(deed) + (deed.subresource if isinstance(deed, Patch) else "") for deed in scene.deeds]
    assert told.index("StatefulSetstatus") > told.index("Pod")


def _kind(deed: object) -> str:
    return deed.key.kind if isinstance(deed, Patch | Delete) else getattr(deed, "obj", {"kind": ""})["kind"]


@pytest.mark.parametrize("pods", ["", "0F", "0P", "1R"])
def test_dl_4_a_terminating_set_brings_back_nobody_and_takes_in_nobody(pods: str) -> None:
    orphan = with_value(a_pod(SET, 2), ("metadata", "ownerReferences"), [])
    stranger = with_value(a_pod(SET, 3), ("metadata", "labels"), {"app": "other"})
    plan = reconcile(picture("3 deleting", pods, orphan, stranger), NOON)
    assert in_words(plan) in ("-", "wait SY-4 web") or in_words(plan).startswith("status")


def test_re_1_slots_are_counted_from_the_first_ordinal() -> None:
    spec = read(a_set("3 start=5"))
    assert [ordinal for ordinal in range(10) if spec.wants(ordinal)] == [5, 6, 7]
    assert in_words(reconcile(picture("3 start=5", "5R 7R"), NOON)).startswith("create 6a")


def test_pr_3_a_pending_pod_gets_its_claims_and_nothing_above_it_comes() -> None:
    plan = reconcile(picture("2 claims", "0P"), NOON)
    assert [meta.name(one.obj) for one in plan.actions if isinstance(one, Create)] == ["www-web-0"]
    assert plan.waiting[0].rule == "PR-5"


@pytest.mark.parametrize(
    ("spec", "below", "is_next_made"),
    [("2", "0R", True), ("2", "0U", False), ("2", "0P", False), ("2", "0T", False), ("2 ready=10", "0Y", False)],
)
def test_pr_10_the_next_comes_when_all_below_are_available_and_there_is_no_timeout(
    spec: str, below: str, is_next_made: bool
) -> None:
    a_year_later = Now(NOON.wall + 31_536_000, NOON.mono + 31_536_000)
    now = NOON if below == "0Y" else a_year_later
    made = [one for one in reconcile(picture(spec, below), now).actions if isinstance(one, Create)]
    assert [meta.name(one.obj) for one in made] == (["web-1"] if is_next_made else [])


def test_q_4_and_q_5_a_ready_pod_that_is_not_available_yet_is_looked_at_again_when_it_is() -> None:
    later = Now(NOON.wall + 4, NOON.mono + 4)
    assert reconcile(picture("2 ready=10", "0Y"), NOON).wake_after_seconds == 10
    assert reconcile(picture("2 ready=10", "0Y"), later).wake_after_seconds == 6
    assert reconcile(picture("2", "0Y"), NOON).wake_after_seconds is None


def test_q_6_one_clock_for_the_whole_round() -> None:
    """A pod that ripens at this very moment is available to the walk and to the status alike."""
    ripe = Now(NOON.wall + 10, NOON.mono + 10)
    plan = reconcile(picture("2 ready=10", "0Y"), ripe)
    made = [meta.name(one.obj) for one in plan.actions if isinstance(one, Create)]
    (report,) = [one for one in plan.always if isinstance(one, Patch)]
    assert (made, report.body["status"]["availableReplicas"]) == (["web-1"], 1)


def test_q_7_a_set_rests_until_its_cache_has_seen_its_own_writes() -> None:
    scene = Scene("1")
    afar = Engine([scene.controller], scene.engine.cache, scene._door, rests_on=("Pod", "StatefulSet"))
    afar.wake("statefulset", WEB)
    done = afar.turn(scene.now)
    assert done is not None and done.deeds
    afar.wake("statefulset", WEB)
    assert afar.turn(scene.now) is None and afar.rests.skipped == 1
    for event in scene._pending:
        afar.feed(event)
    assert afar.turn(scene.now) is not None


def test_rp_2_the_controller_deletes_no_claim_whatever_the_policy() -> None:
    claims = [a_claim(SET, ordinal) for ordinal in range(3)]
    scene = Scene("3 claims deleted=Delete scaled=Delete", "0R 1R 2R", *claims)
    scene.edit(replicas=0)
    scene.settle()
    assert not [deed for deed in scene.deeds if isinstance(deed, Delete) and deed.key.kind != "Pod"]
    assert len(list(scene.engine.cache.all("PersistentVolumeClaim"))) == 3


def test_ru_7_ordered_sets_roll_in_batches_and_parallel_ones_in_a_window() -> None:
    """With maxUnavailable 2: after two went, an ordered set waits for both; a parallel one goes on with the first."""
    one_is_back = "0Ra 1Ra 2Pb 3Rb"
    ordered = reconcile(picture("4 b max=2", one_is_back, profile=V1_37), NOON)
    parallel = reconcile(picture("4 b max=2 parallel", one_is_back, profile=V1_37), NOON)
    assert [one for one in ordered.actions if isinstance(one, Delete)] == []
    assert [one.key.name for one in parallel.actions if isinstance(one, Delete)] == ["web-1"]


def test_rv_5_data_is_compared_as_bytes_and_not_by_what_it_means() -> None:
    """A bearer of the name that says the same and something more is another revision."""
    web = a_set("1")
    template = a_template("a")
    mine = a_revision(web, template)
    data = {**mine["data"], "spec": {**mine["data"]["spec"], "more": 1}}
    bearer = {**mine, "data": data, "metadata": {**mine["metadata"], "ownerReferences": [], "labels": {"by": "hand"}}}
    scene = Scene("1")
    scene.remove("ControllerRevision", meta.name(mine))
    scene.put(bearer)
    scene.round()
    assert scene.status["updateRevision"] != meta.name(mine)
    assert scene.status["collisionCount"] == 1
