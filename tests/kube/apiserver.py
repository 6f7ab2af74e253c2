"""A real API behind a real HTTP server on loopback, that can be made to refuse: what the client must live with."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from msgspec import structs

from stead.api.request import ADMIN, Request, Response, Stream
from stead.cluster import assembly, bootstrap
from stead.cluster.config import Config
from stead.cluster.members import Member
from stead.kube.credentials import Credentials
from stead.kube.kubeconfig import Access
from stead.kube.transport import Transport
from stead.machinery.errors import ApiError
from stead.machinery.objects import encode
from stead.machinery.times import Now
from stead.runtimes.simulated import SimulatedRuntime
from stead.serve.http import HttpServer
from stead.store.log import Store

Refuse = Callable[[Request], Response | None]


def now() -> Now:
    return Now(time.time(), time.monotonic())


class ApiServer:
    """`refuse` may answer a request instead of the API. `asked` is every request, as `METHOD path`."""

    def __init__(self) -> None:
        config = Config(runtime="simulated", controllers=())
        self.cluster = assembly.cluster(
            config, Store(":memory:"), [Member("stead", SimulatedRuntime(Random(0)))], Random(0)
        )
        bootstrap.install(self.cluster, config, now())
        self.refuse: Refuse = lambda request: None
        self.asked: list[str] = []
        self.blind_to = ""  # a parameter that this server has never heard of
        self.port = 0
        self.server = HttpServer(self._handle, lambda *_: ADMIN, None, now)

    def _handle(self, requests: list[Request]) -> list[Response | Stream]:
        answers = [self._one(request) for request in requests]
        self.server.ring()
        return answers

    def _one(self, request: Request) -> Response | Stream:
        query = "&".join(f"{name}={value}" for name, value in request.query)
        self.asked.append(f"{request.method} {request.path}?{query}")
        if request.parameter(self.blind_to):
            known = tuple((name, value) for name, value in request.query if not _is_of(name, self.blind_to))
            request = structs.replace(request, query=known)
        refused = self.refuse(request)
        return refused if refused is not None else self.cluster.handle([request], now())[0]

    def create(self, *objects: Any) -> None:
        for obj in objects:
            self.cluster.api.create(obj, now())
        self.server.ring()

    def transport(self, **access: Any) -> Transport:
        found = Access(f"http://127.0.0.1:{self.port}", **access)
        return Transport(found, Credentials(found, {}), now)


def _is_of(name: str, parameter: str) -> bool:
    """`resourceVersionMatch` is only understood together with `sendInitialEvents`."""
    return name in (parameter, "resourceVersionMatch")


@asynccontextmanager
async def serving() -> AsyncIterator[ApiServer]:
    made = ApiServer()
    made.port = await made.server.listen(None, "127.0.0.1", 0)
    yield made
    await made.server.close(0.1)


def refusal(error: ApiError, *headers: tuple[str, str]) -> Response:
    return Response(error.code, encode(error.status()), headers=headers)


async def until(what: Callable[[], Any], seconds: float = 10.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)
    return found


def a_config_map(name: str, **data: str) -> Any:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}
