"""Why a set is not where it should be, in plain words: the rule, for whom, since when, and the remedy."""
# ruff: noqa: E501 - a table, one row a line

from typing import Any

import pytest

from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.reconcile import reconcile
from stead.machinery.keys import key_of
from stead.machinery.objects import Json
from stead.machinery.plan import Waiting
from stead.testing.builders import AN_HOUR_AGO, NOON, a_claim, a_pod
from stead.testing.pictures import WEB, a_set, drawn, picture

SET = a_set("3 claims")
SERVICE = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "other", "namespace": "default"}}
NGINX = {**SERVICE, "metadata": {"name": "nginx", "namespace": "default"}}


def a_node(name: str, ready: str) -> Json:
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    return {"kind": "Node", "apiVersion": "v1", "metadata": {"name": name}, "status": status}


def waits(spec: str, pods: str = "", *others: Json) -> list[Waiting]:
    return list(reconcile(picture(spec, pods, *others), NOON).waiting)


def sick(state: str, **fields: Any) -> Json:
    """web-0 with a container in that state."""
    container = {"name": "nginx", "ready": False, "state": fields}
    return a_pod(a_set("1"), 0, state, status={"containerStatuses": [container]})


CRASHING = sick("U", waiting={"reason": "CrashLoopBackOff", "message": "back-off 10s"})
UNBOUND = {**a_claim(SET, 0), "status": {"phase": "Pending"}}
ON_N = {**a_pod(a_set("1"), 0, "T"), "spec": {**a_pod(a_set("1"), 0)["spec"], "nodeName": "n"}}

QUOTA = {
    "kind": "ResourceQuota",
    "metadata": {"name": "small", "namespace": "default"},
    "status": {"hard": {"pods": "2", "cpu": "nonsense"}, "used": {"pods": "2"}},
}
LEAVING = {"kind": "Namespace", "metadata": {"name": "default", "deletionTimestamp": AN_HOUR_AGO}}

WAITS = [
    ("PR-2", "1", "", (), "web-0 to be created", ""),
    ("PR-5", "1", "", (CRASHING,), "web-0 is not Ready: container nginx waits: CrashLoopBackOff (back-off 10s)", "kubectl logs web-0 -c nginx --previous"),
    ("PR-5", "1", "", (sick("P", waiting={"reason": "ImagePullBackOff"}),), "container nginx waits: ImagePullBackOff", "correct the image"),
    ("PR-5", "1", "", (sick("U", running={}),), "container nginx runs and is not ready", "readiness probe"),
    ("PR-5", "1 claims", "0P", (), "its claim www-web-0 does not exist yet", ""),
    ("PR-5", "1 claims", "0P", (UNBOUND,), 'its claim www-web-0 is not bound: there is no StorageClass "fast"', 'create the StorageClass "fast"'),
    ("PR-4", "1", "0T", (), "web-0 is terminating", ""),
    ("PR-4", "1", "", (ON_N, a_node("n", "Unknown")), "its node n is not there to confirm its end", "--grace-period=0 --force"),
    ("PR-6", "1 ready=10", "0Y", (), "web-0 must stay Ready for 10 s", ""),
    ("PR-1", "1", "0F", (), "web-0 ended (Failed) and is replaced", ""),
    ("RU-11", "2 b", "0Ra 1Ua", (), "web-1 is not Ready (it is Running) and is still at web-", "kubectl delete pod web-1"),
    ("RU-11", "4 b", "0Ra 1Ua 2Ra 3Ua", (), "web-1 is not Ready (it is Running) and is still at web-", "kubectl delete pod web-1 web-3"),
    ("RU-3", "3 b partition=2", "0Ra 1Ra 2Rb", (), "web-0 and web-1 stay at the old revision: partition is 2", "to roll them too: kubectl patch statefulset web -p"),
    ("RU-1", "2 b ondelete", "0Ra 1Ra", (), "web-0 and web-1 stay at the old revision until deleted (OnDelete)", "kubectl delete pod web-0"),
    ("SD-4", "0", "0U 1U", (), "web-1 should go but is not Ready, and web-0 below it is not Ready either", "kubectl delete pod web-1"),
    ("PVC-4", "1 claims", "", (a_claim(SET, 0, deletionTimestamp=AN_HOUR_AGO, finalizers=["x/y"]),), "web-0 waits: its claim www-web-0 is being deleted", "finalizer x/y"),
    ("CL-4", "1", "", (a_pod(SET, 0, ownerReferences=[{"kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}]),), "taken by a pod that ReplicaSet r controls", "delete pod web-0"),
    ("CL-6", "1", "", (a_pod(SET, 0, ownerReferences=[], labels={}),), "taken by a pod that has labels that the selector does not match", "labels of web"),
    ("ID-3", "2", "0R", (a_pod(SET, 1, name="web-01"),), "web-01 holds the place of web-1", "kubectl delete pod web-01"),
    ("PR-9", "1", "", (QUOTA,), "web-0 may be refused: ResourceQuota small is used up: 2 of 2 pods", "kubectl patch resourcequota small -p"),
    ("PR-9", "1", "", (LEAVING,), "web-0 cannot be created: namespace default is being deleted", ""),
    ("3.2", "1", "0R", (SERVICE,), 'there is no Service "nginx"', "kubectl create service clusterip nginx"),
    ("PR-5", "1 parallel", "0U", (), "web-0 is not Ready", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "spec", "pods", "others", "text", "remedy"), WAITS)
def test_every_wait_says_rule_text_and_remedy(
    rule: str, spec: str, pods: str, others: tuple[Json, ...], text: str, remedy: str
) -> None:
    found = waits(spec, pods, *others)
    assert rule in {wait.rule for wait in found}
    wait = next(wait for wait in found if wait.rule == rule)
    assert text in wait.text
    assert remedy in wait.remedy
    assert wait.about is not None
    assert not wait.text.endswith(".")


def test_a_set_that_is_where_it_should_be_waits_for_nothing() -> None:
    assert waits("2", "0R 1R", NGINX) == []


def test_ru_11_is_not_said_of_a_pod_that_the_partition_keeps_old() -> None:
    assert "RU-11" not in {wait.rule for wait in waits("3 b partition=1", "0Ua 1Ra 2Ra")}


def test_a_remedy_names_the_namespace_where_it_must() -> None:
    web = {**SET, "metadata": {**SET["metadata"], "namespace": "shop"}, "spec": {**SET["spec"], "replicas": 0}}
    cache = drawn("0")
    for obj in (web, a_pod(web, 0, "U"), a_pod(web, 1, "U")):
        cache.put(key_of(obj["kind"], obj), obj)
    observed = StatefulSetController().observe(cache, WEB._replace(namespace="shop"))
    assert observed is not None
    assert reconcile(observed, NOON).waiting[0].remedy == "delete one of them: kubectl -n shop delete pod web-1"


def test_since_is_the_objects_own_time() -> None:
    assert waits("1", "0U")[0].since == AN_HOUR_AGO
    assert waits("1", "0T")[0].since == AN_HOUR_AGO


def test_id_11_a_name_too_long_for_the_revision_label() -> None:
    web, name = a_set("1"), "w" * 53
    cache = drawn("0")
    key = WEB._replace(name=name)
    cache.put(key, {**web, "metadata": {**web["metadata"], "name": name, "uid": "long"}})
    observed = StatefulSetController().observe(cache, key)
    assert observed is not None
    wait = reconcile(observed, NOON).waiting[0]
    assert (wait.rule, wait.remedy) == ("ID-11", "create it anew under a name of at most 52 characters")


def test_many_unready_replicas_of_a_parallel_set_are_summed_up() -> None:
    found = waits("9 parallel", " ".join(f"{i}U" for i in range(9)))
    assert [wait.rule for wait in found] == ["RU-2", *["PR-5"] * 3, "PR-11"]
    assert found[-1].text == "6 more replicas are not Ready"
