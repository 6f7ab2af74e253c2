"""The live shell: the same kernel with a real clock, sockets, processes and a data directory."""

import asyncio
import logging
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

from stead.api import tokens
from stead.api.request import ADMIN, Request, Response, Stream, User
from stead.cluster import assembly, bootstrap, machine, process, rubbish, ways
from stead.cluster.config import Config
from stead.cluster.kernel import Cluster
from stead.cluster.relay import Relay
from stead.cluster.routes import Routes
from stead.dns import answer
from stead.dns.names import NameIndex
from stead.dns.wire import Responder
from stead.engine.journal import Round
from stead.kube import kubeconfig
from stead.machinery import meta
from stead.machinery.keys import Key, key_of
from stead.machinery.late import Late
from stead.machinery.metrics import Metric, one
from stead.machinery.objects import Json, decode, dig, encode
from stead.machinery.runtime import StopContainer
from stead.machinery.times import Now
from stead.runtimes.logs import LogReader, Wanted
from stead.runtimes.native import node
from stead.runtimes.native.keeping import KeeperTrouble
from stead.runtimes.native.runtime import NativeRuntime
from stead.runtimes.real import RealRuntime
from stead.runtimes.simulated import SimulatedRuntime
from stead.serve import authentication, tls
from stead.serve.http import HttpServer, SideDoor
from stead.serve.streams import ClosedDoor, StreamDoor
from stead.serve.udp import DnsServer, host_resolvers, sockets
from stead.store.log import Store

cri: Any = Late("stead.runtimes.cri.runtime")

log = logging.getLogger(__name__)


class StartError(Exception):
    """stead cannot start; the message says why and what to do."""


def now() -> Now:
    return Now(time.time(), time.monotonic())


class Live:
    """One running stead. `watchers` are told the rounds of every step, after its commit."""

    def __init__(self, config: Config, watchers: Sequence[Callable[[list[Round]], None]] = ()) -> None:
        self.config = config
        self.watchers = list(watchers)
        self.port = 0
        self.dns_port = 0
        self.cluster: Cluster
        self.runtime: RealRuntime | SimulatedRuntime
        self._loop = asyncio.get_running_loop()
        self._server: HttpServer
        self._dns: DnsServer | None = None
        self._relay: Relay | None = None
        self._turn_at: asyncio.TimerHandle | asyncio.Handle | None = None
        self._closing = False

    # --- life

    async def start(self) -> None:
        """Everything up and listening; raises StartError, StoreInUse or StoreDamaged with nothing left behind."""
        config = self.config
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        config.volumes_path.mkdir(mode=0o711, exist_ok=True)  # where the directory was there before, open to others
        _raise_open_files()
        self._store = Store(str(config.store_path), is_durable=config.is_durable)
        names = tls.server_names(config.cluster_domain, [ways.service_address(config)])
        certificates = tls.certificates(config.data / "pki", names, time.time())
        token = authentication.admin_token(config.data / "token")
        listener = self._bound()
        self.port = int(listener.getsockname()[1])
        self.runtime = await self._start_runtime()
        around = assembly.Surroundings(
            facts=machine.facts(config, self._engine),
            address=f"{config.host}:{self.port}",
            authority=certificates.authority.read_text(),
            clock=now,
            token_key=authentication.signing_key(config.data / "pki" / "tokens.key"),
            admin_token=token,
            ways=ways.ways(config, self._tier, self.port),
        )
        self.cluster = assembly.cluster(config, self._store, self.runtime, SystemRandom(), around=around)
        self.cluster.engine.on_broken = _log_broken
        bootstrap.install(self.cluster, config, now())
        users = authentication.Authenticator({token: ADMIN}, lambda given: self.cluster.api.bearer(given, now()), names)
        self._server = HttpServer(self._handle, users, self._side_door(), now)
        self.cluster.metrics.more += [process.metrics, self._sockets]
        await self._listen(tls.server_context(certificates), listener)
        self._write_kubeconfig(certificates, token)
        await self._start_dns()
        if not isinstance(self.runtime, SimulatedRuntime) and self.runtime.has_network:
            self._relay = Relay(self.cluster.cache.index(Routes), self.runtime, config.host, SystemRandom())
        self._write_state()
        rubbish.look_rarely()
        self._turn()

    async def close(self, *, stops_pods: bool) -> None:
        """Stop serving. With `stops_pods`, their containers get their grace first; else they run on without us."""
        self._closing = True
        if self._turn_at is not None:
            self._turn_at.cancel()
        await self._server.close()
        if self._dns is not None:
            self._dns.close()
        if self._relay is not None:
            self._relay.close()
        if not isinstance(self.runtime, SimulatedRuntime):
            if stops_pods:
                await self.runtime.stop_all(self._ask_all_to_stop(self.runtime))
            await self.runtime.close()
        self._store.close()
        self.config.state_path.unlink(missing_ok=True)

    @property
    def runtime_words(self) -> str:
        """Which runtime, and in which tier: `native/user`."""
        runtime = self.runtime
        return runtime.name if isinstance(runtime, SimulatedRuntime) else f"{runtime.name}/{runtime.tier}"

    @property
    def url(self) -> str:
        return f"https://{self.config.host}:{self.port}"

    def request(self, method: str, path: str, body: Json | None = None, media: str = "application/json") -> Response:
        """One request from inside, as the administrator, committed before this returns. Not for watches."""
        raw, _, query = path.partition("?")
        pairs = tuple((k, v) for k, _, v in (pair.partition("=") for pair in query.split("&") if pair))
        headers = {"content-type": media, "accept": "application/json", "user-agent": "stead"}
        request = Request(method, raw, pairs, headers, encode(body) if body is not None else b"")
        (answer,) = self._handle([request])
        assert isinstance(answer, Response)
        return answer

    # --- turning

    def _handle(self, requests: list[Request]) -> list[Response | Stream]:
        answers = self.cluster.handle(requests, now())
        self._server.ring()
        self._bell()
        return answers

    def _bell(self) -> None:
        """Something happened: turn in this loop turn."""
        if not self._closing:
            if self._turn_at is not None:
                self._turn_at.cancel()
            self._turn_at = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """One step of the kernel, then sleep until the next is due."""
        self._turn_at = None
        rounds = self.cluster.step(now(), reads_on=True)
        self._server.ring()
        for watcher in self.watchers:
            watcher(rounds)
        if self._relay is not None:
            self._relay.look()
        wake = self.cluster.next_wake()
        if wake is None or self._closing:
            return
        delay = wake - time.monotonic()
        self._turn_at = self._loop.call_later(delay, self._turn) if delay > 0 else self._loop.call_soon(self._turn)

    # --- parts

    def _sockets(self) -> Iterator[Metric]:
        yield one("stead_watches", "Open watches.", len(self._server.watches))
        yield one("stead_connections", "Open connections.", self._server.open_connections)

    def _ask_all_to_stop(self, runtime: RealRuntime) -> float:
        """Send every container its pod's own grace; answers the longest, in seconds."""
        longest = 0.0
        for pod in self.cluster.cache.all("Pod"):
            grace = float(dig(pod, "spec", "terminationGracePeriodSeconds", default=30))
            for status in dig(pod, "status", "containerStatuses", default=[]):
                if dig(status, "state", "running") is not None:
                    longest = max(longest, grace)
                    runtime.send(StopContainer(key_of("Pod", pod), meta.uid(pod), status["name"], grace), now())
        return longest

    async def _start_runtime(self) -> RealRuntime | SimulatedRuntime:
        config = self.config
        if config.runtime == "simulated":
            return SimulatedRuntime(SystemRandom())
        if config.runtime == "cri":
            return await self._start_cri()
        tier = "" if config.runtime == "native" else config.runtime
        settings = node.Settings(config.pod_cidr, tier, hidden=(str(config.data),))
        try:
            runtime = NativeRuntime(config.data / "node", self._bell, settings)
            await runtime.start()
        except (OSError, ValueError, KeeperTrouble) as error:
            raise StartError(f"the {config.runtime} runtime does not start: {error}; see stead doctor") from error
        return runtime

    async def _start_cri(self) -> RealRuntime:
        config = self.config
        try:
            settings = cri.Settings(config.data / "node" / "images", config.cri_endpoint, config.pod_cidr)
            runtime: RealRuntime = cri.CriRuntime(config.data / "cri", settings, self._bell)
        except ModuleNotFoundError as error:
            raise StartError(f"the cri runtime needs {error.name}: pip install 'stead[cri]'") from error
        try:
            await runtime.start()
        except cri.CriTrouble as error:
            raise StartError(f"the cri runtime does not start: {error}") from error
        return runtime

    def _bearer(self, token: str) -> User | None:
        """Who carries a service account's token."""
        return tokens.bearer(self.cluster.api.core, token, now())

    def _side_door(self) -> SideDoor:
        find_pod, runtime = self.cluster.api.stream_target, self.runtime
        if isinstance(runtime, SimulatedRuntime):
            return ClosedDoor(find_pod, runtime.name)
        return StreamDoor(find_pod, runtime, lambda path, asked: LogReader(path, Wanted(*asked)), now)

    @property
    def _tier(self) -> str:
        """The native runtime's."""
        return self.runtime.tier if isinstance(self.runtime, NativeRuntime) else ""

    @property
    def _engine(self) -> str:
        """`containerd://1.6.20`, "" where stead runs the pods itself."""
        return (
            "" if isinstance(self.runtime, NativeRuntime | SimulatedRuntime) else self.runtime.tier.replace(" ", "://")
        )

    async def _listen(self, context: ssl.SSLContext, listener: socket.socket) -> None:
        """For people on loopback, for pods at the address of the service `kubernetes`."""
        await self._server.listen_on(context, listener)
        if isinstance(self.runtime, SimulatedRuntime) or not self.runtime.has_network:
            return
        address = ways.service_address(self.config)
        try:
            inside = await self.runtime.bind_tcp(ways.SERVICE_PORT, address)
            await self._server.listen_on(context, inside)
        except OSError as error:
            log.warning("pods cannot reach the API at %s: %s", address, error)

    def _bound(self) -> socket.socket:
        """The API's place on loopback, taken before anything else is begun."""
        config = self.config
        try:
            return socket.create_server((config.host, config.port))
        except OSError as error:
            why = f"{config.host}:{config.port} is taken" if error.errno == 98 else f"{error.strerror}"
            remedy = "choose another with --port, or --port 0 for any free one"
            raise StartError(f"cannot listen on {config.host}:{config.port}: {why}; {remedy}") from error

    def _write_kubeconfig(self, certificates: tls.Certificates, token: str) -> None:
        access = kubeconfig.Access(
            server=self.url,
            authority=certificates.authority.read_bytes(),
            client_certificate=certificates.admin_certificate.read_bytes(),
            client_key=certificates.admin_key.read_bytes(),
            token=token,
        )
        kubeconfig.write(self.config.kubeconfig_path, access)

    async def _start_dns(self) -> None:
        """Cluster DNS: for pods on the node's own address, for people on a loopback port."""
        config = self.config
        settings = answer.Settings(
            zone=config.cluster_domain,
            ttl=config.dns_ttl_seconds,
            negative_ttl=config.dns_denial_seconds,
            kept_denial_seconds=config.dns_denial_seconds,
            networks=(config.pod_cidr, config.service_cidr),
        )
        self._dns = DnsServer(Responder(self.cluster.cache.index(NameIndex), settings), now, host_resolvers())
        outside = sockets(config.host, 0)
        self.dns_port = int(outside[0].getsockname()[1])
        await self._dns.serve(*outside)
        if not isinstance(self.runtime, SimulatedRuntime):
            try:
                await self._dns.serve(await self.runtime.bind_udp(53), await self.runtime.bind_tcp(53))
            except OSError as error:
                log.warning("pods have no cluster DNS: port 53 of %s: %s", self.runtime.dns_address, error)

    def _write_state(self) -> None:
        """Who runs here, for the other commands."""
        state = {
            "pid": os.getpid(),
            "started": _started(os.getpid()),
            "port": self.port,
            "dns_port": self.dns_port,
            "url": self.url,
            "runtime": self.runtime_words,
        }
        self.config.state_path.write_bytes(encode(state))


def _log_broken(key: Key, error: Exception) -> None:
    log.error("the round of %s broke", key, exc_info=error)


def _raise_open_files() -> None:
    """As many sockets as this user may have: a watch is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def read_state(data: Path) -> Json | None:
    """What a running stead wrote about itself, or None where none runs."""
    try:
        state: Json = decode((data / "running.json").read_bytes())
        is_running = _started(int(state["pid"])) == state["started"]
    except (OSError, ValueError, KeyError):
        return None
    return state if is_running else None


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks: a pid alone may have been given away again. Raises OSError."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
