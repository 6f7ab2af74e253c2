"""What docs/security.md says of a running stead: what listens, who may enter, what lies on disk and what is told."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shells.cluster import Cluster, a_cluster

pytestmark = pytest.mark.shell

CLOSED = ["/", "/api", "/apis", "/version", "/readyz", "/openapi/v3", "/api/v1/secrets", "/stead/backup", "/nothing"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One stead in a directory that was there before, open to all, with a umask that hides nothing."""
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name:
        old = os.umask(0)
        Path(name).chmod(0o755)
        Path(name, "data").mkdir(mode=0o755)
        try:
            with a_cluster(Path(name), runtime="simulated") as made:
                made.up()
                yield made
        finally:
            os.umask(old)


@pytest.fixture
def state(cluster: Cluster) -> Any:
    return json.loads((cluster.data / "running.json").read_text())


def asked(
    cluster: Cluster,
    path: str,
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    body: Any = None,
    has_certificate: bool = False,
) -> tuple[int, Any, dict[str, str]]:
    context = ssl.create_default_context(cafile=str(cluster.data / "pki" / "ca.crt"))
    if has_certificate:
        context.load_cert_chain(cluster.data / "pki" / "admin.crt", cluster.data / "pki" / "admin.key")
    port = json.loads((cluster.data / "running.json").read_text())["port"]
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    content = json.dumps(body) if body is not None else None
    connection.request(method, path, content, {"Content-Type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    is_json = "json" in (answer.getheader("Content-Type") or "")
    return answer.status, json.loads(data) if is_json else data, dict(answer.getheaders())


def bearer(cluster: Cluster) -> dict[str, str]:
    return {"Authorization": f"Bearer {(cluster.data / 'token').read_text().strip()}"}


# --- what listens


def test_only_loopback_listens(cluster: Cluster, state: Any) -> None:
    inodes = set()
    for entry in Path(f"/proc/{state['pid']}/fd").iterdir():
        target = os.readlink(entry)
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = {"tcp": set(), "udp": set()}
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, connected, inode = line.split()[1], line.split()[3], line.split()[9]
            if inode in inodes and connected in ("0A", "07"):
                found[table[:3]].add(_address(local))
    assert found["tcp"] == {("127.0.0.1", state["port"]), ("127.0.0.1", state["dns_port"])}
    assert found["udp"] == {("127.0.0.1", state["dns_port"])}


def _address(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    return socket.inet_ntoa(bytes.fromhex(host)[::-1]) if len(host) == 8 else host, int(port, 16)


def test_the_port_speaks_tls_alone(state: Any) -> None:
    with socket.create_connection(("127.0.0.1", state["port"]), timeout=5) as plain:
        plain.sendall(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = b""
        try:
            while piece := plain.recv(4096):
                said += piece
        except OSError:
            pass
    assert b"HTTP/" not in said


def test_old_tls_is_not_spoken(cluster: Cluster, state: Any) -> None:
    context = ssl.create_default_context(cafile=str(cluster.data / "pki" / "ca.crt"))
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", state["port"]), timeout=5) as raw,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


# --- who may enter


@pytest.mark.parametrize("path", CLOSED)
def test_nobody_enters_without_credentials(cluster: Cluster, path: str) -> None:
    code, body, _ = asked(cluster, path)
    assert (code, body["reason"]) == (401, "Unauthorized")


@pytest.mark.parametrize(
    "credential", ["Bearer wrong", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer a.b.c", "bearer \u00ff"]
)
def test_wrong_credentials_are_none(cluster: Cluster, credential: str) -> None:
    assert asked(cluster, "/api", {"Authorization": credential.encode("latin-1").decode("latin-1")})[0] == 401


def test_a_strangers_certificate_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from stead.serve import tls\n"
        "tls.certificates(Path(sys.argv[1]), ['localhost'], time.time())"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "pki")], check=True)
    context = ssl.create_default_context(cafile=str(cluster.data / "pki" / "ca.crt"))
    context.load_cert_chain(tmp_path / "pki" / "admin.crt", tmp_path / "pki" / "admin.key")
    port = json.loads((cluster.data / "running.json").read_text())["port"]
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        connection.request("GET", "/api")
        connection.getresponse()


def test_an_ordinary_account_gets_what_it_was_given_and_no_more(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    code, answer, _ = asked(cluster, path, bearer(cluster), method="POST", body={"spec": {"expirationSeconds": 600}})
    assert code == 201, answer
    given = {"Authorization": f"Bearer {answer['status']['token']}"}
    assert asked(cluster, "/version", given)[0] == 200
    for closed in (
        "/api/v1/secrets",
        "/stead/backup",
        "/api/v1/namespaces/default/configmaps",
        "/apis/apps/v1/statefulsets",
    ):
        code, body, _ = asked(cluster, closed, given)
        assert (code, body["reason"]) == (403, "Forbidden"), closed
    broken = {"Authorization": given["Authorization"][:-4] + "AAAA"}
    assert asked(cluster, "/version", broken)[0] == 401


# --- pages of others


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "evil.example:6443", "Origin": "https://evil.example:6443"},
        {"Host": "localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_browser_that_sends_its_certificate_for_a_foreign_page_is_refused(
    cluster: Cluster, headers: dict[str, str]
) -> None:
    """DNS rebinding and cross-origin requests: a certificate is sent by itself, whoever wrote the page."""
    assert asked(cluster, "/api", has_certificate=True)[0] == 200
    code, _, told = asked(cluster, "/api", headers, has_certificate=True)
    assert code == 401
    assert not [name for name in told if name.lower().startswith("access-control")]
    code, _, told = asked(cluster, "/api", headers, method="OPTIONS", has_certificate=True)
    assert code == 401
    assert not [name for name in told if name.lower().startswith("access-control")]


@pytest.mark.parametrize("path", ["exec?command=id", "attach", "portforward?ports=80", "log?follow=true"])
def test_a_foreign_page_opens_no_websocket(cluster: Cluster, path: str) -> None:
    """Browsers let pages open WebSockets anywhere, and send certificates along: only the Origin tells."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "v5.channel.k8s.io"}
    where = f"/api/v1/namespaces/default/pods/nobody/{path}"
    assert asked(cluster, where, {**upgrade, "Origin": "https://evil.example"}, has_certificate=True)[0] == 401
    assert asked(cluster, where, upgrade)[0] == 401
    assert asked(cluster, where, upgrade, has_certificate=True)[0] == 404, "it is the Origin, and nothing else"


def test_nobody_speaks_for_others_who_may_not(cluster: Cluster) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    _, answer, _ = asked(cluster, path, bearer(cluster), method="POST", body={"spec": {"expirationSeconds": 600}})
    given = {"Authorization": f"Bearer {answer['status']['token']}"}
    for who in ({"Impersonate-User": "kubernetes-admin"}, {"Impersonate-Group": "system:masters"}):
        assert asked(cluster, "/api/v1/secrets", {**given, **who})[0] in (400, 403)


# --- what lies on disk, and what is told


def test_what_is_secret_is_its_owners_alone(cluster: Cluster) -> None:
    """Also in a directory that others may enter, and whatever the umask is."""
    assert (cluster.data / "volumes").stat().st_mode & 0o777 == 0o711, "names of volumes cannot be listed"
    secret = ["token", "kubeconfig", "store.db", "store.db-wal", "store.db-kept", "pki"]
    secret += [f"pki/{name}" for name in ("ca.key", "admin.key", "server.pem")]
    for name in secret:
        mode = (cluster.data / name).stat().st_mode & 0o777
        assert mode & 0o077 == 0, f"{name} is {mode:o}"


def test_no_secret_is_told(cluster: Cluster, state: Any) -> None:
    """Neither in what stead prints, nor in any process's arguments or stead's environment."""
    asked(cluster, "/api", bearer(cluster))
    asked(cluster, "/api", {"Authorization": "Bearer wrong-but-private"})
    token = (cluster.data / "token").read_text().strip()
    key = (cluster.data / "pki" / "admin.key").read_text().splitlines()[1]
    told = [
        cluster.output(),
        cluster.stead("status"),
        cluster.stead("doctor"),
        (cluster.data / "running.json").read_text(),
    ]
    told.append(Path(f"/proc/{state['pid']}/environ").read_bytes().decode(errors="replace"))
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told.append(entry.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    for secret in (token, key, "wrong-but-private"):
        assert not [text for text in told if secret in text]


# --- ways out of the data directory


def pod(**spec: Any) -> Any:
    container = {"name": "c", "image": "host:shell", **spec.pop("container", {})}
    metadata = {"name": "p", **spec.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **spec}}


EMPTY = [{"name": "v", "emptyDir": {}}]
WAYS_OUT = {
    "subPath": pod(volumes=EMPTY, container={"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "../.."}]}),
    "subPath absolute": pod(
        volumes=EMPTY, container={"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "/etc"}]}
    ),
    "volume name": pod(volumes=[{"name": "../v", "emptyDir": {}}]),
    "container name": pod(container={"name": "../c"}),
    "pod name": pod(metadata={"name": "../p"}),
    "host name": pod(hostname="../h"),
    "file of a ConfigMap": pod(
        volumes=[{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "../x"}]}}]
    ),
    "file of the pod": pod(
        volumes=[
            {"name": "v", "downwardAPI": {"items": [{"path": "a/../../x", "fieldRef": {"fieldPath": "metadata.name"}}]}}
        ]
    ),
}


@pytest.mark.parametrize("what", WAYS_OUT)
def test_no_name_climbs_out(cluster: Cluster, what: str) -> None:
    code, body, _ = asked(
        cluster, "/api/v1/namespaces/default/pods", bearer(cluster), method="POST", body=WAYS_OUT[what]
    )
    assert (code, body["reason"]) == (422, "Invalid"), body


def test_nobody_chooses_a_uid(cluster: Cluster) -> None:
    """A pod's directory is called by its uid."""
    made = pod(metadata={"name": "own-uid", "uid": "../../../tmp/x"})
    code, body, _ = asked(cluster, "/api/v1/namespaces/default/pods", bearer(cluster), method="POST", body=made)
    assert code == 201
    assert "/" not in body["metadata"]["uid"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/default/pods/../../../../etc/passwd",
        "/api/v1/namespaces/default/pods/%2e%2e%2f%2e%2e%2fetc%2fpasswd/log",
        "/api/v1/namespaces/default/pods/own-uid/log?container=../../x",
        "/stead/backup/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_no_path_reads_a_file(cluster: Cluster, path: str) -> None:
    code, body, _ = asked(cluster, path, bearer(cluster))
    assert 400 <= code < 500 or code == 501, (code, body)  # 501: no logs in this runtime
    assert "root:" not in str(body)
