"""Pods on their way in and afterwards: what a real 1.36 server answers, as one line of truth each."""

from typing import Any

import pytest
from asking import MERGE, PODS, Client, obj, pod

CORE = "/api/v1/namespaces/default"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def told(answer: Any) -> list[str]:
    causes = (answer.body.get("details") or {}).get("causes") or []
    return [f"{cause['field']}: {cause['message']}".partition("\n")[0] for cause in causes]


def held_back(**spec: Any) -> Any:
    made = pod("p")
    made["spec"].update({"schedulingGates": [{"name": "a/b"}], **spec})
    return made


def affine(*terms: Any) -> Any:
    expressions = [{"matchExpressions": [{"key": key, "operator": "Exists"} for key in term]} for term in terms]
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": expressions}}}}


def test_a_pod_held_back_says_so_from_the_start(client: Client) -> None:
    got = client.ask("POST", PODS, held_back())
    assert got.body["status"]["conditions"] == [
        {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": None,
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }
    ]


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ({"nodeSelector": {"a": "b"}}, {"nodeSelector": {"c": "d"}}, []),
        (
            {"nodeSelector": {"a": "b"}},
            {"nodeSelector": {"a": "c"}},
            [
                'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed '
                "(no mutations or deletions)"
            ],
        ),
        ({}, affine("z"), []),
        (affine("z"), affine("zy"), []),
        (
            affine("z"),
            affine("y"),
            [
                f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0]: Invalid value: "
                '{"MatchExpressions":[{"Key":"y","Operator":"Exists","Values":null}],"MatchFields":null}: '
                "only additions are allowed (no mutations or deletions)"
            ],
        ),
        (
            affine("z"),
            affine("z", "y"),
            [
                f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms: Invalid value: "
                '[{"MatchExpressions":[{"Key":"z","Operator":"Exists","Values":null}],"MatchFields":null},'
                '{"MatchExpressions":[{"Key":"y","Operator":"Exists","Values":null}],"MatchFields":null}]: '
                "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
            ],
        ),
        ({}, {"hostname": "h"}, ["spec: Forbidden: pod updates may not change fields other than"]),
    ],
)
def test_a_pod_held_back_may_be_told_fewer_nodes(client: Client, before: Any, after: Any, wrong: list[str]) -> None:
    assert client.ask("POST", PODS, held_back(**before)).code == 201
    got = client.ask("PATCH", f"{PODS}/p", {"spec": after}, MERGE)
    assert [text.partition(" `spec.con")[0] for text in told(got)] == wrong


def test_no_runtime_class_is_found(client: Client) -> None:
    one = pod("p")
    one["spec"]["runtimeClassName"] = "gvisor"
    got = client.ask("POST", PODS, one)
    assert (got.code, got.message) == (403, 'pods "p" is forbidden: pod rejected: RuntimeClass "gvisor" not found')


def test_what_is_wrong_by_itself_is_told_before_limits(client: Client) -> None:
    limit = {"type": "Container", "max": {"cpu": "1"}}
    client.ask("POST", f"{CORE}/limitranges", obj("v1", "LimitRange", "l", spec={"limits": [limit]}))
    one = pod("p")
    one["spec"]["containers"][0].update(image="", resources={"limits": {"cpu": "2"}})
    assert client.ask("POST", PODS, one).code == 422
    one["spec"]["containers"][0]["image"] = "i"
    got = client.ask("POST", PODS, one)
    assert (got.code, got.message) == (
        403,
        'pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    )


@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        ({"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}]}, []),
        (
            {"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.2"}]},
            ['status.hostIPs[0].ip: Invalid value: "10.0.0.2": must be equal to `hostIP`'],
        ),
        (
            {"hostIP": "x", "hostIPs": [{"ip": "x"}]},
            ['status.hostIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
        ),
        (
            {"podIPs": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]},
            [
                'status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: '
                "may specify no more than one IP for each IP family"
            ],
        ),
        ({"qosClass": "Guaranteed"}, ['status.qosClass: Invalid value: "Guaranteed": field is immutable']),
    ],
)
def test_what_a_status_may_not_be(client: Client, status: Any, wrong: list[str]) -> None:
    client.ask("POST", PODS, pod("p"))
    assert told(client.ask("PATCH", f"{PODS}/p/status", {"status": status}, MERGE)) == wrong


def test_a_node_is_nominated_by_its_name(client: Client) -> None:
    client.ask("POST", PODS, pod("p"))
    got = client.ask("PATCH", f"{PODS}/p/status", {"status": {"nominatedNodeName": "A b"}}, MERGE)
    assert told(got)[0].startswith('status.nominatedNodeName: Invalid value: "A b": a lowercase RFC 1123 subdomain')


def test_pods_of_windows_have_none_of_what_linux_has(client: Client) -> None:
    made = pod("p")
    made["spec"] |= {"os": {"name": "windows"}, "hostPID": True, "securityContext": {"runAsUser": 1, "sysctls": []}}
    made["spec"]["containers"][0]["securityContext"] = {"privileged": False}
    told_ = "Forbidden: cannot be set for a windows pod"
    assert told(client.ask("POST", PODS, made)) == [
        f"spec.{place}: {told_}"
        for place in ("hostPID", "securityContext.runAsUser", "containers[0].securityContext.privileged")
    ]


def test_a_claim_of_devices_has_one_source(client: Client) -> None:
    made = pod("p")
    made["spec"]["resourceClaims"] = [{"name": "a"}, {"name": "b", "resourceClaimName": "B_"}]
    first, second = told(client.ask("POST", PODS, made))
    shown = '{"Name":"a","ResourceClaimName":null,"ResourceClaimTemplateName":null}'
    why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
    assert first == f"spec.resourceClaims[0]: Invalid value: {shown}: {why}"
    assert second.startswith('spec.resourceClaims[1].resourceClaimName: Invalid value: "B_": a lowercase RFC 1123')
