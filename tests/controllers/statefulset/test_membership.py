"""Adopt, keep, release, ignore (CL-1 to CL-8), and whom an event wakes (Q-2, Q-3)."""

from typing import Any

import pytest

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery import meta
from stead.machinery.keys import key_of
from stead.machinery.objects import Json, with_value, without
from stead.machinery.plan import Fence, Patch, Refused
from stead.machinery.watch import WatchEvent
from stead.testing.builders import AN_HOUR_AGO, NOON, a_pod, a_revision, a_stateful_set, a_template
from stead.testing.pictures import WEB, a_set, drawn, in_words, picture
from tests.controllers.statefulset.scene import Scene

SET = a_set("3")
FOREIGN = [{**meta.owner_reference(SET), "uid": "foreign"}]


def an_orphan(ordinal: int = 1, **metadata: Any) -> Json:
    return a_pod(SET, ordinal, "R", ownerReferences=[], **metadata)


@pytest.mark.parametrize(
    ("rule", "drawn_set", "pod", "expected"),
    [
        ("CL-2", "2", a_pod(SET, 1, "R"), "-"),
        ("CL-2", "2", a_pod(SET, 1, "R", labels={"app": "other"}), "own by nobody pod web-1, create 1a"),
        ("CL-2", "2 deleting", a_pod(SET, 1, "R", labels={"app": "other"}), "wait SY-4 web"),
        ("CL-2", "1", a_pod(SET, 1, "R", name="db-1"), "own by nobody pod db-1"),
        ("CL-3", "2", an_orphan(), "own by web pod web-1"),
        ("CL-3", "2", an_orphan(deletionTimestamp=AN_HOUR_AGO), "create 1a"),
        ("CL-3", "2 deleting", an_orphan(), "wait SY-4 web"),
        ("CL-4", "2", a_pod(SET, 1, "R", ownerReferences=FOREIGN), "create 1a"),
        ("CL-8", "1", an_orphan(5), "own by web pod web-5, delete 5"),
        ("CL-8", "1", an_orphan(name="web-99999999999"), "own by web pod web-99999999999"),
    ],
)
def test_who_is_a_member(rule: str, drawn_set: str, pod: Json, expected: str) -> None:
    assert in_words(reconcile(picture(drawn_set, "0R", pod), NOON)) == expected


def test_cl_3_before_the_first_adoption_the_set_is_asked_for_again() -> None:
    plan = reconcile(picture("2", "0R", an_orphan()), NOON)
    check, fence, adoption = plan.actions[:3]
    assert check == Patch(WEB, {}, uid="web-uid", if_revision="10")
    assert isinstance(fence, Fence)
    assert isinstance(adoption, Patch)
    assert (adoption.uid, adoption.if_revision) == ("web-1-uid", "20")


def test_cl_3_nobody_is_adopted_for_a_set_that_is_not_the_one_seen() -> None:
    scene = Scene("2", "0R", an_orphan())
    scene.refuse = lambda action: Refused("Conflict") if isinstance(action, Patch) and not action.body else None
    assert scene.round().is_failed
    assert scene.deeds == []


@pytest.mark.parametrize(("reason", "is_failed"), [("NotFound", False), ("Conflict", True), ("Forbidden", True)])
def test_cl_5_an_orphan_that_is_gone_is_forgiven(reason: str, is_failed: bool) -> None:
    scene = Scene("2", "0R", an_orphan())
    is_pod = lambda action: isinstance(action, Patch) and action.key.kind == "Pod"  # noqa: E731
    scene.refuse = lambda action: Refused(reason) if is_pod(action) else None
    assert scene.round().is_failed is is_failed
    assert scene.told == []


def test_cl_6_a_released_pod_holds_the_name_until_it_goes() -> None:
    scene = Scene("2", "0R 1R")
    scene.settle()
    scene.put(with_value(scene.get("Pod", "web-1"), ("metadata", "labels", "app"), "other"))
    scene.round()
    assert meta.owners(scene.get("Pod", "web-1")) == []
    done = scene.round()
    assert (done.is_failed, done.waiting[0].rule) == (True, "CL-6")
    scene.put(with_value(scene.get("Pod", "web-1"), ("metadata", "labels", "app"), "nginx"))
    scene.round()
    assert meta.is_controlled_by(scene.get("Pod", "web-1"), "web-uid")


def test_cl_5_a_revision_that_cannot_be_adopted_ends_the_round() -> None:
    """Nothing else is done: no pod, no status, and the history keeps even what is beyond its limit."""
    old = [a_revision(SET, a_template(letter), number) for number, letter in enumerate("defg", 1)]
    scene = Scene("1 limit=0", "", a_revision(SET, a_template("c"), 7, ownerReferences=[]), *old)
    is_adoption = lambda action: isinstance(action, Patch) and action.key.kind == "ControllerRevision"  # noqa: E731
    scene.refuse = lambda action: Refused("Forbidden") if is_adoption(action) else None
    assert scene.round().is_failed
    assert [deed for deed in scene.deeds if getattr(deed, "body", None) != {}] == []


def test_cl_7_orphan_revisions_are_adopted_first_and_never_by_a_terminating_set() -> None:
    orphan = a_revision(SET, a_template("c"), 7, ownerReferences=[])
    plan = reconcile(picture("0", "", orphan), NOON)
    assert in_words(plan).startswith(f"own by web revision {meta.name(orphan)}")
    refused = reconcile(picture("0 deleting", "", orphan), NOON)
    assert (refused.is_failed, refused.always, refused.waiting[0].rule) == (True, (), "CL-7")


def test_rp_9_an_adopted_pod_is_not_written_twice_in_one_round() -> None:
    orphan = without(an_orphan(0), "metadata", "labels", "statefulset.kubernetes.io/pod-name")
    scene = Scene("1", "", orphan)
    assert not scene.round().is_failed
    assert scene.told == []
    scene.round()
    assert scene.told == ["SuccessfulUpdate: Update Pod web-0 in StatefulSet web successful"]


def woken(type_: str, pod: Json, old: Json | None = None, set_: Json = SET) -> list[str]:
    cache = drawn("3")
    cache.put(key_of("StatefulSet", set_), set_)
    event: Any = WatchEvent(type_, key_of("Pod", pod), pod, old, 1)  # type: ignore[arg-type]
    return [key.name for key in StatefulSetController().wants(event, cache)]


OWNED, ORPHAN = a_pod(SET, 1), an_orphan()
RELABELLED = an_orphan(labels={"app": "nginx", "new": "1"})


@pytest.mark.parametrize(
    ("type_", "pod", "old", "expected"),
    [
        ("ADDED", OWNED, None, ["web"]),
        ("MODIFIED", OWNED, OWNED, ["web"]),
        ("DELETED", OWNED, OWNED, ["web"]),
        ("ADDED", ORPHAN, None, ["web"]),
        ("MODIFIED", ORPHAN, ORPHAN, []),
        ("MODIFIED", RELABELLED, ORPHAN, ["web"]),
        ("MODIFIED", ORPHAN, OWNED, ["web"]),
        ("DELETED", ORPHAN, ORPHAN, []),
        ("ADDED", an_orphan(deletionTimestamp=AN_HOUR_AGO), None, []),
        ("ADDED", a_pod(SET, 1, ownerReferences=FOREIGN), None, []),
        ("MODIFIED", a_pod(SET, 1, ownerReferences=FOREIGN), OWNED, ["web"]),
    ],
)
def test_q_2_and_q_3_whom_a_pod_event_wakes(type_: str, pod: Json, old: Json | None, expected: list[str]) -> None:
    assert woken(type_, pod, old) == expected


def test_pvc_7_claims_and_revisions_wake_nobody() -> None:
    cache, controller = drawn("3 claims"), StatefulSetController()
    for kind in ("PersistentVolumeClaim", "ControllerRevision", "Service"):
        obj = {"kind": kind, "metadata": {"name": "www-web-0", "namespace": "default"}}
        assert not controller.wants(WatchEvent("ADDED", key_of(kind, obj), obj, None, 1), cache)


def test_q_8_a_set_with_an_unreadable_selector_has_no_members() -> None:
    broken = a_stateful_set(selector={"matchExpressions": [{"key": "a", "operator": "Near"}]})
    assert woken("ADDED", ORPHAN, None, broken) == []
