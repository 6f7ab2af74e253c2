"""History: which revision is wanted, which is current, which may go (RV-1 to RV-8)."""

import json
from pathlib import Path
from typing import Any

import pytest

from stead.controllers.statefulset import revisions
from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import V1_36
from stead.controllers.statefulset.reconcile import reconcile
from stead.controllers.statefulset.revisions import resolve
from stead.kinds import statefulset
from stead.kinds.decoding import canonical
from stead.machinery import meta
from stead.machinery.objects import Json, with_value
from stead.machinery.plan import Create, Patch
from stead.testing.builders import NOON, a_pod, a_revision, a_stateful_set, a_template
from stead.testing.pictures import WEB, a_set, drawn, in_words, picture
from tests.controllers.statefulset.scene import Scene

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "revisions.json").read_text())


def alone(obj: Json, *others: Json) -> Any:
    """What is observed of one set and nothing but `others`."""
    from_cache = drawn("0")
    for kind in from_cache.kinds():
        for old in list(from_cache.all(kind)):
            from_cache.put(key(old), None)
    for new in (obj, *others):
        from_cache.put(key(new), new)
    return StatefulSetController(V1_36).observe(from_cache, key(obj))


def key(obj: Json) -> Any:
    return WEB._replace(kind=obj["kind"], name=meta.name(obj), namespace=meta.namespace(obj))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_rv_1_to_3_revisions_come_out_as_the_real_controller_made_them(vector: Any) -> None:
    given = vector["statefulset"]
    stamped = {**given, "metadata": {"namespace": "default", "uid": "u", **given["metadata"]}}
    (action,) = (
        a
        for a in reconcile(alone(statefulset.default(canonical("apps.v1.StatefulSet", stamped))), NOON).actions
        if isinstance(a, Create)
    )
    made = action.obj
    assert (made["metadata"]["name"], made["metadata"]["labels"]) == (vector["name"], vector["labels"])
    assert (made["revision"], made["data"]) == (vector["revision"], vector["data"])


def test_rv_3_what_else_a_revision_carries() -> None:
    web = a_stateful_set(metadata={"annotations": {"why": "because"}})
    made = resolve(alone(web)).update.obj
    assert made["metadata"]["annotations"] == {"why": "because"}
    assert made["metadata"]["ownerReferences"] == [meta.owner_reference(web)]


def test_rv_4_equal_to_the_newest_is_reused() -> None:
    history = resolve(picture("3 b", "0Ra 1Rb"))
    assert (history.plan.actions, history.update.number, history.current.number) == ((), 2, 1)


def test_rv_4_and_ru_10_going_back_renumbers_the_old_one() -> None:
    plan = reconcile(picture("2 a", "0Ra 1Rb"), NOON)
    old = meta.name(a_revision(a_set("2"), a_template("a")))
    assert in_words(plan).split(", ")[0] == f"renumber {old}"
    assert plan.actions[0] == Patch(
        WEB._replace(kind="ControllerRevision", name=old), {"revision": 3}, uid=f"{old}-uid"
    )


def test_rv_4_a_revision_from_before_1_34_is_reused_without_a_rollout() -> None:
    web = a_stateful_set(status={"replicas": 0})
    new = a_revision(web, a_template())
    template = new["data"]["spec"]["template"]
    dated = {**template, "metadata": {**template["metadata"], "creationTimestamp": None}}
    old = {**with_value(new, ("metadata", "name"), "web-older"), "data": {"spec": {"template": dated}}}
    history = resolve(alone(web, old))
    assert (history.update.name, history.plan.actions) == ("web-older", ())


def test_rv_5_a_bearer_of_the_name_with_the_same_data_is_used() -> None:
    web = a_stateful_set()
    foreign = a_revision(web, a_template(), ownerReferences=[{**meta.owner_reference(web), "uid": "earlier"}])
    history = resolve(alone(web, foreign))
    assert (history.update.name, history.collision_count, history.plan.actions) == (meta.name(foreign), 0, ())


def test_rv_5_other_data_under_the_name_makes_another_name_and_keeps_the_first_hash() -> None:
    web = a_stateful_set()
    first = a_revision(web, a_template())
    taken = {**first, "data": {"spec": {}}, "metadata": {**first["metadata"], "ownerReferences": [], "labels": {}}}
    history = resolve(alone(web, taken))
    assert history.collision_count == 1
    assert history.update.name != meta.name(first)
    assert meta.labels(history.update.obj)[revisions.HASH_LABEL] == meta.name(first).rpartition("-")[2]


def test_rv_6_without_the_current_revision_the_update_revision_is_current() -> None:
    scene = Scene("3 b partition=3", "0Ra 1Ra 2Ra")
    scene.round()
    scene.remove("ControllerRevision", scene.status["currentRevision"])
    scene.round()
    assert scene.status["currentRevision"] == scene.status["updateRevision"]


def limits(line: str, limit: int) -> list[str]:
    """Which numbers of a history of five are deleted."""
    web = a_set(f"1 limit={limit}")
    kept = [a_revision(web, a_template(f"old{number}"), number) for number in range(1, 5)]
    update = a_revision(web, a_template("a"), 5)
    pod = [a_pod(web, 0, "R", revision=kept[1])] if line else []
    plan = reconcile(alone({**web, "status": {"currentRevision": meta.name(update)}}, *kept, update, *pod), NOON)
    names = {meta.name(revision): str(revision["revision"]) for revision in kept}
    return [names[word.rpartition(" ")[2]] for word in in_words(plan).split(", ") if "delete revision" in word]


@pytest.mark.parametrize(
    ("pod", "limit", "gone"),
    [("", 10, []), ("", 2, ["1", "2"]), ("", 0, ["1", "2", "3", "4"]), ("2", 0, ["1", "3", "4"]), ("", -1, [])],
)
def test_rv_7_history_is_kept_to_the_limit_without_what_pods_name(pod: str, limit: int, gone: list[str]) -> None:
    assert limits(pod, limit) == gone


@pytest.mark.parametrize(
    ("change", "is_new"),
    [
        ({"replicas": 5}, False),
        ({"serviceName": "other"}, False),
        ({"minReadySeconds": 5}, False),
        ({"template": {**a_template(), "metadata": {"labels": {"app": "nginx", "x": "y"}}}}, True),
        ({"template": {**a_template(), "metadata": {"labels": {"app": "nginx"}, "annotations": {"x": "y"}}}}, True),
    ],
)
def test_rv_8_only_the_template_makes_a_revision(change: Any, is_new: bool) -> None:
    web = a_stateful_set(**change)
    made = resolve(alone(web, a_revision(web, a_template()))).plan.actions
    assert bool(made) is is_new


def test_sy_5_a_pod_of_an_old_revision_has_its_template_and_todays_service() -> None:
    observed = picture("3 b partition=3", "0Ra")
    (pod,) = (a.obj for a in reconcile(observed, NOON).actions if isinstance(a, Create) and a.obj["kind"] == "Pod")
    assert (pod["spec"]["containers"][0]["image"], pod["spec"]["subdomain"]) == ("a", "nginx")
    assert "$patch" not in pod["spec"]
