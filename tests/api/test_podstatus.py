"""The status of a pod: what it may not be, and what writers who know less leave as it was."""

from typing import Any

import pytest
from asking import MERGE, Client, Json, obj

PODS = "/api/v1/namespaces/default/pods"


def pod(client: Client, **spec: Any) -> Client:
    container = {"name": "c", "image": "x", **spec.pop("container", {})}
    made = client.ask("POST", PODS, obj("v1", "Pod", "p", spec={"containers": [container], **spec}))
    assert made.code == 201, made.body
    return client


def write(client: Client, **status: Any) -> Any:
    return client.ask("PATCH", f"{PODS}/p/status", {"status": status}, MERGE)


def told(answer: Any) -> list[str]:
    return [f"{cause['field']}: {cause['message']}" for cause in answer.body["details"]["causes"]]


def ended(code: int, name: str = "c") -> Json:
    return {"name": name, "state": {"terminated": {"exitCode": code}}}


REVIVED = ["status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"]
RULE = {"action": "Restart", "exitCodes": {"operator": "In", "values": [7]}}
BUT = {"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [7]}}


@pytest.mark.parametrize(
    ("spec", "code", "is_free"),
    [
        ({"restartPolicy": "Always"}, 0, True),
        ({"restartPolicy": "OnFailure"}, 1, True),
        ({"restartPolicy": "OnFailure"}, 0, False),
        ({"restartPolicy": "Never"}, 1, False),
        ({"restartPolicy": "Always", "container": {"restartPolicy": "Never"}}, 1, False),
        ({"restartPolicy": "Never", "container": {"restartPolicy": "OnFailure"}}, 1, True),
        ({"container": {"restartPolicy": "Never", "restartPolicyRules": [RULE]}}, 7, True),
        ({"container": {"restartPolicy": "Never", "restartPolicyRules": [RULE]}}, 8, False),
        ({"container": {"restartPolicy": "Never", "restartPolicyRules": [BUT]}}, 8, True),
        ({"container": {"restartPolicy": "Never", "restartPolicyRules": [BUT]}}, 7, False),
    ],
)
def test_a_container_runs_again_where_its_own_rules_say_so(client: Client, spec: Any, code: int, is_free: bool) -> None:
    write(pod(client, **spec), containerStatuses=[ended(code)])
    got = write(client, containerStatuses=[{"name": "c", "state": {"running": {}}}])
    assert got.code == 200 if is_free else told(got) == REVIVED


def test_a_container_that_nobody_knows_does_not_run_again(client: Client) -> None:
    write(pod(client), containerStatuses=[ended(1, "other")])
    assert told(write(client, containerStatuses=[{"name": "other", "state": {"running": {}}}])) == REVIVED


def test_all_run_again_where_one_may_begin_them_anew(client: Client) -> None:
    rule = {"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [7]}}
    write(pod(client, container={"restartPolicy": "Never", "restartPolicyRules": [rule]}), containerStatuses=[ended(1)])
    assert write(client, containerStatuses=[{"name": "c", "state": {"running": {}}}]).code == 200


NOT_A_CLAIM = "must match the name of an entry in `spec.resourceClaims`"
NOT_ASKED = "must match one of the container's resource requests"
NO_ID = "must be between 0 and 2147483647, inclusive"
DEVICE = {"resourceID": "d", "health": "Healthy"}
GPU = {"name": "gpu", "resources": [DEVICE]}


@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        ({"observedGeneration": -1}, "status.observedGeneration: Invalid value: -1: must be a non-negative integer"),
        (
            {"resourceClaimStatuses": [{"name": "a"}]},
            f'status.resourceClaimStatuses[0].name: Invalid value: "a": {NOT_A_CLAIM}',
        ),
        (
            {"containerStatuses": [{"name": "c", "user": {"linux": {"uid": -1, "gid": 0}}}]},
            f"status.containerStatuses[0].user.linux.uid: Invalid value: -1: {NO_ID}",
        ),
        (
            {"containerStatuses": [{"name": "c", "user": {"linux": {"uid": 0, "gid": 0, "supplementalGroups": [-5]}}}]},
            f"status.containerStatuses[0].user.linux.supplementalGroups[0]: Invalid value: -5: {NO_ID}",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "c", "allocatedResourcesStatus": [{"name": "gpu", "resources": [DEVICE]}]}
                ]
            },
            f'status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "gpu": {NOT_ASKED}',
        ),
        (
            {
                "containerStatuses": [
                    {
                        "name": "c",
                        "allocatedResourcesStatus": [{"name": "cpu", "resources": [{**DEVICE, "health": "Fine"}]}],
                    }
                ]
            },
            "status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: "
            'Unsupported value: "Fine": supported values: "Healthy", "Unhealthy", "Unknown"',
        ),
        (
            {"ephemeralContainerStatuses": [{"name": "e", "allocatedResourcesStatus": [{"name": "cpu"}]}]},
            "status.ephemeralContainerStatuses[0].allocatedResourcesStatus: Forbidden: "
            "must not be specified in container status",
        ),
    ],
)
def test_what_a_status_may_not_be(client: Client, status: Any, wrong: str) -> None:
    pod(client, container={"resources": {"requests": {"cpu": "1"}}})
    assert told(write(client, **status)) == [wrong]


def test_names_of_claims_are_looked_at(client: Client) -> None:
    pod(client, resourceClaims=[{"name": "a", "resourceClaimName": "x"}])
    (fault,) = told(write(client, resourceClaimStatuses=[{"name": "a", "resourceClaimName": "X"}]))
    assert fault.startswith(
        'status.resourceClaimStatuses[0].resourceClaimName: Invalid value: "X": a lowercase RFC 1123'
    )


def test_devices_of_claims_are_named_after_them(client: Client) -> None:
    claims = {"resources": {"claims": [{"name": "a", "request": "r"}]}}
    pod(client, resourceClaims=[{"name": "a", "resourceClaimName": "x"}], container=claims)

    def devices(name: str) -> Any:
        return write(client, containerStatuses=[{"name": "c", "allocatedResourcesStatus": [{"name": name}]}])

    assert devices("claim:a/r").code == 200
    assert "must match one of the container's resource claims in a format" in told(devices("claim:a"))[0]


def test_a_pod_with_a_node_gets_no_other_in_mind(client: Client) -> None:
    assert write(pod(client, nodeName="n"), nominatedNodeName="m").code == 422
    assert told(write(client, nominatedNodeName="m")) == [
        "status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"
    ]


def test_odd_addresses_of_pods_and_balancers_are_told(client: Client) -> None:
    odd, path = {"ip": "2001:DB8::1"}, "/api/v1/namespaces/default/services"
    said = 'IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")'
    assert write(pod(client), podIPs=[odd], podIP="2001:DB8::1").warnings == (f"status.podIPs[0].ip: {said}",)
    assert client.ask("PATCH", f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}}, MERGE).warnings == ()
    client.ask("POST", path, obj("v1", "Service", "s", spec={"type": "LoadBalancer", "ports": [{"port": 1}]}))
    status = {"status": {"loadBalancer": {"ingress": [odd]}}}
    answer = client.ask("PATCH", f"{path}/s/status", status, MERGE)
    assert answer.warnings == (f"status.loadBalancer.ingress[0]: {said}",)


def test_what_was_seen_stays_seen(client: Client) -> None:
    ready = {"type": "Ready", "status": "True"}
    write(pod(client), observedGeneration=3, conditions=[{**ready, "observedGeneration": 2}])
    status = write(client, observedGeneration=None, conditions=[ready, ready]).body["status"]
    assert status["observedGeneration"] == 3
    assert [one.get("observedGeneration") for one in status["conditions"]] == [2, None]


FAILED = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no scale"}
FEW = {**FAILED, "reason": "InsufficientPods", "message": "too few"}


@pytest.mark.parametrize(
    ("counts", "conditions", "why"),
    [
        ((2, 1), [], "needs 2 healthy pods and has 1 currently"),
        ((2, 1), [FEW], "needs 2 healthy pods and has 1 currently"),
        ((2, 1), [FAILED], "does not allow evicting pods currently because it failed sync: no scale"),
        ((1, 2), [FEW], "does not allow evicting pods currently (InsufficientPods): too few"),
        ((1, 2), [], "does not allow evicting pods currently"),
    ],
)
def test_a_refused_eviction_says_why(client: Client, counts: Any, conditions: list[Json], why: str) -> None:
    pod(client)
    client.ask("PATCH", f"{PODS}/p", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    write(client, phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    client.ask("POST", budgets, obj("policy/v1", "PodDisruptionBudget", "b", spec=spec))
    wanted, healthy = counts
    at = {"observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    status = {"observedGeneration": 1, "disruptionsAllowed": 0, "expectedPods": 2}
    status |= {"desiredHealthy": wanted, "currentHealthy": healthy, "conditions": [{**one, **at} for one in conditions]}
    assert client.ask("PATCH", f"{budgets}/b/status", {"status": status}, MERGE).code == 200
    answer = client.ask("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert answer.code == 429
    assert [cause["message"] for cause in answer.body["details"]["causes"]] == [f"The disruption budget b {why}"]
