"""kubectl 1.35 on a pod that runs: a container to look in with, and other resources without a new start."""

import json

import pytest

from tests.clients.space import Space
from tests.shells.cluster import until

pytestmark = pytest.mark.shell

CONTAINER = {"name": "p", "image": "registry.example/p:1", "resources": {"requests": {"cpu": "100m"}}}
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [CONTAINER]}}


def test_debug(space: Space) -> None:
    running(space)
    space.kubectl("debug", "p", "--image=registry.example/tools:1", "-c", "tools", "--", "sleep", "1000")
    statuses = "{.status.ephemeralContainerStatuses[*].state.running.startedAt}"
    until(lambda: space.kubectl("get", "pod", "p", "-o", f"jsonpath={statuses}"), wish="the tools running")
    assert "Ephemeral Containers:\n  tools:" in space.kubectl("describe", "pod", "p")


def test_resize_in_place(space: Space) -> None:
    running(space)
    patch = {"spec": {"containers": [{"name": "p", "resources": {"requests": {"cpu": "200m"}}}]}}
    assert space.kubectl("patch", "pod", "p", "--subresource=resize", "-p", json.dumps(patch)) == "pod/p patched\n"
    given = "{.status.containerStatuses[0].resources.requests.cpu}"
    until(
        lambda: space.kubectl("get", "pod", "p", "-o", f"jsonpath={given}") == "200m",
        wish="the container with what it was given",
    )
    assert space.kubectl("get", "pod", "p", "-o", "jsonpath={.status.containerStatuses[0].restartCount}") == "0"
    all_ = {"cpu": "1", "memory": "1Gi"}
    more = {"spec": {"containers": [{"name": "p", "resources": {"limits": all_, "requests": all_}}]}}
    told = space.kubectl("patch", "pod", "p", "--subresource=resize", "-p", json.dumps(more), check=False)
    assert "Pod QOS Class may not change as a result of resizing" in told


def running(space: Space) -> None:
    space.apply(json.dumps(POD))
    until(lambda: space.kubectl("get", "pod", "p", "-o", "jsonpath={.status.phase}") == "Running", wish="p running")
