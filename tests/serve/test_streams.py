"""Logs, exec, attach and port-forward, spoken frame by frame (wire.md 3.8)."""

import asyncio
import base64
import json
import time
from contextlib import asynccontextmanager

import pytest
from hostruntime import HostRuntime
from serving import now, run, serving
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong

from stead.machinery.errors import NotFound
from stead.runtimes.logs import LogReader, LogWriter, Wanted
from stead.serve.streams import ClosedDoor, StreamDoor

pytestmark = pytest.mark.shell

POD = {
    "metadata": {"name": "web-0", "namespace": "default", "uid": "u1"},
    "spec": {"nodeName": "node", "containers": [{"name": "nginx", "stdin": True}]},
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {"name": "nginx", "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {}}}
        ],
    },
}
TWO = {
    **POD,
    "spec": {"nodeName": "node", "containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]},
}


def with_state(state, *, restarts=0, last=None, phase="Running"):
    status = {"name": "nginx", "restartCount": restarts, "state": state, "lastState": last or {}}
    return {**POD, "status": {"phase": phase, "containerStatuses": [status]}}


class Pods:
    """What the API would say of the one pod."""

    def __init__(self, pod):
        self.pod = pod

    def find(self, request):
        if self.pod is None:
            raise NotFound('pods "web-0" not found')
        return self.pod


@asynccontextmanager
async def door(tmp_path, pod=POD):
    pods = Pods(pod)
    runtime = HostRuntime(tmp_path)
    side_door = StreamDoor(pods.find, lambda pod: runtime, lambda path, wanted: LogReader(path, Wanted(*wanted)), now)
    async with serving(side_door=side_door) as house, house.client() as client:
        yield pods, client


def write_log(tmp_path, attempt, *lines):
    writer = LogWriter(str(tmp_path / f"u1.nginx.{attempt}.log"))
    for line in lines:
        writer.write(b"stdout", line.encode() + b"\n")
    return writer


def log_url(query=""):
    return f"GET /api/v1/namespaces/default/pods/web-0/log?{query} HTTP/1.1\r\nHost: h\r\n\r\n"


async def whole(client):
    body = b""
    while chunk := await client.chunk():
        body += chunk
    return body.decode()


@pytest.mark.parametrize(
    "query, told",
    [
        ("", "one\ntwo\nthree\n"),
        ("container=nginx&tailLines=2", "two\nthree\n"),
        ("tailLines=0", ""),
        ("limitBytes=5", "one\nt"),
        ("previous=true", "before\n"),
        ("sinceSeconds=100", "one\ntwo\nthree\n"),
        ("sinceTime=2999-01-01T00:00:00Z", ""),
    ],
)
def test_logs(tmp_path, query, told):
    write_log(tmp_path, 0, "before")
    write_log(tmp_path, 1, "one", "two", "three")

    async def scenario():
        async with door(tmp_path) as (_, client):
            for _ in range(2):
                client.say(log_url(query))
                code, headers = await client.head()
                assert (code, headers["content-type"]) == (200, "text/plain")
                assert await whole(client) == told

    run(scenario)


def test_log_timestamps(tmp_path):
    write_log(tmp_path, 1, "one")

    async def scenario():
        async with door(tmp_path) as (_, client):
            client.say(log_url("timestamps=true"))
            await client.head()
            moment, text = (await whole(client)).split(" ", 1)
            assert text == "one\n"
            assert moment.endswith("Z")
            assert len(moment) == len("2026-11-22T15:38:20.621214392Z")

    run(scenario)


def test_a_followed_log_ends_with_its_container(tmp_path):
    writer = write_log(tmp_path, 1, "one")

    async def scenario():
        async with door(tmp_path) as (pods, client):
            client.say(log_url("follow=true"))
            await client.head()
            assert await client.chunk() == b"one\n"
            writer.write(b"stderr", b"two\n")
            assert await client.chunk() == b"two\n"
            pods.pod = with_state({"terminated": {}}, restarts=1)
            writer.write(b"stdout", b"last\n")
            assert await client.chunk() == b"last\n"
            assert await client.chunk() == b""

    run(scenario)


CONTAINER = 'container "nginx" in pod "web-0"'
CREATING = with_state({"waiting": {"reason": "ContainerCreating"}})
PULLING = with_state({"waiting": {"reason": "ImagePullBackOff"}})
FIRST = with_state({"running": {}})
CHOOSE = "a container name must be specified for pod web-0, choose one of: [a b] or one of the init containers: [i]"
OPTIONS = 'PodLogOptions "web-0" is invalid'
ONE_OF_TWO = "at most one of `sinceTime` or `sinceSeconds` may be specified"
NEGATIVE = 'PodLogOptions "web-0" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0'


@pytest.mark.parametrize(
    "pod, query, code, message",
    [
        (None, "", 404, 'pods "web-0" not found'),
        (POD, "container=x", 400, "container x is not valid for pod web-0"),
        (TWO, "", 400, CHOOSE),
        (CREATING, "", 400, f"{CONTAINER} is waiting to start: ContainerCreating"),
        (PULLING, "", 400, f"{CONTAINER} is waiting to start: trying and failing to pull image"),
        (FIRST, "previous=true", 400, f"previous terminated {CONTAINER} not found"),
        (POD, "tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        (POD, "tailLines=-1", 422, NEGATIVE),
        (None, "tailLines=-1", 422, NEGATIVE),
        (POD, "limitBytes=0", 422, f"{OPTIONS}: limitBytes: Invalid value: 0: must be greater than 0"),
        (POD, "sinceSeconds=0", 422, f"{OPTIONS}: sinceSeconds: Invalid value: 0: must be greater than 0"),
        (POD, "sinceSeconds=0&sinceTime=2026-01-02T00:00:00Z", 422, f"{OPTIONS}: []: Forbidden: {ONE_OF_TWO}"),
        (
            POD,
            "sinceTime=yesterday",
            400,
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
        ),
        (TWO, "tailLines=-1", 422, NEGATIVE),
    ],
)
def test_logs_refused(tmp_path, pod, query, code, message):
    async def scenario():
        async with door(tmp_path, pod) as (_, client):
            answer = await client.ask(log_url(query))
            assert (answer.code, answer.json["message"]) == (code, message)
            assert (await client.ask(log_url(query))).code == code

    run(scenario)


def test_the_log_of_a_container_waiting_to_run_again_is_its_last(tmp_path):
    write_log(tmp_path, 3, "crashed")
    pod = with_state({"waiting": {"reason": "CrashLoopBackOff"}}, restarts=3, last={"terminated": {}})

    async def scenario():
        async with door(tmp_path, pod) as (_, client):
            for query in ("", "previous=true"):
                client.say(log_url(query))
                await client.head()
                assert await whole(client) == "crashed\n"

    run(scenario)


class Socket:
    """A WebSocket client over the raw client."""

    def __init__(self, client):
        self.client = client
        self.wire = Connection(ConnectionType.CLIENT)
        self.events = []

    @classmethod
    async def open(cls, client, path, protocols="v5.channel.k8s.io"):
        key = base64.b64encode(b"0123456789abcdef").decode()
        offered = f"Sec-WebSocket-Protocol: {protocols}\r\n" if protocols else ""
        client.say(
            f"GET /api/v1/namespaces/default/pods/web-0/{path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{offered}\r\n"
        )
        code, headers = await client.head()
        assert code == 101
        assert headers.get("sec-websocket-protocol", "") == protocols.split(",")[0]
        return cls(client)

    def send(self, data):
        self.client.say(self.wire.send(BytesMessage(data)))

    async def event(self):
        while not self.events:
            data = await asyncio.wait_for(self.client.reader.read(65536), 5)
            self.wire.receive_data(data or None)
            self.events += self.wire.events()
        event = self.events.pop(0)
        if isinstance(event, BytesMessage) and not event.message_finished:
            rest = await self.event()
            return BytesMessage(bytes(event.data) + bytes(rest.data))
        return event

    async def to_the_end(self):
        """Bytes by channel, and the close code."""
        channels = {}
        while not isinstance(event := await self.event(), CloseConnection):
            if isinstance(event, BytesMessage):
                channel, data = event.data[0], bytes(event.data[1:])
                channels[channel] = channels.get(channel, b"") + data
        self.client.say(self.wire.send(event.response()))
        return channels, event.code


def exec_url(*command, **flags):
    words = [f"command={word}" for word in command] + [f"{name}={str(value).lower()}" for name, value in flags.items()]
    return "exec?" + "&".join(words).replace(" ", "%20")


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_exec(tmp_path, protocol):
    async def scenario():
        async with door(tmp_path) as (_, client):
            url = exec_url("sh", "-c", "echo out; echo err >%262; exit 3", stdout=True, stderr=True)
            socket = await Socket.open(client, url, protocol)
            assert (await socket.event()).data == b"\x01"
            channels, code = await socket.to_the_end()
            assert (channels[1], channels[2], code) == (b"out\n", b"err\n", 1000)
            status = json.loads(channels[3])
            assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
            assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
            assert await client.is_closed()

    run(scenario)


def test_exec_with_stdin_closed_by_v5(tmp_path):
    async def scenario():
        async with door(tmp_path) as (_, client):
            socket = await Socket.open(client, exec_url("cat", stdin=True, stdout=True))
            for _ in range(20):
                socket.send(b"\x00" + b"x" * 50_000)
            socket.send(b"\xff\x00")
            channels, _ = await socket.to_the_end()
            assert len(channels[1]) == 1_000_000
            assert json.loads(channels[3]) == {"metadata": {}, "status": "Success"}

    run(scenario)


def test_exec_with_a_terminal_is_resized(tmp_path):
    async def scenario():
        async with door(tmp_path) as (_, client):
            url = exec_url("sh", "-c", "read x; stty size", stdin=True, stdout=True, stderr=True, tty=True)
            socket = await Socket.open(client, url)
            socket.send(b'\x04{"Width":120,"Height":40}')
            socket.send(b"\x04junk")
            socket.send(b"\x00go\n")
            channels, _ = await socket.to_the_end()
            assert b"40 120" in channels[1]

    run(scenario)


def test_pings_are_answered(tmp_path):
    async def scenario():
        async with door(tmp_path) as (_, client):
            socket = await Socket.open(client, exec_url("cat", stdin=True, stdout=True))
            client.say(socket.wire.send(Ping(b"hello")))
            assert isinstance(await socket.event(), BytesMessage)
            assert isinstance(pong := await socket.event(), Pong)
            assert pong.payload == b"hello"

    run(scenario)


def test_a_program_that_is_not_there(tmp_path):
    async def scenario():
        async with door(tmp_path) as (_, client):
            socket = await Socket.open(client, exec_url("no-such-program", stdout=True))
            channels, code = await socket.to_the_end()
            status = json.loads(channels[3])
            assert (status["reason"], code) == ("InternalError", 1000)
            assert "No such file" in status["message"]

    run(scenario)


def test_a_child_that_lives_on_does_not_hold_exec(tmp_path):
    async def scenario():
        async with door(tmp_path) as (_, client):
            began = time.monotonic()
            socket = await Socket.open(client, exec_url("sh", "-c", "sleep 20 %26 echo done", stdout=True))
            channels, _ = await socket.to_the_end()
            assert channels[1] == b"done\n"
            assert time.monotonic() - began < 10

    run(scenario)


def test_attach_tells_no_exit_code(tmp_path):
    async def scenario():
        async with door(tmp_path) as (_, client):
            socket = await Socket.open(client, "attach?stdin=true&stdout=true")
            socket.send(b"\x00hello\n")
            socket.send(b"\xff\x00")
            channels, _ = await socket.to_the_end()
            assert channels[1] == b"attached\nhello\n"
            assert json.loads(channels[3])["status"] == "Success"

    run(scenario)


RUNS_NOTHING = "the simulated runtime runs no processes: there is nothing for"
UNBOUND = {**POD, "spec": {"containers": [{"name": "nginx"}]}}


@pytest.mark.parametrize(
    "what, pod, code, message",
    [
        ("log?", POD, 501, f"{RUNS_NOTHING} log"),
        ("exec?command=ls", POD, 501, f"{RUNS_NOTHING} exec"),
        ("log?tailLines=-1", None, 422, NEGATIVE),
        ("log?container=x", POD, 400, "container x is not valid for pod web-0"),
        ("exec?container=x&command=ls", POD, 400, "container x is not valid for pod web-0"),
        ("attach?", TWO, 400, CHOOSE),
        ("exec?command=ls", UNBOUND, 400, "pod web-0 does not have a host assigned"),
        ("portforward?", UNBOUND, 400, "pod web-0 does not have a host assigned"),
    ],
)
def test_a_runtime_without_processes_says_so_to_who_asks_rightly(what, pod, code, message):
    async def scenario():
        async with serving(side_door=ClosedDoor(Pods(pod).find, "simulated")) as house, house.client() as client:
            answer = await client.ask(log_url().replace("log?", what))
            assert (answer.code, answer.json["message"]) == (code, message)

    run(scenario)


def test_a_pod_without_a_node_has_no_log(tmp_path):
    async def scenario():
        async with door(tmp_path, UNBOUND) as (_, client):
            client.say(log_url())
            code, headers = await client.head()
            assert (code, "content-type" in headers, "content-length" in headers) == (204, False, False)
            assert (await client.ask(log_url("container=x"))).code == 400

    run(scenario)


UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
KEY = "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"


@pytest.mark.parametrize(
    "path, headers, pod, code, message",
    [
        ("exec?command=a&stdout=1", "", POD, 400, "Upgrade request required"),
        ("exec?command=a&stdout=1", UPGRADE, POD, 400, "version 13"),
        ("exec?command=a&stdout=1", UPGRADE + KEY + "Sec-WebSocket-Protocol: chat\r\n", POD, 400, "chat"),
        ("exec?stdout=1", UPGRADE + KEY, POD, 400, "at least one command"),
        ("exec?command=a", UPGRADE + KEY, POD, 400, "at least one of stdin"),
        ("exec?command=a&stdout=1", UPGRADE + KEY, with_state({"waiting": {}}), 500, 'container not found ("nginx")'),
        ("exec?command=a&stdout=1", UPGRADE + KEY, with_state({"running": {}}, phase="Failed"), 400, "phase is Failed"),
        ("portforward?ports=0", UPGRADE + KEY, POD, 400, '"0" is not a port number'),
        ("portforward", UPGRADE + KEY, POD, 400, "`ports` is needed"),
    ],
)
def test_upgrades_refused(tmp_path, path, headers, pod, code, message):
    async def scenario():
        async with door(tmp_path, pod) as (_, client):
            answer = await client.ask(
                f"GET /api/v1/namespaces/default/pods/web-0/{path} HTTP/1.1\r\nHost: h\r\n{headers}\r\n"
            )
            assert (answer.code, answer.json["kind"]) == (code, "Status")
            assert message in answer.json["message"]

    run(scenario)


async def echo_server():
    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", ""])
def test_port_forward(tmp_path, protocol):
    async def scenario():
        server, port = await echo_server()
        async with server, door(tmp_path) as (_, client):
            socket = await Socket.open(client, f"portforward?ports={port}&ports=1", protocol)
            seen = {}
            socket.send(b"\x00hello")
            while seen.get(0, b"")[2:] != b"HELLO" or len(seen.get(3, b"")) < 3:
                event = await socket.event()
                seen[event.data[0]] = seen.get(event.data[0], b"") + bytes(event.data[1:])
            assert seen[0][:2] == seen[1][:2] == port.to_bytes(2, "little")
            assert seen[3][:2] == (1).to_bytes(2, "little")
            assert seen[3][2:].startswith(b"error forwarding port 1")

    run(scenario)
