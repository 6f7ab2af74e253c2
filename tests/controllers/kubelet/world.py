"""A node with one kubelet in virtual time: the real kubelet, its record and the simulated runtime in a small loop."""

from random import Random
from typing import Any

from stead.controllers.kubelet import sandbox
from stead.controllers.kubelet.events import at_once
from stead.controllers.kubelet.observed import Residents
from stead.controllers.kubelet.reconcile import Kubelet
from stead.controllers.kubelet.settings import Settings
from stead.controllers.kubelet.tenants import Tenants
from stead.machinery.cache import Cache
from stead.machinery.keys import Key, key_of
from stead.machinery.objects import Json
from stead.machinery.patches import merge_patch
from stead.machinery.plan import Delete, Emit, Patch, Plan
from stead.machinery.runtime import RuntimeAction
from stead.machinery.times import Now, to_text
from stead.machinery.watch import WatchEvent
from stead.runtimes.simulated import SimulatedRuntime

START = 1_767_225_600.0
NODE = "stead"
MOST_ROUNDS = 2000
WEB = Key("Pod", "default", "web-0")


class World:
    """`told` are the events, `sent` what the runtime was asked, `shown` one line for each change of the pod."""

    def __init__(self, *objects: Json, settings: Settings | None = None) -> None:
        self.mono = 0.0
        self.cache = Cache([Residents(), Tenants()])
        self.kubelet = Kubelet(NODE, settings or Settings())
        self.runtime = SimulatedRuntime(Random(1))
        self.sent: list[RuntimeAction] = []
        self.told: list[tuple[str, str, str]] = []
        self.shown: list[str] = []
        self._due: dict[Key, float] = {}
        self.put(a_node(), *objects)

    @property
    def now(self) -> Now:
        return Now(START + self.mono, self.mono)

    def put(self, *objects: Json) -> None:
        for obj in objects:
            self._feed(key_of(obj["kind"], obj), obj)

    def get(self, key: Key = WEB) -> Any:
        return self.cache.get(key)

    @property
    def record(self) -> Any:
        return next(iter(self.cache.all(sandbox.KIND)), None)

    def status(self, container: str = "c") -> Any:
        entries = self.get()["status"]
        both = [*entries.get("initContainerStatuses", ()), *entries["containerStatuses"]]
        return next(entry for entry in both if entry["name"] == container)

    def condition(self, type_: str) -> str:
        return next(entry["status"] for entry in self.get()["status"]["conditions"] if entry["type"] == type_)

    def sent_of(self, type_: type) -> list[Any]:
        return [action for action in self.sent if isinstance(action, type_)]

    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.told]

    def delete(self, key: Key = WEB, grace: int | None = None) -> None:
        """As the API does (S-7): with grace a mark, without it gone."""
        pod = self.get(key)
        seconds = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
        held = pod["metadata"].get("finalizers")
        if seconds == 0 and not held:
            self._feed(key, None)
            return
        began = self.now.wall if not pod["metadata"].get("deletionTimestamp") else self.deletion_began
        self.deletion_began = began
        marks = {"deletionTimestamp": to_text(began + seconds), "deletionGracePeriodSeconds": seconds}
        self._feed(key, {**pod, "metadata": {**pod["metadata"], **marks}})

    def run(self, seconds: float = 0.0) -> None:
        """Let time pass, jumping from one thing to do to the next."""
        until = self.mono + seconds
        for _ in range(MOST_ROUNDS):
            self._turn()
            if (wake := self._next_wake()) > until:
                break
            self.mono = max(self.mono, wake)
        else:
            raise AssertionError(f"never calm: {self.shown[-5:]} {self.sent[-5:]}")
        self.mono = until

    def restart(self) -> None:
        """stead dies and comes back: the record is gone, the runtime reports what runs."""
        for record in list(self.cache.all(sandbox.KIND)):
            self.cache.put(sandbox.key_for(sandbox.uid_of(record)), None)
        self.runtime.recover(self.now)
        self._due = {WEB: -1.0}

    def _next_wake(self) -> float:
        wakes = [*self._due.values(), self.runtime.next_wake()]
        return min((wake for wake in wakes if wake is not None), default=float("inf"))

    def _turn(self) -> None:
        for event in self.runtime.take(self.now):
            self._fold(event)
            pod = self.get(event.pod)
            self.told += [(emit.type, emit.reason, emit.message) for emit in (at_once(pod, event) if pod else ())]
        for key in [key for key, due in self._due.items() if due <= self.mono]:
            del self._due[key]
            observed = self.kubelet.observe(self.cache, key)
            if observed is not None:
                self._carry_out(key, self.kubelet.reconcile(observed, self.now))

    def _carry_out(self, key: Key, plan: Plan) -> None:
        for action in (*plan.actions, *plan.always):
            match action:
                case Patch():
                    if (pod := self.get(action.key)) is not None:
                        self._feed(action.key, merge_patch(pod, action.body))
                case Delete():
                    if self.get(action.key) is not None:
                        self.delete(action.key, action.grace_seconds)
                case Emit():
                    self.told.append((action.type, action.reason, action.message))
                case _ if hasattr(action, "pod"):
                    self.sent.append(action)
                    self._fold(action)
                    self.runtime.send(action, self.now)
        if plan.wake_after_seconds is not None:
            due = self.mono + plan.wake_after_seconds
            self._due[key] = min(due, self._due.get(key, due))

    def _fold(self, what: Any) -> None:
        key = sandbox.key_for(what.uid)
        self._feed(key, sandbox.fold(self.cache.get(key), what, self.now))

    def _feed(self, key: Key, new: Json | None) -> None:
        old = self.cache.get(key)
        if new is old:
            return
        event = WatchEvent("DELETED" if new is None else "MODIFIED", key, new or old or {}, old, 0)
        self.cache.apply(event)
        for woken in self.kubelet.wants(event, self.cache):
            self._due[woken] = self.mono
        if key == WEB:
            self.shown.append(line(new))


def line(pod: Json | None) -> str:
    """`Running 1/1 running`: phase, ready containers, and what each container does."""
    if pod is None:
        return "gone"
    status = pod.get("status", {})
    entries = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    ready = sum(entry["ready"] for entry in status.get("containerStatuses", ()))
    words = [_word(entry) for entry in entries]
    mark = "-" if pod["metadata"].get("deletionTimestamp") else ""
    return " ".join([mark + status.get("phase", ""), f"{ready}/{len(pod['spec']['containers'])}", *words])


def _word(entry: Json) -> str:
    ((state, body),) = entry["state"].items()
    return str(body.get("reason") or state)


def a_node() -> Json:
    return {
        "kind": "Node",
        "metadata": {"name": NODE},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.44.0.1"}], "allocatable": {"cpu": "2"}},
    }


def a_pod(*containers: Json, annotations: Json | None = None, uid: str = "u1", **spec: Any) -> Json:
    """A scheduled Pod web-0 with one container `c`, or with those given."""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": "web-0",
            "namespace": "default",
            "uid": uid,
            "generation": 1,
            "labels": {"app": "nginx"},
            "annotations": {f"simulation.stead.dev/{key}": value for key, value in (annotations or {}).items()},
        },
        "spec": {
            "nodeName": NODE,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 10,
            "containers": list(containers) or [a_container()],
            **spec,
        },
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": to_text(START)}],
        },
    }


def a_container(name: str = "c", **fields: Any) -> Json:
    return {"name": name, "image": "nginx:1", "imagePullPolicy": "IfNotPresent", **fields}


def a_probe(**fields: Any) -> Json:
    return {"httpGet": {"port": 80}, "periodSeconds": 10, "timeoutSeconds": 1, "failureThreshold": 3, **fields}
