"""Calls to an engine over its unix socket: gRPC, one method, dicts in and out."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from grpclib import GRPCError
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import ProtocolError, StreamTerminatedError

from stead.runtimes.cri import messages
from stead.runtimes.cri.messages import Body

_PATIENCE_SECONDS = 120.0
_IMAGES = ("PullImage", "ImageStatus")
_SCHEME = "unix://"
_AGAIN_SECONDS = 0.05
_REPEATABLE = ("List", "Stop", "Remove", "Reopen", "Pull", "Version")
_NOT_READY = "not initialized"  # it has just begun, and first looks at what it has

ABSENT, LOST = "ABSENT", "LOST"  # nobody heard the call; nobody knows whether it was heard


class EngineTrouble(Exception):
    """The engine said no, or cannot be reached. `code` is gRPC's (`NOT_FOUND`), or ABSENT or LOST."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


class _Codec(CodecBase):
    """Message types are names of `messages`' table."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        return messages.encode(message_type, message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return messages.decode(message_type, data)


def socket_path(endpoint: str) -> str:
    """The path in `unix:///run/x.sock`, or a bare absolute one. Raises ValueError for anything else."""
    path = endpoint.removeprefix(_SCHEME)
    if not path.startswith("/"):
        raise ValueError(f"--cri-endpoint {endpoint}: an engine is reached at unix:///path/to/its.sock")
    return path


async def _nothing() -> None:
    return None


class Engine:
    """One engine. Any number of calls may be on their way at a time; a lost connection is made anew by the next.

    A call that an absent engine has not heard, or that may be heard twice, is asked again for a while; `revive` is
    called before that, to bring an engine of our own back.
    """

    def __init__(self, path: str, revive: Callable[[], Awaitable[None]] = _nothing):
        self._channel = Channel(path=path, codec=_Codec())
        self._revive = revive

    async def ask(
        self, call: str, body: Body | None = None, *, seconds: float = _PATIENCE_SECONDS, away_seconds: float = 15.0
    ) -> Body:
        """Call a method by its name, `RunPodSandbox`. Raises EngineTrouble."""
        deadline = time.monotonic() + away_seconds
        while True:
            try:
                return await self._call(call, body or {}, seconds)
            except EngineTrouble as trouble:
                if not _is_worth_asking_again(call, trouble) or time.monotonic() > deadline:
                    raise
            await self._revive()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _call(self, call: str, body: Body, seconds: float) -> Body:
        service = "ImageService" if call in _IMAGES else "RuntimeService"
        types: tuple[Any, Any] = (f"{call}Request", f"{call}Response")
        method: UnaryUnaryMethod[Any, Any] = UnaryUnaryMethod(self._channel, f"/runtime.v1.{service}/{call}", *types)
        try:
            answer: Body = await method(body, timeout=seconds)
        except GRPCError as error:
            raise EngineTrouble(error.status.name, error.message or error.status.name) from error
        except TimeoutError as error:
            raise EngineTrouble("DEADLINE_EXCEEDED", f"{call}: no answer in time") from error
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise EngineTrouble(ABSENT, f"the engine does not answer: {error.strerror}") from error
        except (OSError, StreamTerminatedError, ProtocolError) as error:
            raise EngineTrouble(LOST, f"{call}: the engine went away: {error}") from error
        return answer

    def close(self) -> None:
        self._channel.close()


def _is_worth_asking_again(call: str, trouble: EngineTrouble) -> bool:
    if trouble.code == LOST:
        return call.startswith(_REPEATABLE) or call.endswith("Status")
    return trouble.code == ABSENT or _NOT_READY in str(trouble)
