"""What a PersistentVolume's source may not be, sort by sort, and what of a volume may change (V-5)."""

from typing import Any

import pytest

from stead.kinds.persistentvolume import PERSISTENT_VOLUME as VOLUME
from stead.machinery.objects import Json

GB = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
LONG = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is "
    "specified."
)
IQN = "iqn.2026-01.com.example:disk"
PAIRS = "must be a host:port pair or multiple pairs separated by commas"


def a_volume(name: str = "v", **spec: Any) -> Json:
    return VOLUME.default({"kind": "PersistentVolume", "metadata": {"name": name}, "spec": {**GB, **spec}})


def refused(name: str = "v", **spec: Any) -> list[str]:
    return [str(error) for error in VOLUME.validate_create(a_volume(name, **spec))]


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ({}, ["spec: Required value: must specify a volume type"]),
        ({"local": {"path": "/a/../b"}, "nodeAffinity": None}, None),
        (
            {"iscsi": {"targetPortal": "p", "iqn": IQN, "lun": 256}},
            ["lun: Invalid value: 256: must be between 0 and 255, inclusive"],
        ),
        ({"iscsi": {"targetPortal": "p", "iqn": "x"}}, ['iqn: Invalid value: "x": must be valid format']),
        (
            {"iscsi": {"targetPortal": "p", "iqn": IQN, "chapAuthSession": True, "secretRef": {}}},
            ["secretRef.name: Required value"],
        ),
        ({"iscsi": {"iqn": IQN}}, ["targetPortal: Required value"]),
        ({"cinder": {"volumeID": "a", "secretRef": {"name": "s"}}}, ["secretRef.namespace: Required value"]),
        (
            {"azureFile": {"secretName": "a", "shareName": "b", "secretNamespace": ""}},
            ["secretNamespace: Required value"],
        ),
        (
            {"glusterfs": {"endpoints": "e", "path": "p", "endpointsNamespace": "A"}},
            [f'endpointsNamespace: Invalid value: "A": {LABEL}'],
        ),
        (
            {"storageos": {"volumeName": "a", "secretRef": {}}},
            ["secretRef.name: Required value", "secretRef.namespace: Required value"],
        ),
        ({"quobyte": {"registry": "here", "volume": "v"}}, [f'registry: Invalid value: "here": {PAIRS}']),
        (
            {"flexVolume": {"driver": "d", "options": {"x.kubernetes.io/a": "b"}}},
            [
                'options[x.kubernetes.io/a]: Invalid value: "x.kubernetes.io/a": '
                "kubernetes.io and k8s.io namespaces are reserved"
            ],
        ),
        (
            {"csi": {"driver": "d.example.com", "volumeHandle": "h", "nodeExpandSecretRef": {"name": "s"}}},
            ["nodeExpandSecretRef.namespace: Required value"],
        ),
        (
            {"fc": {"wwids": ["a"], "targetWWNs": ["b"], "lun": 1}},
            ['targetWWNs: Invalid value: ["b"]: targetWWNs and wwids can not be specified simultaneously'],
        ),
        ({"vsphereVolume": {}}, ["volumePath: Required value"]),
        ({"scaleIO": {"gateway": "g", "system": "s"}}, ["volumeName: Required value"]),
    ],
)
def test_a_source_may_not_be(source: Json, wrong: list[str] | None) -> None:
    sort = next(iter(source), "")
    told = [text.removeprefix(f"spec.{sort}.") for text in refused(**source)]
    if wrong is None:
        wrong = [
            "path: Invalid value: \"/a/../b\": must not contain '..'",
            "spec.nodeAffinity: Required value: Local volume requires node affinity",
        ]
    assert told == wrong


def test_a_disk_by_another_name() -> None:
    """Upstream says `persistentDisk` of a gcePersistentDisk, and `cephFS` where that is one too many."""
    assert refused(gcePersistentDisk={}, cephfs={"monitors": ["m"]}) == [
        "spec.persistentDisk.pdName: Required value",
        "spec.cephFS: Forbidden: may not specify more than 1 volume type",
    ]


def test_a_flexible_volume_is_not_one_too_many() -> None:
    assert refused(nfs={"server": "s", "path": "/"}, flexVolume={"driver": "d"}) == []


def test_the_initiator_is_named_after_the_volume() -> None:
    source = {"targetPortal": "p" * 60, "iqn": IQN, "initiatorName": IQN}
    told = f'spec.iscsi.targetportal: Invalid value: "{"p" * 60}": {LONG}'
    assert refused("disk", iscsi=source) == [told]
    assert refused("d", iscsi={**source, "targetPortal": "p"}) == []


def test_less_than_nothing_is_told_twice() -> None:
    assert refused(hostPath={"path": "/a"}, capacity={"storage": "-1"}) == [
        "spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity",
        'spec.capacity[storage]: Invalid value: "-1": must be greater than zero',
    ]


@pytest.mark.parametrize("path", ["/", "//", "/a/..", "/."])
def test_the_root_is_not_recycled(path: str) -> None:
    told = "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"
    assert told in refused(hostPath={"path": path}, persistentVolumeReclaimPolicy="Recycle")


def term(key: str, *values: str) -> Json:
    expression = {"key": key, "operator": "In", "values": list(values)}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def changed(new: Json, old: Json) -> list[str]:
    errors = VOLUME.validate_update({**new, "metadata": old["metadata"]}, old)
    return list(dict.fromkeys(str(error).partition("\n")[0] for error in errors))


CSI = {"driver": "d.example.com", "volumeHandle": "h"}


def test_what_of_a_volume_may_change() -> None:
    """A secret to grow with may come later, a label may get its newer name."""
    grown = {**CSI, "controllerExpandSecretRef": {"name": "s", "namespace": "n"}}
    assert changed(a_volume(csi=grown), a_volume(csi=CSI)) == []
    beta, stable = (f"{name}/zone" for name in ("failure-domain.beta.kubernetes.io", "topology.kubernetes.io"))
    new, old = (a_volume(csi=CSI, nodeAffinity=term(key, "a")) for key in (stable, beta))
    assert changed(new, old) == []
    assert changed(a_volume(csi=CSI, nodeAffinity=term("a", "b")), a_volume(csi=CSI)) == []


def test_what_of_a_volume_may_not_change() -> None:
    """V-5; a struct is shown by upstream's inner names."""
    matched = '{"MatchExpressions":[{"Key":"a","Operator":"In","Values":["c"]}],"MatchFields":null}'
    shown = f'{{"Required":{{"NodeSelectorTerms":[{matched}]}}}}'
    new, old = (a_volume(csi=CSI, nodeAffinity=term("a", value)) for value in "cb")
    told = "field is immutable, except for updating from beta label to GA"
    assert changed(new, old) == [f"nodeAffinity: Invalid value: {shown}: {told}"]
    assert changed(a_volume(csi=CSI), old) == [f"nodeAffinity: Invalid value: null: {told}"]
    fast = a_volume(csi=CSI, volumeAttributesClassName="fast")
    assert changed(a_volume(csi=CSI), fast) == [
        "spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden"
    ]
    smaller = {**CSI, "controllerExpandSecretRef": {"name": "s", "namespace": "n"}}
    assert changed(a_volume(csi=CSI), a_volume(csi=smaller)) == [
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
    ]
