"""Certificates, made once."""

import time

import pytest

from stead.serve.tls import Certificates, certificates, server_names


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("pki"), server_names("cluster.local"), time.time())
