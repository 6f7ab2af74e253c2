"""A stead without its StatefulSet controller, and that controller as a process of its own: nearly a real cluster."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from stead.cluster.config import CONTROLLERS
from tests.shells.cluster import Cluster, until

OTHERS = ",".join(name for name in CONTROLLERS if name != "statefulset")


class Controller:
    """One `stead controller`. `options` go to the command."""

    def __init__(
        self, cluster: Cluster, *options: str, name: str = "controller", kubeconfig: Path | None = None
    ) -> None:
        self._path = cluster.data.parent / f"{name}.out"
        log = self._path.open("ab")
        command = [sys.executable, "-m", "stead", "controller", *options]
        command += ["--kubeconfig", str(kubeconfig or cluster.data / "kubeconfig")]
        self.process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        log.close()

    def output(self) -> str:
        return self._path.read_text()

    def until_says(self, words: str) -> None:
        until(lambda: words in self.output() or self.process.poll() is not None, wish=words, heard=self.output)
        assert words in self.output(), self.output()

    def acts(self) -> "Controller":
        self.until_says("in office")
        return self

    def page(self, path: str) -> str:
        """What its door answers, whatever the code."""
        found = re.search(r"http://[\d.]+:\d+", self.output())
        assert found, self.output()
        try:
            with urllib.request.urlopen(found[0] + path, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refusal:
            return str(refusal.read().decode())

    def crash(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As asked to; answers its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)
