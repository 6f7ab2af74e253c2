"""The runners-up of controller.md, section 5, told by the whole house."""

from stead.machinery import meta
from tests.stories.tale import Tale


def test_raising_the_first_ordinal_creates_above_before_it_deletes_below_from_the_top() -> None:
    """SD-6."""
    tale = Tale(startAfter=1)
    tale.settle()
    tale.do("start", start=3)
    tale.until("0Ra 1Ra 2Ra 3Ra 4Ra 5Ra")
    tale.until("0Ra 1Ra 3Ra 4Ra 5Ra")
    assert tale.settle() == "3Ra 4Ra 5Ra"


def test_a_foreground_deletion_does_not_lock_up_over_claims_of_condemned_pods() -> None:
    """DL-6, DL-3."""
    tale = Tale(claims=["www"], whenScaled="Delete", whenDeleted="Delete", stopAfter=3, grace=10)
    tale.settle()
    tale.do("scale", replicas=1)
    tale.run(0.5)
    tale.do("delete-set", policy="Foreground")
    tale.run(2)
    assert meta.is_terminating(tale.get("StatefulSet", "web"))
    tale.run(300)
    assert (tale.names("StatefulSet"), tale.uids(), tale.claims()) == ([], {}, [])


def test_a_namespace_goes_with_its_set_and_all_of_it() -> None:
    """3.7."""
    tale = Tale(claims=["www"])
    tale.settle()
    simulation = tale.simulation
    simulation.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    made = {**tale.world.manifests["web"], "metadata": {"name": "web", "namespace": "other"}}
    simulation.apply(made)
    simulation.settle()
    assert sorted(simulation.pods("other")) == ["web-0", "web-1", "web-2"]
    simulation.delete("Namespace", "other", "")
    simulation.run_for(300)
    assert simulation.get("Namespace", "other", "") is None
    assert simulation.pods("other") == {} and len(simulation.pods()) == 3


def test_an_orphan_recreated_set_with_more_templates_cannot_repair_what_it_adopts() -> None:
    """PR-7."""
    tale = Tale(claims=["www"], replicas=1)
    tale.settle()
    tale.do("delete-set", policy="Orphan")
    tale.run(10)
    made = tale.world.manifests["web"]
    templates = made["spec"]["volumeClaimTemplates"]
    more = [*templates, {**templates[0], "metadata": {"name": "log"}}]
    tale.simulation.apply({**made, "spec": {**made["spec"], "volumeClaimTemplates": more}})
    tale.run(60)
    assert tale.events("FailedUpdate") and "PR-7" in tale.rules()
    tale.do("delete-pod", pod="web-0")
    tale.run(300)
    assert tale.settle() == "0Ra" and tale.claims() == ["log-web-0", "www-web-0"]


def test_a_history_limit_of_nothing_takes_the_way_back_at_once() -> None:
    """RV-7."""
    tale = Tale(historyLimit=0)
    tale.settle()
    tale.do("revise", image="b")
    tale.settle()
    assert tale.names("ControllerRevision") == [tale.status["updateRevision"]]


def test_deleting_the_current_revision_by_hand_promotes_the_next() -> None:
    """RV-6."""
    tale = Tale(partition=2, strategy="RollingUpdate")
    tale.settle()
    tale.do("revise", image="b")
    assert tale.settle() == "0Ra 1Ra 2Rb"
    tale.do("delete-revision", which="current")
    tale.do("delete-pod", pod="web-0")
    tale.run(30)
    assert str(tale) == "0Rb 1Ra 2Rb"


def test_parallel_with_a_bare_strategy_creates_at_current_and_rolls_it_next() -> None:
    """RE-2, effect C."""
    tale = Tale(strategy="bare", policy="Parallel", startAfter=2)
    tale.settle()
    tale.do("revise", image="b", trouble="image")
    tale.until("0Ra 1Ra 2Pb")
    tale.do("delete-pod", pod="web-0")
    assert tale.run(30) == "0Ra 1Ra 2Pb"
    tale.do("revise", image="c")
    assert tale.settle() == "0Rc 1Rc 2Rc"
