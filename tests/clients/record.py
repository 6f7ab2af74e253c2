"""The table of clients in docs/compatibility.md, made from what ran: which client, what it did, what came of it."""

import importlib.metadata
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping

from tests.clients.space import HELM
from tests.shells.cluster import KUBECTL, ROOT

DOCS = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- clients: begin -->", "<!-- clients: end -->"
FOLDER = "tests/clients/"
PROGRAM = re.compile(r"\[with_(\w+)-can_(\w+)\]")
TEST = re.compile(r"test_(kubectl|helm|kopf)\w*\.py::test_(\w+)")
MODULES = {"client_node": "@kubernetes/client-node"}


def place_of(nodeid: str) -> tuple[str, str]:
    """The client and the feature of a test; cases of one feature are one."""
    found = PROGRAM.search(nodeid) or TEST.search(nodeid)
    assert found is not None, nodeid
    client, feature = found.groups()
    return MODULES.get(client, client.replace("_", "-")), feature.replace("_", " ")


def table(outcomes: Mapping[str, str]) -> str:
    """Markdown. `outcomes`: passed or failed by test id, in the order in which they ran."""
    known = versions()
    lines = [f"| {client} {known[client]} | {feature} | {told} |" for client, feature, told in rows(outcomes)]
    return "\n".join(["| client | what it does | |", "|---|---|---|", *lines])


def rows(outcomes: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Client, feature, and what came of it; client by client."""
    cases: dict[tuple[str, str], Counter[str]] = {}
    for nodeid, outcome in outcomes.items():
        cases.setdefault(place_of(nodeid), Counter())[outcome] += 1
    for (client, feature), counted in sorted(cases.items(), key=lambda case: case[0][0]):
        yield client, feature, _verdict(counted)


def _verdict(counted: Counter[str]) -> str:
    passed, all_ = counted["passed"], counted.total()
    if passed < all_:
        return f"{all_ - passed} of {all_} fail" if all_ > 1 else "fails"
    return f"works, {all_} cases" if all_ > 1 else "works"


def versions() -> dict[str, str]:
    """The clients that are installed, by name."""
    kubectl = json.loads(_said(str(KUBECTL), "version", "--client", "-o", "json"))["clientVersion"]["gitVersion"]
    found = {"kubectl": kubectl.removeprefix("v"), "helm": _said(str(HELM), "version", "--template={{.Version}}")[1:]}
    packages = [str(path) for path in (ROOT / ".tools" / "python" / "lib").glob("python3*/site-packages")]
    for one in importlib.metadata.distributions(path=packages):
        found[one.name.lower().replace("_", "-")] = one.version
    name = MODULES["client_node"]
    package = ROOT / ".tools" / "node" / "node_modules" / name / "package.json"
    return {**found, name: json.loads(package.read_text())["version"]}


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def in_docs() -> list[tuple[str, str, str, str]]:
    """The rows that the docs have: client, version, feature, and what came of it."""
    lines = DOCS.read_text().partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    cells = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[2:])
    return [(*client.rsplit(" ", 1), feature, told) for client, feature, told in cells]


def write(text: str) -> None:
    before, _, rest = DOCS.read_text().partition(BEGIN)
    DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
