"""Every life of a small set, to a stated depth: not drawn, but all of them.

At each point the explorer may let the kernel take its step, let any one thing that the runtime has coming happen first,
let time pass, let stead die after any of the next step's actions, or let any step of a menu happen (a schedule's
steps, whatever their times). It branches by forking itself: a process is a snapshot of the whole house. States that
look alike (uids, times and addresses aside) are entered once.
"""

import gc
import os
import pickle
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from hashlib import blake2b

from msgspec import Struct, field

from stead.machinery.objects import Json, canonical
from stead.simulation.schedules import Schedule, Step
from stead.simulation.stories import Broken, Story

SEEN_KINDS = ("StatefulSet", "Pod", "PersistentVolumeClaim", "ControllerRevision")
IDLE = ("node", "serviceaccount", "root-ca", "namespace")  # their heartbeats make no difference
MOST_DEATHS_AFTER = 4
MOST_PICKS = 3
TOLD_WORDS = ("state", "attempt", "code", "failures", "era")
UID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|kube-api-access-[a-z0-9]{5}")
NOISE = re.compile(
    rb'"\d{4}-\d\d-\d\dT[0-9:.]+Z"|"resourceVersion":"\d+"|"simulated://[0-9a-f]{32}"|10\.44\.\d+\.\d+|"generation":\d+'
)

Move = tuple[str, int]


class Bounds(Struct, frozen=True):
    """`depth`: moves on a path; `faults`: how many of them come from the menu or are deaths; `seconds` of real time."""

    depth: int = 30
    faults: int = 2
    seconds: float = 60.0


class Found(Struct):
    """What was explored. `is_whole`: all within the bounds was, before time ran out. `broken`: paths and promises."""

    states: int = 0
    moves: int = 0
    calms: int = 0
    is_whole: bool = True
    broken: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.moves += other.moves
        self.calms += other.calms
        self.is_whole = self.is_whole and other.is_whole
        self.broken += other.broken


def explore(schedule: Schedule, bounds: Bounds, *, is_at_rest: bool = False, prelude: Iterable[Step] = ()) -> Found:
    """All lives of the schedule's sets, its steps being what may happen at any time.

    It begins with their creation, or, with `is_at_rest`, when they are up; `prelude` happens just before it begins.
    """
    story = Story(schedule)
    story.world.begin()
    if is_at_rest:
        story.world.simulation.settle()
    for step in prelude:
        story.happen(step)
    story.look()
    story.world.simulation.runtime.is_asked = True
    explorer = _Explorer(story, bounds)
    gc.freeze()  # what is shared with a fork is best not touched
    found = explorer.visit(bounds.depth, bounds.faults, ())
    gc.unfreeze()
    found.states = len(explorer.seen)
    return found


class _Explorer:
    """`seen`: for each state the depth and faults that were left when it was entered."""

    def __init__(self, story: Story, bounds: Bounds) -> None:
        self.story = story
        self.menu = story.ending.schedule.steps
        self.seen: dict[bytes, tuple[int, int]] = {}
        self._until = time.monotonic() + bounds.seconds

    def visit(self, depth: int, faults: int, path: tuple[str, ...]) -> Found:
        """Everything from here on; the house is left wherever the last path ended."""
        found, state = Found(), self._state()
        before = self.seen.get(state, (-1, -1))
        if before[0] >= depth and before[1] >= faults:
            return found
        self.seen[state] = (max(depth, before[0]), max(faults, before[1]))
        if time.monotonic() > self._until:
            found.is_whole = False
            return found
        if depth == 0:
            found.calms += 1
            found.add(self._calm(path))
            return found
        moves = list(self._moves(faults))
        for move, is_fault in moves[:-1]:
            self._in_a_child(partial(self._follow, move, depth - 1, faults - is_fault, path), found)
        for move, is_fault in moves[-1:]:  # this process is not needed any more
            found.add(self._follow(move, depth - 1, faults - is_fault, path))
        return found

    def _follow(self, move: Move, depth: int, faults: int, path: tuple[str, ...]) -> Found:
        path = (*path, self._told(move))
        try:
            self._make(move)
        except Broken as error:
            return Found(moves=1, broken=[(" > ".join(path), str(error))])
        except Exception as error:
            return Found(moves=1, broken=[(" > ".join(path), f"{type(error).__name__}: {error}")])
        found = self.visit(depth, faults, path)
        found.moves += 1
        return found

    def _calm(self, path: tuple[str, ...]) -> Found:
        """From a leaf everything must still come to rest."""
        self.story.world.simulation.runtime.is_asked = False
        try:
            self.story.calm()
        except Exception as error:
            return Found(broken=[(" > ".join((*path, "calm")), str(error))])
        return Found()

    def _in_a_child(self, work: Callable[[], Found], found: Found) -> None:
        """Do the work in a fork; bring home what it found and which states it saw."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            known = dict(self.seen)
            answer = work()
            fresh = {state: left for state, left in self.seen.items() if known.get(state) != left}
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump((answer, fresh), pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer, fresh = pickle.load(pipe)
        os.waitpid(child, 0)
        self.seen |= fresh
        found.add(answer)

    # --- moves

    def _moves(self, faults: int) -> Iterator[tuple[Move, bool]]:
        """What may come next, and whether it counts as a fault."""
        simulation = self.story.world.simulation
        is_due = bool(simulation.cluster.engine.due()) or simulation.cluster.is_behind
        coming = len(simulation.runtime.coming())
        if is_due:
            yield ("go", 0), False
        for place in range(min(coming, MOST_PICKS)):
            yield ("pick", place), False
        if not is_due and not coming:
            yield ("wait", 0), False
        if faults:
            for place in range(len(self.menu)):
                yield ("happen", place), True
            for after in range(MOST_DEATHS_AFTER if is_due else 1):
                yield ("die", after), True

    def _make(self, move: Move) -> None:
        word, number = move
        simulation = self.story.world.simulation
        if word == "happen":
            self.story.happen(self.menu[number])
            return
        if word == "pick":
            wake = simulation.runtime.coming()[number]
            simulation.advance(max(wake, simulation.now.mono))
            simulation.runtime.picked = number
        if word == "wait":
            simulation.advance(simulation.now.mono + 60)
        if word == "die":
            simulation.crash_after(number)
        simulation.step()
        simulation.runtime.picked = None
        self.story.look()

    def _told(self, move: Move) -> str:
        word, number = move
        return str(self.menu[number]) if word == "happen" else f"{word} {number}"

    # --- states

    def _state(self) -> bytes:
        """All that decides what may come, without names and times that differ from run to run."""
        simulation = self.story.world.simulation
        rows = (row.body for kind in SEEN_KINDS for row in simulation.store.rows(kind))
        names: dict[bytes, bytes] = {}
        text = UID.sub(lambda match: names.setdefault(match[0], b"U%d" % len(names)), NOISE.sub(b"", b"".join(rows)))
        sandboxes = b"".join(canonical(_plain(one)) for one in simulation.cluster.cache.all("Sandbox"))
        sandboxes = UID.sub(lambda match: names.setdefault(match[0], b"U%d" % len(names)), sandboxes)
        told = (sorted(simulation.runtime.running()), len(simulation.runtime.coming()), self._queue())
        return blake2b(text + sandboxes + repr(told).encode(), digest_size=16).digest()

    def _queue(self) -> list[str]:
        engine = self.story.world.simulation.cluster.engine
        return [f"{turn}" for turn in engine.waiting() if engine.controllers[turn.controller].name not in IDLE]


def _plain(record: Json) -> Json:
    """A sandbox's record without the moments at which things happened."""
    containers = {name: _words(entry) for name, entry in record["containers"].items()}
    return {**_words(record), "containers": containers, "pod": record["pod"]}


def _words(entry: Json) -> Json:
    return {name: value for name, value in entry.items() if name in TOLD_WORDS}
