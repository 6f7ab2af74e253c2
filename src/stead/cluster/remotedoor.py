"""How a remote controller does: health and metrics over HTTP, for loopback and for whoever probes its pod."""

from collections.abc import Callable
from itertools import chain

from stead.api.request import Request, Response, User
from stead.cluster import metrics, process
from stead.cluster.remote import Remote, now
from stead.machinery.metrics import MEDIA, exposition
from stead.serve.http import HttpServer

TEXT = "text/plain; charset=utf-8"
ANYONE = User("anyone")  # nothing here can be changed, and no object is shown


class Door:
    """`/livez` while the loop turns; `/readyz` once it has seen everything and nothing keeps it from working."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._pages: dict[str, Callable[[], Response]] = {
            "/healthz": self._alive,
            "/livez": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }
        self._server = HttpServer(lambda asked: [self._answer(one) for one in asked], lambda *_: ANYONE, None, now)

    async def listen(self, host: str, port: int) -> int:
        """Answers the port. Raises OSError."""
        return await self._server.listen(None, host, port)

    async def close(self) -> None:
        await self._server.close(0.0)

    def _answer(self, request: Request) -> Response:
        page = self._pages.get(request.path)
        if page is None:
            return Response(404, f"there are {', '.join(self._pages)}\n".encode(), TEXT)
        return page() if request.method == "GET" else Response(405, b"only GET\n", TEXT)

    def _alive(self) -> Response:
        return Response(200, b"ok", TEXT)

    def _ready(self) -> Response:
        waits = [] if self._remote.is_synced else ["the first look at the cluster is not over"]
        told = [*waits, *self._remote.troubles()]
        return Response(503, "".join(f"{line}\n" for line in told).encode(), TEXT) if told else self._alive()

    def _metrics(self) -> Response:
        engine = self._remote.engine
        parts = (metrics.of_engine(engine), metrics.of_sets(engine, now()), self._remote.metrics(), process.metrics())
        return Response(200, exposition(chain(*parts)), MEDIA)
