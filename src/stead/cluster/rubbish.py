"""How often Python looks for rubbish: rarely, for what lives here are frozen trees, which it only walks in vain.

What is dropped is freed at once anyway; the search is for rings, of which there are few. Left to itself it takes a
tenth of a small simulation's time and a fifth of a large one's, for it walks all that lives again and again.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# What has outlived one search has come to stay: it is looked at once, and again after ten million objects.
THRESHOLDS = (20_000, 500, 10)


def look_rarely() -> None:
    """From now on, and never at what is there already: for a process that is ours."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def rarely() -> Iterator[None]:
    """For the length of a block, in a process that is somebody else's."""
    before = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
