"""What two moments of a simulation have in common: a digest of all that decides what may come, and a table of digests.

Left out: uids (numbered in the order they are met), addresses, names drawn by chance, moments and the lengths of waits,
absolute generations and resourceVersions. So two moments that differ only in how long something has lasted are one
state; whatever a rule makes of lengths (minReadySeconds, back-offs, a silent node) is for drawn schedules.
"""

import mmap
import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from stead.machinery import meta
from stead.machinery.objects import Json, canonical, dig, encode
from stead.simulation.shell import Simulation

SEEN_KINDS = ("StatefulSet", "Pod", "PersistentVolumeClaim", "ControllerRevision", "Node")
IDLE = ("node", "serviceaccount", "root-ca", "namespace")  # their heartbeats make no difference
TOLD_WORDS = ("state", "attempt", "code", "failures", "era")
UID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|kube-api-access-[a-z0-9]{5}")
NOISE = re.compile(
    rb'"\d{4}-\d\d-\d\dT[0-9:.]+Z"|"resourceVersion":"\d+"|"simulated://[0-9a-f]{32}"|10\.44\.\d+\.\d+'
    rb'|"(?:observedG|g)eneration":\d+'
)
DIGEST_SIZE = 15
SLOT = DIGEST_SIZE + 1


def digest(simulation: Simulation) -> bytes:
    """The state that a simulation is in."""
    rows = (_quiet(row.body) for kind in SEEN_KINDS for row in simulation.store.rows(kind))
    sandboxes = (canonical(_plain(one)) for one in simulation.cluster.cache.all("Sandbox"))
    runtime = simulation.runtime
    engine = simulation.cluster.engine
    queue = [f"{turn}" for turn in engine.waiting() if engine.controllers[turn.controller].name not in IDLE]
    running = sorted(state for one in simulation.runtimes.values() for state in one.states())
    told = (running, runtime.future(), queue, engine.due(), simulation.cluster.is_behind)
    text = b"\n".join((*rows, *sandboxes, *_members(simulation), repr((*told, _lags(simulation))).encode()))
    names: dict[bytes, bytes] = {}
    numbered = UID.sub(lambda match: names.setdefault(match[0], b"U%d" % len(names)), text)
    return blake2b(numbered, digest_size=DIGEST_SIZE).digest()


def _members(simulation: Simulation) -> Iterator[bytes]:
    """Which nodes are heard, and which pods one that is cut off remembers."""
    for member in simulation.cluster.members.values():
        yield member.state.encode()
        if member.memory is not None:
            yield from (_quiet(encode(pod)) for pod in member.memory.all("Pod"))


@lru_cache(1 << 14)
def _quiet(body: bytes) -> bytes:
    return NOISE.sub(b"", body)


def _lags(simulation: Simulation) -> list[int]:
    """How many generations each set's status is behind."""
    sets = [row.obj for row in simulation.store.rows("StatefulSet")]
    return [
        int(one["metadata"]["generation"]) - int(dig(one, "status", "observedGeneration", default=0)) for one in sets
    ]


def _plain(record: Json) -> Json:
    """A sandbox's record without the moments at which things happened."""
    containers = {name: _words(entry) for name, entry in record["containers"].items()}
    return {**_words(record), "containers": containers, "pod": record["pod"], "uid": meta.uid(record)}


def _words(entry: Json) -> Json:
    return {name: value for name, value in entry.items() if name in TOLD_WORDS}


class Seen:
    """Which states were entered, and with how many faults left; one table for a process and all that fork off it."""

    def __init__(self, most: int = 1 << 20) -> None:
        self._slots = most
        self._table = mmap.mmap(-1, most * SLOT)
        self._count = mmap.mmap(-1, 8)

    def __len__(self) -> int:
        return int.from_bytes(self._count[:8], "little")

    def enter(self, state: bytes, faults: int) -> bool:
        """Remember a state; False if it is known with as many faults left. MemoryError when the table is full."""
        place = int.from_bytes(state[:8], "little") % self._slots
        for _ in range(self._slots):
            at = place * SLOT
            found, left = self._table[at : at + DIGEST_SIZE], self._table[at + DIGEST_SIZE]
            if not left:
                self._table[at : at + SLOT] = state + bytes((faults + 1,))
                self._count[:8] = (len(self) + 1).to_bytes(8, "little")
                return True
            if found == state:
                self._table[at + DIGEST_SIZE] = max(left, faults + 1)
                return left <= faults
            place = (place + 1) % self._slots
        raise MemoryError(f"more than {self._slots} states")
