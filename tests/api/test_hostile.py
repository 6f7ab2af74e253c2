"""Bodies and parameters that mean harm: a Status with the right code, soon, and never a 500 (issue 4, bad input)."""

import time

import pytest
from asking import CONFIG_MAPS, PODS, SETS, Client, config_map

JSON_PATCH = {"content-type": "application/json-patch+json"}
BOMB = b"a0: &a0 [x,x]\n" + b"".join(b"a%d: &a%d [*a%d,*a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 40))
DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000


@pytest.mark.parametrize(
    ("method", "url", "body", "media", "code"),
    [
        ("POST", CONFIG_MAPS, DEEP, "application/json", 400),
        ("POST", CONFIG_MAPS, b"[" * 50_000, "application/json", 400),
        ("POST", CONFIG_MAPS, b'{"metadata":{"name":"a"},"data":{"k":"\xff\xfe"}}', "application/json", 201),
        ("POST", CONFIG_MAPS, b'{"metadata":{"name":"a"},"data":{"k":NaN}}', "application/json", 400),
        ("POST", SETS, b'{"metadata":{"name":"a"},"spec":{"replicas":1e400}}', "application/json", 400),
        ("POST", SETS, b'{"metadata":{"name":"a"},"spec":{"replicas":99999999999999999999}}', "application/json", 400),
        ("POST", CONFIG_MAPS, b"k8s\x00\x0a\xff", "application/vnd.kubernetes.protobuf", 400),
        ("POST", CONFIG_MAPS, b"k8s\x00" + b"\xff" * 1000, "application/vnd.kubernetes.protobuf", 400),
        (
            "POST",
            CONFIG_MAPS,
            BOMB,
            "application/yaml",
            400,
        ),
        ("POST", CONFIG_MAPS, b"a: !!python/object/apply:os.system ['x']", "application/yaml", 400),
        ("POST", CONFIG_MAPS, b"{{{{", "application/yaml", 400),
        ("POST", CONFIG_MAPS, b"\x00\x01\x02", "application/cbor", 415),
        ("PATCH", f"{CONFIG_MAPS}/c", b'[{"op":"test","path":"/data","value":1}]', "application/json-patch+json", 422),
        ("PATCH", f"{CONFIG_MAPS}/c", DEEP, "application/merge-patch+json", 400),
        ("PATCH", f"{CONFIG_MAPS}/c", DEEP, "application/apply-patch+yaml", 422),
        ("PATCH", f"{CONFIG_MAPS}/c?fieldManager=m", DEEP, "application/apply-patch+yaml", 400),
        ("DELETE", f"{CONFIG_MAPS}/c", b"[1]", "application/json", 400),
        ("DELETE", f"{CONFIG_MAPS}/c", b'{"kind":"Pod"}', "application/json", 400),
        ("DELETE", f"{CONFIG_MAPS}/c", b'{"gracePeriodSeconds":"x"}', "application/json", 400),
    ],
)
def test_bodies(client: Client, method: str, url: str, body: bytes, media: str, code: int) -> None:
    client.create(config_map("c"))
    start = time.perf_counter()
    answer = client.ask(method, url, body, {"content-type": media})
    assert answer.code == code, answer.body
    assert time.perf_counter() - start < 2
    if code >= 400:
        assert (answer.body["kind"], answer.body["code"]) == ("Status", code)


def test_too_many_operations(client: Client) -> None:
    client.create(config_map("c"))
    operations = [{"op": "add", "path": "/data/k", "value": "v"}] * 10_001
    answer = client.ask("PATCH", f"{CONFIG_MAPS}/c", operations, JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("labelSelector=%28%28%28", 400),
        ("labelSelector=a%20in%20%28", 400),
        ("labelSelector=" + "a," * 5000 + "a", 200),
        ("fieldSelector=%5C", 400),
        ("limit=99999999999999999999", 400),
        ("limit=-1", 200),
        ("resourceVersion=-1", 400),
        ("resourceVersion=1&resourceVersionMatch=Sometimes", 422),
        ("continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOjF9", 400),
        ("timeoutSeconds=x", 400),
        ("watch=1&continue=a", 422),
    ],
)
def test_parameters(client: Client, query: str, code: int) -> None:
    assert client.get(f"{PODS}?{query}").code == code


def test_a_long_document_without_aliases_is_no_bomb(client: Client) -> None:
    lines = b"".join(b"  k%d: x\n" % number for number in range(60_000))
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: long}\ndata:\n" + lines
    assert client.ask("POST", CONFIG_MAPS, body, {"content-type": "application/yaml"}).code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"a: &a [*a]\n",
        b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%b]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 10)) for i in range(9)),
    ],
)
def test_aliases_are_bounded(client: Client, body: bytes) -> None:
    got = client.ask("POST", CONFIG_MAPS, body, {"content-type": "application/yaml"})
    assert (got.code, "document contains excessive aliasing" in got.message) == (400, True)
