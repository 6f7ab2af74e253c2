"""What goes in at the door and what comes out: values, no sockets."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from msgspec import Struct, field

from stead.machinery.times import Now


class User(Struct, frozen=True):
    """Who asks. `system:masters` in `groups` may do everything."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


class Request(Struct, frozen=True):
    """`query` keeps order and repeats; `headers` has lower-case names."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User = ADMIN

    def parameter(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)


class Response(Struct, frozen=True):
    """`media` is the Content-Type, exactly; `warnings` become `Warning: 299 - "..."` headers."""

    code: int
    body: bytes
    media: str = "application/json"
    warnings: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


class Stream(Protocol):
    """A watch: frames as they come. The shell asks again whenever the log has moved, or when `next_wake` is due."""

    media: str
    is_done: bool

    def frames(self, now: Now) -> Iterator[bytes]:
        """Whole frames (each ends in a newline) for what has happened since the last call; may end the stream."""

    def next_wake(self) -> float | None:
        """Monotonic seconds at which a bookmark or the timeout is due; None: never."""
