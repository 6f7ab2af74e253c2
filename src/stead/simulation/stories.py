"""One schedule lived from beginning to calm, with every promise checked after every step.

When all is over and nothing goes wrong any more, everything must come to rest as its spec wants it; where Kubernetes
itself would be stuck (a forced roll-back, two unhealthy condemned pods), somebody must say why, and the remedy they
name must work.
"""

import re
import traceback
import zlib
from collections.abc import Callable, Iterable

from msgspec import Struct

from stead.engine.journal import Round
from stead.machinery import meta
from stead.simulation.promises import Watchman
from stead.simulation.schedules import Schedule, Step, a_step
from stead.simulation.world import World

MOST_STEPS = 60_000  # of a whole story
MOST_STEPS_AT_ONCE = 3_000  # without the clock moving
STILL_SECONDS = 330.0  # without a change: what has not happened by then waits for somebody
STILL_WITH_REMEDY_SECONDS = 45.0
LONGEST_BACKOFF_SECONDS = 1_100.0  # a set that fails may be tried again so late
CALM_SECONDS = 4_000.0
MOST_REMEDIES = 16
PARTITION = re.compile(r"\bpatch statefulset ([a-z0-9-]+) -p '.*\"partition\":(\d+)")
REMEDY = re.compile(r"\bdelete (pod|pvc) ([a-z0-9-]+)")
NO_HURRY = ("RU-1",)  # waits that nobody minds: OnDelete is what was asked for
STALLS = {"PVC-8"}
REMEDIES = {"pod": ("Pod", "delete-pod", "pod"), "pvc": ("PersistentVolumeClaim", "delete-claim", "claim")}

OnStep = Callable[[float, str, str], None]


class Ending(Struct):
    """How a story ended. `broken`: the first promise that was not kept, "" where all were. `digest`: of its log."""

    schedule: Schedule
    broken: str = ""
    at: float = 0.0
    steps: int = 0
    changes: int = 0
    deaths: int = 0
    remedies: int = 0
    digest: int = 0


class Broken(Exception):
    """A promise was not kept; the message says which."""


def live(
    schedule: Schedule, *, on_round: Iterable[Callable[[Round], None]] = (), on_step: OnStep | None = None
) -> Ending:
    """Live a schedule to its end; never raises."""
    story = Story(schedule, on_step)
    story.world.simulation.watchers += [story.note, *on_round]
    try:
        story.run()
    except Broken as error:
        story.ending.broken = str(error)
    except AssertionError as error:
        story.ending.broken = str(error) or _where(error)
    except Exception as error:
        story.ending.broken = _where(error)
    return story.finished()


class Story:
    """The living of one schedule."""

    def __init__(self, schedule: Schedule, on_step: OnStep | None = None) -> None:
        self.world = World(schedule)
        self.watchman = Watchman(self.world)
        self.ending = Ending(schedule)
        self._on_step = on_step or (lambda at, told, answer: None)
        self._at_once = 0
        self._remedies: dict[str, list[Step]] = {}

    def run(self) -> None:
        """From the creation of the sets to the calm after the last step; raises Broken."""
        self.world.begin()
        self.look()
        began = self.world.simulation.now.mono
        for step in self.ending.schedule.steps:
            self._run_until(began + step.at)
            self.happen(step)
        self.calm()

    def happen(self, step: Step) -> None:
        """Let one step happen and look what came of it; raises Broken."""
        answer = self.world.happen(step)
        self._on_step(self.world.simulation.now.mono, str(step), answer)
        self.look()

    def look(self) -> None:
        """Hold every promise against what happened; raises Broken."""
        broken = self.watchman.look()
        if broken:
            raise Broken("; ".join(broken))

    def calm(self) -> None:
        """Everything must come to rest, or say why it cannot, and the remedy it names must help; raises Broken."""
        simulation = self.world.simulation
        self._on_step(simulation.now.mono, "calm", "")
        self.world.calm()
        while missing := self._rest(simulation.now.mono + CALM_SECONDS):
            if not self._is_explained(missing):
                raise Broken(f"no calm, and nobody says why: {'; '.join(missing)}{self._waits()}")
            if not self._remedies and self._is_stalled_by_spec():
                continue
            if not self._remedies or self.ending.remedies >= MOST_REMEDIES:
                raise Broken(f"no calm: {'; '.join(missing)}{self._waits()}")
            self._apply_remedy()

    def note(self, round_: Round) -> None:
        """Fold a round into the digest, by which two runs are compared."""
        told = f"{round_.at.mono:.6f} {round_.controller} {round_.key} {round_.deeds} {round_.waiting}"
        self.ending.digest = zlib.crc32(told.encode(), self.ending.digest)

    def finished(self) -> Ending:
        simulation = self.world.simulation
        self.ending.at, self.ending.steps = simulation.now.mono, simulation.steps
        self.ending.deaths, self.ending.changes = simulation.deaths, self.watchman.changes
        return self.ending

    # --- inside

    def _run_until(self, until: float) -> None:
        simulation = self.world.simulation
        while simulation.now.mono < until:
            before = simulation.now.mono
            if not simulation.advance(until):
                return
            simulation.step()
            self.look()
            self._at_once = self._at_once + 1 if simulation.now.mono == before else 0
            if self._at_once > MOST_STEPS_AT_ONCE:
                raise Broken(f"{MOST_STEPS_AT_ONCE} steps and no time passes{self._waits()}")
            if simulation.steps > MOST_STEPS:
                lived = f"at {simulation.now.mono:.0f} s of virtual time, and this goes on to {until:.0f} s"
                raise Broken(f"the budget of {MOST_STEPS} steps is spent {lived}{self._waits()}")

    def _apply_remedy(self) -> None:
        """Do what is said, all of it and nothing else."""
        self.ending.remedies += 1
        _, steps = self._remedies.popitem()
        for step in steps:
            self.happen(step)

    def _rest(self, until: float) -> list[str]:
        """Run until nothing is missing, twice some time apart, or nothing happens any more; answers what is missing."""
        simulation, is_sure = self.world.simulation, False
        self._remedies.clear()
        while True:
            self._run_until(simulation.now.mono + (30 if is_sure else 5))
            missing = self.watchman.unfinished()
            self._remedies |= self._named_remedies()
            if not missing and is_sure:
                return []
            is_sure = not missing
            is_still = simulation.now.mono - self.watchman.last_change > self._patience()
            if missing and (is_still or simulation.now.mono > until):
                return missing

    def _patience(self) -> float:
        """How long nothing may happen before it is called still."""
        if self._remedies:
            return STILL_WITH_REMEDY_SECONDS
        return LONGEST_BACKOFF_SECONDS if self.world.simulation.is_to_be_tried_again() else STILL_SECONDS

    def _is_explained(self, missing: list[str]) -> bool:
        """Every set that something is missing from has somebody who says what it waits for."""
        simulation = self.world.simulation
        concerned = [key for key in self.watchman.sets() if any(text.startswith(f"{key}:") for text in missing)]
        return all(simulation.waits(key) for key in concerned)

    def _is_stalled_by_spec(self) -> bool:
        """PVC-8: the claim waited for has gone, and claims wake nobody (PVC-7). Any event will do: here is one."""
        self.ending.remedies += 1
        stalled = [key for key in self.watchman.sets() if STALLS & {w.rule for w in self.world.simulation.waits(key)}]
        for key in stalled:
            self.world.nudge(key.name)
        return bool(stalled) and self.ending.remedies < MOST_REMEDIES

    def _named_remedies(self) -> dict[str, list[Step]]:
        """What somebody says should be done by hand; a flapping pod is not always in the state that says so."""
        found = {}
        for key in self.watchman.sets():
            for wait in self.world.simulation.waits(key):
                match = REMEDY.search(wait.remedy) if wait.rule not in NO_HURRY else None
                if match:
                    kind, verb, word = REMEDIES[match[1]]
                    name = match[2]
                    if self._is_there(kind, name):  # if not: whoever waits will see it when it tries again
                        said = PARTITION.findall(wait.remedy)
                        patches = [a_step(0, "partition", set=key, partition=int(at)) for key, at in said]
                        found[name] = [*patches, a_step(0, verb, **{word: name})]
        return found

    def _is_there(self, kind: str, name: str) -> bool:
        found = self.world.simulation.get(kind, name)
        return found is not None and not meta.is_terminating(found)

    def _waits(self) -> str:
        return self.world.simulation.told_waits()


def _where(error: Exception) -> str:
    """An error of our own, and where it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename.rsplit('stead/', 1)[-1]}:{last.lineno}"
    return f"{type(error).__name__}: {error} ({place})"
