"""`stead restore FILE`: objects, and volumes where asked, become those of a copy; what was there is kept aside."""

import argparse
import sqlite3
from pathlib import Path

from stead.cli.options import add_data, complain, data_directory
from stead.cluster import leftovers, live
from stead.runtimes import volumecopies
from stead.runtimes.volumecopies import BadArchive
from stead.store import copies
from stead.store.disk import StoreDamaged, StoreInUse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="what stead backup made")
    parser.add_argument("--volumes", metavar="TAR", type=Path, help="what stead backup --volumes made of the volumes")
    add_data(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    data = data_directory(parsed)
    state = live.read_state(data)
    if state is not None:
        return complain(f"stead runs on {data} (pid {state['pid']}); stead down first")
    if parsed.volumes and leftovers.living_pods(data):
        return complain(f"pods of {data} still run, and write into its volumes; stead up, then stead down stops them")
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = _with_volumes(parsed, data) if parsed.volumes else [_objects(parsed.file, data)]
    except BadArchive as error:
        return complain(f"{parsed.volumes}: {error}")
    except (StoreDamaged, StoreInUse, OSError, sqlite3.Error) as error:
        return complain(error)
    for line in (*told, *_of_elsewhere(data)):
        print(line)
    print("pods that are not among them are stopped at the next stead up; watches begin anew")
    return 0


def _objects(file: Path, data: Path) -> str:
    aside = copies.put_back(file, str(data / "store.db"))
    return f"the objects of {file} are in {data}" + (f"; what was there is in {aside}" if aside else "")


def _with_volumes(parsed: argparse.Namespace, data: Path) -> list[str]:
    """Both are whole, and there is room for both, before either is put back."""
    with volumecopies.unpacked(parsed.volumes, data / "volumes") as made:
        lines, told = [_objects(parsed.file, data)], made.told
        aside = made.put_in_place()
    lines.append(
        f"{told.volumes} volumes are in {data / 'volumes'}" + (f"; what was there is in {aside}" if aside else "")
    )
    if told.not_kept:
        first = told.not_kept[0]
        lines.append(
            f"owners or attributes of {len(told.not_kept)} files could not be kept ({first}): root can do that"
        )
    return lines


def _of_elsewhere(data: Path) -> list[str]:
    """Objects say where volumes are; those of another data directory are not here."""
    here = f"{(data / 'volumes').absolute()}/"
    strays = [path for path in copies.volume_paths(str(data / "store.db")) if not path.startswith(here)]
    told = (
        f"{len(strays)} volumes lie in another data directory ({Path(strays[0]).parent}): restore there"
        if strays
        else ""
    )
    return [told] if told else []
