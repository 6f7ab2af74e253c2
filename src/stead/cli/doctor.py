"""`stead doctor`: what this machine allows, what that means, and what to do."""

import argparse
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stead.cli.options import add_data, data_directory
from stead.cluster import live, roster
from stead.runtimes.native import probe
from stead.store import copies
from stead.store.disk import WAL_BYTES

LITTLE_ROOM, FEW_FILES = 2 * WAL_BYTES, 100  # what the store alone may want soon


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--port", type=int, default=6443, help="the API's port to look at (6443)")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "what", "what that means", "what to do"):
        table.add_column(column, overflow="fold")
    for what, allowed, meaning, remedy in [*probe.facts(), *_own(parsed)]:
        table.add_row("[green]yes[/]" if allowed else "[yellow]no[/]", what, meaning, "" if allowed else remedy)
    Console().print(table)
    return 0


def _own(parsed: argparse.Namespace) -> Iterator[tuple[str, bool, str, str]]:
    """What is asked of the machine by stead itself: its port and its store."""
    data = data_directory(parsed)
    is_running = live.read_state(data) is not None
    is_free = _is_free(parsed.port)
    meaning = f"the API listens on 127.0.0.1:{parsed.port}" if is_free or is_running else "something else listens there"
    yield f"port {parsed.port}", is_free or is_running, meaning, "stead up --port 0 picks a free one"
    told = copies.examine(str(data / "store.db")) if not is_running else ""
    remedy = "put a copy back with stead restore FILE, or start anew with --data DIR; the damaged file is kept"
    yield f"store in {data}", not told, told or "whole", remedy
    yield _room(data)
    kept = roster.read(data)
    for name, state in kept.states.items():
        remedy = f"stead node {'heal' if state == 'cut' else 'start'} {name}, while stead runs"
        yield f"node {name}", False, f"it was {'cut off' if state == 'cut' else 'switched off'} on purpose", remedy
    if kept.count > 1:
        meaning = f"{kept.count} nodes" + (f" in zones {', '.join(kept.zones)}" if kept.zones else "")
        yield f"nodes in {data}", True, f"{meaning}; stead node list says how they are", ""


def _room(data: Path) -> tuple[str, bool, str, str]:
    """Of the disk that the data directory is on, or will be."""
    place = next(path for path in (data, *data.absolute().parents) if path.is_dir())
    found = os.statvfs(place)
    room = found.f_bavail * found.f_frsize
    files = found.f_favail if found.f_files else LITTLE_ROOM  # some file systems do not count them
    meaning = f"{room / 1e6:,.0f} MB left" + (f", and {files} files" if files < FEW_FILES else "")
    has_room = room >= LITTLE_ROOM and files >= FEW_FILES
    if not has_room:
        meaning += ": when it is full, writes are refused (503), reads and pods go on"
    remedy = (
        "delete what fills it: files in volumes, stead image prune, old *.before-restore-*; then all goes on by itself"
    )
    return f"disk of {data}", has_room, meaning, remedy


def _is_free(port: int) -> bool:
    with socket.socket() as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe_socket.connect_ex(("127.0.0.1", port)) != 0
