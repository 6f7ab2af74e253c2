"""The table of clients in the docs tells of every test there is, and of the versions that they run."""

import subprocess
import sys

import pytest

from tests.clients import record


def test_the_table_has_every_feature_and_case() -> None:
    command = (sys.executable, "-m", "pytest", "-o", "addopts=", "--collect-only", "-q", record.FOLDER)
    said = subprocess.run(command, cwd=record.ROOT, capture_output=True, text=True, check=True).stdout
    outcomes = {line: "passed" for line in said.splitlines() if line.startswith(record.FOLDER)}
    assert [(client, feature, told) for client, _, feature, told in record.in_docs()] == list(record.rows(outcomes))


@pytest.mark.shell
def test_the_table_has_the_versions_that_are_run() -> None:
    known = record.versions()
    assert [(client, version) for client, version, _, _ in record.in_docs() if known[client] != version] == []
