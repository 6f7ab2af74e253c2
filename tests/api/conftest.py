import pytest
from asking import Client


@pytest.fixture
def client() -> Client:
    return Client()
