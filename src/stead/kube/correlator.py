"""Events for a real cluster: the same one told again is counted, ten alike become one, and a flood is dammed.

Pure: it answers what to write. The figures are those of client-go's recorder.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

from stead.kube.patience import Bucket
from stead.machinery import meta, telling
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import Create, Emit, Patch
from stead.machinery.times import Now

KEPT = 4096
ALIKE, ALIKE_SECONDS = 10, 600.0  # more messages of one reason within that time are told as one
BURST, PER_SECOND = 25, 1 / 300.0  # of one component about one object
COMBINED = "(combined from similar events): "


class _Group(NamedTuple):
    """What events have in common that differ in their message only."""

    uid: str
    type: str
    reason: str


class _Alike:
    """The messages of one group, since the last quiet time."""

    def __init__(self) -> None:
        self.messages: dict[str, None] = {}
        self.last = float("-inf")


class _Told(NamedTuple):
    key: Key
    times: int


class Correlator:
    """`tell` answers the write that tells it, or None; `forget` when a count could not be written."""

    def __init__(self, component: str) -> None:
        self._component = component
        self._groups: OrderedDict[_Group, _Alike] = OrderedDict()
        self._told: OrderedDict[Any, _Told] = OrderedDict()
        self._dams: OrderedDict[str, Bucket] = OrderedDict()
        self._serial = 0

    def tell(self, emit: Emit, now: Now) -> Create | Patch | None:
        message, same = self._combined(emit, now)
        told = self._told.get(same)
        emit = Emit(emit.about, emit.type, emit.reason, message)
        write, kept = self._first(emit, now) if told is None else _again(told, message, now)
        _keep(self._told, same, kept)
        return None if self._is_dammed(emit.about, now) else write

    def forget(self, write: Create | Patch) -> None:
        """It could not be written (an event lives for an hour only): the next telling is a first one."""
        key = write.key if isinstance(write, Patch) else Key("Event", "", meta.name(write.obj))
        for same in [same for same, told in self._told.items() if told.key.name == key.name]:
            del self._told[same]

    def _combined(self, emit: Emit, now: Now) -> tuple[str, object]:
        """The message as it is told, and what makes two tellings the same."""
        group = _Group(meta.uid(emit.about), emit.type, emit.reason)
        alike = self._groups.get(group)
        if alike is None or now.mono - alike.last > ALIKE_SECONDS:
            alike = _Alike()
        _keep(self._groups, group, alike)
        alike.last = now.mono
        alike.messages[emit.message] = None
        if len(alike.messages) <= ALIKE:
            return emit.message, (group, emit.message)
        del alike.messages[next(iter(alike.messages))]
        return COMBINED + emit.message, group

    def _first(self, emit: Emit, now: Now) -> tuple[Create, _Told]:
        self._serial += 1
        event = telling.first(emit, self._component, now, serial=self._serial)
        key = Key("Event", event["metadata"]["namespace"], event["metadata"]["name"])
        return Create(event), _Told(key, 1)

    def _is_dammed(self, about: Json, now: Now) -> bool:
        dam = self._dams.get(meta.uid(about)) or Bucket(PER_SECOND, BURST)
        _keep(self._dams, meta.uid(about), dam)
        return not dam.is_open(now.mono)


def _again(told: _Told, message: str, now: Now) -> tuple[Patch, _Told]:
    count = told.times + 1
    body = {"count": count, "lastTimestamp": now.text, "message": message[: telling.LONGEST_MESSAGE]}
    return Patch(told.key, body), _Told(told.key, count)


def _keep(kept: "OrderedDict[Any, Any]", name: object, value: object) -> None:
    """Put in as the youngest; the oldest goes."""
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > KEPT:
        kept.popitem(last=False)
