"""`python clock.py FILE WORDS...`: stead with a wall clock that can be moved while it runs. FILE has the
seconds by which it is wrong; the machine's own clock belongs to everybody.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from stead.cli import main


def wrong(clock: Callable[[], float], file: Path) -> Callable[[], float]:
    """`clock`, and what the file says now."""

    def read() -> float:
        try:
            return clock() + float(file.read_text())
        except (OSError, ValueError):
            return clock()

    return read


if __name__ == "__main__":
    time.time = wrong(time.time, Path(sys.argv.pop(1)))
    sys.exit(main.main())
