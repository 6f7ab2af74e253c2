"""What a node's kubelet last heard, for as long as the node is cut off; kept in a file, for stead may die meanwhile.

It is as much as a kubelet knows: its pods, what they name, the services, its own node and lease. After a restart of
stead the node goes on with it, as a kubelet does that nobody has restarted.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from stead.cluster import notes
from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.observed import Residents, found
from stead.controllers.nodes import LEASES
from stead.kinds.placed import Placed
from stead.machinery.cache import Cache, IndexT
from stead.machinery.keys import Key
from stead.machinery.objects import Json, decode, encode

FILE = "heard.json"
Heard: TypeAlias = tuple[tuple[Key, Json], ...]


def heard(cache: Cache, node: str) -> Heard:
    """What the node has heard of until now. The cache needs the indexes `Placed` and `Residents`."""
    pods = cache.index(Placed).on(node)
    named = [key for pod in pods for key in cache.index(Residents).things(pod)]
    own = (Key("Node", "", node), Key("Lease", LEASES, node), Key("Namespace", "", LEASES))
    told = dict(pods)
    told |= dict(found(cache, named))
    told |= {Key("Service", obj["metadata"]["namespace"], obj["metadata"]["name"]): obj for obj in cache.all("Service")}
    told |= {key: obj for key in own if (obj := cache.get(key)) is not None}
    return tuple(told.items())


class Memory(Cache):
    """A cache of what was heard; but what the node notes of its own containers is as it is now."""

    def __init__(self, live: Cache, told: Heard) -> None:
        self._live = live
        self._residents = _Remembered(live)
        super().__init__([self._residents])
        for key, obj in told:
            self.put(key, obj)

    def get(self, key: Key) -> Json | None:
        return self._live.get(key) if key.kind == sandbox.KIND else super().get(key)

    def index(self, kind: type[IndexT]) -> IndexT:
        return self._residents if kind is Residents else self._live.index(kind)  # type: ignore[return-value]


class _Remembered(Residents):
    """Who names what, as it was heard; the records are the node's own."""

    def __init__(self, live: Cache) -> None:
        super().__init__()
        self._live = live

    def records(self, pod: Key) -> tuple[Key, ...]:
        return self._live.index(Residents).records(pod)


def written(told: Heard) -> bytes:
    return encode([[*key, obj] for key, obj in told])


def read(data: bytes) -> Heard:
    """Raises ValueError, or TypeError, where that was not written by `written`."""
    return tuple((Key(kind, namespace, name), obj) for kind, namespace, name, obj in decode(data))


def keep(directory: Path, told: Heard) -> None:
    """Whole, and for nobody else to read: secrets may be in it. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    notes.write(directory / FILE, written(told))


def kept(directory: Path) -> Heard | None:
    """None where nothing was kept, or not whole."""
    try:
        return read((directory / FILE).read_bytes())
    except (OSError, ValueError, TypeError):
        return None


def forget(directory: Path) -> None:
    (directory / FILE).unlink(missing_ok=True)


def pods_in(told: Iterable[tuple[Key, Json]]) -> Iterator[Key]:
    return (key for key, _ in told if key.kind == "Pod")
