"""The tiers of the native runtime, asked for by name; the plain one says what it cannot do."""

import subprocess
import urllib.request
from pathlib import Path

import pytest

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


def test_the_user_tier_is_what_an_ordinary_user_gets(folder: Path) -> None:
    with a_cluster(folder, runtime="user") as cluster:
        cluster.up(EXAMPLE)
        cluster.wait_ready("web-0", "web-1", "web-2")
        cluster.write_page("web-2", "from a user namespace")
        assert cluster.page("web-2") == "from a user namespace"
