"""The machines behind the nodes, in the live shell: a runtime each, on one wire; people may stop and cut them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import Any, TypeAlias

from stead.cluster import memory, roster
from stead.cluster.config import Config
from stead.cluster.kernel import Cluster
from stead.cluster.members import Member, State
from stead.cluster.roster import Roster
from stead.machinery.errors import BadRequest, ServiceUnavailable
from stead.machinery.late import Late
from stead.machinery.objects import Json
from stead.runtimes.native import node
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.keeping import KeeperTrouble
from stead.runtimes.native.runtime import NativeRuntime
from stead.runtimes.real import RealRuntime
from stead.runtimes.simulated import FIRST_NET, SimulatedRuntime

cri: Any = Late("stead.runtimes.cri.runtime")
log = logging.getLogger(__name__)

AnyRuntime: TypeAlias = RealRuntime | SimulatedRuntime
BECOMES: Mapping[str, State] = {"stop": "off", "start": "on", "cut": "cut", "heal": "on"}
NEEDS: Mapping[str, tuple[State, ...]] = {
    "stop": ("on", "cut", "off"),
    "start": ("off", "on"),
    "cut": ("on", "cut"),
    "heal": ("cut", "on"),
}
TOLD = {"on": "on", "cut": "cut off", "off": "off"}
UNCUT = "its processes are the host's (the plain tier): they still reach the others, and are reached"
REMEDY = {"on": "", "cut": "stead node heal {}", "off": "stead node start {}"}


class StartError(Exception):
    """stead cannot start; the message says why and what to do."""


class Machines:
    """`bell` is rung when something happened. The first node is the first of `runtimes`."""

    def __init__(self, config: Config, bell: Callable[[], None]) -> None:
        self.config = config
        self.runtimes: dict[str, AnyRuntime] = {}
        self._bell = bell
        self._states = {name: state for name, state in roster.read(config.data).states.items() if name in config.nodes}
        self._locks = {name: asyncio.Lock() for name in config.nodes}
        self._troubles: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._kernel: Cluster

    # --- beginning and end

    async def start(self) -> None:
        """Every node's runtime, adopting what lives. Raises StartError."""
        first, *others = self.config.nodes
        self.runtimes[first] = await self._started(first)
        for name in others:
            self.runtimes[name] = await self._started(name)
        try:
            for runtime in self.runtimes.values() if others else ():
                if not isinstance(runtime, SimulatedRuntime):
                    await runtime.join(self.first)
            await self._as_it_was()
        except (OSError, Refusal, KeeperTrouble) as error:
            raise StartError(f"the nodes cannot be joined to one network: {error}; see stead doctor") from error
        self._keep()

    def members(self) -> list[Member]:
        return [self._member(name) for name in self.runtimes]

    def _member(self, name: str) -> Member:
        told = memory.kept(self.config.directory_of(name)) if self.state_of(name) == "cut" else None
        return Member(name, self.runtimes[name], self.state_of(name), told or ())

    def attend(self, kernel: Cluster) -> None:
        """From now on orders go to `kernel` too."""
        self._kernel = kernel

    async def _as_it_was(self) -> None:
        """Nodes that were cut off are so before anything is served to them, and an engine that was off is off."""
        for name, runtime in self.real().items():
            if self.state_of(name) == "cut":
                await runtime.cut()
            elif self.state_of(name) == "off" and runtime.name == "cri":
                await runtime.power_off()

    @property
    def first(self) -> AnyRuntime:
        return self.runtimes[self.config.node]

    def real(self) -> dict[str, RealRuntime]:
        """Those that run processes."""
        return {name: one for name, one in self.runtimes.items() if not isinstance(one, SimulatedRuntime)}

    def networked(self) -> dict[str, RealRuntime]:
        """Those whose node has a network of its own."""
        return {name: one for name, one in self.real().items() if one.has_network}

    # --- people's orders

    def state_of(self, name: str) -> State:
        return self._states.get(name, "on")

    def order(self, name: str, verb: str) -> Json:
        """Begin with `stop`, `start`, `cut` or `heal`; answers as `told`. Raises BadRequest."""
        state = self.state_of(name)
        if self.config.cri_endpoint:
            told = f"node {name} is the engine at {self.config.cri_endpoint}, which stead has not started"
            remedy = f"stop it yourself, or kubectl drain {name}; without --cri-endpoint stead has engines of its own"
            raise BadRequest(f"{told}: {remedy}")
        if state not in NEEDS[verb]:
            raise BadRequest(f"node {name} is {TOLD[state]}: {REMEDY[state].format(name)} comes first")
        if state != BECOMES[verb]:
            if verb == "cut":
                self._keep_memory(name)
                self._kernel.cut(name)
            elif verb == "stop":
                self._kernel.power_off(name)
            self._states[name] = BECOMES[verb]
            self._troubles.pop(name, None)
            self._keep()
            if verb != "cut":
                memory.forget(self.config.directory_of(name))
            task = asyncio.get_running_loop().create_task(self._carry_out(name, verb))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self.told(name)

    def told(self, name: str) -> Json:
        """What `stead node list` shows beside what the Node object says."""
        known = {"name": name, "state": self.state_of(name), "pod_cidr": self.config.pod_cidr_of(name)}
        is_bare = any(one.name == "native" and not one.has_network for one in self.real().values())
        known["note"] = UNCUT if is_bare else ""
        return {**known, "is_changing": self._locks[name].locked(), "trouble": self._troubles.get(name, "")}

    def away(self, name: str) -> str:
        """Why nobody can be reached on a node, "" where they can."""
        state = self.state_of(name)
        return f"node {name} is {TOLD[state]} ({REMEDY[state].format(name)})" if state != "on" else ""

    async def _carry_out(self, name: str, verb: str) -> None:
        """The machine's half; a node that comes back is there for the control plane when its machine is."""
        async with self._locks[name]:
            try:
                await _change(self.runtimes[name], verb)
            except (OSError, Refusal, KeeperTrouble) as error:
                self._troubles[name] = str(error)
                log.error("stead node %s %s: %s", verb, name, error)
            if BECOMES[verb] == "on" and self.state_of(name) == "on":
                self._kernel.power_on(name)
        self._bell()

    def _keep_memory(self, name: str) -> None:
        """What the node has heard, for the next life of stead. Raises ServiceUnavailable."""
        try:
            memory.keep(self.config.directory_of(name), memory.heard(self._kernel.cache, name))
        except OSError as error:
            raise ServiceUnavailable(f"what node {name} has heard cannot be kept: {error}") from error

    def _keep(self) -> None:
        config = self.config
        states = {name: state for name, state in self._states.items() if state != "on"}
        roster.write(config.data, Roster(config.node_count, config.zones, states, config.node_cpu, config.node_memory))

    # --- runtimes

    async def _started(self, name: str) -> AnyRuntime:
        config = self.config
        number = config.nodes.index(name)
        if config.runtime == "simulated":
            return SimulatedRuntime(SystemRandom(), net=FIRST_NET + number)
        if config.runtime == "cri":
            return await self._started_engine(name)
        tier = self.first.tier if number else config.runtime  # type: ignore[union-attr]
        settings = node.Settings(
            config.pod_cidr_of(name),
            "" if tier == "native" else tier,
            hidden=(str(config.data),),
            cluster_cidr=config.cluster_cidr,
            siblings=tuple(str(config.directory_of(other)) for other in config.nodes if other != name),
            images=str(config.directory_of(config.node) / "images"),
            names=str(config.names_path),
            profiles=str(config.profiles_path),
        )
        try:
            runtime = NativeRuntime(config.directory_of(name), self._bell, settings)
            await runtime.start()
        except (OSError, ValueError, KeeperTrouble) as error:
            raise StartError(f"the {config.runtime} runtime does not start: {error}; see stead doctor") from error
        return runtime

    async def _started_engine(self, name: str) -> RealRuntime:
        config, number = self.config, self.config.nodes.index(name)
        images, directory = config.directory_of(config.node) / "images", f"cri-{number + 1}" if number else "cri"
        try:
            ranges = (config.pod_cidr_of(name), config.cluster_cidr)
            settings = cri.Settings(images, config.cri_endpoint, *ranges, profiles=str(config.profiles_path))
            runtime: RealRuntime = cri.CriRuntime(config.data / directory, settings, self._bell)
        except ModuleNotFoundError as error:
            raise StartError(f"the cri runtime needs {error.name}: pip install 'stead[cri]'") from error
        try:
            await runtime.start()
        except cri.CriTrouble as error:
            raise StartError(f"the cri runtime does not start: {error}") from error
        return runtime


async def _change(runtime: AnyRuntime, verb: str) -> None:
    if isinstance(runtime, SimulatedRuntime):
        {"stop": runtime.power_off, "start": runtime.power_on}.get(verb, lambda: None)()
        return
    deeds = {"stop": runtime.power_off, "start": runtime.power_on, "cut": runtime.cut, "heal": runtime.heal}
    await deeds[verb]()
