"""Who puts on the disk what the store has written: one sync after the other, beside the loop.

While the disk works, requests are read, decided and written; what has been written meanwhile goes with the next sync,
all together. Answers, watches and the runtime's orders wait until what they rest on is kept.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from stead.cluster.syncing import Sync, syncing
from stead.store.disk import Disk

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0002  # the interpreter is the loop's for 5 ms at a stretch else, and a thread waits for it as long


class Keeping:
    """`kept` is called when more is on the disk, or the file is free again; `lost` when the disk has failed."""

    def __init__(
        self, disk: Disk, kept: Callable[[], None], lost: Callable[[str], None], sync: Sync | None = None
    ) -> None:
        self._disk = disk
        self._kept = kept
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "keeping")
        sys.setswitchinterval(SWITCH_SECONDS)
        self._sync = sync or syncing(disk.log_file, self._thread)
        self._is_syncing = False
        self._is_at_rest = asyncio.Event()
        self._is_at_rest.set()

    def bell(self) -> None:
        """Something may have been written."""
        if not self._is_syncing and not self._disk.is_kept:
            self._is_syncing = True
            self._is_at_rest.clear()
            self._sync.begin(self._disk.log_file, partial(self._synced, self._disk.revision))

    async def settled(self) -> None:
        """Once all is kept."""
        await self._is_at_rest.wait()

    async def close(self) -> None:
        await self.settled()
        self._sync.close()
        self._thread.shutdown()

    def _synced(self, until: int, error: BaseException | None) -> None:
        """All up to `until` is on the disk, for it was written before the sync began."""
        self._is_syncing = False
        if error is not None:
            self._give_up(error)
            self._look_for_rest()
            return
        self._disk.keep(until)
        if self._disk.wants_checkpoint and not self._disk.is_busy:
            self._begin_checkpoint()
        self._go_on()

    def _begin_checkpoint(self) -> None:
        self._disk.is_busy = True
        self._loop.run_in_executor(self._thread, self._disk.checkpoint).add_done_callback(self._moved)

    def _moved(self, _: "asyncio.Future[None]") -> None:
        """The log is in the file, and the file is free."""
        self._disk.is_busy = False
        self._go_on()

    def _go_on(self) -> None:
        self.bell()
        self._look_for_rest()
        self._kept()

    def _look_for_rest(self) -> None:
        if not self._is_syncing and not self._disk.is_busy:
            self._is_at_rest.set()

    def _give_up(self, error: BaseException) -> None:
        """Trying again would prove nothing: after an error the system may take for written what is not."""
        told = (
            f"the disk has failed ({error}): what was written last may be lost; stead down, look at the disk, stead up"
        )
        log.critical("%s", told)
        self._disk.fail(told)
        self._lost(told)
