"""`stead plan` beside a running stead and, with its kubeconfig, as of any cluster: it foretells and writes nothing."""

import json
from pathlib import Path

import pytest

from tests.shells.cluster import EXAMPLE, a_cluster

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


def test_a_release_is_foretold_and_nothing_is_written(folder: Path) -> None:
    changed = folder / "changed.yaml"
    changed.write_text(EXAMPLE.read_text().replace("slim:0.8", "slim:0.9"))
    refused = folder / "refused.yaml"
    refused.write_text(EXAMPLE.read_text().replace("serviceName: nginx", "serviceName: other"))
    with a_cluster(folder, runtime="simulated") as cluster:
        assert "an empty cluster" in cluster.stead("plan", "-f", str(EXAMPLE))
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")
        before = cluster.get("statefulset,pod,pvc,pv,service")["items"]
        assert "statefulset.apps/web unchanged" in cluster.stead("plan", "-f", str(EXAMPLE))
        near = json.loads(cluster.stead("plan", "-f", str(changed), "-o", "json"))
        afar = ("--kubeconfig", str(cluster.data / "kubeconfig"))
        far = json.loads(cluster.stead("plan", "-f", str(changed), "-o", "json", *afar))
        assert near["sets"][0]["restarted"] == far["sets"][0]["restarted"] == ["web-0", "web-1", "web-2"]
        assert near["is_settled"]
        told = cluster.stead("plan", "-f", str(refused), check=False)
        assert "document 3: spec: Forbidden: updates to statefulset spec" in told
        assert cluster.get("statefulset,pod,pvc,pv,service")["items"] == before
        cluster.kubectl("apply", "--server-side", "--field-manager=stead", "-f", str(changed))
        foretold = {one["detail"] for one in near["sets"][0]["happenings"] if one["what"] == "created"}
        cluster.kubectl("rollout", "status", "sts/web", "--timeout=60s")
        pods = cluster.pods().values()
        assert {pod["metadata"]["labels"]["controller-revision-hash"] for pod in pods} == foretold
