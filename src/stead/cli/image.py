"""`stead image import|list|remove|prune`: the image store of a data directory, whether a stead runs on it or not."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from stead.cli.options import add_data, complain, data_directory
from stead.runtimes import lending
from stead.runtimes.blobs import BadBlob
from stead.runtimes.images import ImageStore, ImageTrouble
from stead.runtimes.native import sandbox

UNITS = ("B", "kB", "MB", "GB")
_YOUNG_SECONDS = 120.0  # where pods run: a pod may be about to start on what was just pulled
SHORT_DIGEST = len("sha256:") + 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(metavar="import|list|remove|prune", required=True)
    taking = _deed(deeds, "import", _import, "take in images: an OCI layout (a directory or a tar) or a docker archive")
    taking.add_argument("files", metavar="FILE", nargs="+", type=Path)
    taking.add_argument("--name", metavar="REFERENCE", default="", help="of an image that has no name in its archive")
    _deed(deeds, "list", _list, "the images in the store")
    removing = _deed(deeds, "remove", _remove, "forget images, and free what only they needed")
    removing.add_argument("references", metavar="REFERENCE", nargs="+")
    told = "remove the pulled images that no pod runs on, and what interrupted pulls left"
    pruning = _deed(deeds, "prune", _prune, told)
    pruning.add_argument("-a", "--all", action="store_true", help="images that were imported by hand too")


def _deed(
    deeds: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    told: str,
) -> argparse.ArgumentParser:
    made = deeds.add_parser(name, help=told, description=told)
    add_data(made)
    made.set_defaults(run=run)
    return made


def _node(parsed: argparse.Namespace) -> Path:
    return data_directory(parsed) / "node"


def _store(parsed: argparse.Namespace) -> ImageStore:
    store = ImageStore(_node(parsed) / "images")
    store.give_owners(lending.lent())
    return store


def _import(parsed: argparse.Namespace) -> int:
    store = _store(parsed)
    for path in parsed.files:
        try:
            imported = store.import_file(path, parsed.name)
        except ImageTrouble as error:
            return complain(error)
        for reference in imported:
            print(f"imported {reference}")
    return 0


def _list(parsed: argparse.Namespace) -> int:
    try:
        stored = _store(parsed).list()
    except (BadBlob, OSError, ValueError, KeyError) as error:
        return complain(f"the image store is damaged: {error}")
    lines = [(image.reference, image.digest[:SHORT_DIGEST], in_words(image.size_bytes)) for image in stored]
    _print_table([("REFERENCE", "DIGEST", "SIZE"), *lines])
    return 0


def _print_table(lines: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("   ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def in_words(size_bytes: int) -> str:
    """`31.2 MB`."""
    size, unit = float(size_bytes), 0
    while size >= 1000 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {UNITS[unit]}" if unit else f"{size_bytes} B"


def _remove(parsed: argparse.Namespace) -> int:
    store, nodes = _store(parsed), list(data_directory(parsed).glob("node*/pods"))
    for reference in parsed.references:
        try:
            identity = store.identity(reference)
            if any(identity in sandbox.images_in_use(pods) for pods in nodes):
                return complain(f"pods run on the image {reference}; delete them first")
            if not store.remove(reference):
                return complain(f"there is no image {reference} in {store.layers.parent}; see stead image list")
        except (ImageTrouble, BadBlob, OSError) as error:
            return complain(error)
        print(f"removed {reference}")
    return 0


def _prune(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    if any(data.glob("cri*/pods/*")):
        return complain("pods of an engine may run on these images; delete them first, or see stead image remove")
    in_use = {identity for pods in data.glob("node*/pods") for identity in sandbox.images_in_use(pods)}
    try:
        gone = _store(parsed).collect(in_use, math.inf, _YOUNG_SECONDS if in_use else 0.0, is_all=parsed.all)
    except BlockingIOError:
        return complain("images are being pulled or imported; try again when that is done")
    except (BadBlob, OSError, ValueError, KeyError) as error:
        return complain(f"the image store is damaged: {error}")
    for image in gone:
        print(f"removed {', '.join(image.references)}")
    print(f"freed {in_words(sum(image.size_bytes for image in gone))}")
    return 0
