"""kubectl's typed clients with nothing but protocol buffers: the bytes are read by the library that everybody uses."""

import json
import subprocess

import pytest

from tests.clients.rewriting import PROTOBUF, Door, only_protobuf
from tests.clients.space import SET, Space
from tests.shells.cluster import KUBECTL, until

pytestmark = pytest.mark.shell


def kubectl(space: Space, door: Door, *words: str, check: bool = True) -> str:
    command = [str(KUBECTL), "--server", door.url, "-n", space.name, *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env=space.environment(KUBECONFIG="/dev/null"), timeout=90
    )
    assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_speak_protocol_buffers_alone(space: Space) -> None:
    running = json.loads((space.cluster.data / "running.json").read_text())
    with only_protobuf(running["port"], (space.cluster.data / "token").read_text().strip()) as door:
        ask = lambda *words, check=True: kubectl(space, door, *words, check=check)  # noqa: E731
        space.apply(SET)
        space.wait_ready(2)
        ask("create", "configmap", "c", "--from-literal=a=b")
        ask("create", "service", "nodeport", "s", "--tcp=80:80")
        assert 'configmaps "c" already exists' in ask("create", "configmap", "c", check=False)
        assert "2 desired | 2 total" in ask("describe", "sts", "db")
        assert "Container started" in ask("describe", "pod", "db-0")
        assert "a:\n----\nb" in ask("describe", "configmap", "c")
        assert "NodePort" in ask("describe", "service", "s")
        assert "storage" in ask("describe", "pvc", "data-db-0").lower()
        assert "KubeletReady" in ask("describe", "node", "stead")
        assert "1 " in ask("rollout", "history", "sts/db")
        until(lambda: "SuccessfulCreate" in ask("events", "--for", "statefulset/db"), wish="the set's events")
    answers = [line for line in door.told if line.endswith(PROTOBUF)]
    assert {line.split()[2] for line in answers} >= {"200", "201", "409"}
    assert len(answers) > 20


def test_watch_in_protocol_buffers(space: Space) -> None:
    running = json.loads((space.cluster.data / "running.json").read_text())
    with only_protobuf(running["port"], (space.cluster.data / "token").read_text().strip()) as door:
        command = [str(KUBECTL), "--server", door.url, "-n", space.name, "events", "--watch"]
        watcher = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=space.environment(KUBECONFIG="/dev/null")
        )
        try:
            until(lambda: any("stream=watch" in line for line in door.told), wish="a watch in protocol buffers")
            space.apply(SET)
            assert watcher.stdout is not None
            until(lambda: "statefulset/db" in watcher.stdout.readline().lower(), wish="the set's first event")
        finally:
            watcher.kill()
            watcher.wait()
