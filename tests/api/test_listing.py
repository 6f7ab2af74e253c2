"""Lists: pages, the past, selectors, views (3.4 in wire.md)."""

import pytest
from asking import CONFIG_MAPS, TABLE, Client, config_map
from msgspec.structs import replace

from stead.api import slices
from stead.api.request import Request, Response
from stead.api.slices import LongList
from stead.machinery.keys import Key
from stead.machinery.objects import decode

PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def names(body: dict) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


@pytest.fixture
def five(client: Client) -> Client:
    for name in "edcba":
        client.create(config_map(name))
    return client


def test_pages_together_are_the_list_even_when_it_changes(five: Client) -> None:
    url, seen, remaining = f"{CONFIG_MAPS}?limit=2", [], []
    token = ""
    while True:
        body = five.get(f"{url}&continue={token}" if token else url).body
        seen += names(body)
        remaining.append(body["metadata"].get("remainingItemCount"))
        token = body["metadata"].get("continue", "")
        if not token:
            break
        five.ask("DELETE", f"{CONFIG_MAPS}/d")
        five.create(config_map(f"c{len(seen)}"))
    assert (seen, remaining) == (["a", "b", "c", "d", "e"], [3, 1, None])


def test_the_count_of_what_remains_is_unknown_with_a_selector(five: Client) -> None:
    metadata = five.get(f"{CONFIG_MAPS}?limit=2&fieldSelector=metadata.name!%3Da").body["metadata"]
    assert "continue" in metadata
    assert "remainingItemCount" not in metadata


def test_a_page_of_a_forgotten_past_is_expired(five: Client) -> None:
    token = five.get(f"{CONFIG_MAPS}?limit=2").body["metadata"]["continue"]
    five.create(config_map("z"))
    five.store.forget(five.store.revision)
    answer = five.get(f"{CONFIG_MAPS}?limit=2&continue={token}")
    assert (answer.code, answer.body["reason"]) == (410, "Expired")
    assert "or use the continue token in this response to retrieve the remainder" in answer.message
    rest = five.get(f"{CONFIG_MAPS}?limit=2&continue={answer.body['metadata']['continue']}")
    assert (rest.code, names(rest.body)[0]) == (200, "c")


def test_the_past_exactly(five: Client) -> None:
    revision = five.store.revision
    five.create(config_map("f"))
    query = f"resourceVersion={revision}&resourceVersionMatch="
    assert names(five.get(f"{CONFIG_MAPS}?{query}Exact").body) == ["a", "b", "c", "d", "e"]
    assert names(five.get(f"{CONFIG_MAPS}?{query}NotOlderThan").body) == ["a", "b", "c", "d", "e", "f"]


def test_the_future_is_too_large(five: Client) -> None:
    answer = five.get(f"{CONFIG_MAPS}?resourceVersion=99999")
    assert (answer.code, answer.body["details"]["causes"][0]["reason"]) == (504, "ResourceVersionTooLarge")
    assert answer.headers["Retry-After"] == "1"


def test_all_namespaces_sorted_by_namespace_and_name(client: Client) -> None:
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})
    for namespace, name in (("default", "a"), ("a", "z"), ("a", "b")):
        client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
    items = client.get("/api/v1/configmaps").body["items"]
    found = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]
    assert found == [("a", "b"), ("a", "z"), ("default", "a")]


@pytest.mark.parametrize(
    ("selector", "found"),
    [("metadata.name=c,", ["c"]), ("metadata.name!=c", ["a", "b", "d", "e"]), ("metadata.namespace=other", [])],
)
def test_field_selectors(five: Client, selector: str, found: list[str]) -> None:
    assert names(five.get(f"{CONFIG_MAPS}?fieldSelector={selector}").body) == found


def test_an_empty_list_has_items_and_a_revision(client: Client) -> None:
    body = client.get("/api/v1/namespaces/nowhere/secrets").body
    assert (body["kind"], body["items"]) == ("SecretList", [])
    assert int(body["metadata"]["resourceVersion"]) > 0


@pytest.mark.parametrize(
    ("includes", "shown"), [("None", None), ("Metadata", "PartialObjectMetadata"), ("Object", "ConfigMap")]
)
def test_what_a_row_holds_of_its_object(five: Client, includes: str, shown: str | None) -> None:
    row = five.get(f"{CONFIG_MAPS}?includeObject={includes}", TABLE).body["rows"][0]
    assert (row["object"] and row["object"]["kind"]) == shown


def test_no_view_that_can_be_had(client: Client) -> None:
    assert client.get(CONFIG_MAPS, {"accept": "application/xml"}).code == 406
    accept = "application/vnd.kubernetes.protobuf,application/json"
    assert client.get(CONFIG_MAPS, {"accept": accept}).media == "application/json"


@pytest.mark.parametrize("accept", ["application/json", TABLE["accept"], PARTIAL], ids=["objects", "table", "metadata"])
@pytest.mark.parametrize("query", [(), (("limit", "450"),), (("labelSelector", "n!=7"),)])
def test_a_long_list_made_in_slices_is_the_same(
    client: Client, accept: str, query: tuple[tuple[str, str], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(slices.LONG, "object", 300)
    for number in range(470):
        client.create(config_map(f"c{number}", {"n": str(number)}))
    request = Request("GET", CONFIG_MAPS, query, {"accept": accept})
    whole = client.api.handle(request, client.now)
    stream = client.api.handle(replace(request, takes_slices=True), client.now)
    assert isinstance(whole, Response)
    assert isinstance(stream, LongList)
    first, *rest = stream.frames(client.now)
    assert len(rest) > 8
    assert first + b"".join(rest) == whole.body
    assert stream.is_done


def test_what_happens_while_a_long_list_is_written_is_not_told(client: Client) -> None:
    for number in range(400):
        client.create(config_map(f"c{number}"))
    stream = client.api.handle(Request("GET", CONFIG_MAPS, (), TABLE, takes_slices=True), client.now)
    assert isinstance(stream, LongList)
    frames = stream.frames(client.now)
    began = next(frames) + next(frames)
    for number in range(400):
        client.api.delete(Key("ConfigMap", "default", f"c{number}"), client.now)
    assert len(decode(began + b"".join(frames))["rows"]) == 400
    assert client.get(CONFIG_MAPS).body["items"] == []


@pytest.mark.parametrize(
    ("count", "headers", "query"),
    [(20, {}, ()), (400, {"accept": "application/yaml"}, ()), (400, {}, (("pretty", "1"),))],
)
def test_short_lists_and_other_forms_are_made_at_once(
    client: Client, count: int, headers: dict[str, str], query: tuple[tuple[str, str], ...]
) -> None:
    for number in range(count):
        client.create(config_map(f"c{number}"))
    assert isinstance(
        client.api.handle(Request("GET", CONFIG_MAPS, query, headers, takes_slices=True), client.now), Response
    )
