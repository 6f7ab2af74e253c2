"""Probes and hooks: httpGet, tcpSocket, grpc and exec, from inside the pod's network; and `dial`, the way in.

Messages read as the kubelet's do, because people search for them.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

from stead.machinery.objects import Json
from stead.machinery.runtime import RunProbe
from stead.runtimes.native import health, recipes, sessions
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.node import Node

Verdict = tuple[bool, str]

_OUTPUT_BYTES = 10 * 1024
_PASS, _REDIRECT_END = 200, 400


async def dial(node: Node, uid: str, port: int, host: str = "") -> socket.socket:
    """A connected socket of the pod's network; `host` is the pod's loopback unless told. Raises OSError, Refusal."""
    loop = asyncio.get_running_loop()
    shim = await node.shim_of(uid)
    if node.tier == "plain":
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        host = host or node.pods[uid].ip
        port = _moved(node, uid, port)
    else:
        made = socket.socket(fileno=await shim.ask_file("socket", family=int(socket.AF_INET)))
    made.setblocking(False)
    try:
        await loop.sock_connect(made, (host or "127.0.0.1", port))
    except BaseException:
        made.close()
        raise
    return made


def _moved(node: Node, uid: str, port: int) -> int:
    """Where a port of the plain tier really is: an ordinary user's web server had to go elsewhere."""
    return node.place(node.pods[uid], "").web_port if port == recipes.WEB_PORT else port


async def run(node: Node, action: RunProbe) -> Verdict:
    """Try the handler once, within its time."""
    name = next((name for name in _HANDLERS if name in action.handler), "")
    if not name:
        return False, "missing probe handler"
    try:
        return await asyncio.wait_for(_HANDLERS[name](node, action), action.timeout_seconds)
    except TimeoutError:
        return False, _LATE[name](node, action)
    except (Refusal, OSError, ValueError) as error:
        return False, str(error)


# handlers


async def _http(node: Node, action: RunProbe) -> Verdict:
    get: Json = action.handler["httpGet"]
    host, port = _target(node, action, get), int(get["port"])
    try:
        link = await dial(node, action.uid, port, host)
    except OSError as error:
        return False, f'Get "{_url(node, action)}": dial tcp {host}:{port}: connect: {_words(error)}'
    try:
        status = await _asked(link, get, host)
    except ssl.SSLError as error:
        return False, f'Get "{_url(node, action)}": tls: {error.reason}'
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError):
        return False, f'Get "{_url(node, action)}": EOF'
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


def _url(node: Node, action: RunProbe) -> str:
    get = action.handler["httpGet"]
    return f"{get.get('scheme', 'HTTP').lower()}://{_target(node, action, get)}:{get['port']}{_path(get)}"


def _target(node: Node, action: RunProbe, handler: Json) -> str:
    pod = node.pods.get(action.uid)
    return str(handler.get("host") or (pod.ip if pod is not None else "127.0.0.1"))


async def _tcp(node: Node, action: RunProbe) -> Verdict:
    handler: Json = action.handler["tcpSocket"]
    host, port = _target(node, action, handler), int(handler["port"])
    try:
        (await dial(node, action.uid, port, host)).close()
    except OSError as error:
        return False, f"dial tcp {host}:{port}: connect: {_words(error)}"
    return True, ""


async def _grpc(node: Node, action: RunProbe) -> Verdict:
    handler: Json = action.handler["grpc"]
    host, port = _target(node, action, handler), int(handler["port"])
    try:
        link = await dial(node, action.uid, port, host)
    except OSError as error:
        return False, f'timeout: failed to connect service "{host}:{port}": {_words(error)}'
    reader, writer = await asyncio.open_connection(sock=link)
    try:
        return await health.check(reader, writer, str(handler.get("service") or ""))
    except (OSError, asyncio.IncompleteReadError):
        return False, "error: health rpc failed: the connection ended"
    finally:
        writer.close()


async def _exec(node: Node, action: RunProbe) -> Verdict:
    shim = await node.shim_of(action.uid)
    spec = {"arguments": list(action.handler["exec"].get("command") or ()), "has_tty": False}
    session = await sessions.run(shim, action.container, spec, has_stdin=False)
    try:
        output = b"".join(await asyncio.gather(*(_drained(session, name) for name in ("stdout", "stderr"))))
        code = await session.wait()
    except sessions.ProgramTrouble as trouble:
        return False, str(trouble)
    except asyncio.CancelledError:
        session.kill()
        raise
    finally:
        session.close()
    return code == 0, output[:_OUTPUT_BYTES].decode(errors="replace")


async def _drained(session: sessions.ExecSession, stream: str) -> bytes:
    """All of a stream, of which the first part is kept."""
    kept = b""
    while data := await session.read(stream):
        kept += data[: _OUTPUT_BYTES - len(kept)]
    return kept


async def _sleep(node: Node, action: RunProbe) -> Verdict:
    await asyncio.sleep(float(action.handler["sleep"]["seconds"]))
    return True, ""


def _place(node: Node, action: RunProbe, name: str) -> str:
    handler = action.handler[name]
    return f"{_target(node, action, handler)}:{handler['port']}"


def _words(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error)


_HANDLERS: dict[str, Callable[[Node, RunProbe], Awaitable[Verdict]]] = {
    "httpGet": _http,
    "tcpSocket": _tcp,
    "grpc": _grpc,
    "exec": _exec,
    "sleep": _sleep,
}

_LATE: dict[str, Callable[[Node, RunProbe], str]] = {
    "httpGet": lambda node, action: (
        f'Get "{_url(node, action)}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
    ),
    "tcpSocket": lambda node, action: f"dial tcp {_place(node, action, 'tcpSocket')}: i/o timeout",
    "grpc": lambda node, action: f"timeout: health rpc did not complete within {action.timeout_seconds:g}s",
    "exec": lambda node, action: f"command timed out after {action.timeout_seconds:g}s",
    "sleep": lambda node, action: "the hook did not end in time",
}
