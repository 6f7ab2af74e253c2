"""`stead up`: the store, the API, DNS and a node on this machine, manifests applied, and their coming to life shown."""

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import uvloop

from stead.cli import nodeoptions
from stead.cli.narrator import Narrator
from stead.cli.options import add_data, complain, data_directory
from stead.cli.voice import never_waiting
from stead.cluster import applying, live, manifests, notes, roster
from stead.cluster.config import CONTROLLERS, Config
from stead.cluster.machines import StartError
from stead.cluster.settled import is_settled
from stead.engine.journal import Round
from stead.machinery.keys import key_of
from stead.runtimes.native import probe
from stead.store.cursor import Cursor
from stead.store.disk import StoreDamaged, StoreInUse, StoreRefuses

DOUBLED_SECONDS = 0.5
LONGEST_TTL = 3600  # what CoreDNS takes
RUNTIMES = ("native", "root", "user", "plain", "cri", "simulated")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--filename",
        metavar="FILE",
        action="append",
        default=[],
        help="manifests to apply; a file or a folder, repeatable",
    )
    parser.add_argument("-d", "--detach", action="store_true", help="return once all is ready and leave it running")
    add_data(parser)
    parser.add_argument("--port", type=int, default=6443, help="port of the API on loopback; 0 picks a free one (6443)")
    parser.add_argument(
        "--controllers", metavar="LIST", default="", help="which controllers run, comma-separated (all)"
    )
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="native",
        help="what runs containers (native: the best this machine allows)",
    )
    parser.add_argument(
        "--cri-endpoint",
        metavar="unix://PATH",
        default="",
        help="with --runtime cri: the engine's socket (a containerd of our own is started)",
    )
    parser.add_argument("--cluster-domain", default="cluster.local", help="the zone of cluster DNS (cluster.local)")
    parser.add_argument("--dns-ttl", metavar="SECONDS", type=int, default=5, help="how long DNS answers hold (5)")
    parser.add_argument(
        "--dns-denial-ttl",
        metavar="SECONDS",
        type=int,
        default=0,
        help="how long DNS remembers that a name is not there (0; 30 is what kubeadm's CoreDNS does)",
    )
    parser.add_argument("--max-pods", metavar="N", type=int, default=110, help="how many pods a node takes (110)")
    nodeoptions.add_image_gc(parser)
    nodeoptions.add_nodes(parser)
    parser.add_argument("--profile", choices=("v1_36", "v1_37"), default="v1_36", help="whose behaviour (v1_36)")
    parser.add_argument(
        "--wait", metavar="SECONDS", type=float, default=300, help="with -d: how long to wait for all to be ready (300)"
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    try:
        wanted = manifests.read(parsed.filename)
        config = _config(parsed)
    except (manifests.ManifestError, ValueError) as error:
        return complain(error)
    running = live.read_state(config.data)
    if running is not None:
        told = f"stead runs already (pid {running['pid']}, {running['url']}) on {config.data}"
        return complain(f"{told}; use kubectl apply --kubeconfig {config.kubeconfig_path} -f ..., or stead down first")
    if parsed.detach:
        return _detached(config, wanted, parsed.wait)
    with never_waiting():
        return uvloop.run(_Session(config, wanted).run())


def _config(parsed: argparse.Namespace) -> Config:
    names = tuple(name.strip() for name in parsed.controllers.split(",") if name.strip()) or CONTROLLERS
    unknown = [name for name in names if name not in CONTROLLERS]
    if unknown:
        raise ValueError(f"--controllers: there is no controller {unknown[0]!r}; there are {', '.join(CONTROLLERS)}")
    if not 0 <= parsed.port < 65536:
        raise ValueError(f"--port {parsed.port}: a port is 0 to 65535")
    for flag, seconds in (("--dns-ttl", parsed.dns_ttl), ("--dns-denial-ttl", parsed.dns_denial_ttl)):
        if not 0 <= seconds <= LONGEST_TTL:
            raise ValueError(f"{flag} {seconds}: a number of seconds from 0 to {LONGEST_TTL}")
    if parsed.cri_endpoint and parsed.runtime != "cri":
        raise ValueError("--cri-endpoint is for --runtime cri")
    data = data_directory(parsed)
    kept = roster.read(data)
    nodes = nodeoptions.asked(parsed, kept)
    _check_nodes(parsed, nodes["node_count"], kept.count)
    return Config(
        data=data,
        port=parsed.port,
        controllers=names,
        runtime=parsed.runtime,
        cri_endpoint=parsed.cri_endpoint,
        profile=parsed.profile,
        max_pods=parsed.max_pods,
        cluster_domain=parsed.cluster_domain,
        dns_ttl_seconds=parsed.dns_ttl,
        dns_denial_seconds=parsed.dns_denial_ttl,
        image_gc=nodeoptions.image_gc(parsed),
        **nodes,
    )


def _check_nodes(parsed: argparse.Namespace, count: int, kept: int) -> None:
    """Raises ValueError."""
    if count < kept:
        told = (
            f"--nodes {count}: the data directory {data_directory(parsed)} has {kept} nodes already, with pods and data"
        )
        raise ValueError(f"{told}; kubectl drain and stead node stop take one out of use, --data DIR starts anew")
    if count > 1 and parsed.cri_endpoint:
        told = "an engine that runs already is one node; without --cri-endpoint stead starts one for each node"
        raise ValueError(f"--nodes {count} with --cri-endpoint {parsed.cri_endpoint}: {told}")


def _detached(config: Config, wanted: list[manifests.Manifest], wait_seconds: float) -> int:
    """Go on in a child that tells us, by one byte, when to return and with which status."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.setsid()
        with never_waiting():
            status = uvloop.run(_Session(config, wanted, tell=tell, wait_seconds=wait_seconds).run())
        os._exit(status)
    os.close(tell)
    try:
        word = os.read(told, 1)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return 130
    return word[0] if word else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1


class _Session:
    """One life of `stead up`. `tell` is the pipe to a waiting parent, None in the foreground."""

    def __init__(
        self, config: Config, wanted: list[manifests.Manifest], tell: int | None = None, wait_seconds: float = 300
    ) -> None:
        self.config = config
        self.wanted = wanted
        self.tell = tell
        self.wait_seconds = wait_seconds
        self.narrator = Narrator(self._say)
        self.applied: list[applying.Applied] = []
        self.began = time.monotonic()
        self.stop = asyncio.Event()
        self.asked_at = 0.0
        self.settled = asyncio.Event()

    async def run(self) -> int:
        try:
            self.live = live.Live(self.config, [self._watch])
            await self.live.start()
        except StoreInUse:
            return complain(
                f"the data directory {self.config.data} is in use by another stead; give this one --data DIR"
            )
        except StoreDamaged as error:
            remedy = "stead restore FILE puts a copy back, --data DIR starts anew"
            return complain(f"{error}\nthe store was left as it is; {remedy}")
        except OSError as error:
            return complain(f"{error}{_of_disk(error, self.config.data)}")
        except (StartError, StoreRefuses) as error:
            return complain(error)
        self.cursor = Cursor(self.live.cluster.store, self.live.cluster.store.revision)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)
        print(self._greeting())
        try:
            self.applied = applying.apply(self.wanted, self.live.request)
        except manifests.ManifestError as error:
            complain(error)
            await self.live.close(stops_pods=False)
            return 1
        for applied in self.applied:
            print(f"  {applied}")
        status = await self._until_settled()
        if not self.stop.is_set():
            print(self._farewell(status))
            if self.tell is not None:
                self._let_go(status)
            await self.stop.wait()
        print("stopping pods with their grace; Ctrl-C again to leave at once")
        await self.live.close(stops_pods=True)
        return 0

    async def _until_settled(self) -> int:
        """Wait until every applied StatefulSet is ready; with a parent waiting, not longer than it wants to."""
        if not any(applied.kind.id == "StatefulSet" for applied in self.applied):
            return 0
        began = time.monotonic()
        while not self.stop.is_set() and not self.settled.is_set():
            try:
                await asyncio.wait_for(self.settled.wait(), 0.5)
            except TimeoutError:
                self.narrator.wonder(self.live.cluster.journal, time.time())
            if self.tell is not None and time.monotonic() - began > self.wait_seconds:
                return 1
        return 0

    def _watch(self, rounds: list[Round]) -> None:
        for change in self.cursor.pull(None) if hasattr(self, "cursor") else ():
            self.narrator.hear(change.event)
        if not self.settled.is_set() and self._is_settled():
            self.settled.set()

    def _is_settled(self) -> bool:
        cache = self.live.cluster.cache
        keys = [key_of(applied.kind.id, applied.obj) for applied in self.applied if applied.kind.id == "StatefulSet"]
        found = [cache.get(key) for key in keys]
        return bool(found) and all(obj is not None and is_settled(obj) for obj in found)

    def _on_signal(self) -> None:
        """The first asks to stop, the next to leave at once; what comes doubled (from a shell and a wrapper) is one."""
        if self.stop.is_set() and time.monotonic() - self.asked_at > DOUBLED_SECONDS:
            os._exit(130)
        if not self.stop.is_set():
            self.asked_at = time.monotonic()
        self.stop.set()
        self.settled.set()

    def _let_go(self, status: int) -> None:
        """Return the terminal to the parent: from here on we speak to the log."""
        assert self.tell is not None
        sys.stdout.flush()
        log = os.open(self.config.data / "stead.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for mine, theirs in ((null, 0), (log, 1), (log, 2)):
            os.dup2(mine, theirs)
        os.write(self.tell, bytes([status]))
        os.close(self.tell)

    def _say(self, who: str, what: str) -> None:
        print(f"  {time.monotonic() - self.began:5.1f} s  {who:<12} {what}")

    def _greeting(self) -> str:
        where = f"{self.live.runtime_words}, data in {self.config.data}"
        note = probe.lonely_root() if self.live.runtime_words.startswith("native") else ""
        up = f"stead is up at {self.live.url} after {_age_seconds():.2f} s ({where})"
        return f"{up}\n  {note}; see stead doctor" if note else up

    def _farewell(self, status: int) -> str:
        late = f"not all ready after {self.wait_seconds:g} s; it goes on, see stead status"
        lines = [
            late if status else "",
            f"  export KUBECONFIG={self.config.kubeconfig_path}",
            "  kubectl get pods -o wide",
        ]
        pod = self._first_pod()
        if pod:
            lines.append(f"  kubectl port-forward {pod} 8080:80    # then http://127.0.0.1:8080")
            lines.append(f"  kubectl exec {pod} -- hostname -f")
        is_detached = self.tell is not None
        lines.append("it runs in the background: stead status, stead down" if is_detached else "Ctrl-C stops it")
        return "\n".join(lines)

    def _first_pod(self) -> str:
        names = sorted(pod["metadata"]["name"] for pod in self.live.cluster.cache.all("Pod", "default"))
        return names[0] if names else ""


def _of_disk(error: OSError, data: Path) -> str:
    return f": the disk of {data} is full; make room there, or choose another with --data" * (
        error.errno in notes.NO_ROOM
    )


def _age_seconds() -> float:
    """How long this process has lived, by the kernel's account."""
    started = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")
