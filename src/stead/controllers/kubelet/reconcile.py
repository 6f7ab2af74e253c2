"""The kubelet: the order of the steps for one pod, and nothing else."""

from collections.abc import Iterable

from stead.controllers.kubelet import endings, living, preemption, sandbox, storage, termination, waits
from stead.controllers.kubelet.observed import Observed, Residents, observe
from stead.controllers.kubelet.report import reject, report, wait
from stead.controllers.kubelet.round import Round, begin
from stead.controllers.kubelet.settings import Settings
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NO_REACTION, Action, Delete, Done, Outcome, Patch, Plan, Reaction, Refused
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

NAMED = ("ConfigMap", "Secret", "PersistentVolumeClaim")
DEFAULTS = Settings()


class Kubelet:
    """The pods of one node. The cache it reads needs the indexes `Residents` and `Tenants`."""

    kinds = ("Pod", sandbox.KIND, *NAMED, "PersistentVolume")

    def __init__(self, node_name: str, settings: Settings = DEFAULTS, name: str = "kubelet") -> None:
        self.name = name
        self.node_name = node_name
        self.settings = settings

    def wants(self, event: WatchEvent, cache: Cache) -> Iterable[Key]:
        """Pods of this node; for a record, a claim, a ConfigMap or a Secret the pods that it is about."""
        kind, obj = event.key.kind, event.obj
        if kind == "Pod":
            return (event.key,) if self._is_here(obj) else ()
        if kind == sandbox.KIND:
            return (sandbox.pod_of(obj),)
        residents = cache.index(Residents)
        if kind in NAMED:
            return self._here(cache, residents.users(event.key))
        if kind == "PersistentVolume" and (claim := dig(obj, "spec", "claimRef")):
            users = residents.users(Key("PersistentVolumeClaim", claim.get("namespace", ""), claim.get("name", "")))
            return self._here(cache, users)
        return ()

    def observe(self, cache: Cache, key: Key) -> Observed | None:
        return observe(cache, key, self.node_name)

    def reconcile(self, observed: Observed, now: Now) -> Plan:
        return reconcile(observed, self.settings, now)

    def react(self, observed: Observed, action: Action, outcome: Outcome, now: Now) -> Reaction:
        """A pod just taken has its room at once. One that is gone already is what a deletion wants; its status needs no
        writing.
        """
        if isinstance(outcome, Done) and isinstance(action, Patch) and dig(action.body, "status", "phase") != "Failed":
            assert observed.tenants is not None, "a pod that was looked at, beside the others of its node"
            observed.tenants.assume(observed.key)
        if isinstance(outcome, Refused) and isinstance(action, Patch | Delete) and outcome.reason == "NotFound":
            return Reaction(is_failure=False)
        return NO_REACTION

    def _is_here(self, pod: Json) -> bool:
        return bool(dig(pod, "spec", "nodeName") == self.node_name)

    def _here(self, cache: Cache, pods: Iterable[Key]) -> list[Key]:
        return [key for key in pods if (pod := cache.get(key)) is not None and self._is_here(pod)]


def reconcile(observed: Observed, settings: Settings, now: Now) -> Plan:
    """What must happen next to one pod and to what earlier bearers of its name left."""
    cleared = termination.clear(observed.strays)
    if observed.pod is None:
        return cleared
    round_ = begin(observed, settings, now)
    if observed.strays and observed.record is None:
        return cleared + wait(round_, f"an earlier {observed.key.name} still runs")
    return cleared + _next(round_)


def _next(round_: Round) -> Plan:
    if round_.is_terminating:
        return endings.deleted(round_)
    if refusal := preemption.refusal(round_):
        return reject(round_, refusal)
    if endings.is_over(round_):
        return endings.over(round_)
    if endings.is_past_deadline(round_):
        return endings.overdue(round_)
    if excess := storage.excess(round_):
        return endings.evicted(round_, excess)
    steps = living.walk(round_)
    told = waits.of(round_, steps.troubles) + report(round_, steps.troubles)
    return preemption.plan(round_) + steps.plan + told + endings.deadline(round_)
