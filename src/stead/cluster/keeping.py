"""Who puts on the disk what the store has written: a thread of its own, one sync after the other.

While it waits for the disk, requests are read, decided and written; what has been written meanwhile goes with the next
sync, all together. Answers, watches and the runtime's orders wait until what they rest on is kept.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from stead.store.disk import Disk

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0002  # the interpreter is the loop's for 5 ms at a stretch else, and a sync waits for it three times


class Keeping:
    """`kept` is called when more is on the disk, or the file is free again; `lost` when the disk has failed."""

    def __init__(self, disk: Disk, kept: Callable[[], None], lost: Callable[[str], None]) -> None:
        self._disk = disk
        self._kept = kept
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "keeping")
        sys.setswitchinterval(SWITCH_SECONDS)
        self._under_way: asyncio.Future[int] | None = None

    def bell(self) -> None:
        """Something may have been written."""
        if self._under_way is None and not self._disk.is_kept:
            self._disk.is_busy = self._disk.wants_checkpoint
            self._under_way = self._loop.run_in_executor(self._thread, self._sync, self._disk.is_busy)
            self._under_way.add_done_callback(self._done)

    async def settled(self) -> None:
        """Once all is kept."""
        while self._under_way is not None:
            await asyncio.wait((self._under_way,))

    async def close(self) -> None:
        await self.settled()
        self._thread.shutdown()

    def _sync(self, checkpoints: bool) -> int:
        until = self._disk.flush()
        if checkpoints:
            self._disk.checkpoint()
        return until

    def _done(self, sync: asyncio.Future[int]) -> None:
        self._under_way = None
        self._disk.is_busy = False
        error = sync.exception()
        if error is not None:
            self._give_up(error)
            return
        self._disk.keep(sync.result())
        self.bell()
        self._kept()

    def _give_up(self, error: BaseException) -> None:
        """Trying again would prove nothing: after an error the system may take for written what is not."""
        told = (
            f"the disk has failed ({error}): what was written last may be lost; stead down, look at the disk, stead up"
        )
        log.critical("%s", told)
        self._disk.fail(told)
        self._lost(told)
