"""A stead for each program, shared by the tests of one file: each leaves it as it found it, with all pods Ready."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells.cluster import Cluster, a_cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Not up yet. A short path: unix sockets have room for 108 bytes."""
    with (
        tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as name,
        a_cluster(Path(name)) as made,
    ):
        yield made
