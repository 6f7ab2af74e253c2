"""Ephemeral containers and resizing: what of a running pod may still be written, through which door."""

from typing import Any

import pytest
from asking import MERGE, PODS, Client, obj

SMP = {"content-type": "application/strategic-merge-patch+json"}
DEBUG = {"name": "debug", "image": "busybox:1"}
FORBIDDEN = "Forbidden: cannot be set for an Ephemeral Container"


@pytest.fixture
def served(client: Client) -> Client:
    container = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
    starter = {"name": "i", "image": "nginx:1", "resources": {"requests": {"cpu": "1"}}}
    spec = {"containers": [container], "initContainers": [starter], "volumes": [{"name": "v", "emptyDir": {}}]}
    assert client.ask("POST", PODS, obj("v1", "Pod", "p", spec=spec)).code == 201
    return client


def debug(client: Client, *containers: Any, headers: Any = SMP, query: str = "") -> Any:
    patch = {"spec": {"ephemeralContainers": list(containers)}}
    return client.ask("PATCH", f"{PODS}/p/ephemeralcontainers{query}", patch, headers)


def resize(client: Client, patch: Any, headers: Any = SMP) -> Any:
    return client.ask("PATCH", f"{PODS}/p/resize", {"spec": patch}, headers)


def told(answer: Any) -> list[str]:
    causes = answer.body["details"]["causes"]
    return [f"{cause['field']}: {cause['message']}".split("\n")[0] for cause in causes]


def test_an_ephemeral_container_comes_with_defaults_and_an_owner(served: Client) -> None:
    got = debug(served, DEBUG, query="?fieldManager=kubectl-debug")
    assert got.code == 200
    assert got.body["spec"]["ephemeralContainers"] == [
        {
            **DEBUG,
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
    ]
    assert got.body["metadata"]["generation"] == 2
    entry = next(entry for entry in got.body["metadata"]["managedFields"] if "subresource" in entry)
    assert (entry["manager"], entry["subresource"]) == ("kubectl-debug", "ephemeralcontainers")
    assert list(entry["fieldsV1"]) == ["f:spec"]
    assert list(entry["fieldsV1"]["f:spec"]) == ["f:ephemeralContainers"]
    assert served.get(f"{PODS}/p/ephemeralcontainers").body == served.get(f"{PODS}/p").body


def test_the_rest_is_passed_over(served: Client) -> None:
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"nodeName": "n", "ephemeralContainers": [DEBUG]}}
    got = served.ask("PATCH", f"{PODS}/p/ephemeralcontainers", patch, SMP)
    assert (got.code, got.body["metadata"].get("labels"), got.body["spec"].get("nodeName")) == (200, None, None)


def test_a_second_joins_the_first_and_none_leaves(served: Client) -> None:
    debug(served, DEBUG)
    got = debug(served, {"name": "more", "image": "busybox:1"})
    assert {container["name"] for container in got.body["spec"]["ephemeralContainers"]} == {"debug", "more"}
    assert told(debug(served, {**DEBUG, "$patch": "delete"})) == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed'
    ]
    assert told(debug(served, {**DEBUG, "image": "other:1"})) == [
        'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed'
    ]


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"name": "c"}, ['name: Duplicate value: "c"']),
        ({"name": "i"}, ['name: Duplicate value: "i"']),
        ({"image": ""}, ["image: Required value"]),
        ({"targetContainerName": "x"}, ['targetContainerName: Not found: "x"']),
        ({"ports": [{"containerPort": 1}]}, [f"ports: {FORBIDDEN}"]),
        ({"resources": {"limits": {"cpu": "1"}}}, [f"resources: {FORBIDDEN}"]),
        ({"lifecycle": {"preStop": {"exec": {"command": ["x"]}}}}, [f"lifecycle: {FORBIDDEN}"]),
        ({"lifecycle": {}}, [f"lifecycle: {FORBIDDEN}"]),
        ({"livenessProbe": {"exec": {"command": ["x"]}}}, [f"livenessProbe: {FORBIDDEN}"]),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s"}]},
            [f"volumeMounts[0].subPath: {FORBIDDEN}"],
        ),
        ({"volumeMounts": [{"name": "none", "mountPath": "/v"}]}, ['volumeMounts[0].name: Not found: "none"']),
    ],
)
def test_what_an_ephemeral_container_may_not_be(served: Client, more: Any, wrong: list[str]) -> None:
    got = debug(served, {**DEBUG, **more})
    assert (got.code, got.body["details"]["kind"]) == (422, "Pod")
    assert [text.removeprefix("spec.ephemeralContainers[0].") for text in told(got)] == wrong


def test_through_the_main_door_none_comes(served: Client) -> None:
    got = served.ask("PATCH", f"{PODS}/p", {"spec": {"ephemeralContainers": [DEBUG]}}, SMP)
    assert (got.code, told(got)[0][:40]) == (422, "spec: Forbidden: pod updates may not cha")
    pod = obj("v1", "Pod", "q", spec={"containers": [DEBUG], "ephemeralContainers": [{**DEBUG, "name": "e"}]})
    assert told(served.ask("POST", PODS, pod)) == ["spec.ephemeralContainers: Forbidden: cannot be set on create"]


def test_containers_are_resized(served: Client) -> None:
    got = resize(served, {"containers": [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]})
    assert got.code == 200
    assert got.body["spec"]["containers"][0]["resources"] == {"requests": {"cpu": "2", "memory": "1Gi"}}
    assert got.body["metadata"]["generation"] == 2
    entry = next(entry for entry in got.body["metadata"]["managedFields"] if "subresource" in entry)
    container = entry["fieldsV1"]["f:spec"]["f:containers"]['k:{"name":"c"}']
    assert (entry["subresource"], container) == ("resize", {"f:resources": {"f:requests": {"f:cpu": {}}}})


def test_an_image_is_passed_over_where_resources_are_taken(served: Client) -> None:
    got = resize(served, {"containers": [{"name": "c", "image": "other:1"}]})
    assert (got.code, got.body["spec"]["containers"][0]["image"]) == (200, "nginx:1")


@pytest.mark.parametrize(
    ("container", "wrong"),
    [
        (
            {"resources": {"requests": {"cpu": None}}},
            ["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"],
        ),
        (
            {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}},
            ['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'],
        ),
        (
            {"resources": {"requests": {"ephemeral-storage": "1Gi"}}},
            ["spec: Forbidden: only cpu and memory resources are mutable"],
        ),
        (
            {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}},
            ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
        ),
    ],
)
def test_what_a_resize_may_not_do(served: Client, container: Any, wrong: list[str]) -> None:
    if "limits" in container["resources"] and "requests" not in container["resources"]:
        resize(served, {"initContainers": []})
        served.ask("DELETE", f"{PODS}/p")
        alone = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
        served.ask("POST", PODS, obj("v1", "Pod", "p", spec={"containers": [alone]}))
    got = resize(served, {"containers": [{"name": "c", **container}]})
    assert (got.code, told(got)) == (422, wrong)


def test_init_containers_are_resized_where_that_needs_no_restart(client: Client) -> None:
    """1.36: InPlacePodVerticalScalingInitContainers"""
    policy = {"resourceName": "cpu", "restartPolicy": "NotRequired"}
    container = {"name": "c", "image": "nginx:1", "resources": {"requests": {"cpu": "1"}}}
    starters = [{**container, "name": "i"}, {**container, "name": "j", "resizePolicy": [policy]}]
    spec = {"containers": [container], "initContainers": starters}
    assert client.ask("POST", PODS, obj("v1", "Pod", "p", spec=spec)).code == 201
    (row,) = client.store.rows("Pod")  # a release before let such a policy in
    first, second = row.obj["spec"]["initContainers"]
    second = {**second, "resizePolicy": [{**policy, "restartPolicy": "RestartContainer"}]}
    client.store.put(row.key, {**row.obj, "spec": {**row.obj["spec"], "initContainers": [first, second]}})
    more = {"resources": {"requests": {"cpu": "2"}}}
    assert resize(client, {"initContainers": [{"name": "i", **more}]}).code == 200
    assert told(resize(client, {"initContainers": [{"name": "j", **more}]})) == [
        "spec.initContainers[1]: Forbidden: non-sidecar init containers with a resize policy of RestartContainer "
        "cannot be resized"
    ]
    disk = {"resources": {"requests": {"ephemeral-storage": "1Gi"}}}
    assert told(resize(client, {"initContainers": [{"name": "i", **disk}]})) == [
        "spec.initContainers[0]: Forbidden: only cpu and memory resources for init or sidecar containers are mutable"
    ]


WHOLE = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}


@pytest.fixture
def bounded(client: Client) -> Client:
    """A pod that asks for something as a whole."""
    spec = {"containers": [{"name": "c", "image": "nginx:1"}], "resources": WHOLE}
    assert client.ask("POST", PODS, obj("v1", "Pod", "p", spec=spec)).code == 201
    return client


def test_a_pod_is_resized_as_a_whole(bounded: Client) -> None:
    """1.36: InPlacePodLevelResourcesVerticalScaling"""
    got = resize(bounded, {"resources": {"limits": {"cpu": "3"}, "requests": {"memory": "2Gi"}}})
    assert (got.code, got.body["metadata"]["generation"]) == (200, 2)
    assert got.body["spec"]["resources"] == {
        "requests": {"cpu": "1", "memory": "2Gi"},
        "limits": {"cpu": "3", "memory": "2Gi"},
    }


@pytest.mark.parametrize(
    ("resources", "wrong"),
    [
        (None, ["spec.resources: Forbidden: pod-level resources cannot be removed"]),
        (
            {"requests": {"cpu": None}, "limits": {"memory": None}},
            [
                "spec.resources.requests: Forbidden: pod-level resource requests cannot be removed",
                "spec.resources.limits: Forbidden: pod-level resource limits cannot be removed",
            ],
        ),
        (
            {"requests": {"hugepages-2Mi": "2Mi"}, "limits": {"hugepages-2Mi": "2Mi"}},
            ["spec: Forbidden: only cpu and memory resources are mutable at pod-level"],
        ),
    ],
)
def test_what_may_not_become_of_the_whole(bounded: Client, resources: Any, wrong: list[str]) -> None:
    got = resize(bounded, {"resources": resources})
    assert got.code == 422
    assert [text for text in told(got) if "QOS" not in text] == wrong


def test_the_whole_may_be_added(served: Client) -> None:
    """As long as the pod's class of service stays."""
    got = resize(served, {"resources": {"requests": {"cpu": "3", "memory": "3Gi"}}})
    assert (got.code, got.body["spec"]["resources"]) == (200, {"requests": {"cpu": "3", "memory": "3Gi"}})


@pytest.mark.parametrize(("restarts", "code"), [(None, 422), ("Never", 422), ("Always", 201)])
def test_what_runs_once_is_not_begun_anew_for_a_resize(client: Client, restarts: str | None, code: int) -> None:
    policy = {"resourceName": "memory", "restartPolicy": "RestartContainer"}
    starter = {"name": "i", "image": "nginx:1", "resizePolicy": [policy], "restartPolicy": restarts}
    spec = {"containers": [{"name": "c", "image": "nginx:1"}], "initContainers": [starter]}
    got = client.ask("POST", PODS, obj("v1", "Pod", "p", spec=spec))
    assert got.code == code
    if code == 422:
        assert told(got) == [
            'spec.initContainers[0].resizePolicy[0].restartPolicy: Invalid value: "RestartContainer": '
            "must not be set to 'RestartContainer' for non-sidecar initContainers"
        ]


def test_a_node_that_tells_no_resources_cannot_resize(served: Client) -> None:
    running = {"name": "c", "state": {"running": {}}, "image": "", "imageID": "", "ready": True, "restartCount": 0}
    served.ask("PATCH", f"{PODS}/p/status", {"status": {"containerStatuses": [running]}}, SMP)
    got = resize(served, {"containers": [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]})
    assert told(got) == ["spec: Forbidden: Pod running on node without support for resize"]


def test_resizing_keeps_within_quota_and_limits(served: Client) -> None:
    base = "/api/v1/namespaces/default"
    quota = obj("v1", "ResourceQuota", "q", spec={"hard": {"requests.cpu": "3"}})
    assert served.ask("POST", f"{base}/resourcequotas", quota).code == 201
    cpu = lambda amount: {"containers": [{"name": "c", "resources": {"requests": {"cpu": amount}}}]}  # noqa: E731
    got = resize(served, cpu("5"))
    assert (got.code, got.message) == (
        403,
        'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=4, used: requests.cpu=1, '
        "limited: requests.cpu=3",
    )
    assert resize(served, cpu("3")).code == 200
    assert served.get(f"{base}/resourcequotas/q").body["status"]["used"] == {"requests.cpu": "3"}
    limit = {"type": "Container", "max": {"cpu": "2"}}
    served.ask("POST", f"{base}/limitranges", obj("v1", "LimitRange", "l", spec={"limits": [limit]}))
    assert "maximum cpu usage per Container is 2" in resize(served, cpu("2500m")).message


def test_both_are_told_of(client: Client) -> None:
    listed = {entry["name"]: entry for entry in client.get("/api/v1").body["resources"]}
    for name in ("pods/ephemeralcontainers", "pods/resize"):
        assert listed[name]["kind"] == "Pod"
        assert listed[name]["verbs"] == ["get", "patch", "update"]
    assert client.ask("POST", f"{PODS}/p/resize", {}).code == 405
    assert client.ask("PATCH", f"{PODS}/none/resize", {}, MERGE).code == 404
