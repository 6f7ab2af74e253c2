"""Client libraries in their own languages: each program of `programs/` is run once, each of its features is a test."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.clients.space import FIXTURES, Space
from tests.shells.cluster import ROOT, Cluster

pytestmark = pytest.mark.shell

TOOLS = ROOT / ".tools"
PROGRAMS = FIXTURES / "programs"
OWN_NODE = TOOLS / "node" / "node_modules" / ".bin" / "node"  # where the system's is too old
RUNNERS = {
    ".py": [str(TOOLS / "python" / "bin" / "python"), "-B", "running.py"],
    ".mjs": [str(OWN_NODE) if OWN_NODE.exists() else "node", "running.mjs"],
}
FEATURE = re.compile(r"^(?:async )?(?:def|function) (can_\w+)", re.MULTILINE)
FEATURES = [
    pytest.param(program, feature, id=f"{program.stem}-{feature}")
    for program in sorted(PROGRAMS.glob("with_*"))
    for feature in FEATURE.findall(program.read_text())
]


@pytest.fixture(scope="module")
def told(stead: Cluster) -> Callable[[Path], dict[str, str]]:
    """What became of a program's features, by name."""

    @cache
    def run(program: Path) -> dict[str, str]:
        namespace = program.stem.replace("_", "-")
        stead.kubectl("create", "namespace", namespace)
        environment = Space(stead, namespace, PROGRAMS).environment(CLIENTS_HOME=str(TOOLS / "node"))
        command = [*RUNNERS[program.suffix], program.stem, namespace]
        done = subprocess.run(command, cwd=PROGRAMS, env=environment, capture_output=True, text=True, timeout=120)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            return dict.fromkeys(FEATURE.findall(program.read_text()), done.stderr)
        return {line["feature"]: line["told"] for line in lines if "feature" in line}

    return run


@pytest.mark.parametrize("program, feature", FEATURES)
def test_program(told: Callable[[Path], dict[str, str]], program: Path, feature: str) -> None:
    outcome = told(program).get(feature, "never ran")
    assert outcome == "ok", outcome
