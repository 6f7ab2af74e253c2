"""The form an answer goes out in: who asks for what gets what."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from asking import CONFIG_MAPS, SETS, Client, config_map, stateful_set
from hypothesis import given, settings
from hypothesis import strategies as st

from stead.api import yamltext, yamlwriting
from stead.kinds import protobuf, protobufwriting, protowire

PROTOBUF = "application/vnd.kubernetes.protobuf"
TABLE = "as=Table;v=v1;g=meta.k8s.io"
METADATA = "as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
FROM_KUBECTL = json.loads((Path(__file__).parents[1] / "data" / "protobuf.json").read_text())


@pytest.mark.parametrize(
    ("accept", "code", "media", "kind"),
    [
        ("", 200, "application/json", "ConfigMapList"),
        ("*/*", 200, "application/json", "ConfigMapList"),
        ("application/yaml", 200, "application/yaml", "ConfigMapList"),
        (PROTOBUF, 200, PROTOBUF, "ConfigMapList"),
        (f"{PROTOBUF},application/json", 200, "application/json", "ConfigMapList"),
        ("application/yaml,application/json", 200, "application/yaml", "ConfigMapList"),
        ("application/json;q=0.1,application/yaml", 200, "application/yaml", "ConfigMapList"),
        (f"application/yaml;{TABLE}", 200, "application/yaml", "Table"),
        (f"{PROTOBUF};{TABLE}", 406, PROTOBUF, "Status"),
        (f"{PROTOBUF};{TABLE},application/json;{TABLE}", 200, "application/json", "Table"),
        (f"{PROTOBUF};{METADATA}", 200, PROTOBUF, "PartialObjectMetadataList"),
        (
            f"{PROTOBUF};{METADATA},application/json;{METADATA},application/json",
            200,
            "application/json",
            METADATA[3:28],
        ),
        ("text/html", 406, "application/json", "Status"),
    ],
)
def test_a_list(client: Client, accept: str, code: int, media: str, kind: str) -> None:
    client.ask("POST", CONFIG_MAPS, config_map("a", k="v"))
    got = client.get(CONFIG_MAPS, {"accept": accept})
    body = READ[media](got.body)
    assert (got.code, got.media, body["kind"]) == (code, media, kind)
    if kind == "ConfigMapList":
        assert body["items"] == client.get(CONFIG_MAPS).body["items"]


READ: dict[str, Any] = {
    "application/json": lambda body: body,
    "application/yaml": yamltext.parse,
    PROTOBUF: lambda body: dict(protobuf.decode(body).obj),
}


@pytest.mark.parametrize("media", ["application/yaml", PROTOBUF])
def test_objects_refusals_and_writes(client: Client, media: str) -> None:
    made = client.ask("POST", SETS, stateful_set("web"), {"accept": media})
    assert (made.code, made.media) == (201, media)
    assert READ[media](made.body) == client.get(f"{SETS}/web").body
    missing = client.get(f"{SETS}/none", {"accept": media})
    assert READ[media](missing.body) == client.get(f"{SETS}/none").body
    scale = client.get(f"{SETS}/web/scale", {"accept": media})
    assert READ[media](scale.body)["spec"] == {"replicas": 1}


def test_discovery(client: Client) -> None:
    for path in ("/api", "/apis", "/apis/apps/v1"):
        plain = client.get(path).body
        assert yamltext.parse(client.get(path, {"accept": "application/yaml"}).body) == plain
        assert protobuf.decode(client.get(path, {"accept": PROTOBUF}).body).kind == plain["kind"]


def test_a_watch_in_protocol_buffers(client: Client) -> None:
    client.ask("POST", CONFIG_MAPS, config_map("a", k="v"))
    seen = client.watch(f"{CONFIG_MAPS}?watch=1", {"accept": PROTOBUF})
    assert seen.stream.media == f"{PROTOBUF};stream=watch"
    assert events(seen) == ["ADDED a"]
    client.ask("DELETE", f"{CONFIG_MAPS}/a")
    assert events(seen) == ["DELETED a"]


def events(seen: Any) -> list[str]:
    data, found = b"".join(seen.stream.frames(seen.client.now)), []
    while data:
        length = int.from_bytes(data[:4], "big")
        event = protowire.last(memoryview(data[4 : 4 + length]))
        body = protowire.last(event[2])[1]
        obj = protobuf.decode(bytes(protowire.octets(body))).obj
        found.append(f"{bytes(protowire.octets(event[1])).decode()} {obj['metadata']['name']}")
        data = data[4 + length :]
    return found


def test_a_watch_has_no_yaml(client: Client) -> None:
    assert client.get(f"{CONFIG_MAPS}?watch=1", {"accept": "application/yaml"}).code == 406


@pytest.mark.parametrize(
    ("query", "agent", "is_pretty"),
    [("", "kubectl/1", False), ("?pretty=true", "", True), ("", "curl/8.5", True), ("?pretty=0", "curl/8.5", False)],
)
def test_for_human_eyes(client: Client, query: str, agent: str, is_pretty: bool) -> None:
    request = client.request("GET", f"/version{query}", None, {"user-agent": agent})
    answer = client.api.handle(request, client.now)
    assert hasattr(answer, "body")
    assert answer.body.startswith(b'{\n  "major": "1",') is is_pretty


@pytest.mark.parametrize("caught", FROM_KUBECTL, ids=lambda caught: caught["object"]["kind"])
def test_bytes_are_those_of_go(caught: dict[str, Any]) -> None:
    assert protobufwriting.encoded(caught["object"]) == b64decode(caught["body"])


def test_custom_resources_have_no_numbers(client: Client) -> None:
    group = {
        "group": "e.com",
        "scope": "Namespaced",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
    }
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    crd = {**definition, "metadata": {"name": "things.e.com"}, "spec": {**group, "versions": [version]}}
    assert client.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd).code == 201
    things = "/apis/e.com/v1/namespaces/default/things"
    got = client.get(things, {"accept": PROTOBUF})
    assert (got.code, protobuf.decode(got.body).obj["reason"]) == (406, "NotAcceptable")
    metadata = client.get(things, {"accept": f"{PROTOBUF};{METADATA}"})
    assert (metadata.code, metadata.media) == (200, PROTOBUF)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab:#-y \n", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), values))
def test_yaml_comes_back(value: Any) -> None:
    assert yamltext.parse(yamlwriting.text(value)) == value


@pytest.mark.parametrize(
    ("path", "sort", "told"),
    [
        ("", "", "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"),
        (
            "/a",
            "List",
            "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)",
        ),
    ],
)
def test_metadata_of_a_list_are_a_list(client: Client, path: str, sort: str, told: str) -> None:
    client.create(config_map("a"))
    accept = {"accept": f"application/json;as=PartialObjectMetadata{sort};v=v1;g=meta.k8s.io,application/json"}
    answer = client.ask("GET", CONFIG_MAPS + path, None, accept)
    assert (answer.code, answer.body["reason"], answer.message) == (406, "NotAcceptable", told)
