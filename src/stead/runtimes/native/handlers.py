"""The way into a pod for probes, hooks and port-forwarding: connections from inside its network, and programs."""

import asyncio
import socket

from stead.runtimes.native import recipes, sessions
from stead.runtimes.native.node import Node


class Reach:
    """A `probing.Reach` over shims."""

    def __init__(self, node: Node):
        self._node = node

    def address(self, uid: str) -> str:
        pod = self._node.pods.get(uid)
        return pod.ip if pod is not None else "127.0.0.1"

    async def dial(self, uid: str, port: int, host: str = "") -> socket.socket:
        return await dial(self._node, uid, port, host)

    async def run(self, uid: str, container: str, argv: list[str]) -> sessions.ExecSession:
        shim = await self._node.shim_of(uid)
        return await sessions.run(shim, container, {"arguments": argv, "has_tty": False}, has_stdin=False)


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
