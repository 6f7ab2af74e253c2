"""Calls to an engine over its unix socket: gRPC, one method, dicts in and out."""

from typing import Any

from grpclib import GRPCError, Status
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import ProtocolError, StreamTerminatedError

from stead.runtimes.cri import messages
from stead.runtimes.cri.messages import Body

_PATIENCE_SECONDS = 120.0
_IMAGES = ("PullImage", "ImageStatus")
_SCHEME = "unix://"


class EngineTrouble(Exception):
    """The engine said no, or cannot be reached. `code` is gRPC's (`NOT_FOUND`), `UNAVAILABLE` where nobody answers."""

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


class Engine:
    """One engine. Any number of calls may be on their way at a time; a lost connection is made anew by the next."""

    def __init__(self, path: str):
        self._channel = Channel(path=path, codec=_Codec())

    async def ask(self, call: str, body: Body | None = None, *, seconds: float = _PATIENCE_SECONDS) -> Body:
        """Call a method by its name, `RunPodSandbox`. Raises EngineTrouble."""
        service = "ImageService" if call in _IMAGES else "RuntimeService"
        types: tuple[Any, Any] = (f"{call}Request", f"{call}Response")
        method: UnaryUnaryMethod[Any, Any] = UnaryUnaryMethod(self._channel, f"/runtime.v1.{service}/{call}", *types)
        try:
            answer: Body = await method(body or {}, timeout=seconds)
        except GRPCError as error:
            raise EngineTrouble(error.status.name, error.message or error.status.name) from error
        except (OSError, StreamTerminatedError, ProtocolError) as error:  # TimeoutError is an OSError
            code = Status.DEADLINE_EXCEEDED if isinstance(error, TimeoutError) else Status.UNAVAILABLE
            raise EngineTrouble(code.name, f"{call}: {error or 'no answer in time'}") from error
        return answer

    def close(self) -> None:
        self._channel.close()
