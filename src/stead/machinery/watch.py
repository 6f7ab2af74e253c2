"""One change of one object, as every reader of the log sees it."""

from typing import Literal, NamedTuple

from stead.machinery.keys import Key
from stead.machinery.objects import Json

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class WatchEvent(NamedTuple):
    """`obj` is the state after the change (the last state, for DELETED), `old` the one before (None for ADDED)."""

    type: EventType
    key: Key
    obj: Json
    old: Json | None
    revision: int
