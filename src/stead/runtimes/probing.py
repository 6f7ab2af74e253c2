"""Probes and hooks of every runtime: httpGet, tcpSocket, grpc and exec, from inside the pod's network.

Messages read as the kubelet's do, because people search for them.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from stead.machinery.objects import Json
from stead.machinery.runtime import RunProbe
from stead.runtimes.native import health
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.sessions import ExecSession

Verdict = tuple[bool, str]

_OUTPUT_BYTES = 10 * 1024
_PASS, _REDIRECT_END = 200, 400


class Reach(Protocol):
    """How a runtime gets to its pods. Everything may raise Refusal where the pod does not run, and OSError."""

    def address(self, uid: str) -> str:
        """The pod's address, loopback where it has none."""

    async def dial(self, uid: str, port: int, host: str = "") -> socket.socket:
        """A connected socket of the pod's network."""

    async def run(self, uid: str, container: str, argv: list[str]) -> ExecSession:
        """A program beside a container's first process, without input."""


async def run(reach: Reach, action: RunProbe) -> Verdict:
    """Try the handler once, within its time."""
    name = next((name for name in _HANDLERS if name in action.handler), "")
    if not name:
        return False, "missing probe handler"
    try:
        return await asyncio.wait_for(_HANDLERS[name](reach, action), action.timeout_seconds)
    except TimeoutError:
        return False, _LATE[name](reach, action)
    except (Refusal, OSError, ValueError) as error:
        return False, str(error)


# handlers


async def _http(reach: Reach, action: RunProbe) -> Verdict:
    get: Json = action.handler["httpGet"]
    host, port = _target(reach, action, get), int(get["port"])
    try:
        link = await reach.dial(action.uid, port, host)
    except OSError as error:
        return False, f'Get "{_url(reach, action)}": dial tcp {host}:{port}: connect: {_words(error)}'
    try:
        status = await _asked(link, get, host)
    except ssl.SSLError as error:
        return False, f'Get "{_url(reach, action)}": tls: {error.reason}'
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError):
        return False, f'Get "{_url(reach, action)}": EOF'
    if _PASS <= status < _REDIRECT_END:
        return True, ""
    return False, f"HTTP probe failed with statuscode: {status}"


async def _asked(link: socket.socket, get: Json, host: str) -> int:
    """The status that a server answers with. Closes the connection."""
    try:
        reader, writer = await asyncio.open_connection(sock=link, **_secured(get))
    except BaseException:
        link.close()
        raise
    try:
        writer.write(_request(get, host, int(get["port"])))
        return int((await reader.readuntil(b"\r\n")).split(None, 2)[1])
    finally:
        writer.close()


def _secured(get: Json) -> dict[str, Any]:
    """As the kubelet: an encrypted connection without asking who is there."""
    if get.get("scheme", "HTTP") != "HTTPS":
        return {}
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return {"ssl": context, "server_hostname": ""}


def _request(get: Json, host: str, port: int) -> bytes:
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {header["name"]: header["value"] for header in get.get("httpHeaders") or ()}
    lines = [f"GET {_path(get)} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _path(get: Json) -> str:
    path = str(get.get("path") or "/")
    return path if path.startswith("/") else f"/{path}"


def _url(reach: Reach, action: RunProbe) -> str:
    get = action.handler["httpGet"]
    return f"{get.get('scheme', 'HTTP').lower()}://{_target(reach, action, get)}:{get['port']}{_path(get)}"


def _target(reach: Reach, action: RunProbe, handler: Json) -> str:
    return str(handler.get("host") or reach.address(action.uid))


async def _tcp(reach: Reach, action: RunProbe) -> Verdict:
    handler: Json = action.handler["tcpSocket"]
    host, port = _target(reach, action, handler), int(handler["port"])
    try:
        (await reach.dial(action.uid, port, host)).close()
    except OSError as error:
        return False, f"dial tcp {host}:{port}: connect: {_words(error)}"
    return True, ""


async def _grpc(reach: Reach, action: RunProbe) -> Verdict:
    handler: Json = action.handler["grpc"]
    host, port = _target(reach, action, handler), int(handler["port"])
    try:
        link = await reach.dial(action.uid, port, host)
    except OSError as error:
        return False, f'timeout: failed to connect service "{host}:{port}": {_words(error)}'
    reader, writer = await asyncio.open_connection(sock=link)
    try:
        return await health.check(reader, writer, str(handler.get("service") or ""))
    except (OSError, asyncio.IncompleteReadError):
        return False, "error: health rpc failed: the connection ended"
    finally:
        writer.close()


async def _exec(reach: Reach, action: RunProbe) -> Verdict:
    session = await reach.run(action.uid, action.container, list(action.handler["exec"].get("command") or ()))
    try:
        output = b"".join(await asyncio.gather(*(_drained(session, name) for name in ("stdout", "stderr"))))
        code = await session.wait()
    except Refusal as trouble:
        return False, str(trouble)
    except asyncio.CancelledError:
        session.kill()
        raise
    finally:
        session.close()
    return code == 0, output[:_OUTPUT_BYTES].decode(errors="replace")


async def _drained(session: ExecSession, stream: str) -> bytes:
    """All of a stream, of which the first part is kept."""
    kept = b""
    while data := await session.read(stream):
        kept += data[: _OUTPUT_BYTES - len(kept)]
    return kept


async def _sleep(reach: Reach, action: RunProbe) -> Verdict:
    await asyncio.sleep(float(action.handler["sleep"]["seconds"]))
    return True, ""


def _place(reach: Reach, action: RunProbe, name: str) -> str:
    handler = action.handler[name]
    return f"{_target(reach, action, handler)}:{handler['port']}"


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


_HANDLERS: dict[str, Callable[[Reach, RunProbe], Awaitable[Verdict]]] = {
    "httpGet": _http,
    "tcpSocket": _tcp,
    "grpc": _grpc,
    "exec": _exec,
    "sleep": _sleep,
}

_LATE: dict[str, Callable[[Reach, RunProbe], str]] = {
    "httpGet": lambda reach, action: (
        f'Get "{_url(reach, action)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    ),
    "tcpSocket": lambda reach, action: f"dial tcp {_place(reach, action, 'tcpSocket')}: i/o timeout",
    "grpc": lambda reach, action: f"timeout: health rpc did not complete within {action.timeout_seconds:g}s",
    "exec": lambda reach, action: f"command timed out after {action.timeout_seconds:g}s",
    "sleep": lambda reach, action: "the hook did not end in time",
}
