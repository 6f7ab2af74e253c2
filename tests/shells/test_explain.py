"""A wait as people meet it: the command, kubectl and the metrics of a running stead, with the simulated runtime."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from stead.machinery.objects import Json
from tests.shells.cluster import EXAMPLE, KUBECTL, a_cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


def test_a_set_that_waits_is_explained_until_it_is_whole(folder: Path) -> None:
    service, storage_class, web = EXAMPLE.read_text().split("---\n")
    (folder / "web.yaml").write_text(f"{service}---\n{web}")
    with a_cluster(folder, runtime="simulated") as cluster:
        cluster.up(folder / "web.yaml")
        until(lambda: len(cluster.get("explanations")["items"]) == 3, wish="set, pod and claim wait")
        assert "explanations" in cluster.kubectl("api-resources", "--api-group=stead.dev")
        assert "create the StorageClass" in cluster.kubectl("get", "why")
        assert cluster.get("explanation", "sts.web")["waits"][0]["rule"] == "PR-5"
        assert "because" in cluster.kubectl("get", "explanation", "sts.web", "-o", "yaml")
        described = cluster.kubectl("describe", "explanation", "statefulset.web")
        assert 'there is no StorageClass "my-gfs-storageclass"' in described
        assert "What it waits for" in cluster.kubectl("explain", "explanations.waits")
        assert "MethodNotAllowed" in cluster.kubectl("delete", "explanation", "sts.web", check=False)
        assert cluster.get("explanation", "sts.web") == json.loads(cluster.stead("explain", "sts/web", "-o", "json"))
        assert "it does not exist yet; StatefulSet web makes it" in cluster.stead("explain", "pod/web-2")
        missing = cluster.stead("explain", "sts/wbe", check=False)
        assert "there is no StatefulSet wbe in namespace default; there is web" in missing
        assert "KIND/NAME is wanted" in cluster.stead("explain", "web", check=False)
        cluster.kubectl("apply", "-f", "-", stdin=storage_class)
        cluster.wait_ready("web-0", "web-1", "web-2")
        assert "as its spec wants it" in cluster.stead("explain", "sts/web")
        assert "No resources found" in cluster.kubectl("get", "explanations", check=False)


def test_what_it_says_can_be_done_is_pasted_and_helps(folder: Path) -> None:
    """RU-11 with a bare updateStrategy (RE-2): real processes, and the remedy typed into a real shell."""
    with a_cluster(folder) as cluster:
        cluster.up()
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(a_bare_set("echo cannot open /etc/db.conf; exit 3")))
        until(lambda: "its last words: cannot open /etc/db.conf" in cluster.stead("explain", "sts/db"))
        cluster.kubectl("apply", "-f", "-", stdin=json.dumps(a_bare_set("exec sleep 1000")))
        environment = {**os.environ, "KUBECONFIG": str(cluster.data / "kubeconfig"), "HOME": str(folder)}
        environment["PATH"] = f"{KUBECTL.parent}:{environment['PATH']}"

        def remedied() -> list[str]:
            """Typed whenever it is said: a pod in a loop is Ready for moments, and may be named the second time."""
            waits = [wait for one in cluster.get("why")["items"] for wait in one["waits"]]
            said = [wait["remedy"] for wait in waits if wait.get("rule") == "RU-11"]
            for remedy in said:
                subprocess.run(remedy, shell=True, check=True, env=environment, timeout=60, capture_output=True)
            return said

        assert "patch statefulset" in until(remedied)[0]
        until(lambda: cluster.ready() == ["db-0", "db-1"] or (remedied() and False), wish="a healthy set")


def a_bare_set(script: str) -> Json:
    container = {"name": "db", "image": "host:shell", "command": ["sh", "-c", script]}
    labels = {"app": "db"}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db"},
        "spec": {
            "replicas": 2,
            "serviceName": "",
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def test_the_metrics_know_the_process_and_its_sockets(folder: Path) -> None:
    with a_cluster(folder, runtime="simulated") as cluster:
        cluster.up()
        numbers = dict(line.rsplit(" ", 1) for line in cluster.kubectl("get", "--raw", "/metrics").splitlines())
        assert float(numbers["process_resident_memory_bytes"]) > 10_000_000
        assert float(numbers["process_start_time_seconds"]) > 1_700_000_000
        assert float(numbers["stead_connections"]) >= 1
        assert float(numbers["stead_watches"]) == 0
        assert float(numbers['workqueue_depth{name="statefulset"}']) == 0
