"""Pods ask the API: by the service `kubernetes`, with the token and the authority of their service account."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shells.cluster import ROOT, Cluster, a_cluster, is_ready, until

pytestmark = pytest.mark.shell

CLIENT = ROOT / ".tools" / "python"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
ASK = f"""
curl --silent --show-error --cacert {ACCOUNT}/ca.crt --header "Authorization: Bearer $(cat {ACCOUNT}/token)" \
  "https://$0/api/v1/namespaces/$(cat {ACCOUNT}/namespace)/pods"
"""
IN_CLUSTER = """
from kubernetes import client, config
config.load_incluster_config()
print(*(pod.metadata.name for pod in client.CoreV1Api().list_namespaced_pod("default").items))
"""


@pytest.fixture(scope="module")
def stead() -> Iterator[Cluster]:
    """A short path: unix sockets have room for 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="stead-") as folder, a_cluster(Path(folder)) as cluster:
        cluster.up()
        cluster.kubectl("create", "role", "reader", "--verb=get,list,watch", "--resource=pods")
        cluster.kubectl("create", "rolebinding", "reader", "--role=reader", "--serviceaccount=default:reader")
        cluster.kubectl("create", "serviceaccount", "reader")
        yield cluster


def run(cluster: Cluster, name: str, **more: Any) -> str:
    """A pod of this name that does nothing, Ready."""
    mounts = [{"name": "client", "mountPath": "/client"}] if CLIENT.is_dir() else []
    container = {"name": "c", "image": "host:shell", "command": ["sleep", "1000"], "volumeMounts": mounts}
    volumes = [{"name": "client", "hostPath": {"path": str(CLIENT)}}] if mounts else []
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0, **more}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    until(lambda: is_ready(cluster.pods()[name]), wish=f"{name} Ready")
    return name


def ask(cluster: Cluster, pod: str, where: str) -> Any:
    """What the API answers to the pod's question for pods."""
    return json.loads(cluster.kubectl("exec", pod, "--", "sh", "-c", ASK, where))


@pytest.mark.anyone
@pytest.mark.parametrize("where", ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local:443", "10.96.0.1"])
def test_a_pod_asks_with_its_token_what_its_account_may_know(stead: Cluster, where: str) -> None:
    pod = run(stead, "reader", serviceAccountName="reader")
    assert [item["metadata"]["name"] for item in ask(stead, pod, where)["items"]] == stead.ready()


@pytest.mark.anyone
def test_an_account_without_rights_is_refused_by_name(stead: Cluster) -> None:
    told = ask(stead, run(stead, "nobody"), "kubernetes.default.svc")
    assert told["code"] == 403
    assert 'User "system:serviceaccount:default:default" cannot list resource "pods"' in told["message"]


@pytest.mark.parametrize("more", [{}, {"hostNetwork": True}], ids=["own network", "host network"])
def test_the_python_client_finds_the_cluster_it_is_in(stead: Cluster, more: dict[str, Any]) -> None:
    pod = run(stead, "own" if not more else "host", serviceAccountName="reader", **more)
    said = stead.kubectl("exec", pod, "--", "/client/bin/python", "-B", "-c", IN_CLUSTER)
    assert pod in said.split()
