"""What Go would hold of a body and print again, and its words where it cannot."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stead.kinds import types
from stead.kinds.decoding import DecodingError, canonical, decode
from stead.machinery.objects import dig

RECORDINGS = Path(os.environ.get("STEAD_SHARED") or Path(__file__).parents[3] / "shared") / "recordings"
MIDNIGHT = "2026-01-02T00:00:00Z"
SET = "apps.v1.StatefulSet"
POD = "core.v1.Pod"
EMPTY_TEMPLATE = {"metadata": {}, "spec": {"containers": None}}
EMPTY_STATUS = {"replicas": 0, "availableReplicas": 0}


def pod_with(container: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": [container]}}


def container_of(pod: dict[str, Any]) -> Any:
    return canonical(POD, pod)["spec"]["containers"][0]


@pytest.mark.parametrize(
    "given, held",
    [
        ({"name": "c", "nope": 1}, {"name": "c", "resources": {}}),
        ({"name": "c", "Image": "i"}, {"name": "c", "resources": {}}),
        ({"name": "c", "image": None, "env": None}, {"name": "c", "resources": {}}),
        ({"name": "c", "image": "", "env": [], "tty": False}, {"name": "c", "resources": {}}),
        ({}, {"name": "", "resources": {}}),
        ({"name": "c", "resources": {"limits": {}}}, {"name": "c", "resources": {}}),
        ({"name": "c", "lifecycle": {}}, {"name": "c", "resources": {}, "lifecycle": {}}),
        (
            {"name": "c", "securityContext": {"privileged": False}},
            {"name": "c", "resources": {}, "securityContext": {"privileged": False}},
        ),
        (
            {"name": "c", "resources": {"limits": {"cpu": "0.5", "memory": 1024, "x": None}}},
            {"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "1024", "x": "0"}}},
        ),
        (
            {"name": "c", "ports": [{"containerPort": 80}, None]},
            {"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 0}], "resources": {}},
        ),
    ],
    ids=str,
)
def test_a_container(given: dict[str, Any], held: dict[str, Any]) -> None:
    assert container_of(pod_with(given)) == held


def test_what_go_always_writes() -> None:
    assert canonical(SET, {"spec": {"selector": {}}}) == {
        "metadata": {},
        "spec": {"selector": {}, "template": EMPTY_TEMPLATE, "serviceName": "", "updateStrategy": {}},
        "status": EMPTY_STATUS,
    }


def test_pointers_keep_their_zeros() -> None:
    spec = {"replicas": 0, "minReadySeconds": 0, "revisionHistoryLimit": 0, "ordinals": {"start": 0}}
    held = canonical(SET, {"spec": spec})["spec"]
    assert (held["replicas"], held["revisionHistoryLimit"], held["ordinals"]) == (0, 0, {"start": 0})
    assert "minReadySeconds" not in held
    assert held["selector"] is None  # a pointer that Go writes even when it is nil


def test_lists_that_are_always_written_are_null_when_empty() -> None:
    assert canonical("rbac.v1.Role", {"rules": []})["rules"] is None
    assert canonical("discovery.v1.EndpointSlice", {})["endpoints"] is None


@pytest.mark.parametrize(
    "given, held",
    [
        (MIDNIGHT, MIDNIGHT),
        ("2026-01-02T00:00:00.9Z", MIDNIGHT),
        ("2026-01-02T01:30:00+01:30", MIDNIGHT),
        ("0001-01-01T00:00:00Z", None),
        (None, None),
    ],
)
def test_times(given: str | None, held: str | None) -> None:
    condition = canonical(POD, {"status": {"conditions": [{"type": "Ready", "lastProbeTime": given}]}})
    assert dig(condition, "status", "conditions")[0]["lastProbeTime"] == held
    assert ("creationTimestamp" in canonical(POD, {"metadata": {"creationTimestamp": given}})["metadata"]) == bool(held)


def test_micro_times() -> None:
    lease = canonical("coordination.v1.Lease", {"spec": {"renewTime": "2026-01-02T01:00:00.000001+01:00"}})
    assert lease["spec"]["renewTime"] == "2026-01-02T00:00:00.000001Z"


def test_bytes_and_opaque_values() -> None:
    assert canonical("core.v1.Secret", {"data": {"a": "YQ==\n", "b": None}})["data"] == {"a": "YQ==", "b": ""}
    data = {"spec": {"x": None, "y": [1.5, {}]}}
    assert canonical("apps.v1.ControllerRevision", {"data": data})["data"] == data
    assert canonical("apps.v1.ControllerRevision", {})["data"] is None


def test_int_or_string() -> None:
    port = canonical("core.v1.Service", {"spec": {"ports": [{"port": 1}, {"port": 2, "targetPort": "web"}]}})
    assert [entry["targetPort"] for entry in port["spec"]["ports"]] == [0, "web"]


def test_schemas_that_are_a_bool_a_list_or_texts() -> None:
    schema = {
        "additionalProperties": True,
        "items": [{"type": "string", "nope": 1}],
        "dependencies": {"a": ["b"], "c": {"type": "object"}},
        "minimum": 1.0,
    }
    held = canonical("apiextensions.v1.JSONSchemaProps", schema)
    assert held == {
        "minimum": 1,
        "items": [{"type": "string"}],
        "additionalProperties": True,
        "dependencies": {"a": ["b"], "c": {"type": "object"}},
    }


def test_fields_stand_in_gos_order() -> None:
    held = canonical(SET, {"status": {}, "spec": {}, "metadata": {}, "apiVersion": "apps/v1", "kind": "StatefulSet"})
    assert list(held) == ["kind", "apiVersion", "metadata", "spec", "status"]


def containers(value: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": value}}}}


UNMARSHAL = "json: cannot unmarshal"
QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
CONTAINER_PATH = "PodSpec.spec.template.spec.containers"
PARSING = 'parsing time "{0}" as "2006-01-02T15:04:05Z07:00": cannot parse "{1}" as "{2}"'


@pytest.mark.parametrize(
    "type_name, body, told",
    [
        # recorded: sts-invalid-type-map-for-list, err-bad-json, yaml-body, sts-invalid-quantity-bad
        (SET, containers({}), f"{UNMARSHAL} object into Go struct field {CONTAINER_PATH} of type []v1.Container"),
        (
            "core.v1.ConfigMap",
            {"data": {"k": 5}},
            f"{UNMARSHAL} number into Go struct field ConfigMap.data of type string",
        ),
        (
            "core.v1.ConfigMap",
            {"metadata": {"name": True}},
            f"{UNMARSHAL} bool into Go struct field ObjectMeta.metadata.name of type string",
        ),
        ("core.v1.PersistentVolume", {"spec": {"capacity": {"storage": "1Gx"}}}, QUANTITY),
        # by the same rule
        (SET, containers([1]), f"{UNMARSHAL} number into Go struct field {CONTAINER_PATH} of type v1.Container"),
        (
            SET,
            containers([{"env": "x"}]),
            f"{UNMARSHAL} string into Go struct field Container.spec.template.spec.containers.env of type []v1.EnvVar",
        ),
        (
            SET,
            {"spec": {"replicas": 1.5}},
            f"{UNMARSHAL} number 1.5 into Go struct field StatefulSetSpec.spec.replicas of type int32",
        ),
        (
            SET,
            {"spec": {"replicas": 2**31}},
            f"{UNMARSHAL} number 2147483648 into Go struct field StatefulSetSpec.spec.replicas of type int32",
        ),
        (SET, {"spec": []}, f"{UNMARSHAL} array into Go struct field StatefulSet.spec of type v1.StatefulSetSpec"),
        (
            POD,
            pod_with({"resources": {"limits": []}}),
            f"{UNMARSHAL} array into Go struct field "
            "ResourceRequirements.spec.containers.resources.limits of type v1.ResourceList",
        ),
        (
            POD,
            {"metadata": {"labels": []}},
            f"{UNMARSHAL} array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (POD, [], f"{UNMARSHAL} array into Go value of type v1.Pod"),
        (POD, {"metadata": {"creationTimestamp": "x"}}, PARSING.format("x", "x", "2006")),
        (POD, {"metadata": {"creationTimestamp": "2026-1"}}, PARSING.format("2026-1", "1", "01")),
        (POD, {"metadata": {"creationTimestamp": MIDNIGHT[:-1]}}, PARSING.format(MIDNIGHT[:-1], "", "Z07:00")),
        (
            POD,
            {"metadata": {"creationTimestamp": "2026-13-02T00:00:00Z"}},
            'parsing time "2026-13-02T00:00:00Z": month out of range',
        ),
        ("core.v1.Secret", {"data": {"a": "%"}}, "illegal base64 data at input byte 0"),
        (
            "apiextensions.v1.JSONSchemaProps",
            {"additionalProperties": 1},
            "boolean or JSON schema expected",
        ),
    ],
    ids=str,
)
def test_what_is_said_of_a_misfit(type_name: str, body: Any, told: str) -> None:
    with pytest.raises(DecodingError) as wrong:
        canonical(type_name, body)
    assert str(wrong.value) == told


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b'{"metadata":{"name":"\xff"}}'])
def test_text_that_is_no_json(text: bytes) -> None:
    with pytest.raises(DecodingError):
        decode(POD, text)


def test_bottomless_schemas_are_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"not": schema}
    with pytest.raises(DecodingError, match="exceeded max depth"):
        canonical("apiextensions.v1.JSONSchemaProps", schema)


def test_a_body_from_bytes() -> None:
    assert decode("core.v1.ConfigMap", b'{"data":{"k":"v"},"x":1}') == {"metadata": {}, "data": {"k": "v"}}


def test_every_type_can_be_read_and_stays_as_it_is() -> None:
    for name in types.names():
        held = canonical(name, {})
        assert canonical(name, held) == held, name


def recorded_objects() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(RECORDINGS.glob("*.json")):
        for conversation in json.loads(file.read_text()).values():
            for step in conversation:
                body = step["answer"]["body"]
                if isinstance(body, dict) and dig(body, "metadata", "uid"):
                    text = json.dumps(body).replace("<time>", MIDNIGHT).replace('"<n>"', "1")
                    yield type_of(body), json.loads(text)


def type_of(obj: dict[str, Any]) -> str:
    group, _, version = obj["apiVersion"].rpartition("/")
    return f"{(group or 'core').split('.')[0]}.{version}.{obj['kind']}"


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="needs the recordings of a real API server")
def test_what_a_real_server_answered_is_canonical() -> None:
    seen = 0
    for type_name, obj in recorded_objects():
        assert canonical(type_name, obj) == obj
        seen += 1
    assert seen > 100
