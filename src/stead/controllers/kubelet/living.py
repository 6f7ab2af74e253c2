"""A pod that lives: its sandbox, its volumes, its containers with their hooks and probes."""

from stead.controllers.kubelet import backoff, containers, probes, resizing, sandbox, starts, storage, termination
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.report import wait
from stead.controllers.kubelet.round import Round, Steps, Trouble
from stead.machinery.objects import Json, dig
from stead.machinery.plan import NOTHING, Plan
from stead.machinery.runtime import RunProbe, UpdateVolume, VolumeFiles

HOOK_SECONDS = 86_400.0  # a postStart hook may take its time


def walk(round_: Round) -> Steps:
    """Sandbox, volumes, containers, hooks and probes."""
    record = round_.observed.record
    state = record["state"] if record else ""
    if record is None or state == "failed":
        return _sandbox(round_, record)
    if state != "running":
        return Steps(wait(round_, f"the sandbox is {state}"))
    steps = Steps(_refresh(round_, record) + storage.walk(round_) + resizing.walk_pod(round_))
    steps += containers.walk(round_)
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
    return Steps(troubles={life.name: main for life in round_.lives.mains} | first)


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
        return _condemn(round_, life, why, since, probe=condemning)
    if life.entry.get("image", life.spec.get("image")) != life.spec.get("image"):
        return _renew(round_, life, f"Container {life.name} definition changed, will be restarted")
    if resizing.is_open(life) and resizing.needs_restart(life):
        return _renew(round_, life, f"Container {life.name} resize requires restart")
    return resizing.walk(round_, life) + probes.walk(round_.observed, life, round_.now, is_terminating=False)


def _renew(round_: Round, life: Life, why: str) -> Plan:
    """A container whose image or limits were changed; a preStop sleep is left out, for nothing keeps its beginning."""
    slept = float(dig(life.hook("preStop"), "sleep", "seconds", default=0))
    return termination.stop(round_, life, termination.spec_grace(round_.pod), round_.now.mono - slept, why=why)


def _post_start(round_: Round, life: Life, hook: Json) -> Plan:
    if "sleep" in hook:
        left = life.entry["began"] + float(hook["sleep"]["seconds"]) - round_.now.mono
        return Plan(wake_after_seconds=max(backoff.A_MOMENT, left))
    if life.probe("postStart"):
        return NOTHING
    handler = probes.numbered(life, hook)
    key = round_.observed.key
    return Plan((RunProbe(key, round_.uid, life.name, life.attempt, "postStart", handler, HOOK_SECONDS),))


def _condemn(round_: Round, life: Life, why: str, since: float, *, probe: str = "") -> Plan:
    """Stop a container that its probe or hook gave up; it is started again as the restart policy says."""
    spec = probes.probe_spec(life, probe) if probe else None
    own = (spec or {}).get("terminationGracePeriodSeconds")
    grace = termination.spec_grace(round_.pod) if own is None else float(own)
    plan = termination.stop(round_, life, grace, since, why=why)
    if not plan.actions or life.probe("preStop"):
        return plan
    if probe:
        return Plan((probes.unhealthy(round_.observed, life, probe),)) + plan
    message = f"PostStartHook failed: {life.probe('postStart').get('message', '')}"
    return Plan((round_.event("Warning", "FailedPostStartHook", message, life),)) + plan
