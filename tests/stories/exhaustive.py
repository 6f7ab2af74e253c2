"""`make stories SEEDS=exhaustive`: small sets, not drawn but explored in every way, with more and more faults.

Each line is one set and where its exploration begins. `all lives with 2 faults` is just that: however they go and
however long they are, to where nothing new can happen; a fault is a step of the menu, or a death of stead. `a part`
is what time allowed. Two scenes are explored at a time.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from stead.simulation.exploration import Bounds, Found, explore
from stead.simulation.schedules import Schedule, Step, a_set, a_step

MENU = (
    a_step(0, "scale", set="web", replicas=1),
    a_step(0, "revise", set="web", image="b"),
    a_step(0, "delete-pod", pod="web-0"),
    a_step(0, "fail-pod", pod="web-1"),
    a_step(0, "crash-container", pod="web-0"),
    a_step(0, "delete-set", set="web"),
)
SCENES: dict[str, tuple[dict[str, object], tuple[Step, ...]]] = {
    "1 ordered, coming up": ({"replicas": 1, "claims": ("www",)}, ()),
    "2 ordered, coming up": ({"replicas": 2}, ()),
    "2 parallel, coming up": ({"replicas": 2, "policy": "Parallel"}, ()),
    "3 ordered, at rest": ({"replicas": 3}, ()),
    "3 ordered, in a roll-out": ({"replicas": 3}, (a_step(0, "revise", set="web", image="b"),)),
    "2 with claims that go, scaling down": (
        {"replicas": 2, "claims": ("www",), "whenScaled": "Delete"},
        (a_step(0, "scale", set="web", replicas=1),),
    ),
}
SECONDS = 600.0
MOST_FAULTS = 3
AT_ONCE = 2


def main(words: list[str]) -> int:
    seconds = AT_ONCE * (float(words[0]) if words else SECONDS) / len(SCENES)
    is_broken = False
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        for told, is_kept in pool.map(explored, SCENES, [seconds] * len(SCENES)):
            print(told, flush=True)
            is_broken |= not is_kept
    return int(is_broken)


def explored(name: str, seconds: float) -> tuple[str, bool]:
    """One scene within its time, in lines, and whether every promise was kept."""
    lines, is_kept = [], True
    for bounds, found, took in further(name, seconds):
        whole = "all" if found.is_whole else "a part of the"
        lines.append(
            f"{name}: {whole} lives with {bounds.faults} faults: {found.states} states, {found.moves} moves, "
            f"the longest {found.longest}, {found.ends} ends, {took:.0f} s"
        )
        lines += [f"  {broken}\n    {path}" for path, broken in found.broken[:3]]
        is_kept &= not found.broken
    return "\n".join(lines), is_kept


def further(name: str, seconds: float) -> Iterator[tuple[Bounds, Found, float]]:
    """One scene without a fault, with one, with two, ... until its time is over."""
    until = time.monotonic() + seconds
    for faults in range(MOST_FAULTS + 1):
        began = time.monotonic()
        if began > until:
            return
        bounds = Bounds(faults, until - began)
        found = explore(schedule(name), bounds, is_at_rest="coming up" not in name, prelude=SCENES[name][1])
        yield bounds, found, time.monotonic() - began
        if not found.is_whole or found.broken:
            return


def schedule(name: str) -> Schedule:
    return Schedule((a_set(name="web", grace=1, **SCENES[name][0]),), MENU)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
