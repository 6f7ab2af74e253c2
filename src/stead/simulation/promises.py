"""Promises of the whole house, held against everything that happens: the store's changes and the runtime's containers.

Those of the StatefulSet controller alone stand in `controllers/statefulset/invariants`; both are checked here, one
change at a time, by somebody who has a cache of their own and takes no part.
"""

from collections.abc import Iterator

from stead.cluster import afar
from stead.controllers.statefulset import identity, invariants, spec
from stead.controllers.statefulset.controller import StatefulSetController
from stead.engine.journal import Round
from stead.kinds.encoding import go_json
from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json, dig
from stead.machinery.plan import Create, Done, Outcome, Refused
from stead.machinery.watch import WatchEvent
from stead.simulation.world import World
from stead.store.cursor import Cursor

TOLD_KINDS = ("StatefulSet", "Pod", "PersistentVolumeClaim")


class Watchman:
    """`look` answers which promises were broken since it was last called. `last_change`: when a set or pod last did."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.last_change = 0.0
        self.changes = 0
        self._cache = Cache()
        self._cursor = Cursor(world.simulation.store, 0)
        self._before: dict[Key, Json | None] = {}
        self._graceless: dict[Key, None] = {}  # pods whose spec let the API forget them without asking their node
        self._judged = 0  # how many changes there were when statuses were last held against what is there
        self._made: dict[Key, str] = {}  # what a controller from afar heard that it has made, by uid
        self._echoes: list[str] = []
        world.simulation.watchers.append(self.heed)

    def look(self) -> list[str]:
        broken: list[str] = []
        self._before = {}
        for change in self._cursor.pull(limit=None):
            event = change.event
            self.changes += 1
            if event.key.kind in TOLD_KINDS:
                self.last_change = self.world.simulation.now.mono
                broken += invariants.violations(self._cache, event, deleted_by_user=self.world.interfered)
                broken += [f"{event.key}: {text}" for check in _CHECKS for text in check(self, event)]
                self._before.setdefault(event.key, self._cache.get(event.key))
            if event.type == "DELETED" and dig(event.obj, "spec", "terminationGracePeriodSeconds") == 0:
                self._graceless[event.key] = None
            self._cache.apply(event)
        if self._is_quiet():
            self._judged = self.changes
            broken += [text for key in self.sets() for text in invariants.untrue(self._cache, key)]
        echoes, self._echoes = self._echoes, []
        return broken + echoes + list(self._two_at_once())

    def heed(self, round_: Round) -> None:
        """Q-7: whoever sees from afar does not make again what he heard that he has made and has not seen yet."""
        if self.world.simulation.distant is None or round_.controller != StatefulSetController.name:
            return
        for action, outcome in round_.deeds:
            if isinstance(action, Create) and action.obj["kind"] in afar.RESTS_ON:
                self._heed_made(key_of(action.obj["kind"], action.obj), outcome)

    def _heed_made(self, key: Key, outcome: Outcome) -> None:
        distant, there = self.world.simulation.distant, self.world.simulation.cluster.api.get(key)
        if isinstance(outcome, Done) and outcome.obj is not None:
            self._made[key] = meta.uid(outcome.obj)
        elif isinstance(outcome, Refused) and outcome.reason == "AlreadyExists" and distant is not None:
            is_unseen = distant.engine.cache.get(key) is None
            if there is not None and is_unseen and self._made.get(key) == meta.uid(there):
                self._echoes.append(f"{key} is made again by whom it was made")

    def _is_quiet(self) -> bool:
        """Nobody has anything to do at this moment, and no set is to be looked at again."""
        simulation = self.world.simulation
        if simulation.distant is not None or self._judged == self.changes:
            return False
        wake = simulation.next_wake()
        return (wake is None or wake > simulation.now.mono) and not simulation.is_to_be_tried_again()

    def unfinished(self) -> list[str]:
        """What a calm should have brought about, and has not; () where all is as it was wished."""
        simulation = self.world.simulation
        sets = list(self._cache.all("StatefulSet"))
        keys = [Key("StatefulSet", meta.namespace(one), meta.name(one)) for one in sets]
        found = [text for key in keys for text in invariants.restless(self._cache, key, simulation.now)]
        return [*found, *self._without_history(sets), *self._left_behind()]

    def sets(self) -> list[Key]:
        return [Key("StatefulSet", meta.namespace(one), meta.name(one)) for one in self._cache.all("StatefulSet")]

    def was_well(self, key: Key) -> bool:
        """Whether a pod is available, or was when this step began: a round may have seen either."""
        now = self.world.simulation.now.wall
        return any(_is_well(pod, now) for pod in (self._cache.get(key), self._before.get(key)))

    @property
    def cache(self) -> Cache:
        return self._cache

    def _two_at_once(self) -> Iterator[str]:
        """Never two running containers of one identity, unless a user tore the first pod out by force (3.6)."""
        seen: dict[tuple[Key, str], None] = {}
        for one in self.world.simulation.running():
            if one in seen and not self._is_forced(one[0]):
                yield f"{one[0]}: two containers {one[1]} run at once"
            seen[one] = None

    def _is_forced(self, key: Key) -> bool:
        """Torn out by hand, or by a spec without grace: the API then forgets a pod without asking its node."""
        return key.name in self.world.forced or key in self._graceless

    def _without_history(self, sets: list[Json]) -> Iterator[str]:
        """RV-4: the revision that a set is to be at is there, unless a user took it away."""
        for obj in sets:
            name = str(dig(obj, "status", "updateRevision", default=""))
            key = Key("ControllerRevision", meta.namespace(obj), name)
            if name and self._cache.get(key) is None and key not in self.world.interfered:
                yield f"{Key('StatefulSet', meta.namespace(obj), meta.name(obj))}: its revision {name} is not there"

    def _left_behind(self) -> Iterator[str]:
        """Nothing of a deleted set stays, and nothing runs that is no pod."""
        there = {meta.uid(one) for kind in self._cache.kinds() for one in self._cache.all(kind)}
        for pod in self._cache.all("Pod"):
            if meta.is_terminating(pod):
                yield f"Pod {meta.name(pod)} is still terminating"
            owner = meta.controller_of(pod)
            if owner is not None and owner["uid"] not in there:
                yield f"Pod {meta.name(pod)} outlives its owner"
        for key, container in self.world.simulation.running():
            if self._cache.get(key) is None:
                yield f"{container} of {key} runs though there is no such pod"


def _generations_go_up(watchman: Watchman, event: WatchEvent) -> Iterator[str]:
    """observedGeneration never falls, and never promises what is yet to come."""
    if event.key.kind != "StatefulSet" or event.type != "MODIFIED" or event.old is None:
        return
    old, new = (int(dig(one, "status", "observedGeneration", default=0)) for one in (event.old, event.obj))
    if new < old:
        yield f"observedGeneration falls from {old} to {new}"
    if new > int(event.obj["metadata"].get("generation") or 0):
        yield f"observedGeneration {new} is yet to come"


def _revision_is_the_template(watchman: Watchman, event: WatchEvent) -> Iterator[str]:
    """Status never lies about a generation it has seen: its update revision is that generation's template."""
    obj = event.obj
    if event.key.kind != "StatefulSet" or event.type != "MODIFIED" or obj.get("status") == dig(event.old, "status"):
        return
    if dig(obj, "status", "observedGeneration") != obj["metadata"].get("generation"):
        return
    named = Key("ControllerRevision", event.key.namespace, dig(obj, "status", "updateRevision", default=""))
    kept = watchman.cache.get(named)
    if kept is not None and go_json(kept.get("data")) != spec.read(obj).template_bytes:
        yield f"updateRevision {named.name} is not the template of generation {obj['metadata'].get('generation')}"


def _ordered_is_ordered(watchman: Watchman, event: WatchEvent) -> Iterator[str]:
    """PR-10: an ordered replica comes when all below it are available.

    An old cache may believe they are, and between two pieces of a round much may happen.
    """
    owner, is_old = meta.controller_of(event.obj), watchman.world.simulation.distant or watchman.world.schedule.piece
    if event.key.kind != "Pod" or event.type != "ADDED" or owner is None or is_old:
        return
    made_by = watchman.cache.get(Key("StatefulSet", event.key.namespace, owner["name"]))
    found = identity.parse(event.key.name)
    if made_by is None or found is None or meta.uid(made_by) != owner["uid"]:
        return
    read = spec.read(made_by)
    if read.is_parallel or not read.wants(found.ordinal):
        return
    for ordinal in range(read.first, found.ordinal):
        name = identity.pod_name(read, ordinal)
        if not watchman.was_well(event.key._replace(name=name)):
            yield f"it comes while {name} is not available"


_CHECKS = (_generations_go_up, _revision_is_the_template, _ordered_is_ordered)


def _is_well(pod: Json | None, wall: float) -> bool:
    if pod is None:
        return False
    view = PodView(pod)
    return not view.is_terminating and view.is_running_and_ready
