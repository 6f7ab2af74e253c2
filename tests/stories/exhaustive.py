"""`make stories SEEDS=exhaustive`: small sets, not drawn but explored in every way, deeper and deeper while time lasts.

Each line is one set and where its exploration begins; what it covers is told as depth (moves on a path) and faults
(how many of them are steps of the menu, or deaths of stead).
"""

import sys
import time
from collections.abc import Iterator

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
    "2 ordered, coming up": ({"replicas": 2}, ()),
    "2 parallel, coming up": ({"replicas": 2, "policy": "Parallel"}, ()),
    "3 ordered, at rest": ({"replicas": 3}, ()),
    "3 ordered, in a roll-out": ({"replicas": 3}, (a_step(0, "revise", set="web", image="b"),)),
    "2 with claims that go, scaling down": (
        {"replicas": 2, "claims": ("www",), "whenScaled": "Delete"},
        (a_step(0, "scale", set="web", replicas=1),),
    ),
}
SECONDS = 300.0


def main(words: list[str]) -> int:
    seconds = float(words[0]) if words else SECONDS
    is_broken = False
    for name in SCENES:
        for bounds, found, took in deeper(name, seconds / len(SCENES)):
            whole = "all" if found.is_whole else "a part"
            print(
                f"{name}: {whole} to depth {bounds.depth} with {bounds.faults} faults: {found.states} states, "
                f"{found.moves} moves, {found.calms} calms, {took:.0f} s",
                flush=True,
            )
            for path, broken in found.broken[:3]:
                print(f"  {broken}\n    {path}")
            is_broken |= bool(found.broken)
    return int(is_broken)


def deeper(name: str, seconds: float) -> Iterator[tuple[Bounds, Found, float]]:
    """One scene with one fault and with two, each two moves deeper until its share of the time is over."""
    for faults in (1, 2):
        until, depth = time.monotonic() + seconds / 2, 4
        while time.monotonic() < until:
            bounds = Bounds(depth, faults, until - time.monotonic())
            began = time.monotonic()
            found = explore(schedule(name), bounds, is_at_rest="coming up" not in name, prelude=SCENES[name][1])
            yield bounds, found, time.monotonic() - began
            if not found.is_whole or found.broken:
                break
            depth += 2


def schedule(name: str) -> Schedule:
    return Schedule((a_set(name="web", grace=1, **SCENES[name][0]),), MENU)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
