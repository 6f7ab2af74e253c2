"""`python -m tests.load`: what a patient client notices of all the others, as a table; `--soak MINUTES` for growth."""

import argparse
import asyncio
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.load import soaking, story
from tests.load.asking import Way
from tests.shells.cluster import a_cluster


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--soak", metavar="MINUTES", type=float, default=0)
    parsed = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as folder,
        a_cluster(Path(folder), runtime="simulated") as cluster,
    ):
        cluster.up()
        way = Way(cluster.data)
        return asyncio.run(_soak(way, parsed.soak) if parsed.soak else _measured(way, parsed))


async def _measured(way: Way, parsed: argparse.Namespace) -> int:
    seconds = parsed.seconds
    print(await story.patient(way, "quiet", seconds), flush=True)
    async with story.load(way) as others:
        await others.watchers(90)
        await others.deaf(10)
        print(await story.patient(way, "100 watchers, ten of them deaf", seconds), flush=True)
        await others.flood(1)
        print(await story.patient(way, "and one that floods", seconds), flush=True)
        print(f"  the flood wrote {others.done / seconds:.0f} objects a second")
    async with story.load(way) as others:
        await others.flood(1)
        print(await story.patient(way, "one that floods, alone", seconds), flush=True)
    await story.fill(way, parsed.objects, 1000)
    print(await story.patient(way, f"quiet, {parsed.objects} objects there", seconds), flush=True)
    async with story.load(way) as others:
        others.listed = await story.listed_bytes(way)
        await others.list_all()
        print(await story.patient(way, "one that lists them all", seconds), flush=True)
        print(f"  it got {others.done / seconds:.1f} lists of {others.listed / 1e6:.1f} MB a second")
    return 0


async def _soak(way: Way, minutes: float) -> int:
    told = await soaking.soak(way, minutes, partial(print, flush=True))
    grown = soaking.grown(told)
    is_flat = grown <= soaking.ALLOWED_MB
    print(f"{'flat' if is_flat else 'GROWN'}: {grown:+.1f} MB between the middle third and the last")
    return 0 if is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
