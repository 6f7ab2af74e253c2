"""What becomes of each action: one coroutine a kind of action, and the table that finds it.

A deed reports an event whatever happens; trouble that belongs to the pod is an event, never an exception.
"""

import asyncio
import contextlib
import os
import signal
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
from stead.runtimes.images import Image, ImageTrouble
from stead.runtimes.native import cgroups, handlers, probe, recipes, sandbox, starting, volumes, wire
from stead.runtimes.native.addresses import AddressesExhausted
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.keeping import KeeperTrouble
from stead.runtimes.native.node import Node
from stead.runtimes.native.sandbox import Sandbox
from stead.runtimes.native.volumes import PartTrouble, VolumeTrouble

_KILLED = 128 + signal.SIGKILL


async def run_sandbox(node: Node, action: RunSandbox) -> None:
    async with node.lock(action.uid):
        known = node.pods.get(action.uid)
        if known is not None and known.is_alive:
            node.report(known.running_event())
            return
        try:
            pod = await _make_sandbox(node, action)
        except (OSError, Refusal, KeeperTrouble, AddressesExhausted) as error:
            node.report(SandboxFailed(action.pod, action.uid, str(error)))
            return
        node.report(pod.running_event(is_new=True))


async def _make_sandbox(node: Node, action: RunSandbox) -> Sandbox:
    directory = node.pod_directory(action.uid)
    sandbox.kill_leftovers(directory)
    ip = _address(node, action)
    note = probe.note_of(node.tier, action.is_host_network, action.seccomp)
    pod = Sandbox(action.pod, action.uid, directory, ip, action.hostname, note, action.fs_group, node.report)
    furnishing.furnish_etc(pod.home, action, node.addresses.gateway)
    furnishing.furnish_volumes(pod.home, action)
    sandbox.remember(pod)
    keeper = await node.keeper()
    ours, theirs = wire.pair()
    order = {
        "uid": action.uid,
        "directory": directory,
        "hostname": action.hostname,
        "ip": ip,
        "prefix": node.addresses.prefix,
        "gateway": node.addresses.gateway,
        "cable": "v" + action.uid.replace("-", "")[-12:],
        "is_host_network": action.is_host_network,
        "is_host_ipc": action.is_host_ipc,
        "processes": action.processes,
        "pod_limits": (action.memory_limit_bytes, action.cpu_limit_millis),
        "sysctls": [list(setting) for setting in action.sysctls],
        "memory_volumes": volumes.in_memory(os.path.join(directory, "volumes"), action, node.users),
    }
    with theirs:
        await keeper.ask("run", (theirs.fileno(),), pod=order)
    await pod.converse(ours)
    node.pods[action.uid] = pod
    return pod


def _address(node: Node, action: RunSandbox) -> str:
    if action.is_host_network:
        return probe.host_address() if node.tier == "root" else node.addresses.gateway
    return node.addresses.take(action.uid)


async def pull_image(node: Node, action: PullImage) -> None:
    identity = (action.pod, action.uid, action.container)
    begins = partial(asyncio.get_running_loop().call_soon_threadsafe, node.report, ImagePulling(*identity))
    pull = partial(node.images.pull, action.image, action.policy, action.credentials, begins=begins)
    try:
        begin = time.monotonic()
        found = await asyncio.to_thread(pull)
    except ImageTrouble as error:
        node.report(ImageFailed(*identity, error.reason, str(error)))
        return
    seconds = time.monotonic() - begin if found.is_pulled else None
    if isinstance(found.image, Image):
        image = found.image
        told = ImageReady(*identity, image.identity, found.alias, seconds, image.size_bytes, image.user)
        node.report(told)
        return
    try:
        node.report(ImageReady(*identity, recipes.identity(found.image), found.alias, seconds))
    except KeyError:
        node.report(ImageFailed(*identity, "InvalidImageName", f"there is no recipe {found.image}"))


async def start_container(node: Node, action: StartContainer) -> None:
    async with node.lock(action.uid):
        try:
            await _start(node, action)
        except (starting.StartTrouble, VolumeTrouble, PartTrouble) as error:
            node.report(furnishing.not_created(action, error))
        except (OSError, Refusal, ImageTrouble) as error:
            node.report(furnishing.not_started(action, str(error)))


async def _start(node: Node, action: StartContainer) -> None:
    shim = await node.shim_of(action.uid)
    pod = node.pods[action.uid]
    image = node.image(action.image, pod, action.container)
    order = starting.order(action, image, node.starting_pod(pod))
    furnishing.make_room(pod.directory, action)
    await shim.ask("start", **order)


async def stop_container(node: Node, action: StopContainer) -> None:
    pod = node.pods.get(action.uid)
    told = pod.containers.get(action.container) if pod is not None else None
    if pod is None or told is None:
        now = time.time()
        identity = (action.pod, action.uid, action.container)
        node.report(ContainerExited(*identity, 0, "", _KILLED, "ContainerStatusUnknown", now, now))
        return
    if not told["is_running"]:
        node.report(pod.container_event(told))
        return
    with contextlib.suppress(Refusal):  # a shim that is gone has its end told already
        shim = await node.shim_of(action.uid)
        await shim.ask("stop", container=action.container, grace_seconds=action.grace_seconds)


async def resize_sandbox(node: Node, action: ResizeSandbox) -> None:
    told = await _limited(node, action)
    node.report(SandboxResized(action.pod, action.uid, told["trouble"], told.get("why", "")))


async def _limited(node: Node, action: ResizeSandbox | ResizeContainer) -> dict[str, Any]:
    container = action.container if isinstance(action, ResizeContainer) else ""
    memory, cpu = action.memory_limit_bytes, action.cpu_limit_millis
    try:
        shim = await node.shim_of(action.uid)
        return await shim.ask("limit", container=container, memory_bytes=memory, cpu_millis=cpu)
    except Refusal as refusal:  # it has ended, or is about to: the next attempt has the new limits
        return {"trouble": "Error", "why": str(refusal)}


async def resize_container(node: Node, action: ResizeContainer) -> None:
    told = await _limited(node, action)
    identity = (action.pod, action.uid, action.container, action.attempt)
    node.report(ContainerResized(*identity, told["trouble"], told.get("why", "")))


async def run_probe(node: Node, action: RunProbe) -> None:
    is_success, message = await probing.run(handlers.Reach(node), action)
    identity = (action.pod, action.uid, action.container, action.attempt)
    node.report(Probed(*identity, action.probe, is_success, message))


async def measure_storage(node: Node, action: MeasureStorage) -> None:
    pod = node.pods.get(action.uid)
    if pod is not None:
        node.report(await furnishing.measured(pod.home, action))


async def update_volume(node: Node, action: UpdateVolume) -> None:
    pod = node.pods.get(action.uid)
    if pod is not None:
        with contextlib.suppress(OSError):
            furnishing.furnish_volume(pod.home, action.volume)


async def remove_sandbox(node: Node, action: RemoveSandbox) -> None:
    async with node.lock(action.uid):
        pod = node.pods.pop(action.uid, None)
        if pod is not None:
            await node.end(pod)
        cgroups.let_go_of_pod(action.uid)
        await furnishing.discard(node.pod_directory(action.uid), node.discard)
        node.addresses.release(action.uid)
        node.report(SandboxRemoved(action.pod, action.uid))


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
