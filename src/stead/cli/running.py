"""The stead that runs on a data directory, found by the other commands."""

from pathlib import Path

from stead.cluster import live
from stead.kube import kubeconfig
from stead.kube.client import Client
from stead.machinery.objects import Json


class NotRunning(Exception):
    """Nobody runs there; the message says what to do."""


def state(data: Path) -> Json:
    """What the running stead wrote about itself; raises NotRunning."""
    found = live.read_state(data)
    if found is None:
        raise NotRunning(f"no stead runs on {data}; start one with stead up, or name its directory with --data")
    return found


def client(data: Path) -> Client:
    """A client with the administrator's credentials; raises NotRunning."""
    state(data)
    return Client(kubeconfig.read(data / "kubeconfig"))
