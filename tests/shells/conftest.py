"""Fixtures of the tests with real processes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells.cluster import EXAMPLE, Cluster, a_cluster


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: unix sockets have room for 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that is not up yet."""
    with a_cluster(folder) as made:
        yield made


@pytest.fixture
def web(cluster: Cluster) -> Cluster:
    """The first example, up and Ready."""
    cluster.up(EXAMPLE)
    cluster.wait_ready("web-0", "web-1", "web-2")
    return cluster
