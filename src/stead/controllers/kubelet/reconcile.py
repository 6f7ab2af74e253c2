"""The kubelet: the order of the steps for one pod, and nothing else."""

from collections.abc import Iterable

from stead.controllers.kubelet import (
    admission,
    backoff,
    containers,
    events,
    probes,
    sandbox,
    starts,
    status,
    termination,
    waits,
)
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.observed import TERMINAL, Observed, Residents, observe
from stead.controllers.kubelet.round import Round, Steps, Trouble, begin
from stead.controllers.kubelet.settings import Settings
from stead.machinery import meta, times
from stead.machinery.cache import Cache
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.plan import (
    NO_REACTION,
    NOTHING,
    Action,
    Delete,
    Fence,
    Outcome,
    Patch,
    Plan,
    Reaction,
    Refused,
    Waiting,
)
from stead.machinery.runtime import RemoveSandbox, RunProbe, UpdateVolume, VolumeFiles
from stead.machinery.times import Now
from stead.machinery.watch import WatchEvent

NAMED = ("ConfigMap", "Secret", "PersistentVolumeClaim")
HOOK_SECONDS = 86_400.0  # a postStart hook may take its time
DEFAULTS = Settings()


class Kubelet:
    """The pods of one node. The cache it reads needs the index `Residents`."""

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
        """A pod that is gone already is what a deletion wants; its status needs no writing."""
        if isinstance(outcome, Refused) and isinstance(action, Patch | Delete) and outcome.reason == "NotFound":
            return Reaction(is_failure=False)
        return NO_REACTION

    def _is_here(self, pod: Json) -> bool:
        return bool(dig(pod, "spec", "nodeName") == self.node_name)

    def _here(self, cache: Cache, pods: Iterable[Key]) -> list[Key]:
        return [key for key in pods if (pod := cache.get(key)) is not None and self._is_here(pod)]


def reconcile(observed: Observed, settings: Settings, now: Now) -> Plan:
    """What must happen next to one pod and to what earlier bearers of its name left."""
    plan = termination.clear(observed.strays)
    if observed.pod is None:
        return plan
    round_ = begin(observed, settings, now)
    if observed.strays and observed.record is None:
        return plan + _wait(round_, f"an earlier {observed.key.name} still runs")
    if round_.is_terminating:
        return plan + _end(round_)
    if refusal := admission.refusal(round_):
        event = round_.event("Warning", refusal, f"Predicate {refusal} failed")
        return plan + _report(round_, failure=refusal) + Plan((event,))
    if _is_past_deadline(round_):
        stopping = termination.stop_all(round_, termination.spec_grace(round_.pod), now.mono)
        return plan + stopping + _report(round_, failure="DeadlineExceeded")
    if _is_over(round_):
        return plan + termination.stop_all(round_, termination.spec_grace(round_.pod), now.mono) + _report(round_)
    steps = _live(round_)
    return plan + steps.plan + waits.of(round_, steps.troubles) + _report(round_, steps) + _deadline(round_)


# --- a pod that lives


def _live(round_: Round) -> Steps:
    """Sandbox, volumes, containers, hooks and probes."""
    record = round_.observed.record
    state = record["state"] if record else ""
    if record is None or state == "failed":
        return _sandbox(round_, record)
    if state != "running":
        return Steps(_wait(round_, f"the sandbox is {state}"))
    steps = Steps(_refresh(round_, record)) + containers.walk(round_)
    for life in round_.lives.live:
        if life.state == "running":
            steps = steps.then(_keep(round_, life))
    return steps


def _sandbox(round_: Round, record: Json | None) -> Steps:
    """Make it, once the volumes can be mounted and not too soon after a failure."""
    if round_.ground.problem:
        return _all_held_up(round_, round_.ground.problem)
    if record:
        left = backoff.seconds_left(record["at"] + backoff.after_failures(record["failures"] - 1), round_.now.mono)
        if left:
            failed = f"Failed to create pod sandbox: {record['message']}"
            return _all_held_up(round_, failed).then(Plan(wake_after_seconds=left))
    return Steps(Plan((starts.run_sandbox(round_),)))


def _all_held_up(round_: Round, why: str) -> Steps:
    is_initialising = bool(round_.lives.inits)
    main = Trouble("PodInitializing") if is_initialising else Trouble("ContainerCreating", why)
    first = {life.name: Trouble("ContainerCreating", why) for life in round_.lives.inits[:1]}
    return Steps(_wait(round_, why), {life.name: main for life in round_.lives.mains} | first)


def _refresh(round_: Round, record: Json) -> Plan:
    """Files of volumes that are no longer what the pod was given."""
    declared = [volume for volume in round_.ground.declared if isinstance(volume, VolumeFiles)]
    changed = [volume for volume in declared if record["volumes"].get(volume.name) != sandbox.digest(volume)]
    return Plan(tuple(UpdateVolume(round_.observed.key, round_.uid, volume) for volume in changed))


def _keep(round_: Round, life: Life) -> Plan:
    """One running container: its postStart hook, its probes, and its end where one of them condemns it."""
    hook = life.hook("postStart")
    if hook and not life.is_hook_over("postStart", life.entry["began"], round_.now):
        return _post_start(round_, life, hook)
    if life.probe("postStart").get("is_success") is False:
        return _condemn(round_, life, "FailedPostStartHook", life.probe("postStart")["at"])
    if condemning := probes.doom(life):
        since = life.probe(condemning)["at"]
        why = f"Container {life.name} failed {condemning} probe, will be restarted"
        return _condemn(round_, life, why, since, condemning)
    return probes.walk(round_.observed, life, round_.now, is_terminating=False)


def _post_start(round_: Round, life: Life, hook: Json) -> Plan:
    if "sleep" in hook:
        left = life.entry["began"] + float(hook["sleep"]["seconds"]) - round_.now.mono
        return Plan(wake_after_seconds=max(backoff.A_MOMENT, left))
    if life.probe("postStart"):
        return NOTHING
    handler = probes.numbered(life, hook)
    key = round_.observed.key
    return Plan((RunProbe(key, round_.uid, life.name, life.attempt, "postStart", handler, HOOK_SECONDS),))


def _condemn(round_: Round, life: Life, why: str, since: float, probe: str = "") -> Plan:
    """Stop a container that its probe or hook gave up; it is started again as the restart policy says."""
    spec = probes.probe_spec(life, probe) if probe else None
    own = (spec or {}).get("terminationGracePeriodSeconds")
    grace = termination.spec_grace(round_.pod) if own is None else float(own)
    plan = termination.stop(round_, life, grace, since, why)
    if not plan.actions or life.probe("preStop"):
        return plan
    if probe:
        return Plan((probes.unhealthy(round_.observed, life, probe),)) + plan
    message = f"PostStartHook failed: {life.probe('postStart').get('message', '')}"
    return Plan((round_.event("Warning", "FailedPostStartHook", message),)) + plan


# --- a pod that ends


def _end(round_: Round) -> Plan:
    """A deleted pod: containers stop, its last status is written, and it is deleted for good."""
    record, pod, grace = round_.observed.record, round_.pod, termination.deletion_grace(round_.pod)
    if round_.lives.live:
        plan = termination.stop_all(round_, grace, termination.deletion_began(round_))
        for life in round_.lives.live:
            if life.state in ("running", "stopping"):
                plan += probes.walk(round_.observed, life, round_.now, is_terminating=True)
        return plan + _report(round_) + _wait(round_, "its containers stop")
    if pod["metadata"].get("deletionGracePeriodSeconds") != 0:
        final = Delete(round_.observed.key, round_.uid, grace_seconds=0)
        return _report(round_) + Plan(always=(final,))
    if record and record["state"] != "removing":
        return _report(round_) + Plan((RemoveSandbox(round_.observed.key, round_.uid),))
    return _wait(round_, f"finalizers {meta.finalizers(pod)} hold it")


def _is_over(round_: Round) -> bool:
    """Its containers ended for good, or its status says so already."""
    lives = round_.lives
    if dig(round_.pod, "status", "phase") in TERMINAL:
        return True
    inits = [life for life in lives.inits if not life.is_sidecar]
    if not lives.has_begun and any(life.is_over and not life.has_succeeded for life in inits):
        return True
    return bool(lives.mains) and all(life.is_over for life in lives.mains)


def _is_past_deadline(round_: Round) -> bool:
    return _deadline(round_).wake_after_seconds == 0.0


def _deadline(round_: Round) -> Plan:
    """Wakes when activeDeadlineSeconds are over."""
    seconds, since = round_.pod["spec"].get("activeDeadlineSeconds"), dig(round_.pod, "status", "startTime")
    if seconds is None or not since:
        return NOTHING
    return Plan(wake_after_seconds=max(0.0, times.from_text(since) + seconds - round_.now.wall))


# --- what is told


def _report(round_: Round, steps: Steps | None = None, failure: str = "") -> Plan:
    """The status patch where something changed, and the events that go with the change."""
    if _is_unsure(round_):
        return NOTHING
    new = status.status_of(round_, steps.troubles if steps else {}, failure=failure)
    changed = status.changes(round_.pod.get("status") or {}, new)
    if not changed:
        return NOTHING
    patch = Patch(round_.observed.key, {"status": changed}, subresource="status", uid=round_.uid)
    return Plan((patch, Fence(), *events.told(round_, new)))


def _is_unsure(round_: Round) -> bool:
    """stead was restarted and the runtime has not said yet what became of the pod."""
    record = round_.observed.record
    is_silent = record is None or (record["state"] == "starting" and not record["era"])
    return is_silent and any(life.told.get("containerID") for life in round_.lives.all)


def _wait(round_: Round, why: str) -> Plan:
    return Plan(waiting=(Waiting(f"{round_.observed.key.name}: {why}", about=round_.observed.key),))
