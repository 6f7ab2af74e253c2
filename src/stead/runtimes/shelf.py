"""What the image store lists: references and the manifests they mean, and which of them came from a registry.

Two files: `index.json`, and beside it `pulled.json`, with when a pulled image came and when pods last wanted it. What
is missing in the latter counts as imported by hand, so that nothing is thrown away, or asked for again, because a
record was lost.
"""

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from msgspec import Struct

from stead.runtimes import references


class Record(Struct, frozen=True):
    """Of an image that was pulled: when it came, and when a pod last had or wanted it."""

    since: float
    used: float


class Shelf:
    """`clock` tells when images came and were wanted."""

    def __init__(self, directory: Path, clock: Callable[[], float]):
        self._index_path = directory / "index.json"
        self._pulled_path = directory / "pulled.json"
        self._clock = clock

    def index(self) -> dict[str, str]:
        """Digests by full reference."""
        try:
            index: dict[str, str] = json.loads(self._index_path.read_text())
            return index
        except FileNotFoundError:
            return {}

    def records(self) -> dict[str, Record]:
        """Of those that were pulled, by full reference."""
        try:
            told = json.loads(self._pulled_path.read_text())
            return {str(name): Record(float(since), float(used)) for name, (since, used) in told.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}

    @contextmanager
    def changing(self) -> Iterator[dict[str, str]]:
        """The index to change; one process at a time, and never half written."""
        with self._locked("lock", fcntl.LOCK_EX):
            index = self.index()
            yield index
            _write(self._index_path, index)

    def adding(self, how: int = fcntl.LOCK_SH) -> AbstractContextManager[None]:
        """Held, together with others, by who adds blobs and layers; alone by who removes those that nobody lists."""
        return self._locked("adding", how)

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        self._index_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self._index_path.with_suffix(f".{name}"), "w") as lock:
            fcntl.flock(lock, how)
            yield

    def remember(self, reference: str, digest: str, *, is_pulled: bool = False) -> None:
        """List an image; one that had the name until now is listed by its digest, for pods may run on it."""
        now = self._clock()
        with self.changing() as index:
            records, was = self.records(), index.get(reference, digest)
            since = records[reference].since if reference in records and was == digest else now
            records.pop(reference, None)
            if is_pulled:
                records[reference] = Record(since, now)
            index[reference] = digest
            if was not in index.values():
                nameless = f"{references.parse(reference).name}@{was}"
                index[nameless], records[nameless] = was, Record(now, now)
            self._keep(records)

    def note_use(self, reference: str) -> None:
        """A pod wants this image."""
        with self._locked("lock", fcntl.LOCK_EX):
            records = self.records()
            record = records.get(reference)
            if record is not None:
                self._keep({**records, reference: Record(record.since, self._clock())})

    def forget(self, index: Collection[str], used: Collection[str] = ()) -> None:
        """Inside `changing`: only what is listed has a record; `used` are wanted now."""
        now = self._clock()
        kept = {name: record for name, record in self.records().items() if name in index}
        self._keep({name: Record(was.since, now) if name in used else was for name, was in kept.items()})

    def _keep(self, records: dict[str, Record]) -> None:
        _write(self._pulled_path, {name: [record.since, record.used] for name, record in records.items()})


def _write(path: Path, told: object) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(told, indent=1, sort_keys=True))
    os.replace(fresh, path)
