"""`stead backup FILE`: a whole copy of the store, taken while stead runs, or while it does not."""

import argparse
import os
from pathlib import Path

from stead.api import backups
from stead.cli import running
from stead.cli.options import add_data, complain, data_directory
from stead.kube.client import ClientError
from stead.store import copies
from stead.store.disk import StoreDamaged, StoreInUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="where the copy goes; replaced when it is there")
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    store = data / "store.db"
    try:
        image = _image(data, store)
        _write(parsed.file, image)
        told = copies.examine(str(parsed.file))
    except (ClientError, StoreDamaged, StoreInUse, OSError) as error:
        return complain(error)
    if told:
        return complain(f"the copy in {parsed.file} is not whole: {told}")
    print(f"the objects of {data} are in {parsed.file} ({len(image) / 1e6:.1f} MB); volumes are not part of it")
    print(f"to put them back: stead down, then stead restore {parsed.file}")
    return 0


def _image(data: Path, store: Path) -> bytes:
    try:
        return running.client(data).download(backups.PATH)
    except running.NotRunning:
        if not store.exists():
            raise FileNotFoundError(f"there is no store in {data}") from None
        return copies.take(str(store))


def _write(file: Path, image: bytes) -> None:
    """Whole or not at all, and for its owner's eyes: Secrets are in it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(image)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
