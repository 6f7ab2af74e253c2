"""The promises: each is kept by the walks (see test_decisions), and each notices when it is broken."""

import pytest

from stead.controllers.statefulset import identity, invariants
from stead.controllers.statefulset.reconcile import reconcile
from stead.controllers.statefulset.steps import act
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, with_value
from stead.machinery.plan import Create, Delete, Patch, Plan
from stead.machinery.watch import EventType, WatchEvent
from stead.testing.builders import AN_HOUR_AGO, NOON, a_claim, a_pod, a_revision, a_template
from stead.testing.pictures import WEB, a_set, drawn, picture
from tests.controllers.statefulset.scene import Scene

SET = a_set("3 claims")
CLAIM = Key("PersistentVolumeClaim", "default", "www-web-0")


def end(*ordinals: int) -> Plan:
    return act(*(Delete(Key("Pod", "default", f"web-{ordinal}"), f"web-{ordinal}-uid") for ordinal in ordinals))


def make(ordinal: int) -> Plan:
    return act(Create(a_pod(SET, ordinal)))


def own(claim: Key) -> Plan:
    return act(Patch(claim, {"metadata": {"ownerReferences": [meta.owner_reference(SET)]}}))


BROKEN = [
    ("3", "0R", Plan(), ""),
    ("3", "0R", make(1), ""),
    ("3", "0U", make(1), "web-1 is touched while web-0 is not available"),
    ("3", "0R", make(1) + make(2), "touches 2 pods in one round"),
    ("1", "0U 1R", end(1), "web-1 is touched while web-0"),
    ("3 parallel", "0R", make(1) + make(2), ""),
    ("3 parallel", "0R", make(0), "web-0 is created while it is there"),
    ("1 parallel", "0R", make(1), "nobody wants it"),
    ("3 b partition=2", "0R 1R 2R", end(1), "web-1 is rolled below the partition"),
    ("3 b ondelete", "0R 1R 2R", end(2), "the strategy is OnDelete"),
    ("3 b parallel", "0R 1R 2R", end(2, 1), "2 pods are rolled at once"),
    ("3 parallel", "0F 1S 2R", end(0, 1), ""),
    ("1 claims", "0R", act(Delete(CLAIM, "uid")), "claim www-web-0 is deleted"),
    ("1 claims", "0R", own(CLAIM), "the policy keeps it"),
    ("1 claims deleted=Delete", "0R", own(CLAIM), ""),
    ("1 deleting", "0R", end(0), "done to a terminating set"),
]


@pytest.mark.parametrize(("spec", "pods", "plan", "text"), BROKEN)
def test_a_decision_that_breaks_a_promise_is_noticed(spec: str, pods: str, plan: Plan, text: str) -> None:
    found = invariants.broken_by(picture(spec, pods), plan, NOON)
    assert bool(found) is bool(text)
    assert not text or any(text in one for one in found)


def test_deleting_a_revision_that_a_pod_names_is_noticed() -> None:
    name = meta.name(a_revision(SET, a_template()))
    plan = Plan(always=(Delete(Key("ControllerRevision", "default", name), "uid"),))
    assert invariants.broken_by(picture("1", "0R"), plan, NOON)


def change(type_: EventType, obj: Json, old: Json | None = None) -> WatchEvent:
    return WatchEvent(type_, key_of(obj["kind"], obj), obj, old, 1)


def going(obj: Json) -> Json:
    return with_value(obj, ("metadata", "deletionTimestamp"), AN_HOUR_AGO)


def a_sandbox(uid: str, state: str) -> Json:
    pod = {"namespace": "default", "name": "web-0"}
    return {"kind": "Sandbox", "metadata": {"name": uid}, "pod": pod, "containers": {"nginx": {"state": state}}}


def test_two_pods_of_one_name_are_noticed() -> None:
    before = drawn("1", "0R")
    assert invariants.violations(before, change("ADDED", a_pod(SET, 0, uid="another")))
    assert not invariants.violations(before, change("MODIFIED", a_pod(SET, 0)))


def test_two_lives_of_one_identity_are_noticed() -> None:
    before = Cache()
    first = a_sandbox("one", "running")
    before.put(key_of("Sandbox", first), first)
    assert invariants.violations(before, change("ADDED", a_sandbox("two", "running")))
    assert not invariants.violations(before, change("ADDED", a_sandbox("two", "exited")))
    assert not invariants.violations(before, change("MODIFIED", first))


def test_a_replica_made_without_its_identity_is_noticed() -> None:
    unnamed = with_value(a_pod(SET, 1), ("metadata", "labels"), {})
    assert invariants.violations(drawn("1"), change("ADDED", unnamed))
    assert not invariants.violations(drawn("1"), change("ADDED", a_pod(SET, 1)))


def test_a_claim_that_goes_though_the_policy_keeps_it_is_noticed() -> None:
    claim = a_claim(SET, 0)
    event = change("MODIFIED", going(claim), claim)
    assert invariants.violations(drawn("1 claims"), event)
    assert not invariants.violations(drawn("1 claims"), event, deleted_by_user={CLAIM})
    assert not invariants.violations(drawn("1 claims deleted=Delete"), event)
    assert not invariants.violations(drawn("1"), event)


def test_in_a_calm_a_settled_set_is_quiet() -> None:
    scene = Scene("3 b", "0Ra 1Ra 2Ra 3Ra")
    assert invariants.restless(scene.engine.cache, WEB, NOON)
    scene.settle()
    assert invariants.restless(scene.engine.cache, WEB, NOON) == []


@pytest.mark.parametrize(
    ("spec", "pods", "text"),
    [
        ("2", "0R", "web-1 is missing"),
        ("1", "0R 1R", "web-1 is still there"),
        ("1", "0R", "status.replicas is 0 and should be 1"),
        ("2 b partition=1", "0Ra 1Ra", "web-1 is at"),
    ],
)
def test_in_a_calm_what_is_not_so_is_said(spec: str, pods: str, text: str) -> None:
    assert any(text in one for one in invariants.restless(drawn(spec, pods), WEB, NOON))


def test_a_status_that_lies_is_noticed_in_a_calm() -> None:
    scene = Scene("1", "0R")
    scene.settle()
    scene.put(with_value(scene.get("Pod", "web-0"), ("metadata", "labels", identity.REVISION_LABEL), "other"))
    assert any("it is not" in one for one in invariants.restless(scene.engine.cache, WEB, NOON))
    assert reconcile(picture("1", "0R"), NOON).actions == ()
