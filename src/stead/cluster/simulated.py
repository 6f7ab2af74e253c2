"""The simulation: the same kernel, a clock that jumps, and every choice drawn from one seed."""

from collections.abc import Callable, Iterable
from random import Random

from stead.api.request import Request, Response
from stead.cluster import assembly, bootstrap
from stead.cluster.config import Config
from stead.cluster.kernel import Cluster
from stead.cluster.settled import is_settled
from stead.engine.journal import Round
from stead.kinds.pod import PodView
from stead.kinds.registry import BUILT_IN
from stead.machinery import meta
from stead.machinery.errors import BadRequest
from stead.machinery.keys import Key
from stead.machinery.objects import Json, encode
from stead.machinery.times import Now
from stead.runtimes.simulated import SimulatedRuntime
from stead.store.log import Store

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z: where virtual time begins
MOST_STEPS = 1_000_000


class NotSettled(Exception):
    """What was wanted did not come about within the budget; the message says what everyone waits for."""


class Simulation:
    """One stead in virtual time.

    `seed` decides all that is left to chance. `watchers` see every round as it happens. After `crash()` the store and
    the running containers are what they were, everything else is built again.
    """

    def __init__(
        self, seed: int = 0, *, config: Config | None = None, watchers: Iterable[Callable[[Round], None]] = ()
    ) -> None:
        self.seed = seed
        self.chance = Random(seed)
        self.config = config or Config(runtime="simulated")
        self.watchers = list(watchers)
        self.store = Store(":memory:")
        self.runtime = SimulatedRuntime(Random(self.chance.random()))
        self.steps = 0
        self._elapsed = 0.0
        self.cluster = self._cluster()
        bootstrap.install(self.cluster, self.config, self.now)

    @property
    def now(self) -> Now:
        return Now(START + self._elapsed, self._elapsed)

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
        rounds = self.cluster.step(self.now)
        for round_ in rounds:
            for watcher in self.watchers:
                watcher(round_)
        return rounds

    def advance(self, until: float) -> bool:
        """Jump to the next moment something is due, not beyond `until` (virtual seconds). False: nothing before it."""
        wake = self.cluster.next_wake()
        if wake is None or wake > until:
            self._elapsed = max(self._elapsed, until)
            return False
        self._elapsed = max(self._elapsed, wake)
        return True

    def run_for(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass."""
        until = self._elapsed + seconds
        for _ in range(MOST_STEPS):
            if not self.advance(until):
                return
            self.step()
        raise NotSettled(f"{MOST_STEPS} steps were not enough for {seconds:g} s")

    def run_until(self, is_done: Callable[[], bool], *, seconds: float = 3600, wish: str = "") -> float:
        """Run until `is_done()`; answers the virtual seconds it took, raises NotSettled after `seconds`."""
        began, until = self._elapsed, self._elapsed + seconds
        for _ in range(MOST_STEPS):
            if is_done():
                return self._elapsed - began
            if not self.advance(until):
                break
            self.step()
        raise NotSettled(f"not after {self._elapsed - began:g} s: {wish or 'what was wanted'}{self._waits()}")

    def settle(self, seconds: float = 3600) -> None:
        """Run until every StatefulSet is as its spec wants it."""
        self.run_until(self.is_settled, seconds=seconds, wish="every StatefulSet settled")

    def is_settled(self) -> bool:
        is_quiet = self.cluster.next_wake() != float("-inf")
        return is_quiet and all(map(is_settled, self.cluster.cache.all("StatefulSet")))

    # --- what goes wrong

    def crash(self) -> None:
        """stead dies and comes back: what was in memory is gone, containers ran on."""
        refuse = self.cluster.refuse
        self.cluster = self._cluster()
        self.cluster.refuse = refuse
        self.runtime.recover(self.now)

    # --- inside

    def _cluster(self) -> Cluster:
        return assembly.cluster(self.config, self.store, self.runtime, Random(self.chance.random()))

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

    def _waits(self) -> str:
        waits = [f"{controller} {key}: {wait}" for controller, key, wait, _ in self.cluster.journal.all_waits()]
        return "; waiting:\n  " + "\n  ".join(waits) if waits else "; nobody waits for anything"
