"""`python -m tests.load.others DATA`: the others, in a process of their own. On its input: `go`, `rest`, the end."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.load import story
from tests.load.asking import Way


async def run(way: Way, parsed: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    words = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), sys.stdin)
    async with story.load(way) as others:
        others.may_work.clear()
        await others.watchers(parsed.watchers)
        await others.deaf(parsed.deaf)
        if parsed.flood:
            await others.flood(parsed.flood)
        if parsed.list:
            others.listed = await story.listed_bytes(way)
            for _ in range(parsed.list):
                await others.list_all()
        print("ready", flush=True)
        while word := (await words.readline()).strip():
            others.may_work.set() if word == b"go" else others.may_work.clear()
            print(others.done, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load.others", description=__doc__)
    parser.add_argument("data", type=Path)
    for name in ("watchers", "deaf", "flood", "list"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parsed = parser.parse_args()
    asyncio.run(run(Way(parsed.data), parsed))


if __name__ == "__main__":
    main()
