"""Who knocks: connections on their way through the TLS handshake, bounded, for each costs 50 KB and may stay silent.

Where too many are on their way the one that has been silent longest goes: who means it needs milliseconds, so that
strangers who say nothing keep nobody out.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from stead.serve.limits import Limits

log = logging.getLogger(__name__)

BACKLOG = 1024
AT_ONCE = 16  # accepted in one turn of the loop
FULL_SECONDS = 0.2  # until we look again where no more files may be opened


class Doorway:
    """One listening socket. `factory` makes the protocol of each connection that has come in."""

    def __init__(
        self, bound: socket.socket, tls: ssl.SSLContext | None, factory: Callable[[], asyncio.Protocol], limits: Limits
    ) -> None:
        self.port = int(bound.getsockname()[1])
        self._bound = bound
        self._tls = tls
        self._factory = factory
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._coming: dict[asyncio.Task[None], None] = {}

    def open(self) -> None:
        self._bound.setblocking(False)
        self._bound.listen(BACKLOG)
        self._loop.add_reader(self._bound.fileno(), self._accept)

    def close(self) -> None:
        if self._bound.fileno() >= 0:
            self._loop.remove_reader(self._bound.fileno())
            self._bound.close()
        for task in tuple(self._coming):
            task.cancel()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("no connection can be taken: %s", error)
                self._rest()
                return
            self._let_in(client)

    def _rest(self) -> None:
        """Until files may be opened again: the socket would be ready all the time."""
        self._loop.remove_reader(self._bound.fileno())
        self._loop.call_later(FULL_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._bound.fileno() >= 0:
            self._loop.add_reader(self._bound.fileno(), self._accept)

    def _let_in(self, client: socket.socket) -> None:
        if len(self._coming) >= self._limits.strangers:
            oldest = next(iter(self._coming))
            del self._coming[oldest]
            oldest.cancel()
        client.setblocking(False)
        task = self._loop.create_task(self._greet(client))
        self._coming[task] = None
        task.add_done_callback(lambda done: self._coming.pop(done, None))

    async def _greet(self, client: socket.socket) -> None:
        patience = self._limits.handshake_seconds if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._factory, client, ssl=self._tls, ssl_handshake_timeout=patience
            )
        except (OSError, asyncio.CancelledError):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # its transport, where there is one already, sees the end and goes
            client.close()
