"""The house checks itself: what import contracts cannot see."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stead import __version__

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "stead"
MODULES = sorted(SOURCE.rglob("*.py"))
PURE = ("machinery", "kinds", "controllers", "dns", "engine", "api", "store")
WITH_SOCKETS = ("runtimes", "kube", "serve", "cluster", "cli", "testing")
CLOCKS = {"time.time", "time.monotonic", "datetime.now", "datetime.utcnow", "date.today", "time.time_ns"}
HOUSELESS = {"manager", "helper", "helpers", "util", "utils", "common", "misc"}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0]


def named(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def walked(wanted: type[ast.AST] | tuple[type[ast.AST], ...], *rooms: str) -> Iterator[tuple[Path, ast.AST]]:
    for path in MODULES:
        if not rooms or room(path) in rooms:
            yield from ((path, node) for node in ast.walk(parse(path)) if isinstance(node, wanted))


def places(found: Iterator[tuple[Path, ast.AST]]) -> list[str]:
    return [f"{named(path)}:{getattr(node, 'lineno', 0)}" for path, node in found]


def test_no_clock_is_read_below_the_adapters() -> None:
    calls = walked(ast.Call, *PURE)
    read = ((path, call) for path, call in calls if isinstance(call, ast.Call) and ast.unparse(call.func) in CLOCKS)
    assert places(read) == []


def test_async_only_where_sockets_are() -> None:
    found = walked((ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith), *PURE, "simulation")
    assert places(found) == []


def test_nobody_imports_inside_a_function_or_for_types_alone() -> None:
    functions = walked((ast.FunctionDef, ast.AsyncFunctionDef))
    inside = (
        (path, node)
        for path, function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    assert places(inside) == []
    assert [named(path) for path in MODULES if "TYPE_CHECKING" in path.read_text(encoding="utf-8")] == []


def test_no_loop_goes_over_a_set() -> None:
    """The order of a set of strings changes with each process: two runs of a seed would disagree."""
    loops = walked((ast.For, ast.comprehension), *PURE, "simulation")
    over = ((path, loop) for path, loop in loops if isinstance(loop.iter, ast.Set | ast.SetComp))  # type: ignore[attr-defined]
    assert places(over) == []


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_why_it_exists(path: Path) -> None:
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(parse(path)), named(path)


def test_nothing_is_called_helper() -> None:
    assert [named(path) for path in MODULES if set(re.split(r"[_.]", path.stem)) & HOUSELESS] == []


def test_no_path_of_any_one_machine() -> None:
    files = [*MODULES, *ROOT.glob("docs/**/*.md"), ROOT / "README.md", ROOT / "Makefile", *ROOT.glob("tools/*")]
    pattern = re.compile(r"/(?:work|home|root)/[a-z]|\.pyenv")
    told = [str(file.relative_to(ROOT)) for file in files if file.is_file() and pattern.search(file.read_text("utf-8"))]
    assert told == []


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        ("stead", "argparse asyncio msgspec stead.machinery"),
        ("stead.cli.main", "asyncio msgspec rich yaml importlib.metadata"),
        (
            "stead.cli.up",
            "cryptography dataclasses dns.message http.client re2 rich stead.kinds.cel.rules "
            "stead.kinds.definitionrules tarfile wsproto yaml",
        ),
    ],
)
def test_what_is_not_needed_at_once_is_loaded_late(words, unwanted):
    """`make bench WORDS=words` says what it is good for."""
    asked = f"import sys, {words}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not set(unwanted.split()) & set(loaded)


def test_the_version_is_told_in_one_way():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
