"""What will happen if these manifests are applied: a simulation that starts from what is there now."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from msgspec import Struct

from stead.cluster import applying, standing
from stead.cluster.applying import Applied
from stead.cluster.manifests import Manifest
from stead.cluster.settled import is_settled
from stead.kinds.explanation import EXPLANATION
from stead.kinds.paths import path_of
from stead.machinery import meta
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, decode, dig
from stead.simulation import taking
from stead.simulation.foreseen import Happening, differences, happened
from stead.simulation.shell import NotSettled, Simulation

POD, CLAIM, VOLUME, SET = "Pod", "PersistentVolumeClaim", "PersistentVolume", "StatefulSet"
REST_SECONDS = 600.0  # what is under way now may take so long to come to rest
MOST_AT_ONCE = 100_000  # steps in which no time passes: it goes round in a circle
QUIET_SECONDS = 2.0  # nothing happens for so long: it is over
ASSUMED = (
    "new containers find their images, start at once and become Ready as soon as their probes may say so; "
    "those that fail now go on failing",
    "nobody else changes anything meanwhile; webhooks and controllers that are not stead's do nothing",
)


class Change(Struct, frozen=True):
    """An object of the manifests: `created`, `changed` or `unchanged`, and which fields."""

    name: str  # as kubectl says it: statefulset.apps/web
    namespace: str
    deed: str
    fields: list[str]


class SetForecast(Struct, frozen=True):
    """`explanation` is of the end. `restarted`, `removed` and `kept` are the pods that are there now."""

    namespace: str
    name: str
    happenings: list[Happening]
    restarted: list[str]
    removed: list[str]
    kept: list[str]
    explanation: Json


class Forecast(Struct, frozen=True):
    """`seconds`: when the last thing happened, or where the budget ended. `began_settled`: it was at rest before."""

    changes: list[Change]
    sets: list[SetForecast]
    is_settled: bool
    was_settled: bool
    seconds: float
    assumed: tuple[str, ...]
    wall: float


def foresee(
    simulation: Simulation, wanted: Sequence[Manifest], *, seconds: float = 3600, provisions: bool = False
) -> Forecast:
    """Let it come to rest, apply, run until nothing happens any more or `seconds` are over.

    Raises ManifestError where the API refuses, NotSettled where time stands still.

    `provisions`: volumes are made whoever makes them (see taking.provision).
    """
    simulation.run_for(QUIET_SECONDS)
    with suppress(NotSettled):
        simulation.settle(REST_SECONDS)
    was_settled = simulation.is_settled()
    old = {row.key: row.obj for kind in simulation.store.kinds() for row in simulation.store.rows(kind)}
    watcher = _Watcher(simulation)
    applied = applying.apply(wanted, simulation.request, simulation.cluster.api.core.registry)
    if provisions:
        taking.provision(simulation)
    keys = [key_of(one.kind.id, one.obj) for one in applied]
    is_over = watcher.watch([key for key in keys if key.kind == SET], seconds)
    return Forecast(
        changes=[_change(one, old.get(key)) for one, key in zip(applied, keys, strict=True)],
        sets=list(_sets(simulation, watcher, keys, old)),
        is_settled=is_over,
        was_settled=was_settled,
        seconds=watcher.last if is_over else seconds,
        assumed=ASSUMED,
        wall=simulation.now.wall,
    )


class _Watcher:
    """Reads the store's log after every step, for only here are the moments known."""

    def __init__(self, simulation: Simulation) -> None:
        self.happenings: dict[Key, list[Happening]] = {}  # by the set they are about
        self.last = 0.0
        self._simulation = simulation
        self._seen = simulation.store.revision
        self._began = simulation.now.mono
        self._owners: dict[Key, Key] = {}
        self._stood_at, self._steps = self._began, 0

    def watch(self, sets: Sequence[Key], seconds: float) -> bool:
        """Until all is quiet, or `seconds` are over; answers whether `sets` are then as their specs want them.

        Raises NotSettled where time stands still.
        """
        simulation, ends = self._simulation, self._began + seconds
        was_done = True
        while simulation.now.mono < ends:
            is_done = self._is_done(sets)
            if is_done and not was_done:
                self.last = self._at()
            was_done, quiet_at = is_done, self._began + self.last + QUIET_SECONDS
            if is_done and simulation.now.mono >= quiet_at:
                return True
            if simulation.advance(min(ends, quiet_at) if is_done else ends):
                self._step()
        return self._is_done(sets)

    def _is_done(self, sets: Sequence[Key]) -> bool:
        found = [self._simulation.cluster.api.get(key) for key in sets]
        is_going = any(
            meta.is_terminating(row.obj) for kind in (POD, CLAIM) for row in self._simulation.store.rows(kind)
        )
        return not is_going and all(obj is None or is_settled(obj) for obj in found)

    def _step(self) -> None:
        simulation = self._simulation
        is_later = simulation.now.mono > self._stood_at
        self._stood_at, self._steps = simulation.now.mono, 1 if is_later else self._steps + 1
        if self._steps > MOST_AT_ONCE:
            raise NotSettled(
                f"no end after {MOST_AT_ONCE} steps at one moment, {self._at():g} s{simulation.told_waits()}"
            )
        simulation.step()
        self._read()

    def _at(self) -> float:
        return round(self._simulation.now.mono - self._began, 3)

    def _read(self) -> None:
        store, at = self._simulation.store, self._at()
        for change in store.changes(self._seen, None):
            if change.key.kind not in (POD, CLAIM, VOLUME):
                continue
            before = decode(change.before) if change.before is not None else None
            after = decode(change.body) if change.type != "DELETED" else None
            owner = self._owner(change.key, after or before or {})
            for what, detail in happened(change.key.kind, before, after):
                told = Happening(at, *change.key, what, detail)
                self.happenings.setdefault(owner, []).append(told)
                self.last = at
        self._seen = store.revision

    def _owner(self, key: Key, obj: Json) -> Key:
        """The set that a pod, a claim or a claim's volume belongs to; the namespace's nameless one for all else."""
        if key not in self._owners:
            claim = dig(obj, "spec", "claimRef", default={}) if key.kind == VOLUME else {}
            place = Key(CLAIM, claim.get("namespace", ""), claim.get("name", "")) if claim else key
            found = standing.owner_to_be(self._simulation.cluster.cache, place)
            self._owners[key] = found or Key(SET, place.namespace, "")
        return self._owners[key]


def _change(applied: Applied, old: Json | None) -> Change:
    fields = differences(old, applied.obj) if old is not None else []
    name = str(applied).rpartition(" ")[0]
    deed = "created" if old is None else "changed" if fields else "unchanged"
    return Change(name, meta.namespace(applied.obj), deed, fields)


def _sets(
    simulation: Simulation, watcher: _Watcher, applied: Sequence[Key], old: dict[Key, Json]
) -> Iterator[SetForecast]:
    """Those applied and those to which something happens, the nameless one last."""
    found = dict.fromkeys([*(key for key in applied if key.kind == SET), *watcher.happenings])
    for key in sorted(found, key=lambda key: not key.name):
        happenings = watcher.happenings.get(key, [])
        mine = [one for one in old if one.kind == POD and standing.owner_to_be(simulation.cluster.cache, one) == key]
        touched = {one.name for one in happenings if one.kind == POD and one.what in ("deleted", "gone", "restarted")}
        left = simulation.pods(key.namespace)
        pods = [one.name for one in sorted(mine)] if key.name else []
        yield SetForecast(
            key.namespace,
            key.name,
            happenings,
            restarted=[name for name in pods if name in touched and name in left],
            removed=[name for name in pods if name in touched and name not in left],
            kept=[name for name in pods if name not in touched],
            explanation=_explained(simulation, key) if key.name else {},
        )


def _explained(simulation: Simulation, key: Key) -> Json:
    answer = simulation.request("GET", path_of(EXPLANATION, key.namespace, f"statefulset.{key.name}"))
    explained: Json = decode(answer.body)
    return explained if answer.code == 200 else {}
