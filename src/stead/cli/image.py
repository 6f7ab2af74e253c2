"""`stead image import|list|remove`: the image store of a data directory, whether a stead runs on it or not."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from stead.cli.options import add_data, complain, data_directory
from stead.runtimes.blobs import BadBlob
from stead.runtimes.images import ImageStore, ImageTrouble
from stead.runtimes.native import sandbox

UNITS = ("B", "kB", "MB", "GB")
SHORT_DIGEST = len("sha256:") + 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    deeds = parser.add_subparsers(metavar="import|list|remove", required=True)
    taking = _deed(deeds, "import", _import, "take in images: an OCI layout (a directory or a tar) or a docker archive")
    taking.add_argument("files", metavar="FILE", nargs="+", type=Path)
    taking.add_argument("--name", metavar="REFERENCE", default="", help="of an image that has no name in its archive")
    _deed(deeds, "list", _list, "the images in the store")
    removing = _deed(deeds, "remove", _remove, "forget images, and free what only they needed")
    removing.add_argument("references", metavar="REFERENCE", nargs="+")


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
    return ImageStore(_node(parsed) / "images")


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
