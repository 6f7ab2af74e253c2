"""What happens in the cluster as lines for a person: how each pod gets its claim, its address and is Ready."""

from collections.abc import Callable, Iterator

from stead.engine.journal import Journal
from stead.kinds.pod import PodView
from stead.machinery import meta, times
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.watch import WatchEvent

WAITED_FOR = frozenset(("FailedScheduling", "FailedMount", "ProvisioningFailed"))
SLOW_SECONDS = 2.0  # what waits longer is told


class Narrator:
    """Turns changes into lines. `say(who, what)` puts one out; the same line is never said twice in a row."""

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._last: dict[str, str] = {}
        self._told_waits: dict[Key, str] = {}

    def hear(self, event: WatchEvent) -> None:
        """One change of the log."""
        teller = TELLERS.get(event.key.kind)
        if teller is None:
            return
        for who, what in teller(event):
            if self._last.get(who) != what:
                self._last[who] = what
                self._say(who, what)

    def wonder(self, journal: Journal, wall: float) -> None:
        """Say what StatefulSets and pods have waited for too long."""
        for controller, key, wait, since in journal.all_waits():
            told = f"waits: {wait.text}" + (f" ({wait.remedy})" if wait.remedy else "")
            is_news = self._told_waits.get(key) != told and controller in ("statefulset", "kubelet", "scheduler")
            if is_news and wall - since > SLOW_SECONDS:
                self._told_waits[key] = told
                self._say(key.name, told)


def _claim(event: WatchEvent) -> Iterator[tuple[str, str]]:
    phase = dig(event.obj, "status", "phase")
    if event.type == "DELETED":
        yield event.key.name, "claim deleted"
    elif phase == "Bound":
        yield event.key.name, f"claim bound to {dig(event.obj, 'spec', 'volumeName')}"
    elif event.type == "ADDED":
        yield event.key.name, "claim created"


def _pod(event: WatchEvent) -> Iterator[tuple[str, str]]:
    pod, name = PodView(event.obj), event.key.name
    if event.type == "DELETED":
        yield name, "gone"
        return
    if pod.is_terminating:
        grace = event.obj["metadata"].get("deletionGracePeriodSeconds", 0)
        yield name, f"stopping, at most {grace} s"
        return
    if event.type == "ADDED":
        yield name, "pod created"
    yield from ((name, told) for told in _containers(event.obj, event.old))
    if pod.has_ready_condition:
        yield name, f"Ready at {', '.join(pod.ips)} after {_age(event.obj)}"
    elif event.old is not None and PodView(event.old).has_ready_condition:
        yield name, "not Ready any more"


def _containers(pod: Json, old: Json | None) -> Iterator[str]:
    """What began to run since `old`, and as what; what cannot run yet, and why."""
    ran = {status["name"]: dig(status, "state", "running") for status in _statuses(old)} if old else {}
    for status in _statuses(pod):
        name, waiting = status["name"], dig(status, "state", "waiting", default={})
        if waiting.get("message"):
            yield f"{name}: {waiting['reason']}: {waiting['message']}"
        if dig(status, "state", "running") and not ran.get(name):
            stands_in = status["imageID"] if status["imageID"].startswith("host:") else ""
            yield f"{name} runs" + (f", {stands_in} in the stead of {status['image']}" if stands_in else "")


def _statuses(pod: Json) -> list[Json]:
    found: list[Json] = dig(pod, "status", "containerStatuses", default=[])
    return found


def _age(pod: Json) -> str:
    ready = meta.condition(pod, "Ready") or {}
    began = times.from_text(pod["metadata"]["creationTimestamp"])
    seconds = times.from_text(ready["lastTransitionTime"]) - began
    return "less than a second" if seconds < 1 else f"{seconds:.0f} s"


def _event(event: WatchEvent) -> Iterator[tuple[str, str]]:
    """Warnings. What is waited for is told when it lasts."""
    obj = event.obj
    if event.type == "DELETED" or obj.get("type") != "Warning" or obj.get("reason") in WAITED_FOR:
        return
    yield dig(obj, "involvedObject", "name", default=""), f"{obj['reason']}: {obj['message']}"


def _set(event: WatchEvent) -> Iterator[tuple[str, str]]:
    if event.type == "DELETED":
        yield event.key.name, "StatefulSet deleted"
        return
    status = event.obj.get("status", {})
    before = dig(event.old, "status", "readyReplicas", default=0) if event.old else 0
    if status.get("readyReplicas", 0) != before:
        wanted = event.obj["spec"].get("replicas", 1)
        yield event.key.name, f"{status.get('readyReplicas', 0)}/{wanted} Ready"


TELLERS: dict[str, Callable[[WatchEvent], Iterator[tuple[str, str]]]] = {
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "Event": _event,
    "StatefulSet": _set,
}
