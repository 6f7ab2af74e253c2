"""The table of clients tells of every test there is; what ran is compared only where all of them did."""

import re
import subprocess
import sys

from tests.clients import record

VERSION = re.compile(r"^\| (\S+) \S+ ", re.MULTILINE)


def test_the_table_has_every_feature_and_case() -> None:
    command = (sys.executable, "-m", "pytest", "-o", "addopts=", "--collect-only", "-q", record.FOLDER)
    said = subprocess.run(command, cwd=record.ROOT, capture_output=True, text=True, check=True).stdout
    outcomes = {line: "passed" for line in said.splitlines() if line.startswith(record.FOLDER)}
    assert VERSION.sub(r"| \1 ", record.in_docs()) == VERSION.sub(r"| \1 ", record.table(outcomes))
