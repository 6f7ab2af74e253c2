"""The long forms. `python -m tests.fuzz --seconds 600` changes samples by plain seeds; with `--atheris TARGET` the
changes are guided by coverage, where atheris is installed. What breaks is written to `--keep DIR`.
"""

import argparse
import hashlib
import importlib
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FunctionType
from typing import Any

from tests.fuzz.asking import Asker
from tests.fuzz.making import mutate
from tests.fuzz.targets import TARGETS

MOST_SECONDS = 2.0
REQUESTS, REQUESTS_A_SEED = "requests", 200


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--only", default="", help="targets, comma-separated (all)")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"))
    parser.add_argument("--atheris", metavar="TARGET", default="")
    parsed, rest = parser.parse_known_args()
    if parsed.atheris:
        return _guided(parsed.atheris, rest, parsed.keep)
    names = [name for name in parsed.only.split(",") if name] or [*TARGETS, REQUESTS]
    seconds = parsed.seconds / len(names)
    broken = [_asked(seconds, parsed) if name == REQUESTS else _seeded(name, seconds, parsed) for name in names]
    return 1 if any(broken) else 0


def _asked(seconds: float, parsed: argparse.Namespace) -> int:
    """Requests drawn from the OpenAPI document, a fresh stead for every seed."""
    deadline, seed, tried, met = time.monotonic() + seconds, parsed.seed, 0, set()
    logging.disable(logging.CRITICAL)
    while time.monotonic() < deadline:
        seed += 1
        try:
            asker = Asker(seed)
            for _ in range(REQUESTS_A_SEED):
                tried += 1
                asker.ask_one()
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:1500]}"
            if told[:150] not in met:
                met.add(told[:150])
                print(f"requests, seed {seed}, number {tried}: {told}", flush=True)
                traceback.print_exc(limit=-4)
    print(f"requests: {tried} asked, {len(met)} defects (seeds {parsed.seed + 1} to {seed})", flush=True)
    return len(met)


def _seeded(name: str, seconds: float, parsed: argparse.Namespace) -> int:
    """Change samples until the time is over; answers how many different defects were met."""
    target, chance = TARGETS[name], Random(f"{parsed.seed} {name}")
    deadline, tried, met = time.monotonic() + seconds, 0, set()
    while time.monotonic() < deadline:
        data = mutate(chance, target.samples)
        tried += 1
        trouble = _tried(target, data)
        if trouble and trouble not in met:
            met.add(trouble)
            parsed.keep.mkdir(exist_ok=True)
            file = parsed.keep / f"{name}-{hashlib.sha256(data).hexdigest()[:8]}"
            file.write_bytes(data)
            print(f"{name}: {trouble}\n  kept in {file}", flush=True)
    print(f"{name}: {tried} inputs, {len(met)} defects (seed {parsed.seed})", flush=True)
    return len(met)


def _tried(target: Any, data: bytes) -> str:
    """What broke, by the place where it did; "" where nothing did."""
    began = time.process_time()
    try:
        target.run(data)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = str(error)[:200] if not isinstance(error, AssertionError) else ""
        return f"{type(error).__name__} {told} at {Path(place.filename).name}:{place.lineno}"
    took = time.process_time() - began
    return f"slow: {took:.0f} s" if took > MOST_SECONDS else ""


def _guided(name: str, options: list[str], keep: Path) -> int:
    """From the target's samples on, and from what earlier runs have added to them: `--keep`/NAME."""
    atheris = importlib.import_module("atheris")
    corpus = keep / name
    corpus.mkdir(parents=True, exist_ok=True)
    for data in TARGETS[name].samples:
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    for function in _functions_of_ours():
        atheris.instrument_func(function)
    atheris.Setup([sys.argv[0], "-timeout=10", *options, str(corpus)], TARGETS[name].run)
    atheris.Fuzz()
    return 0


def _functions_of_ours() -> Iterator[Any]:
    """The rest of the world is not what we look for ways into."""
    for name, module in list(sys.modules.items()):
        for owner in [module, *vars(module).values()] if name.startswith("stead.") else []:
            if owner is module or (isinstance(owner, type) and owner.__module__ == name):
                yield from (one for one in vars(owner).values() if isinstance(one, FunctionType))


if __name__ == "__main__":
    sys.exit(main())
