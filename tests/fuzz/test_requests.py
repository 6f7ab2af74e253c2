"""Requests drawn from our OpenAPI document: never a 500, never a broken controller, always JSON back."""

import pytest

from tests.fuzz.asking import Asker

REQUESTS = 60


@pytest.mark.parametrize("seed", range(6))
def test_drawn_requests(seed: int) -> None:
    asker = Asker(seed)
    for _ in range(REQUESTS):
        asker.ask_one()
    assert asker.codes.get(200, 0) + asker.codes.get(201, 0) > 0, asker.codes
