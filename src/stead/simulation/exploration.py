"""Every life of a small set: not drawn, but all of them, to their ends.

At each point the explorer may let the kernel take its step, let any one thing that the runtime has coming happen first,
let time pass, let stead die after any of the next step's actions, or let any step of a menu happen (a schedule's
steps, whatever their times). It branches by forking itself: a process is a snapshot of the whole house. States that
look alike (see `states`) are entered once, so with a number of faults there is an end to it: when nothing new is met,
every life with so many faults was seen, however long. From every state that is the last of its branch (where nothing
happens any more, or what happens leads round in a circle) all must come to rest. Any other state leads to such a one.
"""

import gc
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from msgspec import Struct, field

from stead.simulation import states
from stead.simulation.schedules import Schedule, Step
from stead.simulation.stories import Broken, Story

MOST_DEATHS_AFTER = 4
MOST_PICKS = 3
LONGEST_WAIT = 60.0
LONGEST_PATH = 400  # as many processes wait for one another

Move = tuple[str, int]


class Bounds(Struct, frozen=True):
    """`faults`: how many moves of a life come from the menu or are deaths; `seconds` of real time for all lives."""

    faults: int = 2
    seconds: float = 60.0


class Found(Struct):
    """What was explored. `is_whole`: every life within the bounds, to its end. `longest`: moves of the longest path.

    `ends`: states in which a branch ended and from which everything was seen to come to rest. `broken`: paths and
    promises.
    """

    states: int = 0
    moves: int = 0
    ends: int = 0
    longest: int = 0
    is_whole: bool = True
    broken: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.moves += other.moves
        self.ends += other.ends
        self.longest = max(self.longest, other.longest)
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
    gc.disable()  # what is shared with a fork is best not touched
    found = explorer.visit(bounds.faults, (), {})
    gc.enable()
    found.states = len(explorer.seen)
    return found


class _Explorer:
    def __init__(self, story: Story, bounds: Bounds) -> None:
        self.story = story
        self.menu = story.ending.schedule.steps
        self.seen = states.Seen()
        self._until = time.monotonic() + bounds.seconds

    def visit(self, faults: int, path: tuple[str, ...], above: dict[bytes, int]) -> Found:
        """Everything from here on; the house is left wherever the last path ended.

        `above`: the states on the way here since the last fault, each of which leads here by itself.
        """
        found, state = Found(longest=len(path)), states.digest(self.story.world.simulation)
        if not self.seen.enter(state, faults):
            if state in above:
                self._in_a_child(partial(self._end, path), found)
            return found
        if time.monotonic() > self._until or len(path) > LONGEST_PATH:
            found.is_whole = False
            return found
        moves = list(self._moves(faults))
        above = {**above, state: 0}
        for move, is_fault in moves[:-1]:
            self._in_a_child(partial(self._follow, move, faults - is_fault, path, {} if is_fault else above), found)
        for move, is_fault in moves[-1:]:  # this process is not needed any more
            found.add(self._follow(move, faults - is_fault, path, {} if is_fault else above))
        return found

    def _follow(self, move: Move, faults: int, path: tuple[str, ...], above: dict[bytes, int]) -> Found:
        path = (*path, self._told(move))
        try:
            self._make(move)
        except Broken as error:
            return Found(moves=1, broken=[(" > ".join(path), str(error))])
        except Exception as error:
            return Found(moves=1, broken=[(" > ".join(path), f"{type(error).__name__}: {error}")])
        found = self.visit(faults, path, above)
        found.moves += 1
        return found

    def _end(self, path: tuple[str, ...]) -> Found:
        """From the last state of a branch everything must still come to rest."""
        self.story.world.simulation.runtime.is_asked = False
        try:
            self.story.calm()
        except Exception as error:
            return Found(ends=1, broken=[(" > ".join((*path, "calm")), str(error))])
        return Found(ends=1)

    def _in_a_child(self, work: Callable[[], Found], found: Found) -> None:
        """Do the work in a fork, and bring home what it found."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(work(), pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pickle.load(pipe)
        os.waitpid(child, 0)
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
            simulation.advance(simulation.now.mono + LONGEST_WAIT)
        if word == "die":
            simulation.crash_after(number)
        simulation.step()
        simulation.runtime.picked = None
        self.story.look()

    def _told(self, move: Move) -> str:
        word, number = move
        return str(self.menu[number]) if word == "happen" else f"{word} {number}"
