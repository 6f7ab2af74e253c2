"""`python -m tests.load`: what a patient client notices of all the others; `--turns` what they cost one turn of the
server's loop; `--soak MINUTES` whether it grows.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.load import pairs, soaking, story, turns
from tests.load.asking import Way
from tests.shells.cluster import a_cluster

CROWD = ["--watchers", "90", "--deaf", "10"]
OTHERS = {
    "nobody (how much chance there is)": [],
    "100 watchers and one that floods": [*CROWD, "--flood", "1"],
    "100 watchers and a flood of 16": [*CROWD, "--flood", "16"],
    "one that lists them all": ["--list", "1"],
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of each phase")
    parser.add_argument("--pairs", type=int, default=9, help="of phases, alone and beside the others")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--elsewhere", action="store_true", help="the patient client asks another server, an idle one")
    parser.add_argument("--turns", action="store_true")
    parser.add_argument("--soak", metavar="MINUTES", type=float, default=0)
    parsed = parser.parse_args()
    if parsed.turns:
        return _turns(parsed)
    with ExitStack() as stack:
        way = _a_stead(stack)
        if parsed.soak:
            return asyncio.run(_soak(way, parsed.soak))
        return _paired(way, _a_stead(stack) if parsed.elsewhere else way, parsed)


def _a_stead(stack: ExitStack) -> Way:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True))
    cluster = stack.enter_context(a_cluster(Path(folder), runtime="simulated"))
    cluster.up()
    return Way(cluster.data)


def _paired(others: Way, patient: Way, parsed: argparse.Namespace) -> int:
    asyncio.run(story.fill(others, parsed.objects, 1000))
    for name, options in OTHERS.items():
        told = pairs.measure(patient, others, name, options, pairs=parsed.pairs, seconds=parsed.seconds)
        print(told, flush=True)
    return 0


def _turns(parsed: argparse.Namespace) -> int:
    for name, options in OTHERS.items():
        with tempfile.TemporaryDirectory(prefix="stead-") as folder:
            objects = parsed.objects if "--list" in options else 0
            found, done = turns.measure(Path(folder) / "data", options, objects=objects, seconds=parsed.seconds)
        told = ", ".join(f"{word} {pairs.at(found, share):.2f}" for word, share in turns.TOLD) if found else "none"
        print(f"{name:<34} {len(found)} turns, ms of the processor: {told}; {done} deeds", flush=True)
    return 0


async def _soak(way: Way, minutes: float) -> int:
    told = await soaking.soak(way, minutes, partial(print, flush=True))
    grown = soaking.grown(told)
    is_flat = grown <= soaking.ALLOWED_MB
    print(f"{'flat' if is_flat else 'GROWN'}: {grown:+.1f} MB between the middle third and the last")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
