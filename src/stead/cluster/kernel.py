"""Where the rooms meet: one store, one API, one engine, one runtime, and three verbs.

`handle` answers requests, `step` does what is due, `next_wake` says when to come back. The kernel never waits, never
reads a clock and throws no dice of its own; the shells around it do.
"""

import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from stead.api.request import READS, Request, Response, Stream
from stead.api.server import Api, refused
from stead.cluster.events import Recorder
from stead.cluster.explanations import Explanations
from stead.cluster.housekeeping import Housekeeping
from stead.cluster.members import Aboard, Member
from stead.cluster.memory import Memory, heard, pods_in
from stead.cluster.metrics import Page
from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.events import at_once
from stead.controllers.nodes import Cordons
from stead.engine.journal import Journal, Round
from stead.engine.rounds import Engine
from stead.kinds.explanation import EXPLANATION
from stead.kinds.placed import Placed
from stead.machinery import meta
from stead.machinery.cache import Cache, Index
from stead.machinery.errors import ApiError, ServiceUnavailable
from stead.machinery.keys import Key
from stead.machinery.objects import Json
from stead.machinery.plan import (
    Action,
    AnyController,
    Bind,
    Create,
    Delete,
    Done,
    Emit,
    Outcome,
    Patch,
    Refused,
    Update,
)
from stead.machinery.runtime import PodAction, PodEvent, RemoveVolume, RuntimeAction, VolumeRemoved
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent
from stead.store.cursor import Cursor
from stead.store.disk import StoreRefuses
from stead.store.log import Store

log = logging.getLogger(__name__)

TURNS_A_STEP = 128
ALL = 2**62  # more actions than any round has
NEWS_SECONDS = 0.02  # that news may wait for something else to be written with
REFUSED_SECONDS = 1.0  # until news that could not be written is tried again


class Cluster:
    """`refuse(controller, action)` may answer an Outcome instead of the API: how a simulation breaks things."""

    def __init__(
        self,
        store: Store,
        api: Api,
        *,
        controllers: Sequence[AnyController],
        indexes: Sequence[Index] = (),
        members: Sequence[Member],
    ) -> None:
        self.store = store
        self.api = api
        self.members = {member.name: member for member in members}
        self.refuse: Callable[[AnyController, Action], Outcome | None] = _never
        self.engine = Engine(controllers, Cache(indexes), self._door)
        self.metrics = Page(api, self.engine, store)
        api.serve(EXPLANATION, Explanations(self.engine, lambda: api.core.registry))
        api.serve_page("/metrics", self.metrics)
        self._recorder = Recorder(api)
        self._cursor = Cursor(store, store.revision)
        self._told: list[tuple[Member, RuntimeAction, Now]] = []
        self._orders: deque[tuple[int, list[tuple[Member, RuntimeAction, Now]]]] = deque()
        self._housekeeping = Housekeeping(store, api)
        self._news: list[tuple[Emit, str]] = []  # what runtimes reported that is told people, by node
        self._news_at = math.inf  # monotonic seconds
        self._is_refused = False
        for kind in store.kinds():
            for row in store.rows(kind):
                self.engine.feed(WatchEvent("ADDED", row.key, row.obj, None, row.revision))
        for controller in controllers:
            for key in getattr(controller, "starts", ()):
                self.engine.wake(controller.name, key)
        for member in members:
            if member.state == "cut":
                self._remember(member)

    @property
    def cache(self) -> Cache:
        return self.engine.cache

    @property
    def journal(self) -> Journal:
        return self.engine.journal

    def handle(self, requests: Sequence[Request], now: Now) -> list[Response | Stream]:
        """Answer what arrived together, in one transaction; nothing may be sent before this returns.

        What cannot be written is refused, alone: the store's trouble is no reason to answer no reader.
        """
        if len(requests) == 1 and requests[0].method in READS:
            return [self.api.handle(requests[0], now)]
        try:
            with self.store.transaction():
                return [self.api.handle(request, now) for request in requests]
        except StoreRefuses as trouble:
            if len(requests) > 1:
                return [answer for request in requests for answer in self.handle([request], now)]
            return [refused(ServiceUnavailable(f"{trouble}", retry_after_seconds=5))]

    def step(self, now: Now, *, reads_on: bool = False, most: int = TURNS_A_STEP, most_deeds: int = ALL) -> list[Round]:
        """Take in what happened, then let `most` due keys have their round, in one transaction.

        With `most_deeds` a round that has more to do is cut: each step does that many actions of it, and as many of
        others. Until it is over its namespace stands still for the controllers, as it would if nothing were cut.
        `reads_on`: what follows from a round without the runtime's help (a pod made is a pod to be placed) follows in
        the same step, for a commit costs more than ten rounds; without it a simulation sees every state in between.
        Where the step cannot be written, its keys are due again later, and the runtime hears nothing until something
        can.
        """
        self._take_in(now)
        rounds: list[Round] = []
        seen: list[WatchEvent] = []
        try:
            with self.store.transaction():
                is_told = now.mono >= self._news_at
                for emit, node in self._news if is_told else ():
                    self._recorder.tell("kubelet", emit, now, node)
                ended = self.engine.go_on(now, most_deeds)
                rounds += [ended] if ended is not None else []
                until = self.engine.deeds + most_deeds
                rounds += self._turns(most, until, now)
                while reads_on and self.is_behind and len(rounds) < most and self.engine.deeds < until:
                    seen += self._read_on()
                    rounds += self._turns(most - len(rounds), until, now)
        except StoreRefuses as trouble:
            self._complain(trouble)
            self.engine.undo(rounds, seen, now)
            self._news_at = max(self._news_at, now.mono + REFUSED_SECONDS)
            self._cursor.revision = self.store.revision
            return []
        if is_told:
            self._news, self._news_at = [], math.inf
        self._is_refused = self._is_refused and not rounds
        self.deliver()
        self._take_in(now)
        self._tidy(now)
        return rounds

    def _turns(self, most: int, until: int, now: Now) -> Iterator[Round]:
        """One round for each key that is due now, and for none that comes to be due by these rounds."""
        engine = self.engine
        for _ in range(min(engine.due() or 1, most)):
            round_ = engine.turn(now, until - engine.deeds) if engine.deeds < until else None
            if round_ is None:
                return
            yield round_

    @property
    def is_behind(self) -> bool:
        """Whether there are changes that the cache has not seen."""
        return self._cursor.revision < self.store.revision

    def tell(self, emit: Emit, now: Now, node: str) -> None:
        """What a node's machine has to say of an object; where it cannot be written it is lost."""
        with contextlib.suppress(StoreRefuses), self.store.transaction():
            self._recorder.tell("kubelet", emit, now, node)

    def next_wake(self) -> float | None:
        """Monotonic seconds when `step` will have work: minus infinity is now, None is not before something happens."""
        if self.is_behind:
            return float("-inf")
        news = self._news_at if self._news else None
        wakes = [news, self.engine.next_wake(), *(member.runtime.next_wake() for member in self.members.values())]
        return min((wake for wake in wakes if wake is not None), default=None)

    # --- nodes

    def cut(self, name: str) -> None:
        """The node is cut off: from now on nothing of the cluster reaches it, and nobody hears it."""
        member = self.members[name]
        if member.state == "on":
            member.state, member.told = "cut", heard(self.cache, name)
            member.memory = Memory(self.cache, member.told)

    def power_off(self, name: str) -> None:
        """The node's machine is off. Whoever calls this stops its containers."""
        member = self.members[name]
        member.state, member.memory, member.told = "off", None, ()
        for record in [one for one in self.cache.all(sandbox.KIND) if one["node"] == name]:
            key = Key(sandbox.KIND, "", sandbox.uid_of(record))
            self.engine.feed(WatchEvent("DELETED", key, record, record, 0))

    def power_on(self, name: str) -> None:
        """The node is there again, after `cut` or `power_off`: it learns what it has missed, and is heard."""
        member = self.members[name]
        if member.state == "off":
            self.cache.index(Cordons).started.pop(Key("Node", "", name), None)
        member.state, member.memory, member.told = "on", None, ()
        self._wake(member, [*self.cache.index(Placed).on(name), *map(sandbox.pod_of, self.cache.all(sandbox.KIND))])

    def _remember(self, member: Member) -> None:
        """It was cut off before this life of stead, and goes on with what it had heard."""
        member.memory = Memory(self.cache, member.told)
        self._wake(member, pods_in(member.told))

    def _wake(self, member: Member, pods: Iterable[Key]) -> None:
        """Everything on a node has its turn."""
        pods = tuple(pods)
        for controller in self.engine.controllers:
            if isinstance(controller, Aboard) and controller.member is member:
                for key in controller.starts or pods:
                    self.engine.wake(controller.name, key)

    def _anybody(self) -> Member:
        """A node whose machine is on, if there is one."""
        members = list(self.members.values())
        return next((member for member in members if member.state != "off"), members[0])

    def _tidy(self, now: Now) -> None:
        try:
            self._housekeeping.step(now)
        except StoreRefuses as trouble:
            self._complain(trouble)

    def _complain(self, trouble: StoreRefuses) -> None:
        """Once for each time of trouble."""
        if not self._is_refused:
            log.error("%s; nothing changes until it can", trouble)
        self._is_refused = True

    def _take_in(self, now: Now) -> None:
        for member in self.members.values():
            for event in member.runtime.take(now):
                if isinstance(event, VolumeRemoved):
                    self._note_removed(event)
                elif member.state != "off":
                    self._fold(member, event, now)
                    self._note_news(member, event, now)
        if self.is_behind:
            self._read_on()

    def _note_news(self, member: Member, event: PodEvent, now: Now) -> None:
        """What is told of a pod as its runtime reports it; nobody hears a node that is cut off.

        A short pull is told together with the start that follows: a commit of its own would hold that start up.
        """
        pod = self.cache.get(event.pod)
        if member.state != "on" or pod is None or meta.uid(pod) != event.uid:
            return
        told = [(emit, member.name) for emit in at_once(pod, event)]
        self._news += told
        if self._news:
            self._news_at = min(self._news_at, now.mono + (NEWS_SECONDS if told else 0))

    def _read_on(self) -> list[WatchEvent]:
        """Feed the engine what is new in the log; answers it."""
        events = [change.event for change in self._cursor.pull(limit=None)]
        for event in events:
            self.engine.feed(event)
        return events

    def _note_removed(self, event: VolumeRemoved) -> None:
        key = Key("RemovedVolume", "", event.volume)
        told = {"metadata": {"name": event.volume}, "error": event.error}
        self.engine.feed(WatchEvent("ADDED", key, told, None, 0))

    def _fold(self, member: Member, what: PodAction | PodEvent, now: Now) -> None:
        """Fold what the runtime was told, or reported, into the pod's private Sandbox object."""
        key = Key("Sandbox", "", what.uid)
        old = self.cache.get(key)
        new = sandbox.fold(old, what, now, member.name)
        if new is None and old is not None:
            self.engine.feed(WatchEvent("DELETED", key, old, old, 0))
        elif new is not None and new is not old:
            self.engine.feed(WatchEvent("MODIFIED" if old else "ADDED", key, new, old, 0))

    def deliver(self) -> bool:
        """Give the runtime its actions once the writes they rest on are on the disk; says whether there were any."""
        if self._told:
            self._orders.append((self.store.revision, self._told))
            self._told = []
        before = len(self._orders)
        while self._orders and self._orders[0][0] <= self.store.kept:
            for member, action, now in self._orders.popleft()[1]:
                member.runtime.send(action, now)
        return len(self._orders) < before

    def _door(self, controller: AnyController, action: Action, now: Now) -> Outcome:
        outcome = controller.member.answers_instead(action) if isinstance(controller, Aboard) else None
        outcome = outcome or self.refuse(controller, action)
        return self.carry_out(controller, action, now) if outcome is None else outcome

    def carry_out(self, controller: AnyController, action: Action, now: Now) -> Outcome:
        """One action, through the API or towards the runtime; what the API refuses is an outcome."""
        try:
            return Done(self._do(controller, action, now))
        except ApiError as error:
            return Refused(error.reason, error.message, error.retry_after_seconds)

    def _do(self, controller: AnyController, action: Action, now: Now) -> Json | None:
        api = self.api
        match action:
            case Create():
                return api.create(action.obj, now)
            case Update():
                return api.update(action.obj, now, subresource=action.subresource)
            case Patch():
                return api.merge_patch(
                    action.key,
                    action.body,
                    now,
                    subresource=action.subresource,
                    uid=action.uid,
                    if_revision=action.if_revision,
                )
            case Delete():
                grace = action.grace_seconds
                return api.delete(action.key, now, uid=action.uid, grace_seconds=grace, policy=action.policy)
            case Bind():
                api.bind(action.pod, action.uid, action.node, now)
            case Emit():
                node = controller.member.name if isinstance(controller, Aboard) else ""
                self._recorder.tell(controller.name.partition("/")[0], action, now, node)
            case RemoveVolume():  # directories of this machine: any node can reach them
                self._told.append((self._anybody(), action, now))
            case _:  # a pod's: the type of `_fold` says so
                assert isinstance(controller, Aboard), "containers are a kubelet's business"
                self._fold(controller.member, action, now)
                self._told.append((controller.member, action, now))
        return None


def _never(controller: AnyController, action: Action) -> Outcome | None:
    return None
