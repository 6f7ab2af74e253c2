"""Which nodes a data directory has, and what people did to them: kept in a file, for the next `stead up`."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from stead.cluster import notes
from stead.cluster.members import State
from stead.machinery.objects import decode, encode

FILE = "nodes.json"
STATES: tuple[State, ...] = ("on", "cut", "off")


class Roster(Struct, frozen=True):
    """`states`: of the nodes that are not on, by name."""

    count: int = 1
    zones: tuple[str, ...] = ()
    states: Mapping[str, State] = field(default_factory=dict)
    cpu: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()


def read(data: Path) -> Roster:
    """What was kept; one node that is on where nothing was, or where the file is not whole."""
    try:
        found = decode((data / FILE).read_bytes())
        states = {name: state for name, state in found["states"].items() if state in STATES}
        amounts = (tuple(found.get(name, ())) for name in ("cpu", "memory"))
        return Roster(int(found["count"]), tuple(found["zones"]), states, *amounts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Roster()


def write(data: Path, roster: Roster) -> None:
    """Whole or not at all. Raises OSError."""
    if roster != read(data):
        told = {name: list(getattr(roster, name)) for name in ("zones", "cpu", "memory")}
        notes.write(data / FILE, encode({"count": roster.count, **told, "states": dict(roster.states)}))
