"""`stead down`: stop the stead of a data directory; pods get their grace, everything stored stays, or goes if asked."""

import argparse
import os
import signal
import socket
import time
from pathlib import Path

from stead.cli import running
from stead.cli.options import add_data, complain, data_directory
from stead.cluster import live
from stead.runtimes.trees import mounted_below, remove_tree

_STORE = "store.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=120, help="how long pods may take (120)")
    told = "take the data directory away too: objects, volumes, images, whatever users of pods own them"
    parser.add_argument("--delete", action="store_true", help=told)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    try:
        state = running.state(data)
    except running.NotRunning as error:
        return _delete(data) if parsed.delete else complain(error)
    os.kill(int(state["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + parsed.wait
    while live.read_state(data) is not None:
        if time.monotonic() > deadline:
            return complain(f"pid {state['pid']} is still stopping its pods after {parsed.wait:g} s")
        time.sleep(0.02)
    if parsed.delete:
        return _delete(data)
    print(f"stead is down; objects and volumes stay in {data}")
    return 0


def _delete(data: Path) -> int:
    """Only what is a stead's, and only where nothing of it lives."""
    if not (data / _STORE).is_file():
        return complain(f"{data} is no data directory of stead (it has no {_STORE}); nothing was deleted")
    if living := _living(data):
        return complain(f"pods run on in {data} ({living}); stead up and stead down end them, then delete")
    try:
        remove_tree(str(data))
    except OSError as error:
        return complain(f"cannot delete all of {data}: {error}")
    print(f"stead is down, and {data} is gone")
    return 0


def _living(data: Path) -> str:
    """What of it still runs or is mounted, "" where nothing is."""
    keepers = [str(path) for path in data.glob("node*/keeper.sock") if _answers(path)]
    return ", ".join([*mounted_below(str(data)), *keepers])


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(str(path)) == 0
