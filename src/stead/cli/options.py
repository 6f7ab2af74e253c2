"""Options that several commands share, and errors as a person reads them."""

import argparse
import os
import sys
from pathlib import Path


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", type=Path, default=None, help="data directory ($STEAD_HOME, ~/.stead)")


def add_cluster(parser: argparse.ArgumentParser, told: str = "which cluster ($KUBECONFIG, ~/.kube/config)") -> None:
    parser.add_argument("--kubeconfig", metavar="FILE", default="", help=told)
    parser.add_argument("--context", metavar="NAME", default="", help="which of its contexts (the current one)")


def data_directory(parsed: argparse.Namespace) -> Path:
    chosen = parsed.data or os.environ.get("STEAD_HOME") or Path.home() / ".stead"
    return Path(chosen).expanduser().absolute()


def complain(message: object) -> int:
    """Say what is wrong on standard error; answers the exit status."""
    print(f"stead: {message}", file=sys.stderr)
    return 1
