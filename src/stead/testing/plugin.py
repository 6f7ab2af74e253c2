"""The pytest plugin: a real API server with its controllers for the session, a namespace of its own for every test.

pytest loads this wherever stead is installed, so nothing of stead is loaded before a fixture is asked for.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from stead.machinery.late import Late

apiserver: Any = Late("stead.testing.apiserver")

OPTIONS = "stead_options"


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "options of `stead up` for the fixtures of stead (--runtime simulated: containers are scripts)"
    parser.addini(OPTIONS, told, type="args", default=["--runtime", "simulated"])


@pytest.fixture(scope="session")
def stead_server(pytestconfig: pytest.Config) -> Iterator[Any]:
    """A running stead (`stead.testing.apiserver.ApiServer`), one a session; pytest-xdist: one a worker."""
    yield from _served(pytestconfig)


@pytest.fixture
def stead_alone(pytestconfig: pytest.Config) -> Iterator[Any]:
    """A stead of this test's own, for what concerns a whole cluster: nodes, classes, custom kinds, a crash."""
    yield from _served(pytestconfig)


@pytest.fixture
def stead(stead_server: Any) -> Iterator[Any]:
    """A fresh namespace of the session's stead (`stead.testing.apiserver.Space`), deleted after the test."""
    space = stead_server.space()
    yield space
    space.close()


@pytest.fixture
def stead_kubeconfig(stead: Any) -> str:
    """The path of a kubeconfig whose namespace is this test's."""
    return str(stead.kubeconfig)


@pytest.fixture
def stead_url(stead: Any) -> str:
    return str(stead.url)


def _served(config: pytest.Config) -> Iterator[Any]:
    server = apiserver.ApiServer.start(config.getini(OPTIONS))
    yield server
    server.stop()
