"""The way into a pod: connections from inside its network, and programs beside its containers."""

import socket

from stead.runtimes.cri import sessions, spaces
from stead.runtimes.cri.node import Node
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.sessions import ExecSession


class Reach:
    """A `probing.Reach` over an engine on this machine."""

    def __init__(self, node: Node):
        self._node = node

    def address(self, uid: str) -> str:
        pod = self._node.pods.get(uid)
        return pod.ip if pod is not None else "127.0.0.1"

    async def dial(self, uid: str, port: int, host: str = "") -> socket.socket:
        pod = self._node.living(uid)
        if not pod.pid:
            raise Refusal("the engine does not tell where the pod's network is")
        return await spaces.connected(spaces.network_of(pod.pid), host or "127.0.0.1", port)

    async def run(self, uid: str, container: str, argv: list[str]) -> ExecSession:
        return await sessions.run(self._node, uid, container, argv)
