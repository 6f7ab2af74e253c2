"""Growth: what a replica costs when there are many, in virtual time, with the whole house; and how many lives a minute.

Told in milliseconds of the processor for each replica. The answer hoped for is the same number at every size.
"""

import cProfile
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.harness import Figures, Measurement
from bench.living import ROLL, a_set
from stead.simulation.drawing import draw
from stead.simulation.shell import Simulation
from stead.simulation.stories import live

POLICIES = {"Parallel": "parallel", "OrderedReady": "ordered"}
SIZES = {100: 3, 1000: 2, 10_000: 1}  # replicas, and how often
LONG = 1e7  # virtual seconds: enough for any of it
LIVING_SECONDS = 20.0


def _life(policy: str, replicas: int) -> Figures:
    """One set comes up, rolls and goes down."""
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    figures: dict[str, float] = {}
    began, steps = time.perf_counter(), simulation.steps
    for name, deed in _deeds(simulation, policy, replicas):
        spent = time.process_time()
        deed()
        figures[f"{name}, ms of processor a replica"] = (time.process_time() - spent) / replicas * 1000
    figures["whole life by the clock, s"] = whole = time.perf_counter() - began
    figures["steps a second"] = (simulation.steps - steps) / whole
    return figures


def _deeds(simulation: Simulation, policy: str, replicas: int) -> Iterator[tuple[str, Callable[[], object]]]:
    def up() -> None:
        simulation.apply(a_set(replicas, policy))
        simulation.settle(LONG)

    def roll() -> None:
        simulation.patch("StatefulSet", "web", ROLL)
        simulation.settle(LONG)

    def down() -> None:
        simulation.scale("web", 0)
        simulation.run_until(lambda: not any(simulation.cluster.cache.all("Pod")), seconds=LONG)

    yield from {"up": up, "roll": roll, "down": down}.items()


def _calls(policy: str, replicas: int) -> Figures:
    """The same life in calls of Python functions, which no neighbour of this process can disturb."""
    simulation = Simulation(seed=1)
    simulation.run_for(1)
    figures: dict[str, float] = {}
    for name, deed in _deeds(simulation, policy, replicas):
        profile = cProfile.Profile(builtins=False)
        profile.runcall(deed)
        figures[f"{name}, calls a replica"] = sum(entry.callcount for entry in profile.getstats()) / replicas
    return figures


def _stories() -> Figures:
    """Drawn lives, one after the other on one core, every promise checked after every step, as `make stories` does."""
    began, lives, steps = time.process_time(), 0, 0
    while time.process_time() - began < LIVING_SECONDS:
        steps += live(draw(lives)).steps
        lives += 1
    spent = time.process_time() - began
    return {"schedules a minute of one processor": 60 * lives / spent, "checked steps a second": steps / spent}


ALL = (
    *(
        Measurement(f"growth, {replicas} {word}", "", partial(_life, policy, replicas), runs)
        for replicas, runs in SIZES.items()
        for policy, word in POLICIES.items()
    ),
    *(
        Measurement(f"growth in calls, {replicas} {word}", "", partial(_calls, policy, replicas), 1)
        for replicas in (100, 1000)
        for policy, word in POLICIES.items()
    ),
    Measurement("stories", "", _stories, 1),
)
