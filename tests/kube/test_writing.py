"""Actions as requests, replies as outcomes: tables."""

import pytest

from stead.kube.transport import Reply
from stead.kube.writer import outcome_of, request_of
from stead.machinery.keys import Key
from stead.machinery.objects import decode, encode
from stead.machinery.plan import Bind, Create, Delete, Done, Patch, Refused, Update

POD = Key("Pod", "default", "web-0")
OBJ = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "default", "managedFields": [{}]}}
PLACE = "/api/v1/namespaces/default/pods"
OURS = "?fieldManager=stead-controller"

REQUESTS = [
    (Create(OBJ), "POST", PLACE + OURS, OBJ),
    (Update(OBJ), "PUT", f"{PLACE}/web-0{OURS}", {**OBJ, "metadata": {"name": "web-0", "namespace": "default"}}),
    (
        Patch(POD, {"metadata": {"ownerReferences": None}}, uid="u", if_revision="7"),
        "PATCH",
        f"{PLACE}/web-0{OURS}",
        {"metadata": {"ownerReferences": None, "uid": "u", "resourceVersion": "7"}},
    ),
    (
        Patch(Key("StatefulSet", "d", "web"), {"status": {"replicas": 1}}, subresource="status", uid="u"),
        "PATCH",
        f"/apis/apps/v1/namespaces/d/statefulsets/web/status{OURS}",
        {"status": {"replicas": 1}, "metadata": {"uid": "u"}},
    ),
    (
        Delete(POD, "u", grace_seconds=0),
        "DELETE",
        f"{PLACE}/web-0",
        {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": "u"},
            "gracePeriodSeconds": 0,
        },
    ),
    (
        Bind(POD, "u", "n1"),
        "POST",
        f"{PLACE}/web-0/binding",
        {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": "web-0", "uid": "u"},
            "target": {"kind": "Node", "name": "n1"},
        },
    ),
    (Patch(Key("StatefulSet", "d", "web"), {}, uid="u"), "GET", "/apis/apps/v1/namespaces/d/statefulsets/web", None),
]


@pytest.mark.parametrize(("action", "method", "path", "body"), REQUESTS, ids=[one[1] for one in REQUESTS])
def test_an_action_is_a_request(action, method, path, body) -> None:
    asked = request_of(action)
    assert (asked.method, asked.path) == (method, path)
    assert (decode(asked.body) if asked.body else None) == body


def reply(code: int, body: object, **headers: str) -> Reply:
    return Reply(code, body if isinstance(body, bytes) else encode(body), headers)


def status(code: int, reason: str, **details: object) -> dict[str, object]:
    return {"kind": "Status", "code": code, "reason": reason, "message": "told", "details": details}


CONDITIONAL = Patch(POD, {"metadata": {}}, uid="u")
OUTCOMES = [
    (Create(OBJ), reply(201, OBJ), Done(OBJ)),
    (Delete(POD, "u"), reply(200, {"kind": "Status", "status": "Success"}), Done(None)),
    (Create(OBJ), reply(409, status(409, "AlreadyExists")), Refused("AlreadyExists", "told")),
    (Create(OBJ), reply(403, status(403, "Forbidden")), Refused("Forbidden", "told")),
    (Create(OBJ), reply(429, b"slow down", **{"retry-after": "3"}), Refused("TooManyRequests", "slow down", 3.0)),
    (Create(OBJ), reply(503, b"<html>"), Refused("ServiceUnavailable", "<html>")),
    (Create(OBJ), reply(504, status(504, "Timeout", retryAfterSeconds=2)), Refused("Timeout", "told", 2.0)),
    (Create(OBJ), reply(599, b""), Refused("InternalError", "")),
    (CONDITIONAL, reply(422, status(422, "Invalid", causes=[{"field": "metadata.uid"}])), Refused("Conflict", "told")),
    (CONDITIONAL, reply(422, status(422, "Invalid", causes=[{"field": "spec"}])), Refused("Invalid", "told")),
]


@pytest.mark.parametrize(("action", "answer", "outcome"), OUTCOMES)
def test_a_reply_is_an_outcome(action, answer, outcome) -> None:
    assert outcome_of(action, answer) == outcome


@pytest.mark.parametrize(
    ("uid", "revision", "is_true"), [("u", "7", True), ("u", "", True), ("v", "7", False), ("u", "6", False)]
)
def test_cl_3_an_empty_patch_asks_the_live_object(uid: str, revision: str, is_true: bool) -> None:
    live = {"kind": "StatefulSet", "metadata": {"name": "web", "uid": "u", "resourceVersion": "7"}}
    asked = Patch(Key("StatefulSet", "d", "web"), {}, uid=uid, if_revision=revision)
    outcome = outcome_of(asked, reply(200, live))
    assert outcome == Done(live) if is_true else isinstance(outcome, Refused) and outcome.reason == "Conflict"
