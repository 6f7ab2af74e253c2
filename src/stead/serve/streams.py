"""The side door: logs, exec, attach and port-forward, straight from a runtime to a client, past the kernel.

The API says whether the client may and which pod is meant; everything after that is bytes (wire.md 3.8).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from stead.api.options import is_true
from stead.api.request import Request
from stead.machinery import meta
from stead.machinery.errors import ApiError, BadRequest, NotFound
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.times import Now
from stead.serve import channels, logs, portforward, remotecommand, spdystreams, websocket
from stead.serve.channels import ChannelClient
from stead.serve.conversation import Conversation
from stead.serve.logs import LogSource, LogWanted
from stead.serve.remotecommand import Client, Patient, Session, Size
from stead.serve.spdyconnection import RawCarrier, SpdyConnection, TunnelCarrier
from stead.serve.spdystreams import SpdyClient
from stead.serve.websocket import WebSocket

SORTS = ("log", "exec", "attach", "portforward")
ENDED = ("Succeeded", "Failed")
TUNNEL = "SPDY/3.1+portforward.k8s.io"  # SPDY inside a WebSocket


class PodRuntime(Protocol):
    """What runs the pods, as far as streams need it; its errors are told to the client by their text."""

    def log_path(self, uid: str, pod: Key, container: str, attempt: int) -> str: ...

    async def exec(
        self,
        uid: str,
        container: str,
        argv: list[str],
        *,
        has_tty: bool = False,
        has_stdin: bool = False,
        size: Size | None = None,
    ) -> Session: ...

    async def attach(self, uid: str, container: str, *, has_stdin: bool = False) -> Session: ...

    async def dial(self, uid: str, port: int) -> socket.socket: ...


FindPod = Callable[[Request], Json]  # authorises and answers the pod, or raises an ApiError
Begin = Callable[[Patient], Awaitable[Session]]
RuntimeOf = Callable[[Json], PodRuntime]  # raises an ApiError where the pod's node cannot be reached
OpenLog = Callable[[str, LogWanted], LogSource]


class NoStreams(ApiError):
    code, reason = 501, "NotImplemented"


def visited(find_pod: FindPod, request: Request) -> tuple[Json, str]:
    """The pod and the container that are meant, as the API server finds them before it asks a node.

    Parameters first, then the pod, then its container, then its node. Raises an ApiError; Unbound for a log of a pod
    that no node has.
    """
    sort, name = _subresource(request), request.path.strip("/").split("/")[5]
    try:
        pod = find_pod(request)
    except NotFound:
        if sort == "log":
            logs.asked(request, name)
        raise
    wanted = logs.asked(request, name).container if sort == "log" else request.parameter("container")
    container = logs.container_of(pod, wanted) if sort != "portforward" else ""
    if not dig(pod, "spec", "nodeName"):
        raise Unbound(f"pod {name} does not have a host assigned")
    return pod, container


class Unbound(BadRequest):
    """No node has the pod yet: there is nobody to ask, and no log."""


class ClosedDoor:
    """For a runtime whose containers are no processes (the simulated one): says so, to those who ask rightly."""

    def __init__(self, find_pod: FindPod, runtime_name: str) -> None:
        self._find_pod = find_pod
        self._runtime_name = runtime_name

    def opens_for(self, request: Request) -> bool:
        return _subresource(request) in SORTS

    async def serve(self, conversation: Conversation) -> None:
        sort = _subresource(conversation.request)
        try:
            visited(self._find_pod, conversation.request)
        except Unbound:
            if sort != "log":
                raise
            conversation.answer(logs.NOTHING)
            return
        raise NoStreams(f"the {self._runtime_name} runtime runs no processes: there is nothing for {sort}")


class StreamDoor:
    """A `serve.http.SideDoor`. `runtime_of` answers what runs a pod, `open_log` reads a log file by its path."""

    def __init__(self, find_pod: FindPod, runtime_of: RuntimeOf, open_log: OpenLog, now: Callable[[], Now]) -> None:
        self._find_pod = find_pod
        self._runtime_of = runtime_of
        self._open_log = open_log
        self._now = now
        self._sorts: dict[str, Callable[[Conversation, Json, str], Awaitable[None]]] = {
            "log": self._log,
            "exec": self._exec,
            "attach": self._attach,
            "portforward": self._port_forward,
        }

    def opens_for(self, request: Request) -> bool:
        return _subresource(request) in self._sorts and request.method in ("GET", "POST")

    async def serve(self, conversation: Conversation) -> None:
        """Speak with the client until one of both ends it. Raises an ApiError where the first byte is never sent."""
        sort = _subresource(conversation.request)
        try:
            pod, container = visited(self._find_pod, conversation.request)
        except Unbound:
            if sort != "log":
                raise
            conversation.answer(logs.NOTHING)
            return
        await self._sorts[sort](conversation, pod, container)

    async def _log(self, conversation: Conversation, pod: Json, container: str) -> None:
        request = conversation.request
        wanted = logs.asked(request, meta.name(pod))
        attempt = logs.attempt_of(pod, container, is_previous=wanted.is_previous)
        uid, key = meta.uid(pod), Key("Pod", meta.namespace(pod), meta.name(pod))
        path = self._runtime_of(pod).log_path(uid, key, container, attempt)
        source = await asyncio.to_thread(
            self._open_log, path, wanted.wanted(self._now())
        )  # `tailLines` reads the whole file

        def is_over() -> bool:
            return logs.has_ended(self._look_again(request), uid, container, attempt)

        try:
            await logs.tell(conversation, source, is_over if wanted.is_following else None, self._now)
        finally:
            source.close()

    async def _exec(self, conversation: Conversation, pod: Json, container: str) -> None:
        request = conversation.request
        command = [value for name, value in request.query if name == "command"]
        if not command:
            raise BadRequest("you must specify at least one command for the container")
        _require_running(pod, container)
        runtime = self._runtime_of(pod)
        has_tty, has_stdin = is_true(request, "tty"), is_true(request, "stdin")
        protocol = _command_protocol(request)

        async def begin(client: Patient) -> Session:
            size = await client.size() if has_tty else None
            return await runtime.exec(
                meta.uid(pod), container, command, has_tty=has_tty, has_stdin=has_stdin, size=size
            )

        await self._command(conversation, begin, _outputs(request, has_tty), protocol, tells_exit=True)

    async def _attach(self, conversation: Conversation, pod: Json, container: str) -> None:
        request = conversation.request
        _require_running(pod, container)
        runtime = self._runtime_of(pod)
        spec = _container(pod, container)
        has_stdin = is_true(request, "stdin") and bool(spec.get("stdin"))
        protocol = _command_protocol(request)

        async def begin(client: Patient) -> Session:
            return await runtime.attach(meta.uid(pod), container, has_stdin=has_stdin)

        streams = _outputs(request, bool(spec.get("tty")))
        await self._command(conversation, begin, streams, protocol, tells_exit=False)

    async def _command(
        self,
        conversation: Conversation,
        begin: Begin,
        streams: tuple[str, ...],
        protocol: str,
        *,
        tells_exit: bool,
    ) -> None:
        """Accept, begin and carry; what fails after the handshake is told on the error channel."""
        if not spdystreams.is_asked(conversation.request.headers):
            channel_client = ChannelClient(WebSocket.accept(conversation, protocol))
            await channel_client.greet()
            await _carry(begin, channel_client, streams, tells_exit=tells_exit)
            return
        spdystreams.switch(conversation, protocol)
        spdy_client = SpdyClient(SpdyConnection(RawCarrier(conversation)), protocol)
        try:
            if await spdy_client.open(conversation.request):
                await _carry(begin, spdy_client, streams, tells_exit=tells_exit)
        finally:
            await spdy_client.close()

    async def _port_forward(self, conversation: Conversation, pod: Json, _: str) -> None:
        request = conversation.request
        if dig(pod, "status", "phase") != "Running":
            phase = dig(pod, "status", "phase", default="Pending")
            raise BadRequest(f"unable to forward port because pod is not running. Current status={phase}")

        runtime = self._runtime_of(pod)

        async def dial(port: int) -> socket.socket:
            return await runtime.dial(meta.uid(pod), port)

        if spdystreams.is_asked(request.headers):
            spdystreams.switch(
                conversation, spdystreams.chosen_protocol(request.headers, (spdystreams.FORWARD_PROTOCOL,))
            )
            await spdystreams.forward(SpdyConnection(RawCarrier(conversation)), dial)
            return
        protocol = _protocol(request, (TUNNEL, channels.V4))
        ports = portforward.ports_of(request) if protocol != TUNNEL else []
        client = WebSocket.accept(conversation, protocol)
        if protocol == TUNNEL:
            await spdystreams.forward(SpdyConnection(TunnelCarrier(client)), dial)
        else:
            await portforward.converse(client, ports, dial)

    def _look_again(self, request: Request) -> Json | None:
        try:
            return self._find_pod(request)
        except ApiError:
            return None


def _require_running(pod: Json, container: str) -> None:
    """Raises BadRequest and, as the kubelet does, an internal error."""
    phase = dig(pod, "status", "phase", default="Pending")
    if phase in ENDED:
        raise BadRequest(f"cannot exec into a container in a completed pod; current phase is {phase}")
    if "running" not in (dig(logs.status_of(pod, container) or {}, "state") or {}):
        raise ApiError(f'container not found ("{container}")')


def _subresource(request: Request) -> str:
    """`log` of `/api/v1/namespaces/NS/pods/NAME/log`, "" for other paths."""
    if "/pods/" not in request.path:
        return ""
    steps = request.path.strip("/").split("/")
    is_pod = len(steps) == 7 and steps[:3] == ["api", "v1", "namespaces"] and steps[4] == "pods"
    return steps[6] if is_pod else ""


async def _carry(begin: Begin, client: Client, streams: tuple[str, ...], *, tells_exit: bool) -> None:
    patient = Patient(client)
    try:
        session = await begin(patient)
    except Exception as error:
        await patient.finish(remotecommand.failure(f"error executing command in container: {error}"))
        return
    await remotecommand.converse(session, patient, streams, tells_exit=tells_exit)


def _command_protocol(request: Request) -> str:
    if spdystreams.is_asked(request.headers):
        return spdystreams.chosen_protocol(request.headers, spdystreams.COMMAND_PROTOCOLS)
    return _protocol(request, channels.PROTOCOLS)


def _protocol(request: Request, known: tuple[str, ...]) -> str:
    if not websocket.is_asked(request.headers):
        upgrade = request.headers.get("upgrade")
        told = f"the upgrade to {upgrade} is not supported" if upgrade else "Upgrade request required"
        raise BadRequest(f"{told}; ask for a WebSocket with one of {', '.join(known)}")
    return websocket.chosen_protocol(request.headers, known)


def _outputs(request: Request, has_tty: bool) -> tuple[str, ...]:
    """The output streams wanted. A terminal has only one. Raises BadRequest where no stream at all is wanted."""
    wanted = [stream for stream in ("stdin", "stdout", "stderr") if is_true(request, stream)]
    if not wanted:
        raise BadRequest("you must specify at least one of stdin, stdout, stderr")
    return tuple(stream for stream in wanted if stream == "stdout" or (stream == "stderr" and not has_tty))


def _container(pod: Json, name: str) -> Json:
    containers: list[Any] = [spec for part in logs.CONTAINER_LISTS for spec in dig(pod, "spec", part, default=[])]
    return next(spec for spec in containers if spec["name"] == name)
