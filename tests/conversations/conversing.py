"""The other side of a recorded conversation: an Api in memory in the state the recordings were taken in."""

import json
import os
from email.message import Message
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote

from stead.api.request import Request, Response, Stream
from stead.api.server import Api
from stead.kinds.registry import BUILT_IN
from stead.machinery.times import Now
from stead.store.log import Store

START = 1_790_000_000.0
Answer = tuple[int, Message, str]


def recordings() -> Path | None:
    """Where the recordings are: `$STEAD_RECORDINGS`, or `shared/recordings` beside the checkout."""
    beside = Path(__file__).parents[3] / "shared" / "recordings"
    found = Path(os.environ.get("STEAD_RECORDINGS", beside))
    return found if (found / "play.py").is_file() else None


class Server:
    """An Api that is asked as a socket would ask it, with a clock of its own."""

    def __init__(self) -> None:
        self.api = Api(Store(), BUILT_IN, Random(1), server_address="192.0.2.2:16443")
        self.wall = START
        self.api.create(named("v1", "Namespace", "default"), self.now)
        self.furnish("default")

    @property
    def now(self) -> Now:
        return Now(self.wall, self.wall)

    def furnish(self, namespace: str) -> None:
        """What the service account and root certificate controllers put into a new namespace."""
        for kind, name in (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")):
            self.api.create(named("v1", kind, name, namespace), self.now)

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        self.wall += 0.01
        data = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        place, _, query = path.partition("?")
        all_headers = {"user-agent": "conversation/1", **{name.lower(): value for name, value in headers.items()}}
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        answer = self.api.handle(Request(method, unquote(place), pairs, all_headers, data), self.now)
        if (method, place) == ("POST", "/api/v1/namespaces") and isinstance(answer, Response) and answer.code == 201:
            self.furnish(body["metadata"]["name"])
        return told(answer) if isinstance(answer, Response) else (200, header(answer.media, ()), self.watched(answer))

    def watched(self, stream: Stream) -> str:
        """Everything a watch says until it ends; time jumps to its next wake."""
        text = b""
        while not stream.is_done:
            text += b"".join(stream.frames(self.now))
            wake = stream.next_wake()
            self.wall = max(self.wall, wake if wake is not None else self.wall)
        return text.decode()


def named(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def told(answer: Response) -> Answer:
    return answer.code, header(answer.media, answer.warnings), answer.body.decode()


def header(media: str, warnings: tuple[str, ...]) -> Message:
    made = Message()
    made["Content-Type"] = media
    for text in warnings:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        made["Warning"] = f'299 - "{quoted}"'
    return made
