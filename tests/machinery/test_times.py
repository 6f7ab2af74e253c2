"""Durations as text."""

import pytest

from stead.machinery.times import go_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.4221, "422ms"), (1, "1s"), (1.5, "1.5s"), (12.034, "12.034s"), (72.5, "1m12.5s"), (3605, "1h0m5s")],
)
def test_durations_as_go_prints_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
