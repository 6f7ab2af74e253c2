"""Requests drawn from our OpenAPI document: never a 500, never a broken controller, always JSON back."""

from random import Random

import pytest

from stead.api.request import Request, Response
from stead.api.server import Api
from stead.kinds.registry import BUILT_IN
from stead.machinery.objects import encode
from stead.store.log import Store
from tests.fuzz.asking import Asker
from tests.fuzz.targets import NOW

REQUESTS = 60


@pytest.mark.parametrize("seed", range(6))
def test_drawn_requests(seed: int) -> None:
    asker = Asker(seed)
    for _ in range(REQUESTS):
        asker.ask_one()
    assert asker.codes.get(200, 0) + asker.codes.get(201, 0) > 0, asker.codes


BROKE = [
    ("PATCH", "/api/v1/namespaces/default", "application/json-patch+json", [{"op": "add", "path": "/kind", "value": 1}])
]


@pytest.mark.parametrize(("method", "path", "media", "body"), BROKE)
def test_requests_that_once_broke_something(method: str, path: str, media: str, body: object) -> None:
    api = Api(Store(), BUILT_IN, Random(1))
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}, NOW)
    answer = api.handle(Request(method, path, (), {"content-type": media}, encode(body)), NOW)
    assert isinstance(answer, Response)
    assert 400 <= answer.code < 500, answer.body
