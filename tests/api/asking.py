"""An Api in memory, asked the way a socket would ask it, with a clock that tests move."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qsl, unquote

from stead.api.request import ADMIN, Request, Response, User
from stead.api.server import Api
from stead.kinds.registry import BUILT_IN
from stead.machinery.times import Now
from stead.store.log import Store

Json = dict[str, Any]
NOON = 1_790_000_000.0
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
SETS = "/apis/apps/v1/namespaces/default/statefulsets"
MERGE = {"content-type": "application/merge-patch+json"}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@dataclass
class Answer:
    """What came back, decoded where it is JSON."""

    code: int
    body: Any
    media: str = "application/json"
    warnings: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> str:
        return str(self.body["message"])


class Client:
    """Asks; `seconds(n)` lets time pass."""

    def __init__(self, store: Store | None = None, **settings: Any) -> None:
        self.store = store or Store()
        self.api = Api(self.store, BUILT_IN, Random(7), **settings)
        self.user: User = ADMIN
        self.wall = NOON
        self.create(obj("v1", "Namespace", "default", namespace=""))
        self.create(obj("v1", "ServiceAccount", "default"))

    @property
    def now(self) -> Now:
        return Now(self.wall, self.wall)

    def seconds(self, count: float) -> None:
        self.wall += count

    def create(self, what: Json) -> Any:
        return self.api.create(what, self.now)

    def ask(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        got = self.api.handle(self.request(method, url, body, headers), self.now)
        assert isinstance(got, Response)
        is_json = "json" in got.media
        return Answer(
            got.code, json.loads(got.body) if is_json else got.body, got.media, got.warnings, dict(got.headers)
        )

    def request(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Request:
        path, _, query = url.partition("?")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        pairs = tuple(parse_qsl(query, keep_blank_values=True))
        return Request(method, unquote(path), pairs, {"user-agent": "test/1", **(headers or {})}, data, self.user)

    def watch(self, url: str, headers: Mapping[str, str] | None = None) -> "Seen":
        got = self.api.handle(self.request("GET", url, None, headers), self.now)
        assert not isinstance(got, Response), got
        return Seen(self, got)

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", url, None, headers)


class Seen:
    """A watch and what it has said."""

    def __init__(self, client: Client, stream: Any) -> None:
        self.client = client
        self.stream = stream

    def events(self) -> list[Json]:
        """What is new."""
        text = b"".join(self.stream.frames(self.client.now)).decode()
        return [json.loads(line) for line in text.splitlines()]

    def words(self) -> list[str]:
        """What is new, as `ADDED a`."""
        return [f"{event['type']} {event['object']['metadata'].get('name', '')}".strip() for event in self.events()]


def obj(api_version: str, kind: str, name: str, *, namespace: str = "default", **parts: Any) -> Json:
    metadata: Json = {"name": name, **({"namespace": namespace} if namespace else {}), **parts.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **parts}


def config_map(name: str, labels: Json | None = None, **data: str) -> Json:
    return obj("v1", "ConfigMap", name, metadata={"labels": labels} if labels else {}, data=data)


def pod(name: str, *, node: str = "", **metadata: Any) -> Json:
    spec: Json = {"containers": [{"name": "c", "image": "nginx:1"}], **({"nodeName": node} if node else {})}
    return obj("v1", "Pod", name, metadata=metadata, spec=spec)


def stateful_set(name: str, replicas: int = 1) -> Json:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}
    spec = {"replicas": replicas, "serviceName": name, "selector": {"matchLabels": labels}, "template": template}
    return obj("apps/v1", "StatefulSet", name, spec=spec)
