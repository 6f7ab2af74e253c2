"""The same streams, asked for by a real kubectl over TLS with the kubeconfig's client certificate."""

import asyncio
import shutil
import time
from contextlib import asynccontextmanager

import msgspec
import pytest
from hostruntime import HostRuntime
from serving import now, run

from stead.api.request import Response
from stead.kube.kubeconfig import Access, write
from stead.runtimes.logs import LogReader, LogWriter, Wanted
from stead.serve.authentication import Authenticator
from stead.serve.http import HttpServer
from stead.serve.streams import StreamDoor
from stead.serve.tls import server_context

pytestmark = [
    pytest.mark.shell,
    pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed"),
]

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-0", "namespace": "default", "uid": "u1"},
    "spec": {"nodeName": "node", "containers": [{"name": "nginx", "image": "x", "stdin": True}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {"name": "nginx", "ready": True, "restartCount": 0, "image": "x", "imageID": "", "state": {"running": {}}}
        ],
    },
}
PODS = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
PAGES = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [PODS]},
    "/api/v1/namespaces/default/pods/web-0": POD,
}


def answer(requests):
    return [
        Response(200, msgspec.json.encode(PAGES[r.path])) if r.path in PAGES else Response(404, b"{}") for r in requests
    ]


@asynccontextmanager
async def cluster(tmp_path, kept):
    """A server with one pod, and a way to run kubectl against it."""
    runtime = HostRuntime(tmp_path)
    door = StreamDoor(
        lambda request: POD, lambda pod: runtime, lambda path, wanted: LogReader(path, Wanted(*wanted)), now
    )
    server = HttpServer(answer, Authenticator({}), door, now)
    port = await server.listen(server_context(kept), "127.0.0.1", 0)
    access = Access(
        f"https://127.0.0.1:{port}",
        kept.authority.read_bytes(),
        kept.admin_certificate.read_bytes(),
        kept.admin_key.read_bytes(),
    )
    write(tmp_path / "kubeconfig", access)

    async def kubectl(*words, stdin=b"", environment=None):
        process = await begin(*words, environment=environment)
        out, err = await asyncio.wait_for(process.communicate(stdin), 20)
        return process.returncode, out.decode(), err.decode()

    async def begin(*words, environment=None):
        pipe = asyncio.subprocess.PIPE
        config = ["--kubeconfig", str(tmp_path / "kubeconfig"), "--cache-dir", str(tmp_path / "cache")]
        return await asyncio.create_subprocess_exec(
            "kubectl",
            *config,
            *words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={"PATH": "/usr/bin:/bin", **(environment or {})},
        )

    kubectl.begin = begin
    try:
        yield kubectl
    finally:
        await server.close(0.2)


SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}


@pytest.mark.parametrize("environment", [{}, SPDY], ids=["websocket", "spdy"])
def test_exec(tmp_path, kept, environment):
    async def scenario():
        async with cluster(tmp_path, kept) as kubectl:
            told = await kubectl(
                "exec", "web-0", "--", "sh", "-c", "echo out; echo err >&2; exit 3", environment=environment
            )
            assert told == (3, "out\n", "err\ncommand terminated with exit code 3\n")
            big = b"0123456789" * 50_000
            code, out, _ = await kubectl("exec", "-i", "web-0", "--", "cat", stdin=big, environment=environment)
            assert (code, out.encode() == big) == (0, True)

    run(scenario)


def test_logs(tmp_path, kept):
    writer = LogWriter(str(tmp_path / "u1.nginx.0.log"))
    writer.write(b"stdout", b"one\ntwo\n")

    async def scenario():
        async with cluster(tmp_path, kept) as kubectl:
            assert await kubectl("logs", "web-0", "--tail=1") == (0, "two\n", "")
            code, _, err = await kubectl("logs", "web-0", "--previous")
            assert (code, "previous terminated container" in err) == (1, True)

    run(scenario)


@pytest.mark.parametrize("environment", [{}, SPDY], ids=["websocket", "spdy"])
def test_port_forward(tmp_path, kept, environment):
    async def scenario():
        async def echo(reader, writer):
            writer.write((await reader.read(100)).upper())
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, cluster(tmp_path, kept) as kubectl:
            process = await kubectl.begin("port-forward", "web-0", f":{port}", environment=environment)
            line = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
            local = int(line.split("127.0.0.1:")[1].split()[0])
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", local)
                writer.write(b"hello")
                assert await asyncio.wait_for(reader.read(), 10) == b"HELLO"
                writer.close()
            process.terminate()
            await process.wait()

    run(scenario)


def test_time_is_short(tmp_path, kept):
    """An exec costs the client's own start and little more."""

    async def scenario():
        async with cluster(tmp_path, kept) as kubectl:
            await kubectl("exec", "web-0", "--", "true")
            began = time.monotonic()
            await kubectl("exec", "web-0", "--", "true")
            assert time.monotonic() - began < 5

    run(scenario)
