"""The simulation: the same kernel, a clock that jumps, and every choice drawn from one seed."""

from collections.abc import Callable, Iterable, Mapping
from random import Random

from msgspec.structs import replace

from stead.api.request import Request, Response
from stead.cluster import assembly, bootstrap, memory
from stead.cluster.config import Config
from stead.cluster.kernel import ALL
from stead.cluster.members import Member, State
from stead.cluster.rubbish import rarely
from stead.cluster.settled import is_settled
from stead.controllers.nodes import Facts
from stead.controllers.statefulset.controller import StatefulSetController
from stead.controllers.statefulset.profile import PROFILES
from stead.engine.journal import Round
from stead.kinds.pod import PodView
from stead.kinds.registry import BUILT_IN
from stead.machinery import meta
from stead.machinery.errors import BadRequest
from stead.machinery.keys import Key
from stead.machinery.objects import Json, encode
from stead.machinery.plan import Action, AnyController, Lost, Outcome, Waiting
from stead.machinery.runtime import RuntimeAction, RuntimeEvent
from stead.machinery.times import Now
from stead.runtimes.simulated import FIRST_NET, SimulatedRuntime
from stead.simulation.distant import Distant
from stead.store.log import Store

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z: where virtual time begins
MOST_STEPS = 1_000_000


class NotSettled(Exception):
    """What was wanted did not come about within the budget; the message says what everyone waits for."""


class Died(Exception):
    """stead ends here, in the middle of what it does."""


class MortalRuntime(SimulatedRuntime):
    """The simulated runtime, with the last moment to die before it hears of anything, and a say in what comes first."""

    is_deaf = False
    is_asked = False  # nothing comes but what is picked
    picked: int | None = None

    def send(self, action: RuntimeAction, now: Now) -> None:
        if self.is_deaf:
            raise Died
        super().send(action, now)

    def take(self, now: Now) -> list[RuntimeEvent]:
        if not self.is_asked or self._is_cut_off:
            return super().take(now)
        picked, self.picked = self.picked, None
        if picked is None or picked >= len(self._future):
            return []
        self._future.sort()
        _, _, deed, _ = self._future.pop(picked)
        event = deed(now)
        return [event] if event is not None else []

    def coming(self) -> list[float]:
        """When things will come, soonest first; each of them might be next if time were not so regular."""
        return [] if self._is_cut_off else [mono for mono, *_ in sorted(self._future)]


class Simulation:
    """One stead in virtual time.

    `seed` decides all that is left to chance. `watchers` see every round as it happens. `refuse` may answer an action
    instead of the API. After `crash()` the store and the running containers are what they were, everything else is
    built again. `is_distant`: the StatefulSet controller is a remote one with a lagging cache. `is_sworn`: it checks
    its decisions against its promises. `piece`: how many actions of a round come before others have their turn, 0 is
    all of them. `facts`: what nodes are that stand for real ones.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        config: Config | None = None,
        watchers: Iterable[Callable[[Round], None]] = (),
        is_distant: bool = False,
        is_sworn: bool = False,
        piece: int = 0,
        facts: Mapping[str, Facts] | None = None,
    ) -> None:
        self.seed = seed
        self.around = assembly.Surroundings(facts=facts or {})
        self.chance = Random(seed)
        self.config = config or Config(runtime="simulated")
        self.watchers = list(watchers)
        self.refuse: Callable[[AnyController, Action], Outcome | None] = _never
        self.store = Store(":memory:")
        self.runtimes = {
            name: MortalRuntime(Random(self.chance.random()), net=FIRST_NET + number)
            for number, name in enumerate(self.config.nodes)
        }
        self.steps = 0
        self.deaths = 0
        self.distant: Distant | None = None
        self._is_distant = is_distant
        self._is_sworn = is_sworn
        self._piece = piece or ALL
        self._states: dict[str, State] = {}
        self._told: dict[str, bytes] = {}  # what nodes had heard when they were cut off, as it is kept in files
        self._last_deed: tuple[int, str] | None = None
        self._elapsed = 0.0
        self._skew = 0.0
        self._build()
        bootstrap.install(self.cluster, self.config, self.now)

    @property
    def now(self) -> Now:
        return Now(START + self._elapsed + self._skew, self._elapsed)

    @property
    def runtime(self) -> MortalRuntime:
        """The first node's, which is the only one unless there are several."""
        return self.runtimes[self.config.node]

    def runtime_of(self, uid: str) -> MortalRuntime:
        """Where the pod is; the first node's where it is nowhere."""
        return next((runtime for runtime in self.runtimes.values() if runtime.has(uid)), self.runtime)

    def running(self) -> list[tuple[Key, str]]:
        """(pod, container) of all that runs now, on all nodes."""
        return [one for runtime in self.runtimes.values() for one in runtime.running()]

    # --- what a user does

    def apply(self, *objects: Json) -> list[Json]:
        """Create each object, or merge it into what is there; raises ApiError."""
        return [self._apply(obj) for obj in objects]

    def request(self, method: str, path: str, body: Json | None = None, media: str = "application/json") -> Response:
        """One HTTP request without HTTP; watches are not for this."""
        raw_path, _, query = path.partition("?")
        pairs = tuple(tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair)
        headers = {"content-type": media, "user-agent": "simulation"}
        request = Request(method, raw_path, pairs, headers, encode(body) if body is not None else b"")  # type: ignore[arg-type]
        (answer,) = self.cluster.handle([request], self.now)
        assert isinstance(answer, Response)
        return answer

    def get(self, kind: str, name: str, namespace: str = "default") -> Json | None:
        return self.cluster.api.get(Key(kind, namespace, name))

    def pods(self, namespace: str = "default") -> dict[str, PodView]:
        """The pods of a namespace by name, as the API would answer now."""
        rows = self.store.rows("Pod", namespace)
        return {row.key.name: PodView(row.obj) for row in rows}

    def patch(self, kind: str, name: str, body: Json, namespace: str = "default") -> Json:
        """A merge patch, as `kubectl patch --type=merge` sends it."""
        return self.cluster.api.merge_patch(Key(kind, namespace, name), body, self.now)

    def scale(self, name: str, replicas: int, namespace: str = "default") -> Json:
        return self.patch("StatefulSet", name, {"spec": {"replicas": replicas}}, namespace)

    def delete(
        self, kind: str, name: str, namespace: str = "default", *, grace_seconds: int | None = None, policy: str = ""
    ) -> None:
        self.cluster.api.delete(
            Key(kind, namespace, name), self.now, grace_seconds=grace_seconds, policy=policy or "Background"
        )

    # --- time

    def step(self) -> list[Round]:
        """Let the kernel do what is due at this moment."""
        self.steps += 1
        try:
            rounds = self.cluster.step(self.now, most_deeds=self._piece)
            for round_ in rounds:
                self._tell(round_)
            if self.distant is not None:
                rounds += self.distant.step(self.now, self._tell)
        except Died:
            rounds = []
            self.crash()
        if self._last_deed is not None and self._last_deed[0] < 0:
            self.crash()
        return rounds

    def next_wake(self) -> float | None:
        """When `step` will have something to do, in virtual seconds; as the kernel's."""
        wakes = [self.cluster.next_wake(), self.distant.next_wake() if self.distant else None]
        return min((wake for wake in wakes if wake is not None), default=None)

    def advance(self, until: float) -> bool:
        """Jump to the next moment something is due, not beyond `until` (virtual seconds). False: nothing before it."""
        wake = self.next_wake()
        if wake is None or wake > until:
            self._elapsed = max(self._elapsed, until)
            return False
        self._elapsed = max(self._elapsed, wake)
        return True

    @rarely()
    def run_for(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass."""
        until = self._elapsed + seconds
        for _ in range(MOST_STEPS):
            if not self.advance(until):
                return
            self.step()
        raise NotSettled(f"{MOST_STEPS} steps were not enough for {seconds:g} s")

    @rarely()
    def run_until(self, is_done: Callable[[], bool], *, seconds: float = 3600, wish: str = "") -> float:
        """Run until `is_done()`; answers the virtual seconds it took, raises NotSettled after `seconds`."""
        began, until = self._elapsed, self._elapsed + seconds
        for _ in range(MOST_STEPS):
            if is_done():
                return self._elapsed - began
            if not self.advance(until):
                break
            self.step()
        raise NotSettled(f"not after {self._elapsed - began:g} s: {wish or 'what was wanted'}{self.told_waits()}")

    def settle(self, seconds: float = 3600) -> None:
        """Run until every StatefulSet is as its spec wants it."""
        self.run_until(self.is_settled, seconds=seconds, wish="every StatefulSet settled")

    def is_settled(self) -> bool:
        is_quiet = self.next_wake() != float("-inf")
        return is_quiet and all(map(is_settled, self.cluster.cache.all("StatefulSet")))

    def is_to_be_tried_again(self) -> bool:
        """Whether some set's next round is already appointed."""
        engines = [self.cluster.engine, *([self.distant.engine] if self.distant else [])]
        turns = [engine.controllers[turn.controller].name for engine in engines for turn in engine.waiting()]
        return StatefulSetController.name in turns

    def waits(self, key: Key) -> list[Waiting]:
        """Why an object is not as its spec wants it, in the words of whoever works on it."""
        found = self.cluster.journal.waits(key)
        if self.distant is not None:
            found += self.distant.engine.journal.waits(key)
        return [wait for _, wait, _ in found]

    # --- what goes wrong

    def crash(self) -> None:
        """stead dies and comes back: what was in memory is gone, containers ran on, nodes are as they were."""
        self.deaths += 1
        self._build()
        for runtime in self.runtimes.values():
            runtime.recover(self.now)

    def crash_after(self, actions: int, how: str = "between") -> None:
        """stead dies at its next action but `actions`.

        `between`: what was done of that step stays, the rest never happens. `before commit`: nothing of the step stays.
        `before runtime`: all is written, and the runtime hears nothing.
        """
        self._last_deed = (actions, how)

    # Nodes are named; without a name, it is the first.

    def lose_node(self, name: str = "") -> None:
        """The node is cut off: its kubelet keeps what it knows alive, hears no news and is not heard."""
        if self.state_of(name) == "on":
            name = name or self.config.node
            self.cluster.cut(name)
            self._told[name] = memory.written(self.cluster.members[name].told)
            self._states[name] = "cut"

    def stop_node(self, name: str = "") -> None:
        """The node's machine is switched off: nothing runs there any more, and nobody says so."""
        name = name or self.config.node
        self._states[name] = "off"
        self.cluster.power_off(name)
        self.runtimes[name].power_off()

    def return_node(self, name: str = "") -> None:
        """The node is there again, whether it was cut off or its machine was off."""
        name = name or self.config.node
        if self._states.pop(name, "on") == "off":
            self.runtimes[name].power_on()
        self.cluster.power_on(name)

    def reboot_node(self, name: str = "") -> None:
        """Its machine starts again, so quickly that nobody misses it; one that is off stays off."""
        if self.state_of(name) != "off":
            self.runtimes[name or self.config.node].reboot()

    def state_of(self, name: str = "") -> State:
        return self._states.get(name or self.config.node, "on")

    def jump(self, seconds: float) -> None:
        """The wall clock is set forward or back; what measures waits does not notice."""
        self._skew += seconds

    # --- inside

    def _build(self) -> None:
        """Everything that is only in memory."""
        self._last_deed, config = None, self.config
        for runtime in self.runtimes.values():
            runtime.is_deaf = False
        if self._is_distant:
            near = tuple(name for name in config.controllers if name != StatefulSetController.name)
            config = replace(config, controllers=near)
        members = [self._member(name) for name in self.runtimes]
        self.cluster = assembly.cluster(config, self.store, members, Random(self.chance.random()), around=self.around)
        self.cluster.refuse = self._answer_instead
        for controller in self.cluster.engine.controllers:
            if isinstance(controller, StatefulSetController):
                controller.is_sworn = self._is_sworn
        if self._is_distant:
            lag = self.distant.lag_seconds if self.distant else 0.0
            controller = StatefulSetController(PROFILES[config.profile], is_sworn=self._is_sworn)
            self.distant = Distant(controller, self.store, self._distant_door, Random(self.chance.random()))
            self.distant.lag_seconds = lag

    def _member(self, name: str) -> Member:
        told = memory.read(self._told[name]) if self.state_of(name) == "cut" else ()
        return Member(name, self.runtimes[name], self.state_of(name), told)

    def _distant_door(self, controller: AnyController, action: Action, now: Now) -> Outcome:
        outcome = self._answer_instead(controller, action)
        return self.cluster.carry_out(controller, action, now) if outcome is None else outcome

    def _answer_instead(self, controller: AnyController, action: Action) -> Outcome | None:
        """The hook of the kernel's door: here stead dies, and here a story refuses."""
        if self._last_deed is not None:
            left, how = self._last_deed
            self._last_deed = (left - 1, how)
            if left <= 0:
                return self._death(how)
        return self.refuse(controller, action)

    def _death(self, how: str) -> Outcome | None:
        if how == "before commit":
            raise Died
        if how == "before runtime":
            for runtime in self.runtimes.values():
                runtime.is_deaf = True
            return None
        return Lost("stead died")

    def _tell(self, round_: Round) -> None:
        for watcher in self.watchers:
            watcher(round_)

    def _apply(self, obj: Json) -> Json:
        api = self.cluster.api
        kind = BUILT_IN.by_type(obj["apiVersion"], obj["kind"])
        if kind is None:
            raise BadRequest(f"stead does not serve kind {obj['kind']} of {obj['apiVersion']}")
        namespace = meta.namespace(obj) or "default"
        key = Key(kind.id, namespace if kind.is_namespaced else "", meta.name(obj))
        if api.get(key) is None:
            return api.create({**obj, "metadata": {**obj["metadata"], "namespace": key.namespace}}, self.now)
        return api.merge_patch(key, obj, self.now)

    def told_waits(self) -> str:
        journals = [self.cluster.journal, *([self.distant.engine.journal] if self.distant else [])]
        told = (wait for journal in journals for wait in journal.all_waits())
        waits = [f"{controller} {key}: {wait}" for controller, key, wait, _ in told]
        return "; waiting:\n  " + "\n  ".join(waits) if waits else "; nobody waits for anything"


def _never(controller: AnyController, action: Action) -> Outcome | None:
    return None
