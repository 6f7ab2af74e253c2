"""Images for real: pulled from a registry, imported into a running stead, and not removed from under a pod."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.programs.gear import a_registry, digest, layout, reference
from tests.shells.cluster import Cluster, is_ready, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

SLEEP = ["sleep", "1000"]


@pytest.fixture(scope="module")
def stead(cluster: Cluster) -> Cluster:
    return cluster.up()


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with a_registry() as address:
        yield address


def create(cluster: Cluster, name: str, *containers: dict[str, Any]) -> None:
    spec = {"containers": list(containers), "terminationGracePeriodSeconds": 0}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))


def run(cluster: Cluster, name: str, *containers: dict[str, Any]) -> Any:
    """The pod once it is Ready."""
    create(cluster, name, *containers)
    until(lambda: is_ready(cluster.pods()[name]), wish=f"{name} Ready")
    return cluster.pods()[name]


def waits_for(cluster: Cluster, name: str) -> str:
    """Reason and message of what the pod's only container waits for."""
    statuses = cluster.pods()[name]["status"].get("containerStatuses") or [{}]
    waiting = statuses[0].get("state", {}).get("waiting") or {}
    return f"{waiting.get('reason')}: {waiting.get('message')}"


def test_containers_of_one_pod_from_a_registry_share_its_network(stead: Cluster, registry: str) -> None:
    pod = run(
        stead,
        "two",
        {"name": "web", "image": f"{registry}/nginx:1"},
        {"name": "shell", "image": f"{registry}/busybox@{digest('busybox')}", "command": SLEEP},
    )
    statuses = {status["name"]: status for status in pod["status"]["containerStatuses"]}
    assert len({status["imageID"] for status in statuses.values()}) == 2
    assert "Successfully pulled image" in stead.kubectl("get", "events")
    ask = ("exec", "two", "-c", "shell", "--", "wget", "-qO-", "http://localhost")
    until(lambda: "Welcome to nginx" in stead.kubectl(*ask, check=False), wish="nginx answers")
    assert stead.kubectl("exec", "two", "-c", "shell", "--", "ls", "/usr/sbin", check=False).find("nginx") == -1
    assert stead.kubectl("exec", "two", "-c", "web", "--", "sh", "-c", "nginx -v 2>&1").startswith("nginx version")


def test_an_image_that_the_registry_has_not_is_told(stead: Cluster, registry: str) -> None:
    create(stead, "absent", {"name": "c", "image": f"{registry}/busybox:2"})
    until(lambda: "not found" in waits_for(stead, "absent"), wish="ErrImagePull")
    until(lambda: waits_for(stead, "absent").startswith("ImagePullBackOff"), wish="ImagePullBackOff")


def test_an_image_imported_into_a_running_stead_is_used_and_kept_while_it_is(stead: Cluster) -> None:
    never = {"name": "c", "image": reference("redis"), "imagePullPolicy": "Never"}
    create(stead, "kept", never)
    until(lambda: waits_for(stead, "kept").startswith("ErrImageNeverPull"), wish="ErrImageNeverPull")
    assert stead.stead("image", "import", str(layout("redis"))) == f"imported {reference('redis')}\n"
    until(lambda: is_ready(stead.pods()["kept"]), wish="the pod runs")
    refused = stead.stead("image", "remove", reference("redis"), check=False)
    assert "pods run on the image" in refused
    assert reference("redis") in stead.stead("image", "list")
    stead.kubectl("delete", "pod", "kept")
    until(lambda: "removed" in stead.stead("image", "remove", reference("redis"), check=False), wish="removed")
    assert reference("redis") not in stead.stead("image", "list")
