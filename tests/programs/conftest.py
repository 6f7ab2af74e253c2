"""A stead for each program, shared by the tests of one file: each leaves it as it found it, with all pods Ready."""

from collections.abc import Iterator

import pytest

from tests.shells.cluster import Cluster, a_cluster, a_folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Not up yet. A short path: unix sockets have room for 108 bytes."""
    with a_folder() as folder, a_cluster(folder) as made:
        yield made
