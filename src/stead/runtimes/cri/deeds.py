"""What becomes of each action: one coroutine a kind of action, and the table that finds it.

A deed reports an event whatever happens; trouble that belongs to the pod is an event, never an exception.
"""

import asyncio
import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from stead.machinery.runtime import (
    ContainerExited,
    ContainerResized,
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
    SandboxFailed,
    SandboxRemoved,
    SandboxResized,
    StartContainer,
    StopContainer,
    UpdateVolume,
)
from stead.runtimes import furnishing, probing
from stead.runtimes.cri import mapping, mounting
from stead.runtimes.cri.client import EngineTrouble
from stead.runtimes.cri.node import Held, Node, Pod, real, remember
from stead.runtimes.cri.reach import Reach
from stead.runtimes.images import ImageTrouble
from stead.runtimes.native import cgroups, starting
from stead.runtimes.native.addresses import AddressesExhausted
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.volumes import PartTrouble, VolumeTrouble

log = logging.getLogger(__name__)

_KILLED = 137
_REMOVING_TRIES = 60
_BETWEEN_SECONDS = 1.0
_STOP_PATIENCE_SECONDS = 60.0


async def run_sandbox(node: Node, action: RunSandbox) -> None:
    async with node.lock(action.uid):
        known = node.pods.get(action.uid)
        if known is not None and known.is_alive:
            node.report(known.running_event())
            return
        try:
            pod = await _make_sandbox(node, action, known)
        except (OSError, EngineTrouble, AddressesExhausted) as error:
            node.report(SandboxFailed(action.pod, action.uid, str(error)))
            return
        node.report(pod.running_event(is_new=True))


async def _make_sandbox(node: Node, action: RunSandbox, known: Pod | None) -> Pod:
    """A fresh sandbox, the one after `known`, which is taken away."""
    if known is not None:
        await node.end(known)
    directory = node.pod_directory(action.uid)
    attempt = 0 if known is None else known.attempt + 1
    logs = os.path.join(directory, "logs")
    os.makedirs(logs, exist_ok=True)
    config = mapping.sandbox_config(action, node.owner, logs, attempt)
    if mapping.has_limits(action):
        cgroups.hold_pod(action.uid, (action.memory_limit_bytes, action.cpu_limit_millis))
    ip = _address(node, action)
    pod = Pod(action.pod, action.uid, directory, ip, action.hostname, action.fs_group, config)
    node.pods[action.uid] = pod
    furnishing.write(os.path.join(directory, "address"), pod.ip)
    remember(pod)
    pod.sandbox_id = (await node.engine.ask("RunPodSandbox", {"config": config}))["pod_sandbox_id"]
    status = await node.look_inside(pod)
    pod.ip = pod.ip or status["network"]["ip"]
    furnishing.furnish_etc(pod.home, action, node.own_address)
    mounting.mount_memory(pod, action)
    furnishing.furnish_volumes(pod.home, action)
    remember(pod)
    pod.is_alive = True
    return pod


def _address(node: Node, action: RunSandbox) -> str:
    """The pod's address, "" where the engine's network will give one."""
    if action.is_host_network:
        return node.own_address
    return "" if node.addresses is None else node.addresses.take(action.uid)


async def pull_image(node: Node, action: PullImage) -> None:
    """Into our store by its own rules, and from there into the engine."""
    identity = (action.pod, action.uid, action.container)
    begins = partial(asyncio.get_running_loop().call_soon_threadsafe, node.report, ImagePulling(*identity))
    pull = partial(node.images.pull, action.image, action.policy, action.credentials, begins=begins)
    try:
        begin = time.monotonic()
        found = await asyncio.to_thread(pull)
        image = real(found.image)
        await node.feed(image)
    except ImageTrouble as error:
        node.report(ImageFailed(*identity, error.reason, str(error)))
        return
    except EngineTrouble as error:
        node.report(ImageFailed(*identity, "ErrImagePull", str(error)))
        return
    seconds = time.monotonic() - begin if found.is_pulled else None
    node.report(ImageReady(*identity, image.identity, found.alias, seconds, image.size_bytes, image.user))


# containers


async def start_container(node: Node, action: StartContainer) -> None:
    async with node.lock(action.uid):
        try:
            pod = node.living(action.uid)
            held = pod.containers.get(action.container)
            if held is not None and held.attempt == action.attempt:
                node.report(held.told)
                return
            await _start(node, pod, action, held)
        except (VolumeTrouble, PartTrouble, CreateTrouble) as error:
            node.report(furnishing.not_created(action, error))
        except NotRun as error:
            node.report(furnishing.not_started(action, str(error), error.container_id))
        except (OSError, Refusal, ImageTrouble, EngineTrouble) as error:
            node.report(furnishing.not_started(action, str(error)))


class CreateTrouble(Exception):
    """The engine does not make the container; the message is its own."""


class NotRun(Exception):
    """The engine has made the container and cannot run it; the message is its own."""

    def __init__(self, message: str, container_id: str):
        super().__init__(message)
        self.container_id = container_id


async def _start(node: Node, pod: Pod, action: StartContainer, before: Held | None) -> None:
    image = node.image(action.image)
    engine_image = await node.feed(image)
    furnishing.make_room(pod.directory, action)
    target = node.running(action.uid, action.target).id if action.target else ""
    given = mapping.Given(engine_image, tuple(mounting.mounts(pod, action)), pod.group, target, node.profiles)
    config = mapping.container_config(action, pod.config, image, given=given)
    if before is not None:
        await node.ask_gone("RemoveContainer", {"container_id": before.id})
    asked = {"pod_sandbox_id": pod.sandbox_id, "config": config, "sandbox_config": pod.config}
    try:
        identity = (await node.engine.ask("CreateContainer", asked))["container_id"]
    except EngineTrouble as trouble:
        raise CreateTrouble(str(trouble)) from trouble
    try:
        await node.engine.ask("StartContainer", {"container_id": identity})
    except EngineTrouble as trouble:
        with contextlib.suppress(EngineTrouble):
            await node.ask_gone("RemoveContainer", {"container_id": identity})
        raise NotRun(str(trouble), f"{node.engine_name}://{identity}") from trouble
    answer = await node.engine.ask("ContainerStatus", {"container_id": identity, "verbose": True})
    held = node.hold(pod, answer)
    node.report(held.told)
    if answer["status"]["state"] == mapping.EXITED:
        node.tell_end(pod, held, node.ended_event(pod, answer["status"]))


async def stop_container(node: Node, action: StopContainer) -> None:
    pod = node.pods.get(action.uid)
    held = pod.containers.get(action.container) if pod is not None else None
    if pod is None or held is None:
        now = time.time()
        identity = (action.pod, action.uid, action.container)
        node.report(ContainerExited(*identity, 0, "", _KILLED, "ContainerStatusUnknown", now, now))
        return
    if not held.is_running:
        node.report(held.told)
        return
    left = await _own_signal(pod, held, action.grace_seconds)
    if not held.is_running:
        return
    grace = math.ceil(max(left, 0))
    with contextlib.suppress(EngineTrouble):  # what still runs, the next StopContainer meets; what ended is seen
        body = {"container_id": held.id, "timeout": grace}
        await node.engine.ask("StopContainer", body, seconds=grace + _STOP_PATIENCE_SECONDS)
        await node.settle(pod, held)


async def _own_signal(pod: Pod, held: Held, grace_seconds: float) -> float:
    """Where the pod names the signal, send it ourselves: engines of today know the image's. Answers what is left."""
    if not held.stop_signal or not held.pid or grace_seconds <= 0:
        return grace_seconds
    deadline = time.monotonic() + grace_seconds
    with contextlib.suppress(ProcessLookupError):
        os.kill(held.pid, starting.signal_number(held.stop_signal))
    while held.is_running and (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pod.changed.wait(), left)
    return 0.0


async def resize_sandbox(node: Node, action: ResizeSandbox) -> None:
    """The pod's groups are ours: the engine knows nothing of them, and puts containers where the pod began."""
    pod = node.pods.get(action.uid)
    if pod is None or not mapping.has_groups(pod.config):
        told = "the pod was made without limits of its own, and cannot get any before it is made anew"
        node.report(SandboxResized(action.pod, action.uid, "Infeasible", told))
        return
    try:
        cgroups.hold_pod(action.uid, (action.memory_limit_bytes, action.cpu_limit_millis))
    except OSError as trouble:
        node.report(SandboxResized(action.pod, action.uid, "Error", str(trouble)))
        return
    node.report(SandboxResized(action.pod, action.uid))


async def resize_container(node: Node, action: ResizeContainer) -> None:
    identity = (action.pod, action.uid, action.container, action.attempt)
    try:
        held = node.running(action.uid, action.container)
        limits = mapping.resources(action)
        await node.engine.ask("UpdateContainerResources", {"container_id": held.id, "linux": limits})
    except (Refusal, EngineTrouble) as trouble:
        node.report(ContainerResized(*identity, "Error", str(trouble)))
        return
    node.report(ContainerResized(*identity))


async def run_probe(node: Node, action: RunProbe) -> None:
    is_success, message = await probing.run(Reach(node), action)
    identity = (action.pod, action.uid, action.container, action.attempt)
    node.report(Probed(*identity, action.probe, is_success, message))


# volumes, and the end


async def measure_storage(node: Node, action: MeasureStorage) -> None:
    """The layers lie in the engine, which knows their size."""
    pod = node.pods.get(action.uid)
    if pod is None:
        return
    told = await furnishing.measured(pod.home, action)
    for name in action.containers:
        held = pod.containers.get(name)
        with contextlib.suppress(EngineTrouble, TypeError):  # it may not have looked yet
            answer = await node.engine.ask("ContainerStats", {"container_id": held.id if held else ""})
            told.containers[name] += answer["stats"]["writable_layer"]["used_bytes"]["value"]
    node.report(told)


async def update_volume(node: Node, action: UpdateVolume) -> None:
    pod = node.pods.get(action.uid)
    if pod is not None:
        with contextlib.suppress(OSError):
            furnishing.furnish_volume(pod.home, action.volume)


async def remove_sandbox(node: Node, action: RemoveSandbox) -> None:
    async with node.lock(action.uid):
        pod = node.pods.pop(action.uid, None)
        if pod is not None:
            await _end_for_good(node, pod)
        cgroups.let_go_of_pod(action.uid)
        await furnishing.discard(node.pod_directory(action.uid), node.discard)
        if node.addresses is not None:
            node.addresses.release(action.uid)
        node.report(SandboxRemoved(action.pod, action.uid))


async def _end_for_good(node: Node, pod: Pod) -> None:
    """Patiently: while an engine is away, its pods are not gone."""
    for _ in range(_REMOVING_TRIES):
        try:
            await node.end(pod)
            return
        except EngineTrouble as trouble:
            log.warning("the sandbox of %s stays: %s", pod.pod.name, trouble)
            await asyncio.sleep(_BETWEEN_SECONDS)


async def remove_volume(node: Node, action: RemoveVolume) -> None:
    await furnishing.remove_volume(node.report, action)


DEEDS: dict[type, Callable[[Node, Any], Coroutine[Any, Any, None]]] = {
    RunSandbox: run_sandbox,
    PullImage: pull_image,
    StartContainer: start_container,
    ResizeSandbox: resize_sandbox,
    ResizeContainer: resize_container,
    StopContainer: stop_container,
    RunProbe: run_probe,
    MeasureStorage: measure_storage,
    UpdateVolume: update_volume,
    RemoveSandbox: remove_sandbox,
    RemoveVolume: remove_volume,
}
