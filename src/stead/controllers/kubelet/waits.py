"""Why a pod is not ready yet, in plain sentences: what `stead explain` tells."""

import re
from collections.abc import Iterator, Mapping

from stead.controllers.kubelet import probes, resizing
from stead.controllers.kubelet.lives import Life
from stead.controllers.kubelet.round import Round, Trouble
from stead.machinery.objects import dig
from stead.machinery.plan import Plan, Waiting

RULE = "3.8"
REMEDIES = {
    "CrashLoopBackOff": "see what it wrote: {kubectl} logs {pod} -c {container} --previous",
    "ErrImagePull": "check the image's name, or import the image",
    "ImagePullBackOff": "check the image's name, or import the image",
    "ErrImageNeverPull": "import the image, or let it be pulled (imagePullPolicy)",
    "CreateContainerConfigError": "create what is missing",
    "RunContainerError": "see what cannot be run: its command, its directory, its user",
    "CreateContainerError": "mend what is named; it is tried again every ten seconds",
}
_MISSING = re.compile(r'\b(configmap|secret) "([a-z0-9.-]+)" not found')
_CREATE = {
    "configmap": "{{kubectl}} create configmap {} --from-literal=KEY=VALUE",
    "secret": "{{kubectl}} create secret generic {} --from-literal=KEY=VALUE",
}


def of(round_: Round, troubles: Mapping[str, Trouble]) -> Plan:
    """One wait for every container that is not where it should be, and one for a resize that cannot be yet."""
    found = [wait for life in round_.lives.all for wait in _of(round_, life, troubles.get(life.name))]
    return Plan(waiting=(*found, *_of_resize(round_)))


def _of_resize(round_: Round) -> Iterator[Waiting]:
    if hindered := resizing.hindrance(round_):
        key = round_.observed.key
        is_deferred = hindered.reason == resizing.DEFERRED
        remedy = "make room on its node, or ask for less" if is_deferred else "ask for less: no more is to be had there"
        yield Waiting(f"{key.name}: its resize is {hindered.reason}: {hindered.message}", RULE, key, remedy=remedy)


def _of(round_: Round, life: Life, trouble: Trouble | None) -> Iterator[Waiting]:
    if trouble is not None:
        found = _MISSING.search(trouble.message or "")
        create = _CREATE[found[1]].format(found[2]) if found else REMEDIES.get(trouble.reason, "")
        yield _wait(round_, life, f"waits: {_told(trouble, life)}", create)
    elif life.image.get("state") == "pulling":
        yield _wait(round_, life, f"waits for its image {life.spec.get('image', '')}")
    elif life.state == "starting":
        yield _wait(round_, life, "is being started")
    elif life.state == "running" and not probes.is_ready(life, round_.now) and not life.is_over:
        yield from _unready(round_, life)


def _told(trouble: Trouble, life: Life) -> str:
    """In words; of a crash loop how long, after how many starts, and how the last one ended."""
    if trouble.reason != "CrashLoopBackOff":
        return trouble.message or trouble.reason
    pause = trouble.message.partition(" restarting failed container")[0]
    code = life.entry.get("code", dig(life.told, "lastState", "terminated", "exitCode"))
    return f"{pause} after {life.attempt + 1} starts; the last ended with exit code {code}"


def _unready(round_: Round, life: Life) -> Iterator[Waiting]:
    if probes.has_started(life, round_.now):
        name = "readiness"
    elif life.is_hook_over("postStart", life.entry["began"], round_.now):
        name = "startup"
    else:
        yield _wait(round_, life, "runs its postStart hook")
        return
    if probes.probe_spec(life, name) is None or (life.is_init and not life.is_sidecar):
        return
    said = life.probe(name).get("message")
    yield _wait(round_, life, f"has not passed its {name} probe" + (f": {said}" if said else ""))


def _wait(round_: Round, life: Life, what: str, remedy: str = "") -> Waiting:
    space, name = round_.observed.key.namespace, round_.observed.key.name
    kubectl = "kubectl" if space == "default" else f"kubectl -n {space}"
    text = f"{name}: container {life.name} {what}"
    return Waiting(
        text, RULE, round_.observed.key, remedy=remedy.format(kubectl=kubectl, pod=name, container=life.name)
    )
