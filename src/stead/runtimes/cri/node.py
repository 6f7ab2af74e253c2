"""What the runtime holds: its directory, the engine, addresses, images and pods, and how pods are found again."""

import asyncio
import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct, field

from stead.machinery.keys import Key
from stead.machinery.runtime import ContainerExited, ContainerStarted, RuntimeEvent, SandboxFailed, SandboxRunning
from stead.runtimes.cri import mapping
from stead.runtimes.cri.client import Engine, EngineTrouble
from stead.runtimes.cri.messages import Body
from stead.runtimes.furnishing import Home
from stead.runtimes.images import Image, ImageStore, ImageTrouble
from stead.runtimes.logs import last_words, message_path, read_message
from stead.runtimes.native import linux, starting
from stead.runtimes.native.addresses import Addresses
from stead.runtimes.native.channel import Refusal
from stead.runtimes.trees import mounted_below, remove_tree

_GONE = "NOT_FOUND"


class Held(Struct):
    """One container's last attempt: what was told of it last, and what is needed to tell the next."""

    id: str
    attempt: int
    told: ContainerStarted | ContainerExited
    pid: int = 0
    pidfd: int = -1
    stop_signal: str = ""  # where the pod names one

    @property
    def is_running(self) -> bool:
        return isinstance(self.told, ContainerStarted)


class Pod(Struct):
    """A pod's identity, its sandbox in the engine (`config` is what was asked), and its containers by name."""

    pod: Key
    uid: str
    directory: str
    ip: str
    hostname: str
    group: int | None
    config: Body
    sandbox_id: str = ""
    pid: int = 0  # of the pause process: its network is the pod's
    is_alive: bool = False
    containers: dict[str, Held] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def attempt(self) -> int:
        return int(self.config["metadata"]["attempt"])

    @property
    def home(self) -> Home:
        return Home(self.directory, self.ip, self.group)

    def running_event(self, is_new: bool = False) -> SandboxRunning:
        return SandboxRunning(self.pod, self.uid, (self.ip,), "", is_new)

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Node:
    """One node: everything of it lies below `directory`. `network` is the file of its network, "" is the host's;
    `profiles` is where people keep seccomp profiles.
    """

    def __init__(
        self, directory: Path, images: ImageStore, report: Callable[[RuntimeEvent], None], *, profiles: str = ""
    ):
        self.profiles = profiles
        self.directory = str(directory.resolve())
        self.owner = self.directory
        self.images = images
        self.report = report
        self.pods: dict[str, Pod] = {}
        self.engine: Engine
        self.engine_name = ""
        self.registry = ""  # host and port at which the engine finds our images
        self.network = ""
        self.own_address = ""
        self.addresses: Addresses | None = None  # None where the engine's own network gives the pods theirs
        self.stir: Callable[[], None] = lambda: None  # look again soon: something ended
        self._locks: dict[str, asyncio.Lock] = {}
        for name in ("pods", "removed"):
            os.makedirs(os.path.join(self.directory, name), mode=0o711, exist_ok=True)

    def lock(self, uid: str) -> asyncio.Lock:
        """Held by what must happen in order for one pod."""
        return self._locks.setdefault(uid, asyncio.Lock())

    def pod_directory(self, uid: str) -> str:
        assert "/" not in uid and uid not in ("", ".", "..")
        return os.path.join(self.directory, "pods", uid)

    def living(self, uid: str) -> Pod:
        """Raises Refusal."""
        pod = self.pods.get(uid)
        if pod is None or not pod.is_alive:
            raise Refusal("the pod's sandbox is not running")
        return pod

    def running(self, uid: str, container: str) -> Held:
        """Raises Refusal."""
        held = self.living(uid).containers.get(container)
        if held is None or not held.is_running:
            raise Refusal(f"the container {container} is not running")
        return held

    # images

    def image(self, reference: str) -> Image:
        """The image of the store that runs for `reference`; raises ImageTrouble."""
        return real(self.images.resolve(reference).image)

    async def feed(self, image: Image) -> str:
        """Have the engine hold an image of the store; answers the engine's id of it. Raises EngineTrouble."""
        known = await self.engine.ask("ImageStatus", {"image": {"image": image.identity}})
        if known["image"] is not None:
            return image.identity
        reference = f"{self.registry}/stead/image@{image.manifest}"
        return str((await self.engine.ask("PullImage", {"image": {"image": reference}}))["image_ref"])

    # containers

    def watch(self, held: Held) -> None:
        """Hear of its end at once where the kernel lets us; the next look at the engine tells it anyway."""
        with contextlib.suppress(OSError):
            held.pidfd = os.pidfd_open(held.pid)
            asyncio.get_running_loop().add_reader(held.pidfd, self._ended, held)

    def _ended(self, held: Held) -> None:
        self.unwatch(held)
        self.stir()

    def unwatch(self, held: Held) -> None:
        if held.pidfd >= 0:
            asyncio.get_running_loop().remove_reader(held.pidfd)
            os.close(held.pidfd)
            held.pidfd = -1

    async def settle(self, pod: Pod, held: Held) -> None:
        """Look at a container that was running, and tell its end, once, where it has ended. Raises EngineTrouble."""
        try:
            status = (await self.engine.ask("ContainerStatus", {"container_id": held.id}))["status"]
            if status["state"] in (mapping.CREATED, mapping.RUNNING):
                return
            event = self.ended_event(pod, status)
        except EngineTrouble as trouble:
            if trouble.code != _GONE:
                raise
            event = mapping.lost_event(held.told)
        self.tell_end(pod, held, event)

    def tell_end(self, pod: Pod, held: Held, event: ContainerExited) -> None:
        if held.is_running:
            held.told = event
            self.unwatch(held)
            self.report(event)
            pod.wake()

    def ended_event(self, pod: Pod, status: Body) -> ContainerExited:
        name, attempt = mapping.identity(status)
        message = read_message(message_path(pod.directory, name, attempt))
        if not message and status["exit_code"] and status["annotations"].get(mapping.FALLS_BACK):
            message = last_words(starting.log_path(pod.directory, name, attempt))
        return mapping.exited_event(pod.pod, pod.uid, status, self.engine_name, message)

    async def end(self, pod: Pod) -> None:
        """Stop and remove its sandbox, and all containers in it. Raises EngineTrouble."""
        pod.is_alive = False
        for held in pod.containers.values():
            self.unwatch(held)
        if pod.sandbox_id:
            for call in ("StopPodSandbox", "RemovePodSandbox"):
                await self.ask_gone(call, {"pod_sandbox_id": pod.sandbox_id})
            pod.sandbox_id = ""

    async def ask_gone(self, call: str, body: Body) -> None:
        """A call after which something is no more; if it was no more before, good."""
        try:
            await self.engine.ask(call, body)
        except EngineTrouble as trouble:
            if trouble.code != _GONE:
                raise

    # coming back

    async def recover(self) -> None:
        """Find what an earlier stead left: living pods are adopted, of lost ones the end is told."""
        shutil.rmtree(os.path.join(self.directory, "removed"), ignore_errors=True)
        os.makedirs(os.path.join(self.directory, "removed"), mode=0o711, exist_ok=True)
        chosen = {"filter": {"label_selector": {mapping.OWNER: self.owner}}}
        sandboxes = (await self.engine.ask("ListPodSandbox", chosen))["items"]
        containers = (await self.engine.ask("ListContainers", chosen))["containers"]
        for entry in sorted(os.scandir(os.path.join(self.directory, "pods")), key=lambda entry: entry.name):
            pod = recall(entry.path)
            if pod is None:
                self.discard(entry.path)
                continue
            mine = [told for told in sandboxes if told["labels"].get(mapping.POD_UID) == pod.uid]
            await self._adopt(pod, mine, containers)
        for told in sandboxes:
            if told["labels"].get(mapping.POD_UID) not in self.pods:
                for call in ("StopPodSandbox", "RemovePodSandbox"):
                    await self.ask_gone(call, {"pod_sandbox_id": told["id"]})

    async def _adopt(self, pod: Pod, sandboxes: list[Body], containers: list[Body]) -> None:
        """Its newest sandbox; what an interrupted start left beside it goes."""
        self.pods[pod.uid] = pod
        if self.addresses is not None:
            self.addresses.remember(pod.uid, pod.ip)
        ordered = sorted(sandboxes, key=lambda told: int(told["metadata"]["attempt"]))
        for older in ordered[:-1]:
            await self.ask_gone("RemovePodSandbox", {"pod_sandbox_id": older["id"]})
        for newest in ordered[-1:]:
            pod.sandbox_id = newest["id"]
            pod.is_alive = newest["state"] == mapping.READY
            await self.look_inside(pod)
        if pod.is_alive:
            self.report(pod.running_event())
        mine = [told for told in containers if told["pod_sandbox_id"] == pod.sandbox_id]
        for told in mapping.latest(mine).values():
            await self._adopt_container(pod, told["id"])
        if not pod.is_alive:
            self.report(SandboxFailed(pod.pod, pod.uid, "the pod's processes are gone"))

    async def look_inside(self, pod: Pod) -> Body:
        """Learn the pause process; answers the sandbox's status. Raises EngineTrouble."""
        asked = {"pod_sandbox_id": pod.sandbox_id, "verbose": True}
        answer = await self.engine.ask("PodSandboxStatus", asked)
        pod.pid = int(mapping.info(answer).get("pid", 0))
        status: Body = answer["status"]
        return status

    async def _adopt_container(self, pod: Pod, container_id: str) -> None:
        answer = await self.engine.ask("ContainerStatus", {"container_id": container_id, "verbose": True})
        status = answer["status"]
        if status["state"] == mapping.CREATED:  # stead died between the two halves of a start: nothing has run
            await self.ask_gone("RemoveContainer", {"container_id": container_id})
            return
        held = self.hold(pod, answer)
        if status["state"] != mapping.RUNNING:
            held.told = self.ended_event(pod, status)
        self.report(held.told)

    def hold(self, pod: Pod, answer: Body) -> Held:
        """Keep a started container, of a verbose status."""
        status = answer["status"]
        name, attempt = mapping.identity(status)
        told = mapping.started_event(pod.pod, pod.uid, status, self.engine_name)
        pid = int(mapping.info(answer).get("pid", 0))
        held = Held(status["id"], attempt, told, pid, stop_signal=status["annotations"].get(mapping.STOP_SIGNAL, ""))
        pod.containers[name] = held
        if held.pid and status["state"] == mapping.RUNNING:
            self.watch(held)
        return held

    # going

    def discard(self, directory: str) -> None:
        """Delete a pod's directory: out of sight at once, then for good. Blocks: call it on a thread."""
        if not os.path.isdir(directory):
            return
        unmount(directory)
        grave = os.path.join(self.directory, "removed", uuid.uuid4().hex)
        os.rename(directory, grave)
        remove_tree(grave)


def unmount(directory: str) -> None:
    """What is mounted for a pod: volumes in memory, and parts of volumes. Raises OSError."""
    for place in reversed(mounted_below(directory)):
        linux.unmount(place)


def real(image: Image | str) -> Image:
    """An engine has no host to cook from. Raises ImageTrouble."""
    if isinstance(image, Image):
        return image
    raise ImageTrouble(f"{image} runs on the native runtime only; give this one a real image: stead image import FILE")


def remember(pod: Pod) -> None:
    """Write down what a later stead needs to know of the pod."""
    names = ("uid", "ip", "hostname", "group", "config")
    known = {"pod": list(pod.pod), **{name: getattr(pod, name) for name in names}}
    path = os.path.join(pod.directory, "sandbox.json")
    with open(path + ".new", "w") as file:
        json.dump(known, file)
    os.replace(path + ".new", path)


def recall(directory: str) -> Pod | None:
    """The pod that `remember` wrote down, None where it is not whole."""
    try:
        with open(os.path.join(directory, "sandbox.json")) as file:
            known = json.load(file)
        return Pod(directory=directory, **{**known, "pod": Key(*known["pod"])})
    except (OSError, ValueError, TypeError):
        return None
