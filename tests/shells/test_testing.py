"""The pytest plugin, as its page says it is used; and that it costs nobody anything."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stead.testing.apiserver import ApiServer, NotInTime, NotStarted
from tests.shells.cluster import ROOT

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
A_PLUGIN = ("-p", "stead.testing.plugin")


def pytest_of(folder: Path, text: str, *words: str) -> str:
    """Run a file of tests as their author would; answers what pytest printed."""
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    is_installed = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures"], cwd=folder, capture_output=True, text=True, timeout=90
    )
    plugin = () if "stead_alone" in is_installed.stdout else A_PLUGIN
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180)
    return done.stdout + done.stderr


def test_the_page_of_the_fixtures(folder: Path) -> None:
    (example,) = PYTHON.findall((ROOT / "docs" / "testing.md").read_text())
    printed = pytest_of(folder, example)
    assert "5 passed" in printed, printed


def test_what_does_not_come_in_time_says_what_it_waits_for() -> None:
    claim = {"metadata": {"name": "www"}, "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]}}
    claim["spec"]["resources"] = {"requests": {"storage": "1Gi"}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"serviceName": "w", "selector": {"matchLabels": {"a": "b"}}, "template": template}
    web = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}}
    with ApiServer.start() as server:
        space = server.space()
        space.apply({**web, "spec": {**spec, "volumeClaimTemplates": [claim]}})
        with pytest.raises(NotInTime, match='there is no StorageClass "fast"'):
            space.settled("web", seconds=1)
        with pytest.raises(LookupError, match="serves no kind 'gadgets'"):
            space.all("gadgets")


def test_what_cannot_start_says_why() -> None:
    with pytest.raises(NotStarted, match="there is no controller 'none'"):
        ApiServer.start(["--controllers", "none"])


def test_it_ends_with_whoever_started_it() -> None:
    lines = ("import time", "from stead.testing.apiserver import ApiServer", "server = ApiServer.start()")
    script = "; ".join([*lines, "print(server.pid, flush=True)", "time.sleep(60)"])
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while os.path.exists(f"/proc/{server}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_plugin_that_is_not_used_loads_nothing() -> None:
    asked = "import sys, stead.testing.plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    alone = subprocess.run(
        [sys.executable, "-c", "import sys, pytest; print(*sys.modules)"], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = set(loaded) - set(alone)
    assert ours == {"stead", "stead.testing", "stead.testing.plugin", "stead.machinery", "stead.machinery.late"}
