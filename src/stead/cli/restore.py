"""`stead restore FILE`: the objects of a data directory become those of a copy; what was there is kept aside."""

import argparse
import sqlite3
from pathlib import Path

from stead.cli.options import add_data, complain, data_directory
from stead.cluster import live
from stead.store import copies
from stead.store.disk import StoreDamaged, StoreInUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="what stead backup made")
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    state = live.read_state(data)
    if state is not None:
        return complain(f"stead runs on {data} (pid {state['pid']}); stead down first")
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = copies.put_back(parsed.file, str(data / "store.db"))
    except (StoreDamaged, StoreInUse, OSError, sqlite3.Error) as error:
        return complain(error)
    print(f"the objects of {parsed.file} are in {data}" + (f"; what was there is in {aside}" if aside else ""))
    print("pods that are not among them are stopped at the next stead up; watches begin anew")
    return 0
