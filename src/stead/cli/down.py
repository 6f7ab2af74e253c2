"""`stead down`: stop the stead of a data directory; pods get their grace, everything stored stays."""

import argparse
import os
import signal
import time

from stead.cli import running
from stead.cli.options import add_data, complain, data_directory
from stead.cluster import live


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=120, help="how long pods may take (120)")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    try:
        state = running.state(data)
    except running.NotRunning as error:
        return complain(error)
    os.kill(int(state["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + parsed.wait
    while live.read_state(data) is not None:
        if time.monotonic() > deadline:
            return complain(f"pid {state['pid']} is still stopping its pods after {parsed.wait:g} s")
        time.sleep(0.02)
    print(f"stead is down; objects and volumes stay in {data}")
    return 0
