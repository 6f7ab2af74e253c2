"""The live shell: the same kernel with a real clock, sockets, processes and a data directory."""

import asyncio
import itertools
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import SystemRandom

from stead.api import tokens
from stead.api.request import ADMIN, Request, Response, Stream, User
from stead.cluster import assembly, bootstrap, machine, notes, premises, process, rubbish, ways
from stead.cluster.config import Config
from stead.cluster.hostfiles import HostFiles
from stead.cluster.imagecare import ImageCare
from stead.cluster.keeping import Keeping
from stead.cluster.kernel import Cluster
from stead.cluster.machines import BECOMES, AnyRuntime, Machines, StartError
from stead.cluster.onlookers import Onlookers
from stead.cluster.relay import Relay
from stead.cluster.routes import Routes
from stead.dns import answer
from stead.dns.names import NameIndex
from stead.dns.wire import Responder
from stead.engine.journal import Round
from stead.kinds.placed import node_of
from stead.kube import kubeconfig
from stead.machinery import meta
from stead.machinery.errors import ApiError
from stead.machinery.keys import Key, key_of
from stead.machinery.metrics import Metric, one
from stead.machinery.objects import Json, decode, dig, encode
from stead.machinery.plan import Emit
from stead.machinery.runtime import StopContainer
from stead.machinery.times import Now
from stead.runtimes.logs import LogReader, Wanted
from stead.runtimes.native.runtime import NativeRuntime
from stead.runtimes.simulated import SimulatedRuntime
from stead.serve import authentication, tls
from stead.serve.http import HttpServer, SideDoor
from stead.serve.streams import ClosedDoor, PodRuntime, StreamDoor
from stead.serve.udp import DnsServer, host_resolvers, sockets
from stead.store.log import Store

log = logging.getLogger(__name__)

ROUNDS_A_TURN = 32  # a few milliseconds, so that who asks for something gets his turn
DEEDS_A_TURN = 64  # of a round that has many, and as many of others
NOTE_SECONDS = 5.0  # between two tries to write a note that found no room


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
        self.machines = Machines(config, self._bell)
        self._loop = asyncio.get_running_loop()
        self._server: HttpServer
        self._dns: DnsServer | None = None
        self._relays: list[Relay] = []
        self._image_care: asyncio.Task[None] | None = None
        self._turn_at: asyncio.TimerHandle | asyncio.Handle | None = None
        self._closing = False
        self._is_put_off = False  # a turn was due while the file was busy

    # --- life

    async def start(self) -> None:
        """Everything up and listening; raises StartError, StoreInUse or StoreDamaged with nothing left behind."""
        config = self.config
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        premises.make_ours(config.data)
        config.volumes_path.mkdir(mode=0o711, exist_ok=True)  # where the directory was there before, open to others
        process.raise_open_files()
        self._store = Store(str(config.store_path), syncs="later" if config.is_durable else "never")
        names = tls.server_names(config.cluster_domain, [ways.service_address(config)])
        certificates = tls.certificates(config.data / "pki", names, time.time())
        token = authentication.admin_token(config.data / "token")
        listener = self._bound()
        self.port = int(listener.getsockname()[1])
        await self.machines.start()
        around = assembly.Surroundings(
            facts={name: machine.facts(config, name, self._address_of(name), self._engine) for name in config.nodes},
            address=f"{config.host}:{self.port}",
            authority=certificates.authority.read_text(),
            clock=now,
            token_key=authentication.signing_key(config.data / "pki" / "tokens.key"),
            admin_token=token,
            ways=ways.ways(config, self._tier, self.port),
        )
        self.cluster = assembly.cluster(config, self._store, self.machines.members(), SystemRandom(), around=around)
        self.cluster.engine.on_broken = _log_broken
        self._onlookers = Onlookers(self.cluster.api.get, now)
        self.cluster.refuse = self._onlookers.refuse
        bootstrap.install(self.cluster, config, now())
        users = authentication.Authenticator({token: ADMIN}, lambda given: self.cluster.api.bearer(given, now()), names)
        self._server = HttpServer(self._handle, users, self._side_door(), now, disk=self._store.disk)
        self._keeping = Keeping(self._store.disk, self._kept, self._server.lost)
        self.cluster.metrics.more += [process.metrics, self._sockets]
        await self._listen(tls.server_context(certificates), listener)
        self._write_kubeconfig(certificates, token)
        await self._start_dns()
        routes = self.cluster.cache.index(Routes)
        for name, runtime in self.machines.real().items():
            told = partial(self._complain, name, "PortUnavailable")
            relay = Relay(routes, runtime, config.host_of(name), SystemRandom(), node=name, complain=told)
            self._relays.append(relay)
        self.machines.attend(self.cluster)
        if self._tier == "plain":
            index = self.cluster.cache.index(NameIndex)
            self.watchers.append(HostFiles(index, config.names_path, config.cluster_domain).look)
        self._serve_orders()
        self._care_for_images()
        self._write_state()
        rubbish.look_rarely()
        self._turn()

    async def close(self, *, stops_pods: bool) -> None:
        """Stop serving. With `stops_pods`, their containers get their grace first; else they run on without us."""
        self._closing = True
        if self._turn_at is not None:
            self._turn_at.cancel()
        await self._server.close()
        await self._keeping.close()
        if self._dns is not None:
            self._dns.close()
        for relay in self._relays:
            relay.close()
        if self._image_care is not None:
            self._image_care.cancel()
        if stops_pods:
            grace = self._ask_all_to_stop()
            await asyncio.gather(*(runtime.stop_all(grace) for runtime in self.machines.real().values()))
        for runtime in self.machines.real().values():
            await runtime.close()
        self._store.close()
        self.config.state_path.unlink(missing_ok=True)

    @property
    def runtime_words(self) -> str:
        """Which runtime, and in which tier: `native/user`."""
        runtime = self.machines.first
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
        disk = self._store.disk
        if not disk.is_kept:
            disk.keep(disk.flush())
        assert isinstance(answer, Response)
        return answer

    # --- turning

    def _handle(self, requests: list[Request]) -> list[Response | Stream]:
        before = self._store.revision
        answers = self.cluster.handle(requests, now())
        for request, answered in zip(requests, answers, strict=True):
            self._onlookers.note(request, answered)
        if self._store.revision != before:
            self._keeping.bell()
            self._bell()
        return answers

    def _kept(self) -> None:
        """More is on the disk: who waited for that is told, and the runtime gets its orders."""
        self._server.kept()
        if self.cluster.deliver() or self._is_put_off:
            self._bell()

    def _bell(self) -> None:
        """Something happened: turn in this loop turn."""
        if not self._closing:
            if self._turn_at is not None:
                self._turn_at.cancel()
            self._turn_at = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """One step of the kernel, then sleep until the next is due; while the file is busy nothing is decided."""
        self._turn_at = None
        self._is_put_off = self._store.disk.is_busy
        if self._is_put_off:
            return
        rounds = self.cluster.step(now(), reads_on=True, most=ROUNDS_A_TURN, most_deeds=DEEDS_A_TURN)
        self._keeping.bell()
        if not self.config.is_durable:
            self._server.ring()  # else watches hear of it when it is kept
        for watcher in self.watchers:
            watcher(rounds)
        changed = self.cluster.cache.index(Routes).take_changed()
        for relay in self._relays if changed else ():
            relay.look(changed)
        wake = self.cluster.next_wake()
        if wake is None or self._closing:
            return
        delay = wake - time.monotonic()
        self._turn_at = self._loop.call_later(delay, self._turn) if delay > 0 else self._loop.call_soon(self._turn)

    # --- parts

    def _sockets(self) -> Iterator[Metric]:
        yield one("stead_watches", "Open watches.", len(self._server.watches))
        yield one("stead_connections", "Open connections.", self._server.open_connections)

    def _ask_all_to_stop(self) -> float:
        """Send every container its pod's own grace; answers the longest, in seconds."""
        longest = 0.0
        for pod in self.cluster.cache.all("Pod"):
            runtime = self.machines.real().get(node_of(pod))
            if runtime is None or self.machines.state_of(node_of(pod)) == "off":
                continue
            grace = float(dig(pod, "spec", "terminationGracePeriodSeconds", default=30))
            for status in dig(pod, "status", "containerStatuses", default=[]):
                if dig(status, "state", "running") is not None:
                    longest = max(longest, grace)
                    runtime.send(StopContainer(key_of("Pod", pod), meta.uid(pod), status["name"], grace), now())
        return longest

    def _care_for_images(self) -> None:
        if not self.machines.real():
            return
        config, name = self.config, self.config.node
        images, pods = config.directory_of(name) / "images", lambda: self.cluster.cache.all("Pod")

        def complain(reason: str, told: str) -> None:
            self._complain(name, reason, Key("Node", "", name), told)

        self._image_care = self._loop.create_task(ImageCare(images, config.image_gc, pods, complain).run())

    def _complain(self, node: str, reason: str, key: Key, told: str) -> None:
        """An event of what a node's machine met."""
        about = self.cluster.cache.get(key)
        if about is not None:
            self.cluster.tell(Emit(about, "Warning", reason, told), now(), node)
            self._keeping.bell()
            self._bell()

    def _bearer(self, token: str) -> User | None:
        """Who carries a service account's token."""
        return tokens.bearer(self.cluster.api.core, token, now())

    def _side_door(self) -> SideDoor:
        find_pod, first = self.cluster.api.stream_target, self.machines.first
        if isinstance(first, SimulatedRuntime):
            return ClosedDoor(find_pod, first.name)
        return StreamDoor(find_pod, self._runtime_of, lambda path, asked: LogReader(path, Wanted(*asked)), now)

    def _runtime_of(self, pod: Json) -> PodRuntime:
        """What runs a pod. Raises an ApiError where its node cannot be reached."""
        name = node_of(pod)
        runtime = self.machines.real().get(name)
        away = self.machines.away(name) if runtime is not None else f"there is no node {name} here"
        if runtime is None or away:
            raise ApiError(f"error dialing backend: {away}")
        return runtime

    def _address_of(self, name: str) -> str:
        """A node's own: of a single one, the API's."""
        runtime: AnyRuntime = self.machines.runtimes[name]
        if self.config.node_count == 1 or isinstance(runtime, SimulatedRuntime):
            return self.config.host
        return runtime.dns_address

    def _serve_orders(self) -> None:
        """What `stead node` asks for: `GET /stead/nodes`, `POST /stead/nodes/NAME/VERB`."""
        api, machines, names = self.cluster.api, self.machines, self.config.nodes
        api.serve_page("/stead/nodes", lambda _: Response(200, encode([machines.told(name) for name in names])))
        for name, verb in itertools.product(names, BECOMES):
            api.serve_page(f"/stead/nodes/{name}/{verb}", partial(self._ordered, name, verb), "POST")

    def _ordered(self, name: str, verb: str, _: Now) -> Response:
        return Response(202, encode(self.machines.order(name, verb)))

    @property
    def _tier(self) -> str:
        """The native runtime's."""
        first = self.machines.first
        return first.tier if isinstance(first, NativeRuntime) else ""

    @property
    def _engine(self) -> str:
        """`containerd://1.6.20`, "" where stead runs the pods itself."""
        first = self.machines.first
        return "" if isinstance(first, NativeRuntime | SimulatedRuntime) else first.tier.replace(" ", "://")

    async def _listen(self, context: ssl.SSLContext, listener: socket.socket) -> None:
        """For people on loopback, for pods at the address of the service `kubernetes`."""
        await self._server.listen_on(context, listener)
        address = ways.service_address(self.config)
        for name, runtime in self.machines.networked().items():
            try:
                await self._server.listen_on(context, await runtime.bind_tcp(ways.SERVICE_PORT, address))
            except OSError as error:
                log.warning("pods of node %s cannot reach the API at %s: %s", name, address, error)

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
        notes.write(self.config.kubeconfig_path, kubeconfig.text(access).encode())

    async def _start_dns(self) -> None:
        """Cluster DNS: for pods on the node's own address, for people on a loopback port."""
        config = self.config
        settings = answer.Settings(
            zone=config.cluster_domain,
            ttl=config.dns_ttl_seconds,
            negative_ttl=config.dns_denial_seconds,
            kept_denial_seconds=config.dns_denial_seconds,
            networks=(config.cluster_cidr, config.service_cidr),
        )
        self._dns = DnsServer(Responder(self.cluster.cache.index(NameIndex), settings), now, host_resolvers())
        outside = sockets(config.host, 0)
        self.dns_port = int(outside[0].getsockname()[1])
        await self._dns.serve(*outside)
        for runtime in self.machines.real().values():
            try:
                await self._dns.serve(await runtime.bind_udp(53), await runtime.bind_tcp(53))
            except OSError as error:
                log.warning("pods have no cluster DNS: port 53 of %s: %s", runtime.dns_address, error)

    def _write_state(self) -> None:
        """Who runs here, for the other commands. Where it cannot be written, we serve without it, and try again."""
        if self._closing:
            return
        state = {
            "pid": os.getpid(),
            "started": _started(os.getpid()),
            "port": self.port,
            "dns_port": self.dns_port,
            "url": self.url,
            "runtime": self.runtime_words,
        }
        try:
            notes.write(self.config.state_path, encode(state))
        except OSError as error:
            log.warning("stead status, down and backup do not find this stead: running.json: %s", error.strerror)
            self._loop.call_later(NOTE_SECONDS, self._write_state)


def _log_broken(key: Key, error: Exception) -> None:
    log.error("the round of %s broke", key, exc_info=error)


def read_state(data: Path) -> Json | None:
    """What a running stead wrote about itself, or None where none runs."""
    try:
        state: Json = decode((data / "running.json").read_bytes())
        is_running = _started(int(state["pid"])) == state["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state if is_running else None


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks: a pid alone may have been given away again. Raises OSError."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
