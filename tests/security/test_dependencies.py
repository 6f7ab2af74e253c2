"""An audit of what stead runs on that needs no network: what is installed is what was published, is named and
explained, has a licence that allows it, and is younger than every hole we know of.
"""

import ast
import base64
import hashlib
import re
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text().lower()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LICENCES = re.compile(r"\b(MIT|BSD|Apache|ISC|PSF|MPL|Python Software Foundation)\b", re.IGNORECASE)
# The first version without a known hole: of the ones below, somebody could make use.
FLOORS = {
    "cryptography": ("44.0.1", "CVE-2024-12797: the OpenSSL in its wheels"),
    "dnspython": ("2.6.1", "CVE-2023-29483: answers by others end a resolution"),
    "pyyaml": ("5.4", "CVE-2020-14343: code from YAML"),
    "pygments": ("2.15.0", "CVE-2022-40896: slow expressions"),
    "markdown-it-py": ("2.2.0", "CVE-2023-26303: a crash by a text"),
    "h11": ("0.16.0", "CVE-2025-43859: smuggled requests"),
    "h2": ("4.3.0", "CVE-2025-57804: smuggled requests"),
    "grpclib": ("0.4.9", "its first version with h2 4.3"),
}


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def direct() -> list[str]:
    return [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]


def needed() -> dict[str, Distribution]:
    """All that is installed because stead needs it, whoever brings it in."""
    found: dict[str, Distribution] = {}
    todo = [name_of(requirement) for requirement in direct()]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # what only other machines need
            continue
        todo += [name_of(more) for more in found[name].requires or () if "extra ==" not in more]
    return found


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:4])


def test_the_walk_finds_what_is_needed() -> None:
    assert {"msgspec", "cryptography", "cffi", "rich", "pygments"} <= set(needed())


@pytest.mark.parametrize("requirement", direct())
def test_each_is_named_with_its_reason_and_has_a_floor(requirement: str) -> None:
    assert f"| {name_of(requirement)} " in NAMED
    floor = re.search(r">=\s*([0-9.]+)", requirement)
    assert floor, "without a floor an old hole may be installed"
    safe, why = FLOORS.get(name_of(requirement), ("0", ""))
    assert version(floor[1]) >= version(safe), why


@pytest.mark.parametrize("name", sorted(needed()))
def test_what_is_installed(name: str) -> None:
    found = needed()[name]
    safe, why = FLOORS.get(name, ("0", ""))
    assert version(found.version) >= version(safe), why
    told = [found.metadata.get("License-Expression", ""), found.metadata.get("License", "")[:200]]
    told += [line for line in found.metadata.get_all("Classifier", []) if line.startswith("License")]
    assert LICENCES.search(" ".join(filter(None, told))), told
    checked = 0
    for file in found.files or ():
        if file.hash is not None and file.locate().exists():
            digest = hashlib.new(file.hash.mode, file.locate().read_bytes()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value, f"{file} was changed"
            checked += 1
    assert checked, "nothing says what was published"


def imported() -> set[str]:
    """Top names of what our code imports and the standard library has not."""
    found: set[str] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "Late":
                found.add(str(ast.literal_eval(node.args[0])).partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"stead"}


def test_nothing_is_needed_that_is_not_named_and_nothing_named_that_is_not_needed() -> None:
    """grpclib brings what it is made of; pytest is there where the plugin is asked for."""
    given = packages_distributions()
    needed_by_code = {name.lower() for module in imported() for name in given.get(module, [module])}
    named = {name_of(requirement) for requirement in direct()}
    assert needed_by_code - {"pytest", "h2", "multidict"} == named, "also what is imported late must be named"
