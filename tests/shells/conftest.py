"""Fixtures of the tests with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells.cluster import EXAMPLE, Cluster, a_cluster, a_folder, can_run_engines, import_example_image


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_folder() as made:
        yield made


RUNTIMES = ("native", "cri")


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that is not up yet."""
    with a_cluster(folder) as made:
        yield made


@pytest.fixture
def web(cluster: Cluster) -> Cluster:
    """The first example, up and Ready."""
    return ready(cluster)


@pytest.fixture(params=RUNTIMES)
def anywhere(request: pytest.FixtureRequest, folder: Path) -> Iterator[Cluster]:
    """The first example, up and Ready, on each runtime that this user can have here."""
    if request.param == "cri" and not can_run_engines():
        pytest.skip("a containerd of our own needs root, containerd and runc")
    with a_cluster(folder, runtime=request.param) as made:
        if request.param == "cri":
            import_example_image(made)
        yield ready(made)


def ready(cluster: Cluster) -> Cluster:
    cluster.up(EXAMPLE)
    cluster.wait_ready("web-0", "web-1", "web-2")
    return cluster
