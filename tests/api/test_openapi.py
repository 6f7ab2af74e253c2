"""OpenAPI 2: the types that kubectl checks a List with, and the message it reads them from."""

from typing import Any

from asking import SETS, TABLE, Client, stateful_set
from defining import defined, with_spec

from stead.kinds import enums, protowire, types

SET = "io.k8s.api.apps.v1.StatefulSet"
PROTOBUF = {"accept": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}


def test_types_refer_to_types(client: Client) -> None:
    document = client.get("/openapi/v2").body
    definitions = document["definitions"]
    assert document["swagger"] == "2.0"
    assert definitions[SET]["properties"]["spec"]["$ref"] == "#/definitions/io.k8s.api.apps.v1.StatefulSetSpec"
    mark = {"group": "apps", "kind": "StatefulSet", "version": "v1"}
    assert definitions[SET]["x-kubernetes-group-version-kind"] == [mark]
    for name in referred_to(definitions):
        assert name in definitions


def referred_to(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for part in schema for name in referred_to(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix("#/definitions/")] if isinstance(schema.get("$ref"), str) else []
    return own + [name for part in schema.values() for name in referred_to(part)]


def test_the_message_holds_the_same(client: Client) -> None:
    """Document.definitions is field 9, a list of name (1) and schema (2)."""
    answer = client.get("/openapi/v2", PROTOBUF)
    assert answer.media == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    document = dict(protowire.fields(memoryview(answer.body)))
    assert bytes(protowire.octets(document[1])) == b"2.0"
    named = [protowire.last(entry) for _, entry in protowire.fields(protowire.octets(document[9]))]
    names = [bytes(protowire.octets(entry[1])).decode() for entry in named]
    assert names == list(client.get("/openapi/v2").body["definitions"])


def test_a_scale_has_a_table(client: Client) -> None:
    client.create(stateful_set("web", 3))
    table = client.get(f"{SETS}/web/scale", TABLE).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
    assert table["rows"][0]["cells"][:3] == ["web", 3, 0]


def test_fields_are_described_in_both_versions(client: Client) -> None:
    """What `kubectl explain` prints; only in version 3 a reference stands in `allOf`."""
    two = client.get("/openapi/v2").body["definitions"]
    three = client.get("/openapi/v3/apis/apps/v1").body["components"]["schemas"]
    for schemas in (two, three):
        assert "one pod" not in schemas[SET]["description"] and schemas[SET]["description"].startswith("Runs pods")
        assert schemas[f"{SET}Spec"]["properties"]["replicas"]["description"].startswith("How many pods are wanted.")
        assert (
            schemas[f"{SET}Spec"]["properties"]["updateStrategy"]["description"] == "How pods get a changed `template`."
        )
        assert schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]["description"].startswith("An amount:")
    assert three[f"{SET}List"]["properties"]["items"]["description"] == "The objects, by namespace and name."


def test_fields_of_few_words_list_them(client: Client) -> None:
    """What `kubectl explain` prints under ENUM."""
    three = client.get("/openapi/v3/apis/apps/v1").body["components"]["schemas"]
    two = client.get("/openapi/v2").body["definitions"]
    for found in (three, two):
        spec = found["io.k8s.api.apps.v1.StatefulSetSpec"]["properties"]
        assert spec["podManagementPolicy"]["enum"] == ["OrderedReady", "Parallel"]
        claim = found["io.k8s.api.core.v1.PersistentVolumeClaimSpec"]["properties"]
        assert claim["accessModes"]["items"]["enum"][0] == "ReadOnlyMany"


def test_words_are_of_fields_there_are() -> None:
    for place in enums.places():
        type_name, _, field = place.rpartition(".")
        assert field in types.fields_of(type_name), place


def test_custom_kinds_have_what_every_object_has(client: Client) -> None:
    size = {"type": "integer", "description": "How large."}
    defined(client, with_spec(size=size))
    schemas = client.get("/openapi/v3/apis/example.com/v1").body["components"]["schemas"]
    thing = schemas["com.example.v1.Thing"]
    assert thing["properties"]["spec"]["properties"]["size"] == size
    assert thing["properties"]["kind"]["description"].startswith("The kind of this object")
    assert thing["properties"]["metadata"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    ]
    assert schemas["com.example.v1.ThingList"]["properties"]["items"]["items"]["allOf"] == [
        {"$ref": "#/components/schemas/com.example.v1.Thing"}
    ]


def test_what_clients_may_keep(client: Client) -> None:
    """A document is asked for by its hash, and need not be sent again."""
    index = client.get("/openapi/v3")
    url = index.body["paths"]["apis/apps/v1"]["serverRelativeURL"]
    found = client.get(url)
    mark = url.partition("hash=")[2]
    assert (found.code, found.headers["Etag"]) == (200, f'"{mark}"')
    assert found.headers["Cache-Control"] == "public, immutable, max-age=31536000"
    assert "Cache-Control" not in client.get("/openapi/v3/apis/apps/v1").headers
    again = client.api.handle(client.request("GET", url, None, {"if-none-match": f'"{mark}"'}), client.now)
    assert (again.code, again.body) == (304, b"")  # type: ignore[union-attr]
    older = client.api.handle(client.request("GET", "/openapi/v3/apis/apps/v1?hash=OLD"), client.now)
    assert (older.code, dict(older.headers)) == (301, {"Location": url})  # type: ignore[union-attr]
    unchanged = client.request("GET", "/openapi/v3", None, {"if-none-match": index.headers["Etag"]})
    assert client.api.handle(unchanged, client.now).code == 304  # type: ignore[union-attr]


def test_discovery_is_marked(client: Client) -> None:
    accept = {"accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    found = client.get("/apis", accept)
    assert (found.headers["Vary"], found.headers["Cache-Control"]) == ("Accept", "public")
    again = client.request("GET", "/apis", None, {**accept, "if-none-match": found.headers["Etag"]})
    assert client.api.handle(again, client.now).code == 304  # type: ignore[union-attr]
