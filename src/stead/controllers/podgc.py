"""Pod garbage: terminating pods that nobody will ever end, because they have no node or their node is gone (3.7)."""

from collections.abc import Iterable
from dataclasses import dataclass

from stead.kinds.pod import PodView
from stead.machinery import meta
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.plan import Calm, Delete, Plan
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

QUARANTINE_SECONDS = 40  # how long a node must be gone before its pods are


@dataclass(frozen=True, slots=True)
class Observed:
    key: Key
    pod: PodView
    is_node_there: bool


class PodGarbage(Calm):
    name = "podgc"

    def __init__(self) -> None:
        self._gone: dict[str, float] = {}

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        if event.key.kind == "Pod" and meta.is_terminating(event.obj) and event.type != "DELETED":
            return [event.key]
        if event.key.kind == "Node" and event.type == "DELETED":
            pods = cache.all("Pod")
            return [key_of("Pod", pod) for pod in pods if PodView(pod).node == event.key.name]
        return []

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        pod = cache.get(key)
        if pod is None:
            return None
        view = PodView(pod)
        return Observed(key, view, cache.get(Key("Node", "", view.node)) is not None)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        pod = observed.pod
        if not pod.node:
            return Plan((_force(observed),)) if pod.is_terminating else Plan()
        if observed.is_node_there:
            self._gone.pop(pod.uid, None)
            return Plan()
        since = self._gone.setdefault(pod.uid, now.mono)
        left = since + QUARANTINE_SECONDS - now.mono
        if left > 0:
            return Plan(wake_after_seconds=left)
        del self._gone[pod.uid]
        return Plan((_force(observed),))


def _force(observed: Observed) -> Delete:
    return Delete(observed.key, observed.pod.uid, grace_seconds=0)
