"""The tiers of the native runtime, asked for by name; the plain one says what it cannot do."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from stead.runtimes import lending
from stead.runtimes.native import plain
from tests.shells.cluster import EXAMPLE, KUBECTL, a_cluster, until

pytestmark = [pytest.mark.shell, pytest.mark.anyone]


def test_the_plain_tier_runs_the_example_and_says_what_it_cannot_do(folder: Path) -> None:
    with a_cluster(folder, runtime="plain") as cluster:
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")
        assert "native/plain" in cluster.output()
        assert "runs as plain processes" in cluster.kubectl("describe", "pod", "web-0")
        claim = cluster.get("pvc", "www-web-1")
        path = Path(cluster.get("pv", claim["spec"]["volumeName"])["spec"]["hostPath"]["path"])
        (path / "index.html").write_text("plain web-1")
        forward = [str(KUBECTL), "--kubeconfig", str(cluster.data / "kubeconfig"), "port-forward", "web-1", ":80"]
        with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = until(process.stdout.readline).split(":")[1].split()[0]
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read() == b"plain web-1"
            process.terminate()


@pytest.mark.skipif(not plain.name_library(), reason="libnss-wrapper is not installed")
def test_plain_processes_find_names_where_a_library_helps_them(folder: Path) -> None:
    """A name follows its pod, in the short form and in the long one."""
    with a_cluster(folder, runtime="plain") as cluster:
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")

        def found(name: str) -> str:
            script = f"import socket; print(socket.gethostbyname('{name}'))"
            return cluster.kubectl("exec", "web-0", "--", "python3", "-c", script, check=False).strip()

        assert found("web-1.nginx") == cluster.pods()["web-1"]["status"]["podIP"]
        assert found("web-2.nginx.default.svc.cluster.local") == cluster.pods()["web-2"]["status"]["podIP"]
        assert "not known" in found("web-9.nginx")
        before = found("web-1.nginx")
        cluster.kubectl("delete", "pod", "web-1")
        until(lambda: found("web-1.nginx") not in (before, "") and cluster.ready() == ["web-0", "web-1", "web-2"])
        until(lambda: found("web-1.nginx") == cluster.pods()["web-1"]["status"]["podIP"], wish="the new address")


def test_root_of_nobody_else_is_an_ordinary_user(folder: Path) -> None:
    """`unshare -r stead up`: a user namespace with one user. Pods run, and it is said what they are."""
    alone = ("unshare", "--map-root-user")
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    with a_cluster(folder, prefix=alone) as cluster:
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")
        assert "root is the only user of this user namespace" in cluster.output()
        assert "native/root" not in cluster.output()
        told = subprocess.run(
            [*alone, sys.executable, "-m", "stead", "doctor", "--data", str(cluster.data)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "COLUMNS": "400"},
        )
        assert "root is the only user of this user namespace" in told.stdout


def test_the_user_tier_is_what_an_ordinary_user_gets(folder: Path) -> None:
    with a_cluster(folder, runtime="user") as cluster:
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")
        cluster.write_page("web-2", "from a user namespace")
        assert cluster.page("web-2") == "from a user namespace"


STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      securityContext: {runAsUser: 999, runAsGroup: 999, fsGroup: 2000}
      containers:
      - name: db
        image: host:shell
        command: [sh, -c, "umask 077; mkdir -p /data/own; date > /data/own/x; exec sleep 1000"]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
"""


@pytest.mark.lent
def test_files_of_lent_users_go_with_their_claim_and_with_the_data_directory(folder: Path) -> None:
    if not lending.lent():
        pytest.skip("no users are lent to this one")
    (folder / "db.yaml").write_text(STATEFUL)
    with a_cluster(folder, runtime="user") as cluster:
        cluster.up(folder / "db.yaml", options=("--nodes", "2"))
        cluster.wait_ready("db-0")
        owner = cluster.kubectl("exec", "db-0", "--", "stat", "-c", "%u:%g %a", "/data", "/data/own").split()
        assert owner == ["0:2000", "2777", "999:2000", "2700"]
        volume = cluster.get("pvc", "data-db-0")["spec"]["volumeName"]
        path = Path(cluster.get("pv", volume)["spec"]["hostPath"]["path"])
        assert (path / "own").stat().st_uid == lending.lent().users.first + 998
        cluster.kubectl("scale", "sts/db", "--replicas=2")
        cluster.wait_ready("db-0", "db-1")
        cluster.kubectl("delete", "sts/db", "--cascade=orphan")
        cluster.kubectl("delete", "pod/db-0", "pvc/data-db-0")
        until(lambda: not path.exists(), wish=f"{path} gone with its claim")
        assert "is gone" in cluster.stead("down", "--delete") and not cluster.data.exists()
