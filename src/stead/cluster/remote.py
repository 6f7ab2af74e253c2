"""The remote shell: the StatefulSet controller alone, against a real cluster.

List-and-watch of the cluster in front, HTTP writes behind; in between the same engine and the same pure controller as
everywhere. Rounds of different namespaces are under way at once; what a round sees stays still until it ends.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import SystemRandom

from msgspec import Struct

from stead.cluster import afar
from stead.cluster.rivals import Rivals
from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import PROFILES
from stead.engine.journal import Round
from stead.engine.rounds import UnderWay
from stead.kinds.registry import BUILT_IN
from stead.kube.correlator import Correlator
from stead.kube.credentials import Credentials
from stead.kube.election import Election
from stead.kube.kubeconfig import Access
from stead.kube.office import Office
from stead.kube.patience import Bucket
from stead.kube.reflector import Reflector, Scope
from stead.kube.transport import Transport
from stead.kube.writer import Writer
from stead.machinery.keys import Key
from stead.machinery.metrics import Metric, one
from stead.machinery.plan import Action, Bind, Create, Delete, Done, Emit, Lost, Outcome, Patch, Plan, Refused, Update
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

log = logging.getLogger(__name__)

COMPONENT = "statefulset-controller"  # as the events of the built-in one say
EVENTS_WAITING = 1000  # more are lost, as a recorder's are
GOODBYE_SECONDS = 5.0


class Settings(Struct, frozen=True):
    """`namespace` "" is all; `selector` takes some sets only.

    `acts` False: it decides and tells, and never writes. `lease`: namespace and name of the Lease that lets only one
    act, or None. `per_second` and `burst` spare the server; `workers` is how many namespaces are served at once.
    `courtesy_seconds`: how long the first deed waits, to see whether somebody else does it.
    """

    namespace: str = ""
    selector: str = ""
    acts: bool = True
    lease: tuple[str, str] | None = ("kube-system", "stead-controller")
    identity: str = "stead"
    profile: str = "v1_36"
    per_second: float = 50.0
    burst: int = 100
    workers: int = 5
    courtesy_seconds: float = 2.0


class Contended(Exception):
    """Somebody else is StatefulSet controller here; the message says who and what to do."""


def now() -> Now:
    return Now(time.time(), time.monotonic())


class Remote:
    """`run` until `stop`.

    `on_round` is told every round that did something or waits, `on_plan` what would be done, where nothing is.
    """

    def __init__(
        self,
        access: Access,
        credentials: Credentials,
        settings: Settings,
        *,
        on_round: Callable[[Round], None],
        on_plan: Callable[[Key, Plan], None],
        say: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.engine = afar.engine(StatefulSetController(PROFILES[settings.profile]))
        self.engine.on_broken = _log_broken
        self.rivals = Rivals()
        self.written: Counter[tuple[str, str]] = Counter()
        self._chance = SystemRandom()
        self._transport = Transport(access, credentials, now)
        self._writer = Writer(self._transport)
        self._correlator = Correlator(COMPONENT)
        self._bucket = Bucket(settings.per_second, settings.burst)
        self.reflectors = [self._reflector(kind) for kind in afar.WATCHED]
        self.office = self._office(settings.lease) if settings.lease and settings.acts else None
        self._on_round, self._on_plan, self._say = on_round, on_plan, say
        self._loop = asyncio.get_running_loop()
        self._turn_at: asyncio.TimerHandle | asyncio.Handle | None = None
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._unjudged: dict[str, list[WatchEvent]] = {}
        self._events: asyncio.Queue[Emit] = asyncio.Queue(EVENTS_WAITING)
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._wished_at: float | None = None
        self._is_alone = settings.courtesy_seconds <= 0
        self._is_told_synced = False
        self._is_leaving = False

    # --- life

    async def run(self) -> None:
        """Raises Contended where it must not act; else returns when it was stopped, with nothing left half done."""
        tasks = [self._loop.create_task(reflector.run()) for reflector in self.reflectors]
        tasks.append(self._loop.create_task(self._record()))
        tasks.append(self._loop.create_task(self._look_for_trouble()))
        office = self._loop.create_task(self.office.run()) if self.office else None
        for task in [*tasks, *([office] if office else [])]:
            task.add_done_callback(self._ended)
        try:
            await self._over
        finally:
            self._is_leaving = True
            for task in tasks[:-2]:
                task.cancel()
            if self._rounds:
                _, late = await asyncio.wait(list(self._rounds.values()), timeout=GOODBYE_SECONDS)
                for round_ in late:
                    round_.cancel()
            await self._leave(office)
            for task in tasks:
                task.cancel()
            self._transport.close()

    def stop(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    @property
    def is_synced(self) -> bool:
        return all(reflector.is_synced for reflector in self.reflectors)

    @property
    def may_act(self) -> bool:
        """In office, or with no office to be in."""
        return self.settings.acts and (self.office is None or self.office.leads())

    def troubles(self) -> Iterator[str]:
        """What keeps it from working, in one sentence each."""
        blind: dict[str, list[str]] = {}
        for reflector in self.reflectors:
            if reflector.trouble:
                blind.setdefault(reflector.trouble, []).append(reflector.kind.plural)
        yield from (f"{', '.join(plurals)} cannot be watched: {why}" for why, plurals in blind.items())
        if self.office is not None and self.office.trouble:
            yield self.office.trouble
        yield from (f"StatefulSet {key.namespace}/{key.name}: {who} acts on it too" for key, who in self._contended())

    def metrics(self) -> Iterator[Metric]:
        told = "Requests that write, by action and outcome."
        samples = [((("action", verb), ("outcome", outcome)), n) for (verb, outcome), n in sorted(self.written.items())]
        yield Metric("stead_writes_total", told, "counter", samples)
        yield one("stead_leader", "Whether this one acts.", float(self.may_act))
        yield one("stead_contended_sets", "Sets that somebody else acts on too.", len(self.rivals.contended))
        told = "Lists made anew because the server had forgotten where we were."
        yield one("stead_relists_total", told, sum(reflector.relists for reflector in self.reflectors), "counter")
        synced = [((("kind", one.kind.id),), float(one.is_synced)) for one in self.reflectors]
        yield Metric("stead_synced", "Whether the first look at a kind is over.", "gauge", synced)

    # --- what comes in

    def _reflector(self, kind: str) -> Reflector:
        settings = self.settings
        found = BUILT_IN.by_id(kind)
        scope = Scope(settings.namespace if found.is_namespaced else "")
        if kind == "StatefulSet":
            scope = Scope(settings.namespace, settings.selector)
        return Reflector(
            self._transport,
            found,
            scope,
            lambda changes, revision: self._take(kind, changes, revision),
            chance=self._chance,
            clock=now,
            is_optional=kind in afar.FOR_REASONS,
        )

    def _take(self, kind: str, changes: list[WatchEvent], revision: int) -> None:
        for event in changes:
            self.engine.feed(event)
            if kind == "StatefulSet":
                self._judge(event)
        self.engine.saw(kind, revision)
        self._bell()

    def _judge(self, event: WatchEvent) -> None:
        """Whether it is of our making; what comes while a round is under way is judged when its deeds are known."""
        waiting = self._unjudged.get(event.key.namespace)
        if waiting is not None:
            waiting.append(event)
        elif self.may_act and (who := self.rivals.see(event)):
            self._meet(event.key, who)

    def _meet(self, key: Key, who: str) -> None:
        told = f"{who} acts as StatefulSet controller on {key.namespace}/{key.name}"
        remedy = "run kube-controller-manager with --controllers=*,-statefulset-controller, or look on with --dry-run"
        if not self._is_alone and not self._over.done():
            self._over.set_exception(Contended(f"{told}, and two must never act at once; {remedy}"))
            return
        self._say(f"{told}: hands off that set until stead is started again; {remedy}")

    def _contended(self) -> Iterator[tuple[Key, str]]:
        return iter(list(self.rivals.contended.items()))

    # --- turning

    def _bell(self) -> None:
        if not self._is_leaving:
            if self._turn_at is not None:
                self._turn_at.cancel()
            self._turn_at = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Begin what is due, then sleep until something is or comes."""
        self._turn_at = None
        if self._is_leaving or not self._may_begin():
            return
        while len(self._rounds) < self.settings.workers:
            under_way = self.engine.begin(now())
            if under_way is None:
                break
            self._begin(under_way)
        else:
            return
        wake = self.engine.next_wake()
        if wake is not None:
            self._turn_at = self._loop.call_later(max(0.0, wake - time.monotonic()), self._turn)

    def _may_begin(self) -> bool:
        if not self.is_synced:
            return False
        if not self._is_told_synced:
            self._is_told_synced = True
            for reflector in self.reflectors:
                if reflector.is_blind:
                    self.engine.cache.unseen.add(reflector.kind.id)
        return self.may_act or not self.settings.acts

    def _begin(self, under_way: UnderWay) -> None:
        key, doing = under_way.turn.key, under_way.doing
        if not self.settings.acts:
            self._on_plan(key, doing.plan)
            self.engine.end(under_way, now())
        elif doing.action is None:
            self._told(self.engine.end(under_way, now()))
        elif key in self.rivals.contended:
            self.engine.end(under_way, now())
        elif doing.action is not None and self._is_too_early():
            self.engine.put_off(under_way, now().mono + self.settings.courtesy_seconds)
        else:
            self._unjudged[key.namespace] = []
            self._rounds[key.namespace] = self._loop.create_task(self._carry_out(under_way))

    def _is_too_early(self) -> bool:
        """The first deed waits: if there is another controller, it will do it, and then we know."""
        if self._is_alone:
            return False
        mono = time.monotonic()
        self._wished_at = mono if self._wished_at is None else self._wished_at
        self._is_alone = mono >= self._wished_at + self.settings.courtesy_seconds
        return not self._is_alone

    # --- what goes out

    async def _carry_out(self, under_way: UnderWay) -> None:
        doing, error = under_way.doing, None
        try:
            while doing.action is not None:
                doing.answer(await self._outcome(doing.action))
        except Exception as broken:
            error = broken
        self._carried_out(under_way, error)

    def _carried_out(self, under_way: UnderWay, error: Exception | None) -> None:
        """All at once, for with its end the namespace is free for another."""
        key = under_way.turn.key
        for action, outcome in under_way.doing.deeds:
            self.rivals.did(key, action, outcome)
        del self._rounds[key.namespace]
        waiting = self._unjudged.pop(key.namespace)
        round_ = self.engine.end(under_way, now(), error)
        for event in waiting:
            self._judge(event)
        self._told(round_)
        self._bell()

    def _told(self, round_: Round) -> None:
        if not round_.is_quiet or round_.waiting:
            self._on_round(round_)

    async def _outcome(self, action: Action) -> Outcome:
        if isinstance(action, Emit):
            if not self._events.full():
                self._events.put_nowait(action)
            return Done()
        assert isinstance(action, Create | Update | Patch | Delete | Bind), f"no such action from afar: {action}"
        wait = self._bucket.take(time.monotonic())
        if wait:
            await asyncio.sleep(wait)
        if not self.may_act:
            return Lost("another one acts now")
        outcome = await self._writer.carry_out(action)
        why = outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__
        self.written[type(action).__name__, why] += 1
        return outcome

    async def _record(self) -> None:
        """Events are told by the way; what cannot be told is lost, and nobody waits for it."""
        while True:
            emit = await self._events.get()
            write = self._correlator.tell(emit, now())
            if write is None or not self.may_act:
                continue
            outcome = await self._writer.carry_out(write)
            if not isinstance(outcome, Done):
                self._correlator.forget(write)
            if isinstance(write, Patch) and not isinstance(outcome, Done):
                again = self._correlator.tell(emit, now())
                if again is not None:
                    await self._writer.carry_out(again)

    # --- office

    def _office(self, lease: tuple[str, str]) -> Office:
        return Office(
            self._transport,
            Election(*lease, self.settings.identity),
            lease,
            clock=now,
            chance=self._chance,
            on_change=self._on_office,
        )

    def _on_office(self, leads: bool) -> None:
        assert self.office is not None
        if leads:
            self._wished_at, self._is_alone = None, self.settings.courtesy_seconds <= 0
            self.rivals.begin(self.office.revision)
            self._say("in office: acts from now on")
            self._bell()
        else:
            self._say("out of office: acts no more")

    async def _leave(self, office: "asyncio.Task[None] | None") -> None:
        """What was told is written, and the lease laid down."""
        deadline = time.monotonic() + GOODBYE_SECONDS
        while not self._events.empty() and time.monotonic() < deadline and self.may_act:
            await asyncio.sleep(0.01)
        if office is not None and self.office is not None:
            office.cancel()
            await self.office.lay_down()

    # --- trouble

    async def _look_for_trouble(self) -> None:
        """Each once in a time of trouble, and its end."""
        told: set[str] = set()
        while True:
            await asyncio.sleep(1.0)
            present = list(self.troubles())
            for trouble in present:
                if trouble not in told:
                    self._say(trouble)
            told.update(present)
            if told and not present:
                self._say("all is well again")
                told.clear()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """A task that should never end did: that is a defect, and nothing goes on half."""
        if not task.cancelled() and task.exception() is not None and not self._over.done():
            self._over.set_exception(task.exception())  # type: ignore[arg-type]
        elif not task.cancelled():
            self._bell()  # a kind that we may not see: what is decided goes without it


def _log_broken(key: Key, error: Exception) -> None:
    log.error("the round of %s broke", key, exc_info=error)
