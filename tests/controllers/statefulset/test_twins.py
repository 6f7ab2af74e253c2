"""Members that hold no slot (`web-01` beside `web-1`, numbers too large for one), and who comes and goes in between."""

import pytest

from stead.controllers.statefulset.profile import Profile
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery import meta
from stead.machinery.objects import Json, with_value
from stead.machinery.plan import Create, Patch
from stead.testing.builders import AN_HOUR_AGO, NOON, a_pod, a_revision, a_template
from stead.testing.pictures import a_set, in_words, picture
from tests.controllers.statefulset.scene import Scene


def a_twin(name: str = "web-01", ordinal: int = 1, state: str = "R", letter: str = "a") -> Json:
    web = a_set("3")
    return a_pod(web, ordinal, state, revision=a_revision(web, a_template(letter)), name=name, uid=name)


@pytest.mark.parametrize("order", [("web-1", "web-01"), ("web-01", "web-1")])
def test_of_two_of_one_ordinal_the_canonical_name_holds_the_slot_whoever_came_first(order: tuple[str, str]) -> None:
    scene = Scene("2", "0R")
    for name in order:
        scene.put(a_twin(name))
    assert not scene.round().is_failed
    assert (scene.status["replicas"], scene.status["readyReplicas"]) == (2, 2)


def test_the_other_takes_the_slot_when_it_is_free_and_gives_it_back() -> None:
    scene = Scene("2", "0R 1R", a_twin(state="U"))
    scene.round()
    assert (str(scene), scene.status["readyReplicas"]) == ("0Ra 1Ra", 2)
    scene.gone(1)
    scene.round()
    assert (str(scene), scene.status["readyReplicas"]) == ("0Ra 1Ua", 1)
    scene.put(a_twin("web-1"))
    scene.round()
    assert (str(scene), scene.status["readyReplicas"]) == ("0Ra 1Ra", 2)
    scene.remove("Pod", "web-01")
    scene.round()
    assert (str(scene), scene.status["replicas"]) == ("0Ra 1Ra", 2)


def test_when_both_are_gone_the_replica_is_made() -> None:
    scene = Scene("2", "0R 1R", a_twin())
    scene.remove("Pod", "web-01")
    scene.gone(1)
    scene.round()
    assert str(scene) == "0Ra 1Pa"


def test_rv_7_a_member_without_a_slot_protects_its_revision_until_it_goes() -> None:
    web = a_set("1 c limit=0")
    old = a_revision(web, a_template("b"))
    odd = a_pod(web, 7, "R", name="web-99999999999", uid="odd", revision=old)
    scene = Scene("1 c limit=0", "0Rc", odd)
    scene.settle(is_kubelet=False)
    kept = {meta.name(one) for one in scene.engine.cache.all("ControllerRevision")}
    assert meta.name(old) in kept
    scene.remove("Pod", "web-99999999999")
    scene.round()
    assert meta.name(old) not in {meta.name(one) for one in scene.engine.cache.all("ControllerRevision")}


def test_leading_zeros_where_they_are_refused_and_numbers_that_are_too_large() -> None:
    """ID-2 holds whatever the profile says of `web-01`."""
    strict = Profile("strict", refuses_leading_zeros=True)
    odd = a_pod(a_set("1"), 7, "R", name="web-099999999999", uid="odd", ownerReferences=[])
    scene = Scene("1", "0R", odd, a_twin("web-00", 0), profile=strict)
    scene.round()
    adopted = [deed.key.name for deed in scene.deeds if isinstance(deed, Patch) and deed.key.kind == "Pod"]
    assert "web-099999999999" in adopted
    assert str(scene) == "0Ra"


def test_sy_4_a_set_that_begins_to_go_in_mid_work_does_nothing_more() -> None:
    scene = Scene("3", "0R")
    scene.round()
    assert str(scene) == "0Ra 1Pa"
    scene.ready(1)
    web = scene.get("StatefulSet", "web")
    scene.put(with_value(web, ("metadata", "deletionTimestamp"), AN_HOUR_AGO))
    scene.deeds.clear()
    scene.round()
    assert not [deed for deed in scene.deeds if isinstance(deed, Create)]


def test_a_set_of_the_same_spec_and_another_uid_owns_nothing_of_the_first() -> None:
    """Seen as one change where a watch was away meanwhile."""
    scene = Scene("1", "0R")
    scene.settle()
    web = scene.get("StatefulSet", "web")
    scene.put(with_value(web, ("metadata", "uid"), "second"))
    done = scene.round()
    assert (done.is_failed, done.waiting[0].rule) == (True, "CL-4")


def test_who_is_gone_before_the_round_is_neither_adopted_nor_let_go() -> None:
    orphan = a_pod(a_set("1"), 5, "R", ownerReferences=[])
    stray = a_pod(a_set("1"), 6, "R", name="other-pod", uid="stray")
    scene = Scene("1", "0R", orphan, stray)
    scene.remove("Pod", "web-5")
    scene.remove("Pod", "other-pod")
    scene.round()
    assert not [deed for deed in scene.deeds if isinstance(deed, Patch) and deed.key.kind == "Pod"]


def test_ru_5_a_pod_that_is_both_terminating_and_not_yet_available_is_one_that_is_away() -> None:
    gate = Profile("v1.36 with the gate", has_max_unavailable=True)
    spec = "4 b max=2 ready=10 parallel"
    going = a_pod(a_set(spec), 3, "T", revision=a_revision(a_set(spec), a_template("a")), ready_since=NOON.text)
    assert in_words(reconcile(picture(spec, "0Ra 1Ra 2Ra", going, profile=gate), NOON)) == "delete 2"
