"""The tours of README and docs as they stand: `$` lines are commands, below is what they print (... is anything)."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shells.cluster import ROOT

pytestmark = [pytest.mark.shell, pytest.mark.anyone]

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Every command of the tour with what it should print."""
    for block in BLOCK.findall((ROOT / page).read_text()):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = step.partition("\n")
            yield command, printed


def as_pattern(printed: str) -> str:
    """`...` alone on a line is any lines, within a line anything; runs of blanks are as long as they like."""
    lines = []
    for line in printed.rstrip("\n").split("\n") if printed.strip() else ():
        words = [r"\s+".join(map(re.escape, part.split(" "))) for part in re.sub(" +", " ", line).split("...")]
        lines.append(r"(?:.*\n)*?" if line == "..." else ".*?".join(words) + r"[^\n]*\n")
    return "".join(lines) + r"\s*\Z"


PAGES = ["README.md", "docs/explain.md", "docs/remote.md", "docs/nodes.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_tour(folder: Path, page: str) -> None:
    home = folder / "home"
    home.mkdir()
    tools = f"{ROOT / '.tools' / 'bin'}:{Path(os.sys.executable).parent}"  # type: ignore[attr-defined]
    command = folder / "stead"
    command.write_text(f'#!/bin/sh\nexec "{os.sys.executable}" -m stead "$@"\n')  # type: ignore[attr-defined]
    command.chmod(0o755)
    environment = {**os.environ, "HOME": str(home), "PATH": f"{folder}:{tools}:{os.environ['PATH']}"}
    environment.pop("KUBECONFIG", None)
    environment.pop("STEAD_HOME", None)
    try:
        for words, printed in steps(page):
            if words.startswith("export "):
                name, _, value = words.removeprefix("export ").partition("=")
                environment[name] = value.replace("~", str(home))
                continue
            done = subprocess.run(
                words, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, f"$ {words}\n{done.stdout}{done.stderr}"
            assert re.match(as_pattern(printed), done.stdout), f"$ {words}\nprinted\n{done.stdout}\nand not\n{printed}"
    finally:
        subprocess.run([str(command), "down"], env=environment, capture_output=True, timeout=120)
