"""The controller as a pod of the cluster it serves: its own service account, its own probes, nothing told by hand."""

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import stead
from tests.shells.afar import OTHERS
from tests.shells.cluster import EXAMPLE, ROOT, Cluster, until

pytestmark = pytest.mark.shell

FOLDERS = {"stead": Path(stead.__file__).parents[1], "libraries": Path(msgspec.__file__).parents[1]}
PLACES = {name: f"/opt/{name}" for name in FOLDERS}


def a_pod() -> Any:
    """This Python and this checkout in the stead of an image."""
    container = {
        "name": "controller",
        "image": "host:shell",
        "command": [os.path.realpath(sys.executable), "-m", "stead", "controller", "--listen", "0.0.0.0:8080"],
        "env": [{"name": "PYTHONPATH", "value": ":".join(PLACES.values())}, {"name": "HOME", "value": "/nowhere"}],
        "volumeMounts": [{"name": name, "mountPath": place} for name, place in PLACES.items()],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/livez", "port": 8080}},
    }
    volumes = [{"name": name, "hostPath": {"path": str(path)}} for name, path in FOLDERS.items()]
    spec = {"serviceAccountName": "stead-controller", "containers": [container], "volumes": volumes}
    meta = {"name": "stead-controller", "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def test_it_finds_its_cluster_is_probed_and_acts(cluster: Cluster) -> None:
    cluster.up(ROOT / "examples" / "controller-rbac.yaml", options=("--controllers", OTHERS))
    if "plain" in cluster.output():
        pytest.skip("pods of the plain tier have no network of their own")
    cluster.kubectl("apply", "-f", "-", stdin=msgspec.json.encode(a_pod()).decode())
    asked = ("wait", "-n", "kube-system", "--for=condition=Ready", "pod/stead-controller", "--timeout=80s")
    cluster.kubectl(*asked)
    cluster.kubectl("apply", "-f", str(EXAMPLE))
    cluster.wait_ready("web-0", "web-1", "web-2")
    told = cluster.kubectl("logs", "-n", "kube-system", "stead-controller")
    assert "stead controller for https://10.96.0.1:443 (all namespaces), as stead-controller_" in told
    assert "in office: acts from now on" in told
    holder = cluster.get("lease", "-n", "kube-system", "stead-controller")["spec"]["holderIdentity"]
    assert holder.startswith("stead-controller_")
    cluster.kubectl("delete", "pod", "-n", "kube-system", "stead-controller")
    lease = until(lambda: cluster.get("lease", "-n", "kube-system", "stead-controller")["spec"], wish="the Lease")
    assert lease.get("holderIdentity", "") == ""  # laid down within its grace
