"""Parsers that are asked less often than those of bodies and wires: rules, definitions, answers, what other programs
print, web requests, notes and copies. Each is a function of bytes, with samples.
"""

import contextlib
import io
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from stead.api import yamltext, yamlwriting
from stead.api.request import Request, Response
from stead.api.server import Api
from stead.cluster import live, roster
from stead.kinds import protobuf, protobufwriting
from stead.kinds.cel import rules
from stead.kinds.cel.faults import Unreadable
from stead.kinds.registry import BUILT_IN
from stead.kinds.scalars import DecodingError
from stead.kube import credentials
from stead.kube.kubeconfig import KubeconfigError, Plugin
from stead.kube.reflector import NO_ANSWER, Reflector, Scope, Told
from stead.machinery.objects import encode
from stead.machinery.times import Now
from stead.runtimes import logins, references, volumecopies
from stead.runtimes.cri import messages
from stead.runtimes.native import static_server
from stead.runtimes.volumecopies import BadArchive
from stead.simulation import schedules
from stead.store import copies
from stead.store.disk import StoreDamaged
from stead.store.log import Store

NOW = Now(1_790_000_000.0, 0.0)
JSON = "application/json"


def value_of(data: bytes) -> Any:
    """The JSON that bytes are, None for those that are none."""
    with contextlib.suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return msgspec.json.decode(data)
    return None


# --- rules and definitions

_OF_WHAT = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "s": {"type": "string", "maxLength": 20},
        "l": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 9}},
        "m": {"type": "object", "maxProperties": 5, "additionalProperties": {"type": "string", "maxLength": 9}},
    },
}
_SELF = {"n": 3, "s": "web-1", "l": ["a", "b"], "m": {"k": "v"}}


def run_rule(data: bytes) -> None:
    """A rule in CEL, priced, compiled and held against an object."""
    said = {"rule": data.decode("utf-8", "replace"), "messageExpression": data.decode("utf-8", "replace")}
    with contextlib.suppress(Unreadable):
        place = rules.place_of({**_OF_WHAT, "x-kubernetes-validations": [said]})
        if place is not None:
            rules.judged(place, _SELF, {**_SELF, "n": 2})


RULES = [
    text.encode()
    for text in (
        "self.n > 2 && self.s.startsWith('web') || size(self.l) < 3",
        "self.l.all(x, x.matches('^[a-z]+$')) && self.m.exists(k, self.m[k] == 'v')",
        "oldSelf.n <= self.n ? self.s.split('-')[1] == '1' : has(self.m.k)",
        "duration('1h') > duration('3m') && quantity('1Gi').isGreaterThan(quantity('1Mi'))",
        "self.l.map(x, x + \"'\\u00e9\\x41\").join(',') != r'\\d' && [1, 2u, 1.5e3] != [] && {'a': b'1'}.size() == 1",
        "ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.2.3') && url('http://a').getPort() == ''",
        "timestamp('2026-01-01T00:00:00Z').getFullYear() == 2026 && optional.of(self.n).hasValue()",
    )
]


def run_definition(data: bytes) -> None:
    """A schema of a custom kind, and an object of that kind: accepted or refused, by whole answers."""
    schema = value_of(data)
    api = Api(Store(), BUILT_IN, Random(1))
    names = {"plural": "fuzzes", "singular": "fuzz", "kind": "Fuzz"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    version["subresources"] = {"status": {}}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]}
    meta = {"name": "fuzzes.example.com"}
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta, "spec": spec}
    if _posted(api, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body) == 201:
        for said in (None, 1, "x", [], {}, _SELF, [_SELF]):
            made = {"apiVersion": "example.com/v1", "kind": "Fuzz", "metadata": {"name": "a"}, "spec": said}
            _posted(api, "/apis/example.com/v1/fuzzes", made)


def _posted(api: Api, path: str, body: Any) -> int:
    answer = api.handle(Request("POST", path, (), {"content-type": JSON}, encode(body)), NOW)
    assert isinstance(answer, Response)
    assert answer.code != 500, answer.body[:1000]
    return answer.code


DEFINITIONS = [
    encode({"type": "object", "properties": {"spec": _OF_WHAT}}),
    encode(
        {
            "type": "object",
            "properties": {
                "spec": {
                    "type": "object",
                    "default": {"n": 1},
                    "required": ["n"],
                    "properties": {
                        "n": {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2, "format": "int32"},
                        "s": {"type": "string", "pattern": "^a+$", "enum": ["a", "aa"], "nullable": True},
                        "o": {"x-kubernetes-int-or-string": True},
                        "p": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        "l": {
                            "type": "array",
                            "x-kubernetes-list-type": "map",
                            "x-kubernetes-list-map-keys": ["k"],
                            "items": {"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}},
                        },
                    },
                    "x-kubernetes-validations": [{"rule": "self.n > 0", "message": "small", "fieldPath": ".n"}],
                    "oneOf": [{"required": ["n"]}, {"required": ["s"]}],
                    "not": {"required": ["q"]},
                }
            },
        }
    ),
]


# --- answers


def run_answers(data: bytes) -> None:
    """What can be said in JSON is read back from YAML as it was; what protobuf bodies say, from our own bytes."""
    value = value_of(data)
    if value is not None and not _is_odd(value):
        text = yamlwriting.text(value)
        with contextlib.suppress(ValueError):  # deeper, or more of it, than is read
            assert yamltext.parse(text) == value, text
    with contextlib.suppress(DecodingError):
        obj = protobuf.decode(data).obj
        again = protobuf.decode(protobufwriting.encoded(obj)).obj
        assert protobuf.decode(protobufwriting.encoded(again)).obj == again


def _is_odd(value: Any) -> bool:
    """Numbers and characters that YAML has no words for."""
    if isinstance(value, dict):
        return any(_is_odd(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_is_odd, value))
    if isinstance(value, str):
        return not value.isprintable()
    return isinstance(value, float) or (isinstance(value, int) and abs(value) >= 1 << 63)


# --- what other programs say


def run_credential(data: bytes) -> None:
    with contextlib.suppress(KubeconfigError):
        credentials._credential(Plugin("p", "client.authentication.k8s.io/v1"), data)


CREDENTIALS = [
    b'{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t",'
    b'"expirationTimestamp":"2026-01-01T00:00:00Z"}}',
    b'{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"clientCertificateData":"c",'
    b'"clientKeyData":"k"}}',
]


def run_frames(data: bytes) -> None:
    """A watch of another server, followed and gathered; what `Reflector.run` catches may be raised."""
    transport: Any = None
    for is_first in (False, True):
        kind = BUILT_IN.by_type("v1", "Pod")
        assert kind is not None
        reflector = Reflector(transport, kind, Scope(), lambda *_: None, chance=Random(1), clock=lambda: NOW)
        with contextlib.suppress(Told, *NO_ANSWER):
            frames = reflector._decoder.decode_lines(data)
            if is_first:
                reflector._gather({}, frames)
            else:
                reflector._follow(frames)


FRAMES = [
    b'{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"b","uid":"1","resourceVersion":"5"}}}\n'
    b'{"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"b","uid":"1","resourceVersion":"6"}}}\n'
    b'{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"b","uid":"1","resourceVersion":"7"}}}\n',
    b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}\n',
    b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old","details":{"retryAfterSeconds":1}}}\n',
]


def run_engine(data: bytes) -> None:
    for message in ("ListContainersResponse", "ContainerStatusResponse", "PodSandboxStatusResponse", "VersionResponse"):
        if message in messages._messages():
            with contextlib.suppress(DecodingError):
                messages.decode(message, data)


ENGINE = [
    messages.encode("VersionResponse", dict.fromkeys(("version", "runtime_name", "runtime_version"), "x")),
    b"\x0a\x08\x0a\x02id\x12\x02ab\x10\x01\x1a\x04\x0a\x02ab",
]


def run_logins(data: bytes) -> None:
    logins.logins(references.parse("registry.example/a/b:1"), [data])


LOGINS = [
    b'{"auths":{"registry.example":{"auth":"YTpi"},"https://*.example/v1/":{"username":"a","password":"b"}}}',
    b'{"auths":{"registry.example/a":{"auth":"YQ=="}},"credsStore":"x"}',
]


# --- what people and pods say


def run_schedule(data: bytes) -> None:
    with contextlib.suppress(schedules.ScheduleError):
        schedules.parse(data.decode("utf-8", "replace"))


SCHEDULES = [
    b"seed: 7\nsets: [{name: web, replicas: 3, claims: [www], minReadySeconds: 5, readyAfter: 2}]\n"
    b"steps:\n- {at: 1, do: scale, set: web, replicas: 2}\n- {at: 2.5, do: revise, set: web, image: b}\n",
    b'{"sets": [{"name": "web"}], "steps": [{"at": 3, "do": "delete-pod", "pod": "web-0", "grace": 0}]}',
]


def run_web(data: bytes) -> None:
    """A request to the web server of the first example: no path leaves its root."""
    lines = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    while (asked := static_server.read_request(lines)) is not None:
        path = static_server.path_of(asked.path)
        assert path.startswith("/")
        assert ".." not in path.split("/")


WEB = [
    b"GET /a/../%2e%2e/etc/passwd?x#y HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\nHEAD / HTTP/1.0\r\n\r\n",
    b"GET //%00%zz/%e4 HTTP/1.1\nUser-Agent: x\n\n",
]


# --- files of ours


def run_notes(folder: Path, data: bytes) -> None:
    for name in (roster.FILE, "running.json"):
        (folder / name).write_bytes(data)
    found = roster.read(folder)
    assert found.count >= 0 or found
    live.read_state(folder)


NOTES = [
    b'{"count":3,"zones":["a","b"],"states":{"stead-1":"cut"}}',
    b'{"pid":1,"started":"7","port":1,"dns_port":2,"url":"https://127.0.0.1:1","runtime":"native/user"}',
]


def run_copy(folder: Path, data: bytes) -> None:
    """A copy that is put back is a store that opens, or it is refused and nothing is left of it."""
    place = folder / "restored"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (folder / "copy").write_bytes(data)
    try:
        copies.put_back(folder / "copy", str(place / "store.db"))
    except (StoreDamaged, sqlite3.Error):
        assert sorted(entry.name for entry in place.iterdir()) in ([], ["store.db.lock"])
        return
    with contextlib.suppress(StoreDamaged):
        Store(str(place / "store.db"), syncs="never").close()


def a_copy() -> bytes:
    store = Store()
    api = Api(store, BUILT_IN, Random(1))
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}, NOW)
    return store.disk.image()


def run_volumes(folder: Path, data: bytes) -> None:
    """Nothing comes of an archive that is not whole, and nothing lies beside the volumes."""
    place = folder / "archive"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (folder / "volumes.tar").write_bytes(data)
    with contextlib.suppress(BadArchive):
        with (folder / "volumes.tar").open("rb") as file:
            volumecopies.checked(file)
        with volumecopies.unpacked(folder / "volumes.tar", place / "volumes") as made:
            made.put_in_place()
    assert [entry.name for entry in place.iterdir()] in ([], ["volumes"])


def some_volumes() -> bytes:
    target = io.BytesIO()
    with tempfile.TemporaryDirectory() as name:
        one = Path(name, "pvc-1")
        one.mkdir()
        (one / "a").write_text("x")
        os.link(one / "a", one / "b")
        os.symlink("a", one / "c")
        os.truncate(one / "a", 100_000)
        volumecopies.take(Path(name), target)
    return target.getvalue()


FURTHER: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "rule": (run_rule, RULES),
    "definition": (run_definition, DEFINITIONS),
    "credential": (run_credential, CREDENTIALS),
    "frames": (run_frames, FRAMES),
    "engine": (run_engine, ENGINE),
    "logins": (run_logins, LOGINS),
    "schedule": (run_schedule, SCHEDULES),
    "web": (run_web, WEB),
}
IN_FOLDERS: dict[str, tuple[Callable[[Path, bytes], None], list[bytes]]] = {
    "notes": (run_notes, NOTES),
    "copy": (run_copy, [a_copy()]),
    "volumes": (run_volumes, [some_volumes()]),
}
