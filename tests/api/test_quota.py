"""Quotas and limit ranges, as far as a StatefulSet meets them."""

import pytest
from asking import PODS, Client, Json, obj, pod

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
QUOTA = "/api/v1/namespaces/default/resourcequotas/q"


def claim(name: str, storage: str) -> Json:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    return obj("v1", "PersistentVolumeClaim", name, spec=spec)


def sized(name: str, **resources: Json) -> Json:
    made = pod(name)
    made["spec"]["containers"][0]["resources"] = resources
    return made


def quota(client: Client, **hard: str) -> None:
    client.create(obj("v1", "ResourceQuota", "q", spec={"hard": {k.replace("_", "."): v for k, v in hard.items()}}))


def test_one_pod_too_many(client: Client) -> None:
    quota(client, pods="2")
    codes = [client.ask("POST", PODS, pod(f"p{i}")).code for i in range(3)]
    assert codes == [201, 201, 403]
    answer = client.ask("POST", PODS, pod("p2"))
    assert answer.message == (
        'pods "p2" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    )
    assert client.get(QUOTA).body["status"] == {"hard": {"pods": "2"}, "used": {"pods": "2"}}
    client.ask("DELETE", f"{PODS}/p0")
    assert client.get(QUOTA).body["status"]["used"] == {"pods": "1"}
    assert client.ask("POST", PODS, pod("p2")).code == 201


def test_claims_share_their_storage(client: Client) -> None:
    quota(client, requests_storage="3Gi", persistentvolumeclaims="5")
    assert client.ask("POST", CLAIMS, claim("a", "2Gi")).code == 201
    answer = client.ask("POST", CLAIMS, claim("b", "2Gi"))
    assert answer.message == (
        'persistentvolumeclaims "b" is forbidden: exceeded quota: q, requested: requests.storage=2Gi, '
        "used: requests.storage=2Gi, limited: requests.storage=3Gi"
    )


def test_under_a_compute_quota_everyone_says_what_it_needs(client: Client) -> None:
    quota(client, requests_cpu="1", limits_memory="1Gi")
    answer = client.ask("POST", PODS, sized("p", requests={"cpu": "100m"}))
    assert answer.message == 'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c'
    assert client.ask("POST", PODS, sized("p", requests={"cpu": "1"}, limits={"memory": "1Gi"})).code == 201


def limit_range(client: Client, **item: Json) -> None:
    client.create(obj("v1", "LimitRange", "l", spec={"limits": [{"type": "Container", **item}]}))


def test_defaults_of_a_limit_range(client: Client) -> None:
    limit_range(client, default={"cpu": "500m"}, defaultRequest={"cpu": "100m"})
    made = client.ask("POST", PODS, pod("p")).body
    assert made["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    }
    assert made["status"]["qosClass"] == "Burstable"


@pytest.mark.parametrize(
    ("resources", "told"),
    [
        ({"limits": {"cpu": "3"}}, "maximum cpu usage per Container is 2, but limit is 3"),
        (
            {"requests": {"cpu": "50m"}, "limits": {"cpu": "1"}},
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
    ],
)
def test_least_and_most(client: Client, resources: Json, told: str) -> None:
    limit_range(client, min={"cpu": "100m"}, max={"cpu": "2"})
    answer = client.ask("POST", PODS, sized("p", **resources))
    assert (answer.code, answer.message) == (403, f'pods "p" is forbidden: {told}')
