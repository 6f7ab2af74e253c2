"""Looking at the engine again and again, because CRI does not call back: what has ended since the last look?"""

import asyncio
import contextlib
import logging
import os

from stead.machinery.runtime import SandboxFailed
from stead.runtimes.cri import mapping
from stead.runtimes.cri.client import EngineTrouble
from stead.runtimes.cri.node import Held, Node, Pod
from stead.runtimes.logs import FILE_BYTES
from stead.runtimes.native import starting

log = logging.getLogger(__name__)

_SECONDS = 0.25
_HURRIED_SECONDS = 0.01
_HURRIED_LOOKS = 20
_AWAY_SECONDS = 1.0
_LOGS_EVERY = 40  # looks


class Watch:
    """`stir` makes the next looks quick ones: a process has ended, and the engine will know in a moment."""

    def __init__(self, node: Node):
        self._node = node
        self._stirred = asyncio.Event()
        self._hurried = 0
        self._looks = 0

    def stir(self) -> None:
        self._hurried = _HURRIED_LOOKS
        self._stirred.set()

    async def run(self) -> None:
        while True:
            seconds = _SECONDS
            try:
                if any(pod.is_alive for pod in self._node.pods.values()):
                    await self._look()
            except EngineTrouble as trouble:
                log.warning("the engine does not answer: %s", trouble)
                seconds = _AWAY_SECONDS
            await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        if self._hurried:
            self._hurried -= 1
            await asyncio.sleep(_HURRIED_SECONDS)
            return
        self._stirred.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), seconds)

    async def _look(self) -> None:
        """Only what was known before the engine was asked can be missed in its answer."""
        node = self._node
        known = [(pod, list(pod.containers.values())) for pod in node.pods.values() if pod.is_alive]
        chosen = {"filter": {"label_selector": {mapping.OWNER: node.owner}}}
        containers = (await node.engine.ask("ListContainers", chosen))["containers"]
        sandboxes = (await node.engine.ask("ListPodSandbox", chosen))["items"]
        alive = {told["id"] for told in containers if told["state"] in (mapping.CREATED, mapping.RUNNING)}
        ready = {told["id"] for told in sandboxes if told["state"] == mapping.READY}
        for pod, helds in known:
            for held in helds:
                if held.is_running and held.id not in alive:
                    await node.settle(pod, held)
            if pod.is_alive and pod.sandbox_id not in ready:
                await self._lose(pod)
        self._looks += 1
        if self._looks % _LOGS_EVERY == 0:
            await self._turn_logs_over([(pod, held) for pod, helds in known for held in helds])

    async def _lose(self, pod: Pod) -> None:
        """The sandbox is no more, and nobody asked for that: its containers went with it."""
        pod.is_alive = False
        for held in pod.containers.values():
            if held.is_running:
                await self._node.settle(pod, held)
            if held.is_running:
                self._node.tell_end(pod, held, mapping.lost_event(held.told))
        self._node.report(SandboxFailed(pod.pod, pod.uid, "the pod's processes are gone"))

    async def _turn_logs_over(self, helds: list[tuple[Pod, Held]]) -> None:
        """A full log moves aside and the engine begins a new one: so a container owns at most two."""
        for pod, held in helds:
            path = starting.log_path(pod.directory, held.told.container, held.attempt)
            with contextlib.suppress(OSError, EngineTrouble):
                if held.is_running and os.stat(path).st_size > FILE_BYTES:
                    os.replace(path, path + ".1")
                    await self._node.engine.ask("ReopenContainerLog", {"container_id": held.id})
