"""What the runtime holds: its directory, addresses, images, pods, and the conversation with the keeper."""

import asyncio
import contextlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from stead.machinery.runtime import RuntimeEvent
from stead.runtimes import lending
from stead.runtimes.images import Image, ImageStore, ImageTrouble
from stead.runtimes.native import keeping, probe, recipes, sandbox, starting, trials, wire
from stead.runtimes.native.addresses import Addresses
from stead.runtimes.native.channel import Channel, Refusal
from stead.runtimes.native.sandbox import Sandbox
from stead.runtimes.trees import remove_tree

_LEAVING_SECONDS = 5.0


class Settings(Struct, frozen=True):
    """`tier` is root, user or plain, "" for the best this machine allows.

    With several nodes on this machine, `cluster_cidr` is the range of all pods, `siblings` are the directories of the
    other nodes, and `images` is the store that all nodes share.
    """

    pod_cidr: str = "10.244.0.0/24"
    tier: str = ""
    hidden: tuple[str, ...] = ()  # host directories that no container may see, beside the runtime's own
    is_pulling: bool = True  # whether images may come from registries
    cluster_cidr: str = ""
    siblings: tuple[str, ...] = ()
    images: str = ""
    names: str = ""  # where hosts files are, one a namespace, for processes of the plain tier
    profiles: str = ""  # where people keep their seccomp profiles


class Node:
    """One node: everything of it lies below `directory`. Raises ValueError for settings that cannot be."""

    def __init__(self, directory: Path, report: Callable[[RuntimeEvent], None], settings: Settings):
        self.directory = str(directory.resolve())
        self.report = report
        self._tiers = (settings.tier,) if settings.tier else probe.tiers()
        self._settings = settings
        self._use(self._tiers[0])
        images = Path(settings.images or os.path.join(self.directory, "images"))
        self.images = ImageStore(images, is_pulling=settings.is_pulling)
        self.pods: dict[str, Sandbox] = {}
        self._hidden = (self.directory, *settings.hidden)
        self._locks: dict[str, asyncio.Lock] = {}
        self._keeper: Channel | None = None
        self._keeper_lock = asyncio.Lock()
        self._held: tuple[int, ...] = ()  # the node's namespaces: with its keeper, its network would go
        self.users = 1  # of a pod, root is one

    def _use(self, tier: str) -> None:
        self.tier = tier
        cidrs = (self._settings.pod_cidr, self._settings.cluster_cidr or self._settings.pod_cidr)
        self.addresses = Addresses(*(map(probe.loopback_cidr, cidrs) if tier == "plain" else cidrs))

    # the keeper

    async def settle(self) -> None:
        """Take the best tier that this machine allows. Raises KeeperTrouble where it allows none, or OSError."""
        for name in ("pods", "removed"):
            os.makedirs(os.path.join(self.directory, name), mode=0o700, exist_ok=True)
        troubles = []
        for tier in self._tiers:
            self._use(tier)
            try:
                await self.keeper()
                return
            except keeping.KeeperTrouble as trouble:
                troubles.append(f"{tier}: {trouble}")
        raise keeping.KeeperTrouble("; ".join(troubles))

    async def keeper(self) -> Channel:
        """The conversation with the keeper, taken up again where it broke. Raises KeeperTrouble."""
        async with self._keeper_lock:
            if self._keeper is None or not self._keeper.is_open:
                settings = await asyncio.to_thread(self._keeper_settings)
                self._keeper = await keeping.reach(settings, lambda: None, self._held)
                if self.tier != "plain" and not self._held:
                    self._held = await keeping.namespaces_of(self._keeper)
                await self._learn_users(self._keeper)
            return self._keeper

    async def _learn_users(self, keeper: Channel) -> None:
        """How many users pods have: pods that lived on keep what they had when they began."""
        try:
            self.users = (await keeper.ask("hello"))["users"]
        except Refusal as refusal:
            raise keeping.KeeperTrouble(str(refusal)) from refusal
        if self.tier == "user" and self.users > 1:
            self.images.give_owners(await asyncio.to_thread(lending.lent))

    def _keeper_settings(self) -> wire.Message:
        return {
            "directory": self.directory,
            "tier": self.tier,
            "address": self.addresses.gateway,
            "prefix": self.addresses.prefix,
            "siblings": list(self._settings.siblings),
            "is_lent": self.tier == "user" and lending.lent() is not None,
        }

    async def dismiss_keeper(self) -> None:
        """Send the keeper away; the node's network goes with the last pod."""
        with contextlib.suppress(Refusal, keeping.KeeperTrouble):
            await (await self.keeper()).ask("quit")

    def hang_up(self) -> None:
        """Leave keeper and pods alone."""
        for pod in self.pods.values():
            pod.is_leaving = True
            if pod.channel is not None:
                pod.channel.close()
        if self._keeper is not None:
            self._keeper.close()
        for descriptor in self._held:
            os.close(descriptor)
        self._held = ()

    # pods

    def lock(self, uid: str) -> asyncio.Lock:
        """Held by what must happen in order for one pod."""
        return self._locks.setdefault(uid, asyncio.Lock())

    def pod_directory(self, uid: str) -> str:
        assert "/" not in uid and uid not in ("", ".", "..")
        return os.path.join(self.directory, "pods", uid)

    async def shim_of(self, uid: str) -> Channel:
        """The conversation with a living pod; raises Refusal."""
        pod = self.pods.get(uid)
        if pod is None or pod.channel is None or not pod.is_alive:
            raise Refusal("the pod's sandbox is not running")
        return pod.channel

    def place(self, pod: Sandbox, directory: str) -> recipes.Place:
        return recipes.Place(self.tier, pod.ip, directory, trials.lowest_port())

    def starting_pod(self, pod: Sandbox) -> starting.Pod:
        layers = str(self.images.layers)
        names = os.path.join(self._settings.names, pod.pod.namespace) if self._settings.names else ""
        told = (pod.directory, pod.hostname, pod.ip, self.tier, layers, self._hidden, pod.group)
        return starting.Pod(*told, users=self.users, names=names, profiles=self._settings.profiles)

    def image(self, reference: str, pod: Sandbox, container: str) -> Image:
        """The image that runs for `reference`; raises ImageTrouble."""
        found = self.images.resolve(reference)
        if isinstance(found.image, Image):
            return found.image
        directory = starting.container_directory(pod.directory, container)
        os.makedirs(directory, exist_ok=True)
        try:
            return recipes.cook(found.image, self.place(pod, directory))
        except KeyError:
            raise ImageTrouble(f"no recipe {found.image}", "InvalidImageName") from None

    # coming back

    async def power_off(self) -> None:
        """Whatever runs is killed at once; what it left stays, and nobody is told."""
        pods, self.pods = list(self.pods.values()), {}
        await asyncio.gather(*(self.end(pod) for pod in pods))

    async def recover(self) -> None:
        """Find what an earlier stead left: living pods are adopted, of lost ones the end is told."""
        for entry in os.scandir(os.path.join(self.directory, "removed")):
            with contextlib.suppress(OSError):
                await asyncio.to_thread(remove_tree, entry.path)
        for entry in sorted(os.scandir(os.path.join(self.directory, "pods")), key=lambda entry: entry.name):
            try:
                pod = sandbox.recall(entry.path, self.report)
            except (OSError, ValueError, KeyError):
                self.discard(entry.path)
                continue
            self.pods[pod.uid] = pod
            self.addresses.remember(pod.uid, pod.ip)
            await self._adopt(pod)

    async def _adopt(self, pod: Sandbox) -> None:
        try:
            await pod.converse(wire.connect(f"{pod.directory}/shim.sock"))
        except OSError:
            pod.containers = {told["container"]: told for told in sandbox.recorded_containers(pod.directory)}
            pod.tell_all_lost()
            return
        self.report(pod.running_event())
        for event in pod.container_events():
            self.report(event)

    # going

    async def end(self, pod: Sandbox) -> None:
        """Kill what runs in the pod, and its shim."""
        pod.is_leaving = True
        if pod.is_alive and pod.channel is not None:
            with contextlib.suppress(Refusal, TimeoutError):
                await pod.channel.ask("remove")
                await asyncio.wait_for(pod.ended.wait(), _LEAVING_SECONDS)
            pod.channel.close()
        sandbox.kill_leftovers(pod.directory)

    def discard(self, directory: str) -> None:
        """Delete a pod's directory: out of sight at once, then for good. Blocks: call it on a thread."""
        if not os.path.isdir(directory):
            return
        grave = os.path.join(self.directory, "removed", uuid.uuid4().hex)
        os.rename(directory, grave)
        remove_tree(grave)
