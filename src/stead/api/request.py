"""What goes in at the door and what comes out: values, no sockets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field

from stead.machinery.times import Now


class User(Struct, frozen=True):
    """Who asks. `system:masters` in `groups` may do everything."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


BETWEEN = b",{"  # two objects of a list, the second of which comes without its brace
READS = ("GET", "HEAD")  # methods that write nothing
ADMIN = User("kubernetes-admin", ("system:masters", "system:authenticated"))


class Request(Struct, frozen=True):
    """`query` keeps order and repeats; `headers` has lower-case names. `takes_slices`: a long list may be a Stream."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: User = ADMIN
    takes_slices: bool = False

    def parameter(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)


class Pieces:
    """A list of many objects that is joined while it leaves, so that no copy of the whole is ever made.

    `items` are objects without their opening braces; `opening` ends, and `ending` begins, outside of them.
    """

    def __init__(self, opening: bytes, items: Sequence[bytes | memoryview], ending: bytes) -> None:
        self._opening, self._items, self._ending = opening, items, ending
        between = len(BETWEEN) * max(len(items) - 1, 0) + (1 if items else 0)
        self._length = len(opening) + sum(map(len, items)) + between + len(ending)

    def __len__(self) -> int:
        return self._length

    def __bytes__(self) -> bytes:
        return b"".join(self.cut(self._length))

    def cut(self, size: int) -> Iterator[bytes]:
        """Pieces of about `size` bytes."""
        items, number = self._items, len(self._items)
        step = max(1, size * number // self._length)
        lead = self._opening + b"{"
        for first in range(0, number, step):
            ending = self._ending if first + step >= number else b""
            yield lead + BETWEEN.join(items[first : first + step]) + ending
            lead = BETWEEN
        if not number:
            yield self._opening + self._ending


class Response(Struct, frozen=True):
    """`media` is the Content-Type, exactly; `warnings` become `Warning: 299 - "..."` headers.

    `rests_on` is the revision that has to be on the disk before anybody is told; None: whatever has been written.
    """

    code: int
    content: bytes | Pieces
    media: str = "application/json"
    warnings: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    rests_on: int | None = None

    @property
    def body(self) -> bytes:
        return bytes(self.content)

    def cut(self, size: int) -> Iterator[bytes | memoryview]:
        """The body in pieces of about `size` bytes."""
        if isinstance(self.content, Pieces):
            return self.content.cut(size)
        whole = memoryview(self.content)
        return (whole[first : first + size] for first in range(0, len(whole), size))


class Stream(Protocol):
    """A watch or a long list: frames as they come. The shell asks again when the log moves or `next_wake` is due."""

    media: str
    warnings: tuple[str, ...]
    is_done: bool

    def frames(self, now: Now) -> Iterator[bytes]:
        """Whole frames (each ends in a newline) for what has happened since the last call; may end the stream."""

    def next_wake(self) -> float | None:
        """Monotonic seconds at which a bookmark or the timeout is due; None: never."""
