"""`stead controller`: the StatefulSet controller alone, against a real cluster."""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import time

import uvloop

from stead.cli.options import add_cluster, complain
from stead.cli.roundlog import RoundLog, in_prospect
from stead.cli.voice import never_waiting
from stead.cluster.remote import Contended, Remote, Settings
from stead.cluster.remotedoor import Door
from stead.kube import finding
from stead.kube.credentials import Credentials
from stead.kube.kubeconfig import Access, KubeconfigError
from stead.machinery import selectors
from stead.machinery.keys import Key
from stead.machinery.plan import Plan

EPILOG = (
    "The cluster's own controller must be off: kube-controller-manager --controllers=*,-statefulset-controller. "
    "With --dry-run nothing is written, and it may run beside it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_cluster(parser)
    parser.add_argument("-n", "--namespace", default="", help="only this namespace (all)")
    parser.add_argument("-l", "--selector", default="", help="only StatefulSets with these labels (all)")
    parser.add_argument("--dry-run", action="store_true", help="decide and tell, and never write")
    parser.add_argument("--profile", choices=("v1_36", "v1_37"), default="v1_36", help="whose behaviour (v1_36)")
    parser.add_argument(
        "--lease",
        metavar="NAMESPACE/NAME",
        default="kube-system/stead-controller",
        help='only the holder of this Lease acts; "" where there is only one (kube-system/stead-controller)',
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:0",
        help='health and metrics; port 0 picks a free one, "" is none (127.0.0.1:0)',
    )
    parser.add_argument("--qps", metavar="N", type=float, default=50.0, help="writes a second in the long run (50)")
    parser.add_argument("--burst", metavar="N", type=int, default=100, help="and at once (100)")
    parser.add_argument("--workers", metavar="N", type=int, default=5, help="namespaces served at once (5)")
    parser.epilog = EPILOG
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    try:
        access = finding.access(parsed.kubeconfig, parsed.context, os.environ)
        credentials = _usable(access)
        settings = _settings(parsed)
        where = _place(parsed.listen)
    except (KubeconfigError, ValueError) as error:
        return complain(error)
    if access.is_unverified:
        complain(
            f'context "{access.context}" has insecure-skip-tls-verify: whoever is in between reads and writes along'
        )
    with never_waiting():
        return uvloop.run(_Session(access, credentials, settings, where).run())


def _usable(access: Access) -> Credentials:
    """Tokens read, plugins asked and certificates loaded once, so that what cannot work is told now."""
    credentials = Credentials(access, os.environ)
    if credentials.is_due(time.time()):
        credentials.renew(time.time())
    credentials.tls()
    return credentials


def _settings(parsed: argparse.Namespace) -> Settings:
    lease = tuple(parsed.lease.split("/")) if parsed.lease else None
    if lease is not None and (len(lease) != 2 or not all(lease)):
        raise ValueError(f"--lease {parsed.lease}: NAMESPACE/NAME is wanted")
    try:
        selectors.parse(parsed.selector)
    except ValueError as error:
        raise ValueError(f"--selector {parsed.selector}: {error}") from error
    for name, value in (("--qps", parsed.qps), ("--burst", parsed.burst), ("--workers", parsed.workers)):
        if value <= 0:
            raise ValueError(f"{name} {value:g}: more than 0 is wanted")
    return Settings(
        parsed.namespace,
        parsed.selector,
        not parsed.dry_run,
        (lease[0], lease[1]) if lease else None,
        f"{socket.gethostname()}_{os.getpid()}_{os.urandom(4).hex()}",
        parsed.profile,
        parsed.qps,
        parsed.burst,
        parsed.workers,
    )


def _place(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    if not text:
        return None
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen {text}: HOST:PORT is wanted, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


class _Session:
    """One life of `stead controller`."""

    def __init__(
        self, access: Access, credentials: Credentials, settings: Settings, where: tuple[str, int] | None
    ) -> None:
        self.access = access
        self.credentials = credentials
        self.settings = settings
        self.where = where
        self.began = time.monotonic()
        self.log = RoundLog(self.began)
        self.told: dict[Key, str] = {}

    async def run(self) -> int:
        remote = Remote(
            self.access, self.credentials, self.settings, on_round=self.log, on_plan=self._foresee, say=self._say
        )
        door = Door(remote)
        try:
            port = await door.listen(*self.where) if self.where else 0
        except OSError as error:
            return complain(f"--listen {self.where}: {error.strerror}")
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, remote.stop)
        print(self._greeting(port))
        try:
            await remote.run()
        except (Contended, KubeconfigError) as error:
            return complain(error)
        finally:
            with contextlib.suppress(OSError):
                await door.close()
        self._say("left")
        return 0

    def _greeting(self, port: int) -> str:
        settings = self.settings
        place = f"namespace {settings.namespace}" if settings.namespace else "all namespaces"
        which = f", sets with {settings.selector}" if settings.selector else ""
        how = f"as {settings.identity}" if settings.acts else "looking on: nothing is written"
        asked = f"; health and metrics at http://{self.where[0]}:{port}" if self.where else ""
        return f"stead controller for {self.access.server} ({place}{which}), {how}{asked}"

    def _foresee(self, key: Key, plan: Plan) -> None:
        """What it would do, and what it waits for; once, until that changes."""
        deeds, waits = in_prospect(plan), "; ".join(map(str, plan.waiting))
        told = "; ".join([*([f"would {', '.join(deeds)}"] if deeds else []), *([f"waits: {waits}"] if waits else [])])
        if self.told.get(key) != told:
            self.told[key] = told
            self._say(f"{key}: {told or 'as its spec wants it'}")

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:9.3f}  {what}")
