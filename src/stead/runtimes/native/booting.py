"""How a small interpreter of its own is started: `python3 -I -S`, the standard library and this house, nothing else."""

import os
import shutil
import sys

_BOOT = (
    "import sys, importlib; sys.path.insert(0, sys.argv[1]); importlib.import_module(sys.argv[2]).main(*sys.argv[3:])"
)
_SEARCHED = ("/usr/bin/python3", "/usr/local/bin/python3")


def interpreter() -> str:
    """A python3 that needs no virtual environment and that this user may run."""
    own = os.path.realpath(sys.executable)
    candidates = (own, *_SEARCHED, shutil.which("python3") or "")
    return next((path for path in candidates if path and os.access(path, os.X_OK)), own)


def command(module: str, *words: str) -> list[str]:
    """The command that calls `main(*words)` of a module of `runtimes.native`."""
    source = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
    return [interpreter(), "-I", "-S", "-c", _BOOT, source, f"stead.runtimes.native.{module}", *words]
