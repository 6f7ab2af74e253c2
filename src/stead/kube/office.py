"""The Lease in a real cluster: bid for it, renew it, lay it down at the end. What to bid is decided in `election`."""

import asyncio
from collections.abc import Callable
from random import Random

from stead.kinds.lease import LEASE
from stead.kinds.paths import path_of
from stead.kube.election import Election
from stead.kube.kubeconfig import KubeconfigError
from stead.kube.mirror import number
from stead.kube.transport import Reply, Transport, Unreachable
from stead.machinery import meta
from stead.machinery.objects import Json, decode, encode
from stead.machinery.times import Now

MOST_SECONDS = 5.0  # for one request; a renewal that takes longer is worth nothing


class Office:
    """`revision`: of the lease when we took office, for what happened before it is none of our doing.

    `on_change` is told when we have come into office, or are out of it; `trouble` is why no bid comes through.
    """

    def __init__(
        self,
        transport: Transport,
        election: Election,
        place: tuple[str, str],
        *,
        clock: Callable[[], Now],
        chance: Random,
        on_change: Callable[[bool], None],
    ) -> None:
        self.election = election
        self.revision = 0
        self.trouble = ""
        self._transport = transport
        self._namespace, self._name = place
        self._clock = clock
        self._chance = chance
        self._on_change = on_change
        self._led = False

    def leads(self) -> bool:
        return self.election.leads(self._clock().mono)

    async def run(self) -> None:
        while True:
            await self._bid()
            self._look()
            end = self._clock().mono + self.election.pause(self._chance)
            while (left := end - self._clock().mono) > 0:
                term = self.election.ends - self._clock().mono if self._led else left
                await asyncio.sleep(min(left, max(term, 0.001)))
                self._look()

    async def lay_down(self) -> None:
        """The next holder need not wait."""
        try:
            lease = await self._read()
            freed = self.election.release(lease, self._clock()) if lease is not None else None
            if freed is not None:
                await self._write(freed, is_new=False)
        except (Unreachable, KubeconfigError):
            return

    def _look(self) -> None:
        """Tell who must know that we are in office, or no more."""
        if self.leads() != self._led:
            self._led = not self._led
            self._on_change(self._led)

    async def _bid(self) -> None:
        try:
            lease = await self._read()
            asked = self._clock()
            wanted = self.election.bid(lease, asked)
            if wanted is None:
                self.trouble = ""
                return
            reply = await self._write(wanted, is_new=lease is None)
        except (Unreachable, KubeconfigError) as error:
            self.trouble = str(error)
            return
        if reply.code < 300:
            self._won(decode(reply.body), asked.mono)
        elif reply.code != 409:
            self._complain(reply)

    def _won(self, lease: Json, asked: float) -> None:
        self.trouble = ""
        if not self._led:
            self.revision = number(meta.resource_version(lease))
        self.election.won(lease, asked)

    async def _read(self) -> Json | None:
        path = path_of(LEASE, self._namespace, self._name)
        reply = await self._transport.ask("GET", path, seconds=MOST_SECONDS)
        if reply.code == 404:
            return None
        if reply.code != 200:
            self._complain(reply)
            raise Unreachable(self.trouble, is_sent=True)
        found: Json = decode(reply.body)
        return found

    async def _write(self, lease: Json, *, is_new: bool) -> Reply:
        path = path_of(LEASE, self._namespace, "" if is_new else self._name)
        return await self._transport.ask("POST" if is_new else "PUT", path, encode(lease), seconds=MOST_SECONDS)

    def _complain(self, reply: Reply) -> None:
        self.trouble = f"lease {self._namespace}/{self._name}: {reply.message}"
