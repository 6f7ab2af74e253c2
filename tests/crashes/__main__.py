"""`python -m tests.crashes --kills 1000 --runtime native`: the long form. Exit status 1 where a promise was broken."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.crashes import story


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end sooner than after all the kills")
    parser.add_argument("--runtime", choices=("simulated", "native"), default="simulated")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parsed = parser.parse_args()
    print(f"seed {parsed.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="stead-", ignore_cleanup_errors=True) as folder:
        report = story.run(
            Path(folder),
            parsed.runtime,
            kills=parsed.kills,
            seed=parsed.seed,
            seconds=60 * parsed.minutes,
            tell=_say,
        )
    print(report, flush=True)
    return 1 if report.broken else 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
