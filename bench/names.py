"""Cluster DNS: clients that ask for the pods of a set, one question after the other, over UDP."""

import asyncio
import os
import time
from functools import partial
from typing import Any, cast

import uvloop

from bench.client import Target
from bench.harness import Figures, Measurement, processor_seconds
from bench.living import SETS, a_set, command, state
from stead.kube import kubeconfig
from stead.machinery.objects import encode

ASKING, PODS, SECONDS = 16, 100, 3.0
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]},
}


class Asker(asyncio.DatagramProtocol):
    """One client. `took` are the seconds of each answer that named an address."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self._transport: Any = None
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(data)

    async def ask(self, ordinal: int) -> bool:
        """Whether there was an address in the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.sendto(question(f"web-{ordinal}.web.default.svc.cluster.local"))
        answer = await asyncio.wait_for(self._answer, 10)
        self.took.append(time.perf_counter() - began)
        return answer[6:8] != b"\0\0"

    def close(self) -> None:
        self._transport.close()


def question(name: str) -> bytes:
    """A message that asks for the IPv4 addresses of a name."""
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return os.urandom(2) + b"\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


async def _asked(target: Target, port: int, pid: int) -> Figures:
    client = await target.connect()
    for path, obj in (("/api/v1/namespaces/default/services", SERVICE), (SETS, a_set(PODS, "Parallel"))):
        code, said = await client.ask("POST", path, encode(obj))
        assert code == 201, said
    client.close()
    loop = asyncio.get_running_loop()
    pairs = [await loop.create_datagram_endpoint(Asker, remote_addr=("127.0.0.1", port)) for _ in range(ASKING)]
    askers = [cast(Asker, asker) for _, asker in pairs]
    while not all([await askers[0].ask(ordinal) for ordinal in range(PODS)]):
        await asyncio.sleep(0.05)
    askers[0].took.clear()
    spent, until = processor_seconds(pid), time.perf_counter() + SECONDS

    async def work(asker: Asker, first: int) -> None:
        while time.perf_counter() < until:
            assert await asker.ask((first + len(asker.took)) % PODS)

    await asyncio.gather(*(work(asker, first) for first, asker in enumerate(askers)))
    took = sorted(seconds for asker in askers for seconds in asker.took)
    for asker in askers:
        asker.close()
    return {
        "answers a second": len(took) / SECONDS,
        "answers by a second of processor": len(took) / (processor_seconds(pid) - spent),
        f"median wait of {ASKING} clients, ms": took[len(took) // 2] * 1000,
        f"p99 wait of {ASKING} clients, ms": took[len(took) * 99 // 100] * 1000,
    }


def _names() -> Figures:
    with command("simulated", "--max-pods", str(2 * PODS)) as (process, data, _):
        target = Target.of(kubeconfig.read(data / "kubeconfig"))
        return uvloop.run(_asked(target, int(state(data)["dns_port"]), process.pid))


ALL = (Measurement("DNS", "", partial(_names)),)
