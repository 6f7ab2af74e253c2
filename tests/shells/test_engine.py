"""What a user sees of `--runtime cri` beside the circle: streams, services, and what is said where it cannot be."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells.cluster import EXAMPLE, KUBECTL, Cluster, a_cluster, can_run_engines, import_example_image, until
from tests.shells.conftest import ready

pytestmark = [
    pytest.mark.shell,
    pytest.mark.skipif(not can_run_engines(), reason="a containerd of our own needs root, containerd and runc"),
]


@pytest.fixture
def engine(folder: Path) -> Iterator[Cluster]:
    with a_cluster(folder, runtime="cri") as made:
        import_example_image(made)
        yield made


def test_streams_services_and_the_engine_by_name(engine: Cluster, tmp_path: Path) -> None:
    ready(engine)
    node = engine.get("node", "stead")["status"]["nodeInfo"]
    assert node["containerRuntimeVersion"].startswith("containerd://")
    status = engine.pods()["web-0"]["status"]["containerStatuses"][0]
    assert status["containerID"].startswith("containerd://") and status["imageID"].startswith("sha256:")

    assert engine.kubectl("exec", "-i", "web-0", "--", "cat", stdin="to the end") == "to the end"
    assert "exit code 3" in engine.kubectl("exec", "web-0", "--", "sh", "-c", "exit 3", check=False)
    (tmp_path / "page").write_text("copied")
    engine.kubectl("cp", str(tmp_path / "page"), "web-0:/usr/share/nginx/html/page")
    assert engine.page("web-0", "/page") == "copied"

    forward = [str(KUBECTL), "--kubeconfig", str(engine.data / "kubeconfig"), "port-forward", "web-0", ":80"]
    with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = until(process.stdout.readline).split(":")[1].split()[0]
        assert urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=5).read() == b"copied"
        process.terminate()

    ports = [{"port": 8000, "targetPort": "web"}]
    wanted = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}}
    selector = {"statefulset.kubernetes.io/pod-name": "web-0"}
    engine.kubectl("apply", "-f", "-", stdin=json.dumps({**wanted, "spec": {"selector": selector, "ports": ports}}))
    asking = ("exec", "web-1", "--", "wget", "-q", "-O-", "http://one.default.svc.cluster.local:8000/page")
    until(lambda: engine.kubectl(*asking, check=False) == "copied", wish="the service's address", seconds=10)


def test_a_containerd_that_dies_is_started_again_under_living_pods(engine: Cluster) -> None:
    ready(engine)
    before = {name: pod["metadata"]["uid"] for name, pod in engine.pods().items()}
    os.kill(int((engine.data / "cri" / "engine" / "containerd.pid").read_text().split()[0]), signal.SIGKILL)
    engine.kubectl("delete", "pod", "web-1")
    engine.wait_ready("web-0", "web-1", "web-2")
    after = {name: pod["metadata"]["uid"] for name, pod in engine.pods().items()}
    assert {name for name in before if before[name] != after[name]} == {"web-1"}
    assert all(pod["status"]["containerStatuses"][0]["restartCount"] == 0 for pod in engine.pods().values())


def test_what_cannot_be_is_said_with_a_remedy(engine: Cluster) -> None:
    def said(*options: str, **environment: str) -> str:
        words = ["up", "--port", "0", "--data", str(engine.data), "--runtime", "cri", *options]
        done = subprocess.run(
            [sys.executable, "-m", "stead", *words],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
            timeout=30,
        )
        assert done.returncode == 1
        return done.stderr

    assert "nothing is at /no/such.sock; is the engine running?" in said("--cri-endpoint", "unix:///no/such.sock")
    assert "an engine is reached at unix:///path" in said("--cri-endpoint", "tcp://localhost:1")
    assert "apt-get install containerd runc" in said(PATH="/nonexistent")


NODES = ("--nodes", "2", "--node-monitor-grace-period", "3s", "--default-unreachable-toleration-seconds", "1")


def names_of(engine: Cluster, node: str) -> list[str]:
    return [name for name, pod in engine.pods().items() if pod["spec"].get("nodeName") == node]


def is_going(engine: Cluster, pod: str) -> bool:
    return "deletionTimestamp" in engine.pods()[pod]["metadata"]


def asked(engine: Cluster, pod: str, other: str) -> str:
    url = f"http://{other}.nginx.default.svc.cluster.local"
    return engine.kubectl("exec", pod, "--", "timeout", "5", "wget", "-q", "-O-", url, check=False).strip()


def test_every_node_has_an_engine_and_all_are_on_one_wire(engine: Cluster) -> None:
    """Names, addresses and services lead from node to node; a node is cut, heard again, switched off, and started."""
    engine.up(EXAMPLE, options=NODES)
    engine.wait_ready("web-0", "web-1", "web-2")
    assert (names_of(engine, "stead"), names_of(engine, "stead-2")) == (["web-0", "web-2"], ["web-1"])
    versions = {node["status"]["nodeInfo"]["containerRuntimeVersion"] for node in engine.get("nodes")["items"]}
    assert len(versions) == 1 and next(iter(versions)).startswith("containerd://")
    for name in ("web-0", "web-1", "web-2"):
        engine.write_page(name, f"I am {name}")
    for one, other in itertools.permutations(("web-0", "web-1", "web-2"), 2):
        assert asked(engine, one, other) == f"I am {other}"

    before = engine.pods()["web-1"]["metadata"]["uid"]
    engine.stead("node", "cut", "stead-2")
    assert "is cut off" in engine.kubectl("exec", "web-1", "--", "true", check=False)
    assert asked(engine, "web-0", "web-1") != "I am web-1"
    until(lambda: is_going(engine, "web-1"), wish="web-1 given up")
    engine.crash()
    engine.up(options=NODES)
    assert "cut off" in engine.stead("node", "list")
    assert asked(engine, "web-0", "web-1") != "I am web-1"
    assert engine.pods()["web-1"]["metadata"]["uid"] == before
    engine.stead("node", "heal", "stead-2")
    engine.wait_ready("web-0", "web-1", "web-2")
    assert engine.pods()["web-1"]["metadata"]["uid"] != before
    until(lambda: asked(engine, "web-0", "web-1") == "I am web-1", wish="web-1 reached again, with its data")


def test_a_node_that_is_off_has_no_engine(engine: Cluster) -> None:
    engine.up(EXAMPLE, options=NODES)
    engine.wait_ready("web-0", "web-1", "web-2")
    engine.write_page("web-1", "kept")
    pid = int((engine.data / "cri-2" / "engine" / "containerd.pid").read_text().split()[0])
    engine.stead("node", "stop", "stead-2")
    until(lambda: not Path(f"/proc/{pid}").exists(), seconds=15, wish="the engine of stead-2 to be gone")
    assert not living(engine.data / "cri-2"), "nothing of its pods runs"
    engine.crash()
    engine.up(options=NODES)
    assert not (engine.data / "cri-2" / "engine" / "containerd.pid").exists()
    engine.stead("node", "start", "stead-2")
    engine.wait_ready("web-0", "web-1", "web-2")
    until(lambda: asked(engine, "web-0", "web-1") == "kept", wish="web-1 with its data")


def living(directory: Path) -> list[str]:
    """Shims of an engine in this directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = entry.read_bytes()
            found += [entry.parent.name] if b"containerd-shim" in words and str(directory).encode() in words else []
    return found
