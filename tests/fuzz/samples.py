"""Inputs that mean something, from which others are made by cutting, joining and changing."""

import base64
import gzip
import hashlib
import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any

import dns.message

from stead.serve import spdy

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "examples" / "web.yaml").read_bytes()

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a", "labels": {"app": "web"}, "creationTimestamp": None, "finalizers": ["x.io/y"]},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "nginx:1",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "100m", "memory": "1Gi"}},
                "env": [
                    {"name": "A", "value": "$(B)"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                ],
                "readinessProbe": {"httpGet": {"path": "/", "port": "web"}, "periodSeconds": 3},
                "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a/b"}],
            }
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "tolerations": [{"operator": "Exists"}],
    },
}


def _json(*values: Any) -> bytes:
    return b"\n".join(json.dumps(value).encode() for value in values)


JSON = [
    _json(POD),
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"replicas":1e400,"b":-0.0,"c":99999999999999999999,"d":1.5e-7}',
    b'"\\ud800\\u0000\\n"',
    b'{"k":"\xff\xfe"}',
    b"[" * 300 + b"]" * 300,
    b'{"metadata":{"managedFields":[{"fieldsV1":{"f:a":{".":{}}}}]}}',
    b" \t\r\n[null, true, false, {}]",
]
PROTOBUF = [
    base64.b64decode(found["body"]) for found in json.loads((ROOT / "tests" / "data" / "protobuf.json").read_text())
]
YAML = [
    EXAMPLE,
    b"a: &x [1, 2]\nb: *x\nc: !!str 1\nd: |\n  text\n---\n- 0x1f\n- 2026-01-01\n- ~\n",
    b"{a: 1, <<: {b: 2}, ? [1]: 2}",
    b"a: !!binary aGk=\n",
    b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
    b"%YAML 1.1\n---\na: 'b'\n...\n",
    b'\xef\xbb\xbfa: "\\x41\\u0041"\n',
]
PATCHES = [
    _json(
        POD,
        [{"op": "replace", "path": "/spec/containers/0/image", "value": "b"}, {"op": "test", "path": "", "value": 1}],
    ),
    _json(
        POD,
        [
            {"op": "move", "from": "/spec/volumes/0", "path": "/spec/volumes/-"},
            {"op": "copy", "from": "", "path": "/a"},
        ],
    ),
    _json(
        POD,
        {
            "spec": {
                "containers": [{"name": "c", "$patch": "delete"}, {"name": "d"}],
                "$setElementOrder/containers": [{"name": "d"}],
            }
        },
    ),
    _json(
        POD,
        {
            "spec": {"$retainKeys": ["volumes"], "volumes": [{"$patch": "replace"}]},
            "metadata": {"$deleteFromPrimitiveList/finalizers": ["x.io/y"]},
        },
    ),
    _json(POD, {"metadata": None, "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}}),
    _json(
        POD,
        {
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "ports": [{"containerPort": 80, "$patch": "merge"}],
                        "env": [{"name": "A", "value": None}],
                    }
                ]
            }
        },
    ),
]
FIELD_SETS = [
    _json({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}}, {"f:metadata": {"f:labels": {"f:app": {}}}}),
    _json({"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}}}}}, {"f:spec": {}}),
    _json({"f:a": {'v:"x"': {}, "v:1": {}, "i:0": {}}}, {"f:a": {".": {}, "v:null": {}}}),
]
WORDS = [
    *b"app=web,tier!=x,a in (b,c),!d,e notin (f),g,h==i,j>1,k<2\nmetadata.name=a,status.phase!=Running\\,x".split(
        b"\n"
    ),
    *b"1 100m 1Gi 1.5e3 -0.1Ki 9223372036854775807 1e-9 0x1 1E 12345678901234567890123456789Ei .5 5. +1".split(),
    *b"2026-01-01T00:00:00Z 2026-01-01T00:00:00.123456+01:00 0000-00-00T00:00:00Z 9999-12-31T23:59:60Z".split(),
    *b"25% 10 -1% nginx k8s.gcr.io/nginx-slim:0.8 localhost:5000/a/b@sha256:".split(),
    b"localhost:5000/a/b:c@sha256:" + b"0" * 64,
    *b".spec.containers[*].name .status.conditions[?(@.type=='Ready')].status .a['b.c'] {.x} $.y[0]".split(),
    *b"/api/v1/namespaces/default/pods/a/status /apis/apps/v1/watch/statefulsets /api/v1/namespaces//pods/".split(),
]
CREDENTIALS = [
    b"Bearer abc",
    b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
    b"base64url.bearer.authorization.k8s.io.YWJj, v4.channel.k8s.io",
    b"localhost:6443",
    b"https://evil.example:443",
    b"[::1]:6443",
    b"Basic YTpi",
]
KUBECONFIG = [
    b"""apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: aGk=}}]
users: [{name: u, user: {token: t, client-certificate-data: aGk=, client-key-data: aGk=}}]
""",
    b"{}",
    b"contexts: 1\nclusters: [1]\nusers: {a: b}\ncurrent-context: [x]\n",
    b"apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a}]\nclusters: []\nusers: []\n",
]
URLS = [
    b"/api/v1/namespaces/default/pods?labelSelector=a%20in%20(b)&limit=5&continue=abc",
    b"/apis/apps/v1/statefulsets?watch=1&resourceVersion=0&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
    b"/openapi/v3/apis/apps/v1?hash=1",
    b"/api/v1/nodes/../pods/%2e%2e%2fx?fieldSelector=metadata.name%3Da&pretty=true&dryRun=All",
    b"/apis/events.k8s.io/v1/events?limit=-1&resourceVersion=99999999999999999999",
    b"/version?%zz=%&a=b=c&&=",
]
HTTP = [
    b"GET /api/v1/pods HTTP/1.1\r\nHost: localhost\r\nAccept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n\r\n",
    b"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: a\r\nContent-Length: 52\r\n\r\n"
    b'{"metadata":{"generateName":"a"},"data":{"k":"\\ud83d"}}',
    b"POST /api/v1/namespaces/default/pods?dryRun=All HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nabcd\r\n0\r\n\r\n",
    b"PATCH /api/v1/namespaces/default HTTP/1.1\r\nContent-Type: application/merge-patch+json\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    b"DELETE /api/v1/namespaces/default/pods/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"GET /api/v1/namespaces/default/pods/a/exec?command=x HTTP/1.1\r\n"
    b"Upgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n\x80\x03",
    b"GET /api/v1/pods?watch=1&resourceVersion=0 HTTP/1.1\r\nAccept: application/json\r\nX: "
    + b"y" * 200
    + b"\r\n\r\n",
    b"PUT /api/v1/namespaces/default/pods/a/status HTTP/1.1\r\nContent-Type: application/yaml\r\n"
    b"Content-Length: 5\r\n\r\na: 1\n",
]


def _spdy() -> list[bytes]:
    writer = spdy.Writer()
    opened = writer.opened(1, {"streamtype": "stdin"}) + writer.opened(3, {"streamtype": "error", "port": "80"})
    rest = b"".join([*spdy.data_frames(1, b"hello"), spdy.last_frame(1), spdy.pong(1), spdy.reset(3)])
    return [opened, rest, opened + rest, spdy.control(7, bytes(8)), spdy.control(4, struct.pack("!III", 1, 7, 5))]


SPDY = _spdy()
NAMES: list[tuple[str, dict[str, Any]]] = [
    ("Namespace", {"metadata": {"name": "default"}}),
    (
        "Service",
        {
            "metadata": {"name": "nginx", "namespace": "default"},
            "spec": {"clusterIP": "None", "ports": [{"name": "web", "protocol": "TCP", "port": 80}]},
        },
    ),
    (
        "EndpointSlice",
        {
            "metadata": {"name": "x", "namespace": "default", "labels": {"kubernetes.io/service-name": "nginx"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.244.0.2"], "conditions": {"ready": True}, "hostname": "web-0"}],
            "ports": [{"name": "web", "protocol": "TCP", "port": 80}],
        },
    ),
]
DNS = [
    dns.message.make_query(name, sort, use_edns=edns).to_wire()
    for name, sort, edns in (
        ("web-0.nginx.default.svc.cluster.local.", "A", True),
        ("nginx.default.svc.cluster.local.", "ANY", False),
        ("_web._tcp.nginx.default.svc.cluster.local.", "SRV", False),
        ("2.0.244.10.in-addr.arpa.", "PTR", True),
        ("example.org.", "AAAA", False),
        ("version.bind.", "TXT", False),
        (".", "NS", False),
    )
]


def _entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.size, entry.mode = kind, link, size, 0o755
    return entry


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for entry, content in entries:
            made.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


LAYERS = [
    tar((_entry("a/b", size=3), b"abc"), (_entry("a/.wh..wh..opq"), b""), (_entry("a/.wh.c"), b"")),
    tar(
        (_entry("l", tarfile.SYMTYPE, "/etc"), b""),
        (_entry("l/x", size=1), b"x"),
        (_entry("h", tarfile.LNKTYPE, "l/x"), b""),
    ),
    tar((_entry("l", tarfile.SYMTYPE, "l"), b""), (_entry("l/x", size=1), b"x")),
    tar((_entry("../x", size=1), b"x")),
    tar(
        (_entry("/abs/" + "n" * 120, size=1), b"x"),
        (_entry("f", tarfile.FIFOTYPE), b""),
        (_entry("c", tarfile.CHRTYPE), b""),
    ),
    gzip.compress(tar((_entry("a", tarfile.DIRTYPE), b""), (_entry("a/b", size=1), b"x")), mtime=0),
]


def _image() -> list[bytes]:
    layer = tar((_entry("a", size=1), b"x"))
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["a"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + _sha(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "config": {"digest": "sha256:" + _sha(config), "size": len(config)},
            "layers": [{"digest": "sha256:" + _sha(layer), "size": len(layer)}],
        }
    )
    index = _json({"schemaVersion": 2, "manifests": [{"digest": "sha256:" + _sha(manifest), "size": len(manifest)}]})
    blobs = [(f"blobs/sha256/{_sha(blob)}", blob) for blob in (layer, config, manifest)]
    files = [("index.json", index), ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), *blobs]
    docker = [
        ("manifest.json", _json([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]}])),
        ("c.json", config),
        ("l.tar", layer),
    ]
    strange = [("index.json", _json({"manifests": ["x", {"digest": 7}, None]}))]
    return [_files(files), _files(docker), _files(strange), gzip.compress(_files(files), mtime=0)]


def _files(files: list[tuple[str, bytes]]) -> bytes:
    return tar(*((_entry(name, size=len(content)), content) for name, content in files))


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


IMAGES = _image()
LOGS = [
    b"2026-01-01T00:00:00.000000000Z stdout F hello\n"
    b"2026-01-01T00:00:01Z stderr P part\n2026-01-01T00:00:01Z stderr F end\n",
    b"2026 stdout X\nnonsense\n\n stdout  \n\xff\xfe stdout F \xff\n",
    b"a stdout P x" * 3,
]
