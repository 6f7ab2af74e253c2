"""`kubectl delete pod` returns, however fast the next pod of that name is there (kubernetes/kubernetes#135562)."""

import http.client
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shells.cluster import EXAMPLE, Cluster, a_cluster

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

PODS = "/api/v1/namespaces/default/pods"
LIST_AND_WATCH = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"


@pytest.fixture(params=("simulated", "native"))
def quick(request: pytest.FixtureRequest, folder: Path) -> Iterator[Cluster]:
    with a_cluster(folder, runtime=request.param) as made:
        made.up(EXAMPLE)
        made.wait_ready("web-0", "web-1", "web-2")
        yield made


def connected(cluster: Cluster) -> http.client.HTTPSConnection:
    port = json.loads((cluster.data / "running.json").read_text())["port"]
    context = ssl.create_default_context(cafile=str(cluster.data / "pki" / "ca.crt"))
    return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)


def test_kubectl_delete_returns(quick: Cluster) -> None:
    """Before, one in five hung for ever with kubectl 1.35 on the simulated runtime."""
    for number in range(25):
        quick.kubectl("delete", "pod", f"web-{number % 3}", "--timeout=20s")


def test_whoever_has_seen_a_pod_going_sees_its_end(web: Cluster) -> None:
    """What kubectl does, with a quarter of a second where it takes milliseconds."""
    connection = connected(web)
    headers = {"Authorization": f"Bearer {(web.data / 'token').read_text().strip()}"}

    def ask(method: str, path: str) -> Any:
        connection.request(method, path, headers=headers)
        return connection.getresponse()

    deleted = json.load(ask("DELETE", f"{PODS}/web-1?gracePeriodSeconds=1"))["metadata"]["uid"]
    seen = json.load(ask("GET", f"{PODS}/web-1"))["metadata"]["uid"]
    assert seen == deleted, "a process takes longer to end than a client to ask"
    time.sleep(0.25)
    told = ask("GET", f"{PODS}?fieldSelector=metadata.name%3Dweb-1&{LIST_AND_WATCH}")
    events: list[tuple[str, str]] = []
    while ("DELETED", deleted) not in events:
        event = json.loads(told.readline())
        events.append((event["type"], event["object"]["metadata"].get("uid", "")))
    assert events[0] == ("ADDED", deleted)
