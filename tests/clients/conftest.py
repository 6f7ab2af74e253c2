"""One simulated cluster for all clients, a namespace for each test, and the record of what ran for the docs."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import record
from tests.clients.space import Space
from tests.shells.cluster import Cluster, a_cluster


@pytest.fixture(scope="session")
def stead() -> Iterator[Cluster]:
    """A short path: unix sockets have room for 108 bytes."""
    name = tempfile.mkdtemp(prefix="stead-")
    with a_cluster(Path(name), runtime="simulated") as made:
        yield made.up()
    shutil.rmtree(name, ignore_errors=True)


@pytest.fixture
def space(stead: Cluster, request: pytest.FixtureRequest) -> Iterator[Space]:
    """A new namespace, named after the test; it goes without being waited for."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).removeprefix("test-")[:50].strip("-")
    stead.kubectl("create", "namespace", name)
    with tempfile.TemporaryDirectory(prefix="stead-") as folder:
        yield Space(stead, name, Path(folder))
    stead.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def shared_space(stead: Cluster, request: pytest.FixtureRequest) -> Iterator[Space]:
    """A namespace for the small tests of a module that are not in each other's way."""
    name = request.module.__name__.rpartition(".")[2].replace("_", "-")
    stead.kubectl("create", "namespace", name)
    with tempfile.TemporaryDirectory(prefix="stead-") as folder:
        yield Space(stead, name, Path(folder))


# --- the table in docs/compatibility.md

outcomes: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.nodeid.startswith(record.FOLDER) and (report.when == "call" or report.failed):
        outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish() -> None:
    """STEAD_WRITE_TABLE=1 makes the docs tell what ran; `tests/house` holds them to what there is to run."""
    if os.environ.get("STEAD_WRITE_TABLE"):
        record.write(record.table(outcomes))
