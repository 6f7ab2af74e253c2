"""How much of the past is kept: a decision about revisions, made without a clock or a file of its own.

A watch may resume, and a page go on, from everything within the last hour and the last hundred thousand changes. Of
Leases and Events, which are most of what an idle cluster writes, ten minutes are enough (upstream keeps five of
everything). A flood does not count as an hour: past `most` changes the oldest go whatever their age.
"""

from collections import deque
from typing import NamedTuple

MARK_SECONDS = 30.0


class Keep(NamedTuple):
    """What is younger than `seconds` or among the newest `fewest` stays, unless more than `most` came after it."""

    seconds: float
    fewest: int
    most: int


ALL = Keep(3600, 100_000, 300_000)
BRIEF = Keep(600, 0, 20_000)
KEPT = {"Event": BRIEF, "Lease": BRIEF, "": ALL}  # "": every kind that is not named


class History:
    """When revisions were written, as closely as one must know to forget them. Seconds are monotonic.

    What was there at the start counts as written then: nobody knows better, and it only stays longer.
    """

    def __init__(self, kept: dict[str, Keep] | None = None) -> None:
        self.kept = KEPT if kept is None else kept
        self._longest = max(keep.seconds for keep in self.kept.values())
        self._marks: deque[tuple[float, int]] = deque()

    def note(self, mono: float, revision: int) -> None:
        """`revision` was the newest at `mono`. To be told now and then; most of it is not remembered."""
        if self._marks and mono - self._marks[-1][0] < MARK_SECONDS:
            return
        self._marks.append((mono, revision))
        while len(self._marks) > 1 and mono - self._marks[1][0] >= self._longest:
            self._marks.popleft()

    def forgettable(self, kind: str, mono: float, newest: int) -> int:
        """The revision at which the history of `kind` may begin."""
        keep = self.kept[kind]
        aged = max((revision for at, revision in self._marks if mono - at >= keep.seconds), default=0)
        return max(min(aged, newest - keep.fewest), newest - keep.most)
