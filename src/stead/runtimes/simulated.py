"""Containers as scripts in virtual time: a runtime for simulations, plans and tests, that says so wherever it can.

What a script may say stands in `scripts`.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import Literal

from msgspec import Struct

from stead.kinds.pod import PodView
from stead.machinery import meta, times
from stead.machinery.keys import Key
from stead.machinery.objects import Json, dig
from stead.machinery.runtime import (
    ContainerExited,
    ContainerNotCreated,
    ContainerResized,
    ContainerStarted,
    ImageFailed,
    ImagePulling,
    ImageReady,
    MeasureStorage,
    Probed,
    PullImage,
    RemoveSandbox,
    RemoveVolume,
    ResizeContainer,
    ResizeSandbox,
    RunProbe,
    RunSandbox,
    RuntimeAction,
    RuntimeEvent,
    SandboxFailed,
    SandboxRemoved,
    SandboxResized,
    SandboxRunning,
    StartContainer,
    StopContainer,
    StorageMeasured,
    UpdateVolume,
    VolumeRemoved,
)
from stead.machinery.times import Now
from stead.runtimes.scripts import Container, Pod

FIRST_NET = 44
NOTE = "simulated: containers are scripts in virtual time, no process runs"
NOT_RUN = 128
KILLED = 137
SOMEBODY = "65532"  # no simulated image runs as root


class Settings(Struct, frozen=True):
    """What a script does not say. Each duration is drawn between itself and itself times (1 + `spread`)."""

    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    pull_seconds: float = 0.0
    spread: float = 0.0


Deed = Callable[[Now], RuntimeEvent | None]


class SimulatedRuntime:
    """A `Runtime` on a heap of things to come. `chance` draws ids and spreads durations; pods have addresses in
    10.`net`.0.0.
    """

    name = "simulated"

    def __init__(self, chance: Random, settings: Settings | None = None, *, net: int = FIRST_NET) -> None:
        self.settings = settings or Settings()
        self.taken_bytes: dict[str, int] = {}
        self.refuses_resize: tuple[Literal["Infeasible", "Error"], str] | None = None
        self._chance = chance
        self._net = net
        self._lost: list[Pod] = []
        self._pods: dict[str, Pod] = {}
        self._images: dict[str, None] = {}  # those that were pulled
        self._future: list[tuple[float, int, Deed, str]] = []
        self._turn = count()
        self._address = count(2)
        self._is_cut_off = False
        self._undelivered: list[RuntimeAction] = []
        self._actions: dict[type, Callable[..., None]] = {
            RunSandbox: self._run_sandbox,
            PullImage: self._pull_image,
            StartContainer: self._start_container,
            ResizeSandbox: self._resize_sandbox,
            ResizeContainer: self._resize_container,
            StopContainer: self._stop_container,
            RunProbe: self._run_probe,
            MeasureStorage: self._measure_storage,
            UpdateVolume: lambda action, now: None,
            RemoveSandbox: self._remove_sandbox,
            RemoveVolume: self._remove_volume,
        }

    def send(self, action: RuntimeAction, now: Now) -> None:
        if self._is_cut_off:
            self._undelivered.append(action)
        else:
            self._actions[type(action)](action, now)

    def take(self, now: Now) -> list[RuntimeEvent]:
        if self._is_cut_off:
            return []
        events = []
        while self._future and self._future[0][0] <= now.mono:
            _, _, deed, _ = heappop(self._future)
            if (event := deed(now)) is not None:
                events.append(event)
        return events

    def next_wake(self) -> float | None:
        return self._future[0][0] if self._future and not self._is_cut_off else None

    # --- what goes wrong

    def crash(self, uid: str, container: str, exit_code: int = 1) -> None:
        """The container's process dies, at once."""
        pod = self._pods[uid]
        attempt = pod.containers[container].attempt
        told = f"exit {uid} {container} {attempt} {exit_code}"
        self._at(-inf, lambda now: self._exit(pod, container, now, attempt=attempt, code=exit_code), told)

    def adopt(self, pod: Json, script: Json, now: Now) -> None:
        """Take over a pod that runs elsewhere, as its status says; told with the next `recover`."""
        found, key = PodView(pod), Key("Pod", meta.namespace(pod), meta.name(pod))
        adopted = Pod(key, found.uid, dig(pod, "status", "podIP", default=self._new_address()), script)
        for kind in ("initContainerStatuses", "containerStatuses"):
            for told in dig(pod, "status", kind, default=()):
                container = _adopted(key, found.uid, told, now)
                if container is not None:
                    adopted.containers[told["name"]] = container
        self._pods[found.uid] = adopted

    def set_ready(self, uid: str, container: str, is_ready: bool | None) -> None:
        """What readiness probes answer from now on; None: what the script says."""
        self._pods[uid].containers[container].is_ready = is_ready

    def lose(self) -> None:
        """The node is cut off: containers run on, nothing is heard and nothing arrives before `recover`."""
        self._is_cut_off = True

    def recover(self, now: Now) -> None:
        """Everything is reported again, as after a restart of stead."""
        self._is_cut_off = False
        waiting, self._undelivered = self._undelivered, []
        for action in waiting:
            self.send(action, now)
        for pod in self._pods.values():
            self._say(SandboxRunning(pod.key, pod.uid, (pod.ip,), NOTE))
            for container in pod.containers.values():
                self._at(-inf, _last_word(container), f"told {pod.uid}")

    def reboot(self, message: str = "the node was restarted") -> None:
        """The machine restarts: every sandbox and every container in it is gone."""
        self.power_off()
        self.power_on(message)

    def power_off(self) -> None:
        """Everything that ran is gone, and nobody is told before `power_on`."""
        self._lost += self._pods.values()
        self._pods.clear()

    def power_on(self, message: str = "the node was restarted") -> None:
        gone, self._lost = self._lost, []
        for pod in gone:
            self._say(SandboxFailed(pod.key, pod.uid, message))

    def has(self, uid: str) -> bool:
        """Whether the pod is here."""
        return uid in self._pods

    def running(self) -> list[tuple[Key, str]]:
        """(pod, container) of all that runs now; for invariants."""
        return [
            (pod.key, name)
            for pod in self._pods.values()
            for name, container in pod.containers.items()
            if container.state == "running"
        ]

    def future(self) -> list[str]:
        """What will happen, soonest first, without its times."""
        return [told for _, _, _, told in sorted(self._future, key=lambda one: one[:2])]

    def states(self) -> list[str]:
        """Every container there is, and how it is; every image."""
        containers = [
            f"{uid} {name} {container.attempt} {container.state} {container.is_ready}"
            for uid, pod in self._pods.items()
            for name, container in pod.containers.items()
        ]
        return [*containers, *(f"image {image}" for image in self._images)]

    # --- actions

    def _run_sandbox(self, action: RunSandbox, now: Now) -> None:
        is_new = action.uid not in self._pods
        pod = self._pods.get(action.uid) or Pod(action.pod, action.uid, self._new_address(), action.annotations)
        self._pods[action.uid] = pod
        self._say(SandboxRunning(action.pod, action.uid, (pod.ip,), NOTE, is_new))

    def _remove_sandbox(self, action: RemoveSandbox, now: Now) -> None:
        self._pods.pop(action.uid, None)
        self._say(SandboxRemoved(action.pod, action.uid))

    def _remove_volume(self, action: RemoveVolume, now: Now) -> None:
        self._say(VolumeRemoved(action.volume))

    def _pull_image(self, action: PullImage, now: Now) -> None:
        pod, name, image = self._pods.get(action.uid), action.container, action.image
        if pod is None:
            return
        if pod.is_image_missing(name):
            reason, why = "ErrImagePull", f'failed to resolve reference "{image}": not found'
            if action.policy == "Never":
                reason, why = "ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never'
            else:
                self._say(ImagePulling(action.pod, action.uid, name))
            self._say(ImageFailed(action.pod, action.uid, name, reason, why))
            return
        is_here = action.policy == "Never" or (action.policy == "IfNotPresent" and image in self._images)
        slow = self._drawn(pod.seconds(name, "pull-after", self.settings.pull_seconds))
        seconds = 0.0 if is_here else slow
        if seconds:
            self._say(ImagePulling(action.pod, action.uid, name))
        self._images[image] = None
        identity = f"simulated://{image}"
        ready = ImageReady(action.pod, action.uid, name, identity, pulled_seconds=seconds or None, user=SOMEBODY)
        self._at(now.mono + seconds, lambda _: None if self._is_gone(pod) else ready, f"image {action.uid} {name}")

    def _start_container(self, action: StartContainer, now: Now) -> None:
        pod, name = self._pods.get(action.uid), action.container
        if pod is None:
            return
        known = pod.containers.get(name)
        if known is not None and known.attempt >= action.attempt:
            if known.told is not None:
                self._say(known.told)
            return
        if pod.refused.get(name, 0) < int(pod.word(name, "create-failures") or 0):
            pod.refused[name] = pod.refused.get(name, 0) + 1
            identity = (action.pod, action.uid, name, action.attempt)
            self._say(ContainerNotCreated(*identity, "CreateContainerError", "simulated: the script says no"))
            return
        pod.containers[name] = Container(action.attempt, f"simulated://{self._chance.getrandbits(128):032x}", now)
        seconds = self._drawn(pod.seconds(name, "start-after", self.settings.start_seconds))
        told = f"start {action.uid} {name} {action.attempt}"
        self._at(now.mono + seconds, lambda then: self._start(pod, action, then), told)

    def _stop_container(self, action: StopContainer, now: Now) -> None:
        pod, name = self._pods.get(action.uid), action.container
        container = pod.containers.get(name) if pod else None
        if pod is None or container is None:
            return
        attempt, seconds = container.attempt, self._drawn(pod.seconds(name, "stop-after", self.settings.stop_seconds))
        code = 0 if seconds <= action.grace_seconds else KILLED
        wait = min(seconds, action.grace_seconds)
        told = f"exit {pod.uid} {name} {attempt} {code}"
        self._at(now.mono + wait, lambda then: self._exit(pod, name, then, attempt=attempt, code=code), told)

    def _resize_sandbox(self, action: ResizeSandbox, now: Now) -> None:
        self._say(SandboxResized(action.pod, action.uid, *(self.refuses_resize or ("", ""))))

    def _resize_container(self, action: ResizeContainer, now: Now) -> None:
        told = self.refuses_resize or ("", "")
        self._say(ContainerResized(action.pod, action.uid, action.container, action.attempt, *told))

    def _measure_storage(self, action: MeasureStorage, now: Now) -> None:
        """A script takes no room, but where a test says so."""
        volumes, containers = (
            {name: self.taken_bytes.get(name, 0) for name in names} for names in (action.volumes, action.containers)
        )
        self._say(StorageMeasured(action.pod, action.uid, volumes, containers))

    def _run_probe(self, action: RunProbe, now: Now) -> None:
        pod = self._pods.get(action.uid)
        container = pod.containers.get(action.container) if pod else None
        if pod is None or container is None or container.state != "running":
            return
        is_success = self._answer(pod, action, container, now)
        message = "" if is_success else "simulated: the script says no"
        pod_key, uid, name, attempt = action.pod, action.uid, action.container, action.attempt
        self._say(Probed(pod_key, uid, name, attempt, action.probe, is_success, message))

    # --- what happens

    def _start(self, pod: Pod, action: StartContainer, now: Now) -> RuntimeEvent | None:
        container = pod.containers[action.container]
        if container.attempt != action.attempt or container.state != "starting" or self._is_gone(pod):
            return None
        container.state, container.started = "running", now
        if pod.word(action.container, "start-fails") == "true":
            container.state = "exited"
            who = (pod.key, pod.uid, action.container, action.attempt, container.id)
            told = "simulated: the script says no"
            container.told = ContainerExited(*who, NOT_RUN, "StartError", now.wall, now.wall, message=told)
            return container.told
        name, attempt, image = action.container, action.attempt, f"simulated://{action.image}"
        self._plan_exit(pod, name, attempt, now)
        container.told = ContainerStarted(pod.key, pod.uid, name, attempt, container.id, image, now.wall)
        return container.told

    def _plan_exit(self, pod: Pod, name: str, attempt: int, now: Now) -> None:
        """The script's own end of an attempt."""
        seconds = pod.seconds(name, "exit-after", inf)
        if seconds == inf or attempt >= int(pod.word(name, "exit-attempts") or attempt + 1):
            return
        code = int(pod.word(name, "exit-code") or 0)
        told = f"exit {pod.uid} {name} {attempt} {code}"
        wake = now.mono + self._drawn(seconds)
        self._at(wake, lambda then: self._exit(pod, name, then, attempt=attempt, code=code), told)

    def _exit(self, pod: Pod, name: str, now: Now, *, attempt: int, code: int) -> RuntimeEvent | None:
        container = pod.containers[name]
        if container.attempt != attempt or container.state == "exited" or self._is_gone(pod):
            return None
        container.state = "exited"
        container.told = ContainerExited(
            pod.key,
            pod.uid,
            name,
            attempt,
            container.id,
            code,
            "Error" if code else "Completed",
            container.started.wall,
            now.wall,
        )
        return container.told

    def _answer(self, pod: Pod, action: RunProbe, container: Container, now: Now) -> bool:
        """What a probe of a running container finds."""
        name, age = action.container, now.mono - container.started.mono + 1e-6
        if action.probe == "liveness":
            return age < pod.seconds(name, "sick-after", inf)
        if action.probe == "readiness" and container.is_ready is not None:
            return container.is_ready
        if action.probe in ("postStart", "preStop"):
            return True
        is_never = action.probe == "readiness" and pod.word(name, "unready") == "true"
        return not is_never and age >= pod.seconds(name, "ready-after", 0.0)

    def _is_gone(self, pod: Pod) -> bool:
        return self._pods.get(pod.uid) is not pod

    def _say(self, event: RuntimeEvent) -> None:
        self._at(-inf, lambda now: event, f"{type(event).__name__} {getattr(event, 'uid', '')}")

    def _at(self, mono: float, deed: Deed, told: str) -> None:
        """`told`: what will happen, for those who compare futures."""
        heappush(self._future, (mono, next(self._turn), deed, told))

    def _drawn(self, seconds: float) -> float:
        return seconds * (1 + self.settings.spread * self._chance.random()) if self.settings.spread else seconds

    def _new_address(self) -> str:
        number = next(self._address) % (254 * 254)
        return f"10.{self._net}.{number // 254}.{number % 254 + 1}"


def _adopted(pod: Key, uid: str, told: Json, now: Now) -> Container | None:
    """A container as its status tells it; None for one that never started."""
    attempt, name, known = told.get("restartCount", 0), told["name"], told.get("containerID", "")
    state = told.get("state") or {}
    if "running" in state:
        started = times.from_text(state["running"]["startedAt"])
        word: RuntimeEvent = ContainerStarted(pod, uid, name, attempt, known, told.get("imageID", ""), started)
        return Container(attempt, known, Now(started, now.mono - (now.wall - started)), "running", word)
    ended = state.get("terminated") or dig(told, "lastState", "terminated")
    if ended is None:
        return None
    code, reason = ended.get("exitCode", 0), "Error" if ended.get("exitCode", 0) else "Completed"
    moments = [times.from_text(ended[at]) if ended.get(at) else now.wall for at in ("startedAt", "finishedAt")]
    word = ContainerExited(pod, uid, name, attempt, known, code, reason, *moments)  # type: ignore[arg-type]
    return Container(attempt, known, now, "exited", word)


def _last_word(container: Container) -> Deed:
    """What was last told of it, when the time comes to tell it again."""
    return lambda now: container.told
