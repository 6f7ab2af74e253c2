"""Claims, volumes, classes, nodes and namespaces: what a real 1.36 server answers, as one line of truth each."""

from typing import Any

import pytest
from asking import MERGE, Client, obj

CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
NODES = "/api/v1/nodes"
SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
OTHER = {"apiGroup": "a.example", "kind": "Book", "name": "s"}
BAD_RANGE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
OLD_CLASS = (
    "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; "
    'use "storageClassName" attribute instead'
)
RECYCLE = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
    "Instead, the recommended approach is to use dynamic provisioning."
)


def told(answer: Any) -> list[str]:
    causes = (answer.body.get("details") or {}).get("causes") or []
    return [f"{cause['field']}: {cause['message']}" for cause in causes]


def claim(**spec: Any) -> Any:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return obj("v1", "PersistentVolumeClaim", "c", spec=asked)


def volume(**spec: Any) -> Any:
    holds = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, **spec}
    return obj("v1", "PersistentVolume", "v", spec=holds)


def storage_class(**members: Any) -> Any:
    return obj("storage.k8s.io/v1", "StorageClass", "k", provisioner="a.example/b", **members)


@pytest.mark.parametrize(
    ("asked", "source", "ref"),
    [
        ({"dataSource": SNAPSHOT}, SNAPSHOT, SNAPSHOT),
        ({"dataSourceRef": SNAPSHOT}, SNAPSHOT, SNAPSHOT),
        ({"dataSourceRef": OTHER}, OTHER, OTHER),
        ({"dataSource": OTHER}, None, None),
        ({"dataSourceRef": {**SNAPSHOT, "namespace": "x"}}, None, None),
        ({"dataSource": SNAPSHOT, "dataSourceRef": {**SNAPSHOT, "namespace": "x"}}, SNAPSHOT, SNAPSHOT),
    ],
)
def test_what_a_claim_is_filled_from_stands_in_both_members(client: Client, asked: Any, source: Any, ref: Any) -> None:
    made = client.ask("POST", CLAIMS, claim(**asked))
    assert made.code == 201
    assert (made.body["spec"].get("dataSource"), made.body["spec"].get("dataSourceRef")) == (source, ref)
    older = {member: value for member, value in made.body["spec"].items() if member != "dataSourceRef"}
    sent = {**made.body, "spec": older}
    assert client.ask("PUT", f"{CLAIMS}/c", sent).body["spec"] == made.body["spec"]


@pytest.mark.parametrize(
    ("path", "sent", "warnings"),
    [
        (VOLUMES, volume(hostPath={"path": "/a"}, persistentVolumeReclaimPolicy="Recycle"), [RECYCLE]),
        (
            VOLUMES,
            volume(rbd={"monitors": ["m"], "image": "i"}),
            ["spec.rbd: deprecated in v1.28, non-functional in v1.31+"],
        ),
        (
            CLASSES,
            storage_class(
                allowedTopologies=[
                    {"matchLabelExpressions": [{"key": "failure-domain.beta.kubernetes.io/zone", "values": ["z"]}]}
                ]
            ),
            [
                "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; "
                'use "topology.kubernetes.io/zone" instead'
            ],
        ),
    ],
)
def test_old_storage_is_warned_of(client: Client, path: str, sent: Any, warnings: list[str]) -> None:
    assert client.ask("POST", path, sent).warnings == tuple(warnings)


def test_old_annotations_are_warned_of(client: Client) -> None:
    old = {"volume.beta.kubernetes.io/storage-class": "x"}
    for path, sent in ((CLAIMS, claim()), (VOLUMES, volume(hostPath={"path": "/a"}))):
        sent = {**sent, "metadata": {**sent["metadata"], "annotations": old}}
        assert client.ask("POST", path, sent).warnings == (OLD_CLASS,)


@pytest.mark.parametrize(
    ("path", "sent", "wrong"),
    [
        (
            VOLUMES,
            volume(nfs={"server": "s", "path": "a"}),
            ['spec.nfs.path: Invalid value: "a": must be an absolute path'],
        ),
        (
            CLASSES,
            storage_class(allowedTopologies=[{"matchLabelExpressions": [{"key": "a", "values": ["x", "x"]}] * 2}]),
            [
                'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "x"',
                'allowedTopologies[0].matchLabelExpressions[1].values[1]: Duplicate value: "x"',
                'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "a"',
            ],
        ),
        (
            CLASSES,
            storage_class(allowedTopologies=[{"matchLabelExpressions": [{"key": "a", "values": ["x"]}]}] * 2),
            ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
        ),
        (
            CLASSES,
            storage_class(allowedTopologies=[{"matchLabelExpressions": [{"key": "a"}]}]),
            ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"],
        ),
        (NODES, obj("v1", "Node", "n", spec={"podCIDR": "x"}), [f'spec.podCIDRs[0]: Invalid value: "x": {BAD_RANGE}']),
        (
            NODES,
            obj("v1", "Node", "n", spec={"podCIDRs": ["10.0.0.0/8", "11.0.0.0/8"]}),
            [
                'spec.podCIDRs: Invalid value: ["10.0.0.0/8","11.0.0.0/8"]: '
                "may specify no more than one CIDR for each IP family"
            ],
        ),
        (
            NODES,
            obj("v1", "Node", "n", status={"capacity": {"cpu": "-1"}}),
            [
                f'status.{list_}.cpu: Invalid value: "-1": must be greater than or equal to 0'
                for list_ in ("capacity", "allocatable")
            ],
        ),
    ],
)
def test_what_is_refused(client: Client, path: str, sent: Any, wrong: list[str]) -> None:
    answer = client.ask("POST", path, sent)
    assert (answer.code, told(answer)) == (422, wrong)


def test_a_class_stays_what_it_is(client: Client) -> None:
    client.ask("POST", CLASSES, storage_class())
    change = {"provisioner": "c", "reclaimPolicy": "Retain", "volumeBindingMode": "Immediate"}
    assert told(client.ask("PATCH", f"{CLASSES}/k", change, MERGE)) == [
        'provisioner: Invalid value: "c": field is immutable',
        'reclaimPolicy: Invalid value: "Retain": field is immutable',
    ]


def test_ranges_of_pod_addresses_are_told_twice(client: Client) -> None:
    made = client.ask("POST", NODES, obj("v1", "Node", "a", spec={"podCIDR": "10.0.0.0/24"})).body["spec"]
    assert made == {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24"]}
    made = client.ask("POST", NODES, obj("v1", "Node", "b", spec={"podCIDRs": ["10.0.0.0/24", "fd00::/64"]})).body[
        "spec"
    ]
    assert made == {"podCIDR": "10.0.0.0/24", "podCIDRs": ["10.0.0.0/24", "fd00::/64"]}


def test_an_address_of_a_node_is_told_once(client: Client) -> None:
    client.ask("POST", NODES, obj("v1", "Node", "n"))
    twice = {"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}] * 2}}
    answer = client.ask("PATCH", f"{NODES}/n/status", twice, MERGE)
    assert told(answer) == ['status.addresses[1]: Duplicate value: {"Type":"InternalIP","Address":"10.0.0.1"}']


def test_a_made_up_name_of_a_namespace_is_its_label(client: Client) -> None:
    made = client.ask("POST", "/api/v1/namespaces", {"metadata": {"generateName": "n-"}}).body["metadata"]
    assert made["labels"] == {"kubernetes.io/metadata.name": made["name"]}


def test_a_claim_has_no_less_than_nothing(client: Client) -> None:
    client.ask("POST", CLAIMS, claim())
    got = client.ask("PATCH", f"{CLAIMS}/c/status", {"status": {"capacity": {"storage": "-1Gi"}}}, MERGE)
    told = "status.capacity[storage]: Invalid value: -1073741824: must be a valid resource quantity"
    assert got.message == f'PersistentVolumeClaim "c" is invalid: {told}'
