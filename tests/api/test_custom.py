"""Custom kinds: a definition makes them, their schema prunes, fills and checks (3.9 in wire.md)."""

from typing import Any

import pytest
from asking import MERGE, TABLE, Client, Json

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TABS = "/apis/stable.example.com/v1/namespaces/default/crontabs"

SPEC: Json = {
    "type": "object",
    "required": ["cron"],
    "properties": {
        "cron": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
        "image": {"type": "string", "default": "busybox"},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
        "mode": {"type": "string", "enum": ["a", "b"]},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
            },
        },
    },
}
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "spec": SPEC,
        "status": {
            "type": "object",
            "properties": {"replicas": {"type": "integer"}, "labelSelector": {"type": "string"}},
        },
    },
}


def definition(**changes: Any) -> Json:
    version: Json = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [
            {"name": "Cron", "type": "string", "jsonPath": ".spec.cron"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
        **changes,
    }
    names = {"plural": "crontabs", "singular": "crontab", "kind": "CronTab", "shortNames": ["ct"]}
    spec = {"group": "stable.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    metadata = {"name": "crontabs.stable.example.com"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": spec,
    }


def tab(name: str = "t", **spec: Any) -> Json:
    said = {"cron": "* * * * */5", **spec}
    return {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": name}, "spec": said}


@pytest.fixture
def tabs(client: Client) -> Client:
    made = client.ask("POST", DEFINITIONS, definition())
    assert made.code == 201, made.body
    return client


def test_a_definition_is_established_and_found(tabs: Client) -> None:
    found = tabs.get(f"{DEFINITIONS}/crontabs.stable.example.com").body
    assert {one["type"]: one["status"] for one in found["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    names = [entry["name"] for entry in tabs.get("/apis/stable.example.com/v1").body["resources"]]
    assert names == ["crontabs", "crontabs/scale", "crontabs/status"]
    assert "apis/stable.example.com/v1" in tabs.get("/openapi/v3").body["paths"]


def test_schemas_prune_fill_and_warn(tabs: Client) -> None:
    given = tab(nope=1, free={"any": {"thing": [1]}}, port="80")
    answer = tabs.ask("POST", TABS, given)
    assert answer.body["spec"] == {
        "cron": "* * * * */5",
        "free": {"any": {"thing": [1]}},
        "port": "80",
        "image": "busybox",
        "replicas": 1,
    }
    assert answer.warnings == ('unknown field "spec.nope"',)
    assert tabs.ask("POST", f"{TABS}?fieldValidation=Strict", given).code == 400


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"cron": 5}, "spec.cron", 'Invalid value: "integer": spec.cron in body must be of type string: "integer"'),
        (
            {"replicas": 0},
            "spec.replicas",
            "Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
        ),
        ({"mode": "c"}, "spec.mode", 'Unsupported value: "c": supported values: "a", "b"'),
        ({"parts": [{"name": "x"}, {"name": "x"}]}, "spec.parts[1]", 'Duplicate value: {"name":"x"}'),
        (
            {"port": [1]},
            "spec.port",
            'Invalid value: "array": spec.port in body must be of type integer,string: "array"',
        ),
    ],
)
def test_schemas_refuse(tabs: Client, spec: Json, field: str, message: str) -> None:
    answer = tabs.ask("POST", TABS, tab(**spec))
    assert answer.code == 422
    assert [(cause["field"], cause["message"]) for cause in answer.body["details"]["causes"]] == [(field, message)]


def test_what_is_required(tabs: Client) -> None:
    given = tab()
    del given["spec"]["cron"]
    assert tabs.ask("POST", TABS, given).message == (
        'CronTab.stable.example.com "t" is invalid: spec.cron: Required value'
    )


def test_status_and_scale(tabs: Client) -> None:
    tabs.ask("POST", TABS, {**tab(), "status": {"replicas": 9}})
    by_status = tabs.ask("PATCH", f"{TABS}/t/status", {"spec": {"image": "x"}, "status": {"replicas": 2}}, MERGE).body
    assert (by_status["spec"]["image"], by_status["status"], by_status["metadata"]["generation"]) == (
        "busybox",
        {"replicas": 2},
        1,
    )
    scale = tabs.ask("PATCH", f"{TABS}/t/scale", {"spec": {"replicas": 4}}, MERGE).body
    assert (scale["spec"], scale["status"]) == ({"replicas": 4}, {"replicas": 2})
    assert tabs.get(f"{TABS}/t").body["metadata"]["generation"] == 2


def test_patches(tabs: Client) -> None:
    tabs.ask("POST", TABS, tab(parts=[{"name": "x", "size": 1}]))
    strategic = {"content-type": "application/strategic-merge-patch+json"}
    assert tabs.ask("PATCH", f"{TABS}/t", {}, strategic).code == 415
    applied = tab(parts=[{"name": "y", "size": 2}])
    del applied["spec"]["cron"]
    headers = {"content-type": "application/apply-patch+yaml"}
    answer = tabs.ask("PATCH", f"{TABS}/t?fieldManager=me", applied, headers)
    assert [part["name"] for part in answer.body["spec"]["parts"]] == ["x", "y"]


def test_tables_and_lists(tabs: Client) -> None:
    tabs.ask("POST", TABS, tab())
    table = tabs.get(TABS, TABLE).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Cron", "Age"]
    assert table["rows"][0]["cells"] == ["t", "* * * * */5", "0s"]
    body = tabs.get(TABS).body
    assert (body["kind"], body["items"][0]["kind"]) == ("CronTabList", "CronTab")


def test_a_definition_goes_with_its_objects(tabs: Client) -> None:
    tabs.ask("POST", TABS, tab("a"))
    held = tab("b")
    held["metadata"]["finalizers"] = ["example.com/x"]
    tabs.ask("POST", TABS, held)
    tabs.ask("DELETE", f"{DEFINITIONS}/crontabs.stable.example.com")
    assert [item["metadata"]["name"] for item in tabs.get(TABS).body["items"]] == ["b"]
    assert tabs.ask("POST", TABS, tab("c")).code == 405
    going = tabs.get(f"{DEFINITIONS}/crontabs.stable.example.com").body["status"]["conditions"][-1]
    assert (going["type"], going["status"], going["reason"]) == ("Terminating", "True", "InstanceDeletionInProgress")
    tabs.ask("PATCH", f"{TABS}/b", {"metadata": {"finalizers": None}}, MERGE)
    assert tabs.get(TABS).code == 404
    assert tabs.get(f"{DEFINITIONS}/crontabs.stable.example.com").code == 404


def test_versions_share_their_objects(client: Client) -> None:
    both = definition()
    old = {**both["spec"]["versions"][0], "name": "v1beta1", "storage": False, "deprecated": True}
    both["spec"]["versions"].append(old)
    client.ask("POST", DEFINITIONS, both)
    beta = TABS.replace("/v1/", "/v1beta1/")
    made = client.ask("POST", beta, {**tab(), "apiVersion": "stable.example.com/v1beta1"})
    assert (made.body["apiVersion"], made.warnings) == (
        "stable.example.com/v1beta1",
        ("stable.example.com/v1beta1 CronTab is deprecated",),
    )
    assert client.get(f"{TABS}/t").body["apiVersion"] == "stable.example.com/v1"
    assert client.get(beta).body["items"][0]["apiVersion"] == "stable.example.com/v1beta1"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schema": None}, "spec.versions[0].schema.openAPIV3Schema"),
        ({"storage": False}, "spec.versions"),
    ],
)
def test_definitions_are_checked(client: Client, change: Json, field: str) -> None:
    answer = client.ask("POST", DEFINITIONS, definition(**change))
    assert (answer.code, answer.body["details"]["causes"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"kind": "Tab"}, '422 Tab.stable.example.com "t" is invalid: kind: Invalid value: "Tab": must be CronTab'),
        (
            {"apiVersion": "stable.example.com/v2"},
            "400 the API version in the data (stable.example.com/v2) does not match the expected API version "
            "(stable.example.com/v1)",
        ),
        (
            {"kind": ""},
            "400 the object provided is unrecognized (must be of type CronTab): Object 'Kind' is missing in '{",
        ),
    ],
)
def test_a_custom_object_says_what_it_is(tabs: Client, said: Json, answer: str) -> None:
    got = tabs.ask("POST", TABS, {**tab("t"), **said})
    assert f"{got.code} {got.message}".startswith(answer)


def test_what_a_custom_object_says_that_nobody_reads_is_sorted(tabs: Client) -> None:
    """Repeats first, then what metadata do not know, then the rest."""
    text = (
        '{"apiVersion":"stable.example.com/v1","kind":"CronTab","zz":1,"metadata":{"name":"t","mm":1},'
        '"spec":{"cron":"* * * * *","aa":1,"image":"a","image":"b"}}'
    )
    told = (
        'duplicate field "spec.image"',
        'unknown field "metadata.mm"',
        'unknown field "spec.aa"',
        'unknown field "zz"',
    )
    assert tabs.ask("POST", TABS, text.encode()).warnings == told


def test_what_is_applied_must_fit_the_schema(tabs: Client) -> None:
    apply = {"content-type": "application/apply-patch+yaml"}
    given = tab("t")
    given["spec"]["replicas"] = "x"
    got = tabs.ask("PATCH", f"{TABS}/t?fieldManager=m", given, apply)
    assert got.message.endswith(".spec.replicas: expected numeric (int or float), got string")
