"""`stead backup FILE`: a whole copy of the store, and of the volumes where asked, while stead runs or does not."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stead.api import backups
from stead.cli import running
from stead.cli.options import add_data, complain, data_directory
from stead.cluster import leftovers
from stead.kube.client import ClientError
from stead.runtimes import volumecopies
from stead.store import copies
from stead.store.disk import StoreDamaged, StoreInUse

SHOWN = 3  # names of files that changed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="where the copy goes; replaced when it is there")
    parser.add_argument("--volumes", metavar="TAR", type=Path, help="where a copy of all volumes goes")
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    store = data / "store.db"
    try:
        image = _image(data, store)
        with _written(parsed.file) as target:
            target.write(image)
        told = copies.examine(str(parsed.file))
        if told:
            return complain(f"the copy in {parsed.file} is not whole: {told}")
        volumes = _copy_volumes(data, parsed.volumes) if parsed.volumes else None
    except (ClientError, StoreDamaged, StoreInUse, OSError) as error:
        return complain(error)
    parts = f"; {volumes}" if volumes else "; volumes are not part of it (--volumes TAR copies them)"
    print(f"the objects of {data} are in {parsed.file} ({len(image) / 1e6:.1f} MB){parts}")
    more = f" --volumes {parsed.volumes}" if volumes else ""
    print(f"to put them back: stead down, then stead restore {parsed.file}{more}")
    return 0


def _image(data: Path, store: Path) -> bytes:
    try:
        return running.client(data).download(backups.PATH)
    except running.NotRunning:
        if not store.exists():
            raise FileNotFoundError(f"there is no store in {data}") from None
        return copies.take(str(store))


def _copy_volumes(data: Path, file: Path) -> str:
    """Copy them after the objects, so that what an object says it has is there; answers what is to be told."""
    pods = leftovers.living_pods(data)
    with _written(file) as target:
        told = volumecopies.take(data / "volumes", target)
        size = target.tell()
    lines = [f"{told.volumes} volumes ({told.files} files, {size / 1e6:.1f} MB) are in {file}"]
    if told.changed:
        lines.append(f"{len(told.changed)} files changed while they were copied ({_some(told.changed)})")
    if told.left_out:
        lines.append(f"sockets and devices are not copied ({_some(told.left_out)})")
    if pods:
        lines.append(f"{pods} pods ran meanwhile: stead down first gives a picture of one moment")
    return "\n  ".join(lines)


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


@contextmanager
def _written(file: Path) -> Iterator[BinaryIO]:
    """Whole or not at all, and for its owner's eyes: Secrets are in it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
