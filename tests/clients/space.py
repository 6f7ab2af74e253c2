"""A namespace of its own for a test, and kubectl bound to it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.shells.cluster import ROOT, Cluster, until

FIXTURES = Path(__file__).parent
SET = (FIXTURES / "db.yaml").read_text()
HELM = ROOT / ".tools" / "bin" / "helm"


@dataclass(frozen=True)
class Space:
    """`name` is the namespace; `folder` is the test's own."""

    cluster: Cluster
    name: str
    folder: Path

    def kubectl(self, *words: str, check: bool = True, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.name, *words, check=check, stdin=stdin)

    def helm(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            [str(HELM), "-n", self.name, *words], capture_output=True, text=True, env=self.environment(), timeout=90
        )
        assert not check or done.returncode == 0, f"helm {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    def environment(self, **more: str) -> dict[str, str]:
        """For a client that starts by itself: where the cluster is, and a home that holds nothing else."""
        home, config = str(self.cluster.data.parent), str(self.cluster.data / "kubeconfig")
        return {**os.environ, "KUBECONFIG": config, "HOME": home, **more}

    def get(self, *words: str) -> Any:
        return self.cluster.get("-n", self.name, *words)

    def path(self, kind: str, path: str) -> str:
        """One value by its JSONPath."""
        return self.kubectl("get", kind, "-o", f"jsonpath={{{path}}}")

    def apply(self, text: str, *options: str) -> str:
        return self.kubectl("apply", "-f", "-", *options, stdin=text)

    def names(self, kind: str) -> list[str]:
        return self.path(kind, ".items[*].metadata.name").split()

    def wait_ready(self, replicas: int, name: str = "db") -> None:
        until(
            lambda: self.path(f"sts/{name}", ".status.readyReplicas") == str(replicas),
            wish=f"{replicas} of {name} ready",
        )
