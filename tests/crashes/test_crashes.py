"""The short form of `python -m tests.crashes`: a few deaths under load, with simulated containers and real ones."""

import tempfile
from pathlib import Path

import pytest

from tests.crashes import story

pytestmark = pytest.mark.shell


@pytest.mark.parametrize(("runtime", "kills"), [("simulated", 4), ("native", 4)])
def test_nothing_acknowledged_is_lost_and_nobody_lives_twice(runtime: str, kills: int) -> None:
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as folder:
        report = story.run(Path(folder), runtime, kills=kills, seed=18)
    assert not report.broken, str(report)
    assert report.kills == kills
    assert report.acknowledged > 10, str(report)
    assert report.filled, str(report)
    assert report.jumps, str(report)
    assert report.resumed >= kills / 2, str(report)
