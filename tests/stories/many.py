"""`make stories`: many drawn lives, on two processes, for a minute or for as many seeds as asked.

    make stories                 a minute, from seed 0 on
    make stories SEEDS=500       that many, from seed 0 on
    make stories SEEDS=500-1000  these
    make stories SEEDS=random    a minute of seeds that nobody has seen
    make stories SEEDS=exhaustive   no seeds: small sets explored in every way (see `exhaustive`)

The processes order their hashes differently, and some seeds are lived by both: their logs must be the same. A broken
promise is shrunk to the shortest schedule found, left in `.stories/`, and told with the words that replay it.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

from stead.simulation.drawing import draw
from stead.simulation.schedules import Schedule
from stead.simulation.shrinking import shrink
from stead.simulation.stories import Ending, live
from tests.stories import exhaustive

WORKERS = 2
SECONDS = 60.0
LIVED_BY_ALL = 10  # every so manieth seed
MOST_SHRINKING_SECONDS, MOST_BROKEN = 40.0, 3
FOLDER = Path(".stories")


def main(words: list[str]) -> int:
    if words[:1] == ["worker"]:
        return work(int(words[1]), int(words[2]), int(words[3]))
    if words[:1] == ["exhaustive"]:
        return exhaustive.main(words[1:])
    first, count = seeds(words[0] if words else "")
    began = time.monotonic()
    found = run(first, count)
    seconds = time.monotonic() - began
    return tell(found, seconds)


def seeds(asked: str) -> tuple[int, int]:
    """First seed and how many; 0 is as many as a minute allows."""
    if asked == "random":
        return SystemRandom().randrange(10**6, 10**9), 0
    first, dash, last = asked.partition("-")
    if not asked:
        return 0, 0
    if not first.isdigit() or (dash and not last.isdigit()):
        sys.exit(f"SEEDS={asked}: a number, a range like 500-1000, or random is wanted")
    return (int(first), int(last) - int(first)) if dash else (0, int(first))


def run(first: int, count: int) -> list[dict[str, object]]:
    """Every worker's reports, one for each life."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.stories.many", "worker", str(number), str(first), str(count)],
            env={**os.environ, "PYTHONHASHSEED": str(number + 1)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WORKERS)
    ]
    return [json.loads(line) for worker in workers for line in worker.communicate()[0].splitlines()]


def work(number: int, first: int, count: int) -> int:
    """One process: its seeds, and those that all live."""
    until = time.monotonic() + SECONDS
    broken = 0
    for seed in _mine(number, first, count):
        if (not count and time.monotonic() > until) or broken == MOST_BROKEN:
            break
        ending = live(draw(seed))
        broken += bool(ending.broken)
        print(json.dumps(_report(seed, ending)), flush=True)
    return 0


def tell(found: list[dict[str, object]], seconds: float) -> int:
    steps, lives = sum(int(str(one["steps"])) for one in found), len(found)
    virtual = sum(float(str(one["at"])) for one in found) / 3600
    print(
        f"{lives} schedules in {seconds:.0f} s ({60 * lives / seconds:.0f} a minute), {steps} steps "
        f"({steps / seconds:.0f} a second), {virtual:.0f} h of virtual time, "
        f"{sum(int(str(one['deaths'])) for one in found)} deaths of stead, "
        f"{sum(int(str(one['remedies'])) for one in found)} remedies that helped"
    )
    broken = {int(str(one["seed"])): one for one in found if one["broken"]}
    for seed, one in sorted(broken.items()):
        print(f"\nseed {seed}: {one['broken']}\n{one['schedule']}stead replay {one['file']}   (all of it: {seed})")
    unlike = list(differences(found))
    for seed in unlike:
        print(f"\nseed {seed}: two lives of one seed differ; stead replay {seed}")
    return 1 if broken or unlike else 0


def differences(found: list[dict[str, object]]) -> Iterator[object]:
    """Seeds whose logs were not the same in all processes."""
    first: dict[object, object] = {}
    for one in found:
        if first.setdefault(one["seed"], one["digest"]) != one["digest"]:
            yield one["seed"]


def _mine(number: int, first: int, count: int) -> Iterator[int]:
    seed = first
    while not count or seed < first + count:
        if seed % WORKERS == number or seed % LIVED_BY_ALL == 0:
            yield seed
        seed += 1


def _report(seed: int, ending: Ending) -> dict[str, object]:
    told: dict[str, object] = {"seed": seed}
    told |= {name: getattr(ending, name) for name in ("steps", "at", "deaths", "remedies", "digest", "broken")}
    if ending.broken:
        shortest = shortened(ending)
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"seed-{seed}.yaml"
        path.write_text(str(shortest))
        told |= {"schedule": str(shortest), "file": str(path)}
    return told


def shortened(ending: Ending, seconds: float = MOST_SHRINKING_SECONDS) -> Schedule:
    """The shortest schedule found in that time that breaks the same promise."""
    until = time.monotonic() + seconds

    def is_broken(one: Schedule) -> bool:
        return time.monotonic() < until and _gist(live(one).broken) == _gist(ending.broken)

    return shrink(ending.schedule, is_broken)


def _gist(broken: str) -> str:
    """Which promise it was, whoever it was about."""
    return re.sub(r"[a-z0-9-]*\d[a-z0-9.-]*", "#", broken.partition("waiting:")[0].partition(";")[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
