"""One kind of a real cluster, listed and then watched for ever: where a remote shell's events come from.

The first look is a watch that begins with all there is (WatchList: one answer, of bounded memory on the server), or a
list in pages where the server has no such watch. What is lost (410) is listed anew; what breaks is tried again with
patience.
"""

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from stead.kinds.kind import Kind
from stead.kinds.paths import path_of
from stead.kube.kubeconfig import KubeconfigError
from stead.kube.mirror import Mirror, number
from stead.kube.patience import Patience
from stead.kube.transport import Refusal, Reply, Silent, Transport, Unreachable
from stead.machinery.objects import Json, decode, dig
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

PAGE = 500
WATCH_SECONDS = 300  # a watch lasts from this to twice this, by chance, so that not all end at once
SHORT_SECONDS = 1.0  # a watch that ends sooner is a failure
FIRST_SECONDS = 20.0  # nothing heard for so long in a first look: the server does not know how to give it
INITIAL_END = "k8s.io/initial-events-end"
GONE = 410
# What a list or a watch raises that says no JSON, or no objects: a proxy's, say.
NO_ANSWER = (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError)


class Scope(Struct, frozen=True):
    """What of a kind is looked at: one namespace or all (""), and a label selector or everything ("")."""

    namespace: str = ""
    selector: str = ""


class Frame(Struct):
    """One line of a watch."""

    type: str
    object: dict[str, Any]


class Told(Exception):
    """The server said no: by its answer's code, or by an error within the stream."""

    def __init__(self, code: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message or f"code {code}")
        self.code = code
        self.retry_after = retry_after


class Reflector:
    """`run` until it is cancelled.

    take      told the changes that came together, in order; then the version up to which all of the kind is told
    trouble   why nothing is heard at the moment, "" while all is well
    is_synced the first look is over
    is_blind  an optional kind that we may not see: nothing is told of it, and nobody should conclude from that
    """

    def __init__(
        self,
        transport: Transport,
        kind: Kind,
        scope: Scope,
        take: Callable[[list[WatchEvent], int], None],
        *,
        chance: Random,
        clock: Callable[[], Now],
        is_optional: bool = False,
    ) -> None:
        self.kind = kind
        self.trouble = ""
        self.is_synced = False
        self.is_blind = False
        self.relists = 0
        self._transport = transport
        self._scope = scope
        self._take = take
        self._chance = chance
        self._clock = clock
        self._is_optional = is_optional
        self._mirror = Mirror(kind)
        self._version = ""  # where to watch on from; none: everything must be looked at first
        self._has_watch_list = True
        self._patience = Patience(chance)
        self._decoder = msgspec.json.Decoder(Frame)

    async def run(self) -> None:
        while not self.is_blind:
            began = self._clock().mono
            try:
                await self._look()
                if self._clock().mono - began < SHORT_SECONDS:
                    raise Told(0, "the watch ended at once")
            except Told as told:
                await self._told(told)
            except Refusal as refusal:
                await self._told(_told(refusal.reply))
            except (Unreachable, KubeconfigError) as error:
                await self._rest(str(error) or type(error).__name__)
            except NO_ANSWER as error:
                await self._rest(f"the server's answer is none: {error!r}")

    async def _look(self) -> None:
        if self._version:
            await self._watch()
        elif self._has_watch_list:
            await self._watch_from_the_start()
        else:
            await self._list()
            await self._watch()

    async def _told(self, told: Told) -> None:
        if told.code == GONE:
            self._version = ""
            self.relists += 1
        if told.code in (403, 404) and self._is_optional:
            self.is_blind = self.is_synced = True
            return
        await self._rest(str(told), told.retry_after)

    async def _rest(self, why: str, at_least: float = 0.0) -> None:
        self.trouble = why
        await asyncio.sleep(self._patience.wait(self._clock().mono, at_least))

    # the first look

    async def _watch_from_the_start(self) -> None:
        """A watch whose beginning is a list; what follows is followed here too."""
        try:
            await self._watch(is_first=True)
        except (Refusal, Silent) as error:
            is_unknown = isinstance(error, Silent) or error.reply.code in (400, 422)
            if self._version or not is_unknown:
                raise
            self._has_watch_list = False
            await self._look()

    async def _list(self) -> None:
        """All pages, then the changes since the last list."""
        found: list[dict[str, Any]] = []
        asked = {"limit": str(PAGE)}
        while True:
            reply = await self._transport.ask("GET", self._path(asked))
            if reply.code != 200:
                raise _told(reply)
            page = decode(reply.body)
            found += page.get("items") or ()
            goes_on = dig(page, "metadata", "continue", default="")
            if not goes_on:
                break
            asked = {"limit": str(PAGE), "continue": goes_on}
        self._replace(found, str(page["metadata"]["resourceVersion"]))

    def _replace(self, found: list[dict[str, Any]], version: str) -> None:
        self._tell(list(self._mirror.replace(found, version)), version)
        self.is_synced = True

    # the watch

    async def _watch(self, *, is_first: bool = False) -> None:
        seconds = int(WATCH_SECONDS * (1 + self._chance.random()))
        asked = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        fresh: dict[Any, dict[str, Any]] | None = None
        if is_first:
            asked |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
            fresh = {}
        else:
            asked["resourceVersion"] = self._version
        patience = lambda: seconds + 15.0 if self._version else FIRST_SECONDS  # noqa: E731
        async for block in self._transport.lines(self._path(asked), patience=patience):
            self.trouble = ""
            frames = self._decoder.decode_lines(block)
            if fresh is not None:
                fresh = self._gather(fresh, frames)
            else:
                self._follow(frames)

    def _gather(self, fresh: dict[Any, dict[str, Any]], frames: list[Frame]) -> dict[Any, dict[str, Any]] | None:
        """The list at a watch's beginning; None when it is complete, and what came after it is followed."""
        for place, frame in enumerate(frames):
            meta = frame.object.get("metadata") or {}
            if frame.type == "ERROR":
                raise _error(frame.object)
            if frame.type == "BOOKMARK":
                if dig(meta, "annotations", INITIAL_END) == "true":
                    self._replace(list(fresh.values()), str(meta["resourceVersion"]))
                    self._follow(frames[place + 1 :])
                    return None
            elif frame.type == "DELETED":
                fresh.pop((meta.get("namespace"), meta["name"]), None)
            else:
                fresh[meta.get("namespace"), meta["name"]] = frame.object
        return fresh

    def _follow(self, frames: list[Frame]) -> None:
        changes: list[WatchEvent] = []
        version = ""
        try:
            for frame in frames:
                if frame.type == "ERROR":
                    raise _error(frame.object)
                version = str(frame.object["metadata"]["resourceVersion"])
                changes += self._changes(frame)
        finally:
            if version:
                self._tell(changes, version)

    def _changes(self, frame: Frame) -> Iterator[WatchEvent]:
        if frame.type in ("ADDED", "MODIFIED"):
            return self._mirror.put(frame.object)
        return self._mirror.remove(frame.object) if frame.type == "DELETED" else iter(())

    def _tell(self, changes: list[WatchEvent], version: str) -> None:
        self._version = version
        self._take(changes, number(version))

    def _path(self, asked: dict[str, str]) -> str:
        if self._scope.selector:
            asked = {**asked, "labelSelector": self._scope.selector}
        return f"{path_of(self.kind, self._scope.namespace)}?{urlencode(asked)}"


def _error(status: Json) -> Told:
    return Told(int(status.get("code") or 0), str(status.get("message") or ""))


def _told(reply: Reply) -> Told:
    return Told(reply.code, reply.message, reply.retry_after)
