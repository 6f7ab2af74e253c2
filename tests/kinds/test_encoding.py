"""Revision bytes against 80 revisions that the real controller made (RV-1..RV-3 in controller.md)."""

import json
from pathlib import Path
from typing import Any

import pytest

from stead.kinds import statefulset
from stead.kinds.decoding import canonical
from stead.kinds.encoding import go_json, template_data
from stead.machinery.names import revision_hash, revision_name

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "revisions.json").read_text())
HASH_LABEL = "controller.kubernetes.io/hash"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_set_as_it_was_given_becomes_its_revision(vector: dict[str, Any]) -> None:
    held = statefulset.default(canonical("apps.v1.StatefulSet", vector["statefulset"]))
    data = template_data(held["spec"]["template"])
    assert json.loads(data) == vector["data"]
    assert revision_name(vector["statefulset"]["metadata"]["name"], data, 0) == vector["name"]
    assert revision_hash(data, 0) == vector["labels"][HASH_LABEL]


def defaulted(container: dict[str, Any], **spec: Any) -> Any:
    """What a revision keeps of a pod spec with one container."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", **container}], **spec}}
    found = {"metadata": {"name": "s"}, "spec": {"template": template}}
    held = statefulset.default(canonical("apps.v1.StatefulSet", found))
    return json.loads(template_data(held["spec"]["template"]))["spec"]["template"]["spec"]


def test_a_probe_by_grpc_without_a_service_asks_for_the_empty_one() -> None:
    probes = {"livenessProbe": {"grpc": {"port": 1}}, "readinessProbe": {"grpc": {"port": 2, "service": "x"}}}
    (container,) = defaulted(probes)["containers"]
    assert container["livenessProbe"]["grpc"] == {"port": 1, "service": ""}
    assert container["readinessProbe"]["grpc"] == {"port": 2, "service": "x"}


@pytest.mark.parametrize(
    ("written", "kept"),
    [("0.0001", "1m"), ("1u", "1m"), ("1001u", "2m"), ("1e-6", "1e-3"), ("0.5", "500m"), ("1.1Gi", "1181116006400m")],
)
def test_amounts_finer_than_a_thousandth_are_rounded_up_to_one(written: str, kept: str) -> None:
    claim = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": written}}}}}
    spec = defaulted(
        {"resources": {"limits": {"cpu": written}, "requests": {"cpu": written}}},
        overhead={"cpu": written},
        resources={"requests": {"cpu": written}},
        volumes=[{"name": "scratch", "ephemeral": claim}],
    )
    (container,), (volume,) = spec["containers"], spec["volumes"]
    assert container["resources"] == {"limits": {"cpu": kept}, "requests": {"cpu": kept}}
    assert spec["overhead"] == spec["resources"]["requests"] == {"cpu": kept}
    assert volume["ephemeral"]["volumeClaimTemplate"]["spec"]["resources"]["requests"] == {"storage": kept}


@pytest.mark.parametrize(
    "value, text",
    [
        ({"b": 1, "a": "x"}, '{"a":"x","b":1}'),
        ("<a href='x'>&</a>", r'''"\u003ca href='x'\u003e\u0026\u003c/a\u003e"'''),
        ("\u2028\u2029é\x7f", '"\\u2028\\u2029é\x7f"'),
        ('"\\\b\f\n\r\t\x01', r'"\"\\\b\f\n\r\t\u0001"'),
        (2**53 + 1, "9007199254740992"),
        ([2**63 - 1, -(2**63) + 1], "[9223372036854776000,-9223372036854776000]"),
        (["9007199254740993"], '["9007199254740993"]'),
    ],
    ids=str,
)
def test_json_as_go_writes_it(value: Any, text: str) -> None:
    assert go_json(value) == text.encode()
