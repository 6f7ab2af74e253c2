"""Open watches, and long lists on their way: who is asked when the log has moved, and how much is written at once.

A watch is a cursor that is pulled, so a reader who does not read is simply not pulled: nothing queues up for it beyond
one turn's bytes, and it is cut off when it has not read for `Limits.stalled_seconds` (architecture, section 7).
"""

import asyncio
import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Protocol

from msgspec import Struct

from stead.api.request import Stream
from stead.machinery.times import Now
from stead.serve.turns import Turns, piece

log = logging.getLogger(__name__)

TURN_BYTES = 256 * 1024  # one watch may fill no more of one loop turn than this
SLICE_SECONDS = 0.0003  # nor take more time
LOOK_SECONDS = 0.0004  # for all together: a commit takes as long, and what nobody hears piles up
LOOK_BYTES = 64 * 1024  # what a frame that says nothing counts for: the stream has searched and may search on


class Reader(Protocol):
    """The connection behind a watch."""

    is_blocked: bool

    def send_chunk(self, data: bytes) -> None: ...

    def end_chunks(self) -> None: ...

    def break_off(self) -> None: ...


class Watch(Struct, eq=False):
    """One open stream. `rest` is what a turn left over; `wake` is when it sits in the alarm heap, if it does."""

    stream: Stream
    reader: Reader
    rest: Iterator[bytes] | None = None
    wake: float | None = None


class Watches:
    """All open watches of one server."""

    def __init__(self, turns: Turns, now: Callable[[], Now]) -> None:
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._now = now
        self._open: dict[Watch, None] = {}
        self._alarms: list[tuple[float, int, Watch]] = []
        self._serial = count()
        self._timer: asyncio.TimerHandle | None = None
        self._is_rung = False
        self._looking: deque[Watch] = deque()  # still to be asked
        self._unfinished: deque[Watch] = deque()  # with something left over from an earlier turn

    def __len__(self) -> int:
        return len(self._open)

    def open(self, stream: Stream, reader: Reader) -> Watch:
        watch = Watch(stream, reader)
        self._open[watch] = None
        self.pump(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """The reader is gone."""
        self._open.pop(watch, None)
        watch.rest = None

    def ring(self) -> None:
        """The log has moved; many rings of one loop turn are one look."""
        if not self._is_rung and self._open:
            self._is_rung = True
            self._turns.soon(self._look)

    def end_all(self) -> None:
        """The server goes away: a watch ends as a watch ends; what is told in part only must not seem whole."""
        for watch in tuple(self._open):
            is_whole = watch.rest is None
            self.forget(watch)
            watch.reader.end_chunks() if is_whole else watch.reader.break_off()
        if self._timer is not None:
            self._timer.cancel()

    def pump(self, watch: Watch) -> None:
        """Write what the stream has, as far as reader and turn allow."""
        if watch not in self._open or watch.reader.is_blocked:
            return
        try:
            data = self._pulled(watch)
            is_done = watch.rest is None and watch.stream.is_done
            wake = watch.stream.next_wake()
        except Exception:
            log.exception("a watch broke")
            self.forget(watch)
            watch.reader.break_off()
            return
        if data:
            watch.reader.send_chunk(data)
        if is_done:
            self.forget(watch)
            watch.reader.end_chunks()
        elif watch.rest is not None:
            self._unfinished.append(watch)
            self._turns.soon(self._finish)
        else:
            self._set_alarm(watch, wake)

    def _pulled(self, watch: Watch) -> bytes:
        frames = watch.rest or watch.stream.frames(self._now())
        watch.rest = None
        taken: list[bytes] = []
        size = 0
        end = time.monotonic() + SLICE_SECONDS
        for frame in frames:
            taken.append(frame)
            size += len(frame) or LOOK_BYTES
            if size >= TURN_BYTES or time.monotonic() > end:
                watch.rest = frames
                break
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def _look(self) -> None:
        """Ask a piece's worth of them; who was rung for meanwhile is asked when all have been."""
        if not self._looking:
            self._is_rung = False
            self._looking.extend(self._open)
        has_time = piece(LOOK_SECONDS)
        while self._looking and has_time():
            watch = self._looking.popleft()
            if watch.rest is None:
                self.pump(watch)
        if self._looking or self._is_rung:
            self._turns.soon(self._look)

    def _finish(self) -> None:
        """One who has more to tell goes on."""
        self.pump(self._unfinished.popleft())
        if self._unfinished:
            self._turns.soon(self._finish)

    def _set_alarm(self, watch: Watch, wake: float | None) -> None:
        """One heap entry a watch: a later wake waits for the earlier entry, which then moves it on."""
        if wake is None or (watch.wake is not None and watch.wake <= wake):
            return
        watch.wake = wake
        if len(self._alarms) > 2 * len(self._open) + 64:
            self._drop_stale_alarms()
        heapq.heappush(self._alarms, (wake, next(self._serial), watch))
        if self._alarms[0][2] is watch:
            self._arm()

    def _drop_stale_alarms(self) -> None:
        self._alarms = [alarm for alarm in self._alarms if alarm[2] in self._open]
        heapq.heapify(self._alarms)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._alarms and self._alarms[0][2] not in self._open:
            heapq.heappop(self._alarms)
        if self._alarms:
            delay = max(0.0, self._alarms[0][0] - self._now().mono)
            self._timer = self._loop.call_later(delay, self._wake_due)

    def _wake_due(self) -> None:
        self._timer = None
        due = self._now().mono + 0.001
        while self._alarms and self._alarms[0][0] <= due:
            watch = heapq.heappop(self._alarms)[2]
            watch.wake = None
            self.pump(watch)
        self._arm()
