"""A containerd of our own: configured to work here, in a network of its own, everything below one directory.

It outlives stead, like its pods. Its network is the node's: nothing changes on the host's interfaces or firewall, and a
containerd that comes back after its death finds the network that its pods' shims still hold.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import stead
from stead.runtimes.cri import cni, feeding, spaces
from stead.runtimes.cri.spaces import Made
from stead.runtimes.native import linux, network, subordinates, uplink
from stead.runtimes.native.addresses import Addresses
from stead.runtimes.native.surroundings import have_address

REGISTRY_PORT = 5000  # on the loopback of the node's network, where everything is ours
_BRIDGE = "stead0"
_BOOT_SECONDS = 15.0
_END_SECONDS = 10.0
_TOLD_BYTES = 2000
_NEEDED = {"containerd": "containerd", "runc": "runc", "unshare": "util-linux", "nsenter": "util-linux"}
_LOOPBACK = """\
#!/bin/sh
# Every engine calls this for a pod's loopback, which our own plugin turns on: there is nothing left to do.
case $CNI_COMMAND in
    VERSION) echo '{"cniVersion": "0.3.1", "supportedVersions": ["0.3.1", "0.4.0", "1.0.0"]}' ;;
    ADD) echo '{"cniVersion": "0.3.1"}' ;;
esac
"""
# what this engine has no use for: it keeps the log quiet, and the last one would write to /opt
_DISABLED = (
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.opt",
)


class ContainerdTrouble(Exception):
    """containerd cannot be had or does not start; the message says why and what to do."""


class Containerd:
    """`directory` is the engine's; `pods` is where the pods' addresses are written down."""

    def __init__(self, directory: Path, pods: Path, addresses: Addresses):
        self._directory = directory
        self._pods = pods
        self._addresses = addresses
        self.socket_path = str(directory / "containerd.sock")
        self._pid_path = directory / "containerd.pid"
        self._network = -1  # the node's, held open: a containerd that dies must not take it along

    async def start(self) -> str:
        """Have it running, again where it died; answers the file of the node's network.

        Raises ContainerdTrouble, OSError.
        """
        _check_machine()
        pid = self._recorded()
        if pid is None:
            pid = self._launch()
        await self._wait(pid)
        if self._network < 0:
            self._network = os.open(spaces.network_of(pid), os.O_RDONLY | os.O_CLOEXEC)
        namespace = f"/proc/{os.getpid()}/fd/{self._network}"
        spaces.within(namespace, self._lay_network)
        return namespace

    def let_go(self) -> None:
        """Of the network; containerd and pods live on."""
        if self._network >= 0:
            os.close(self._network)
            self._network = -1

    async def stop(self) -> None:
        """End it; its pods must have been stopped before. The network goes with it."""
        pid = self._recorded()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        for _ in range(int(_END_SECONDS * 100)):
            if self._recorded() is None:
                break
            await asyncio.sleep(0.01)
        else:
            os.kill(pid, signal.SIGKILL)
        self._pid_path.unlink(missing_ok=True)

    def _recorded(self) -> int | None:
        """The pid of the one that runs."""
        try:
            pid, started = (int(word) for word in self._pid_path.read_text().split())
            is_same = linux.start_time(pid) == started
        except (OSError, ValueError):
            return None
        return pid if is_same else None

    def _launch(self) -> int:
        self._write_files()
        Path(self.socket_path).unlink(missing_ok=True)
        held = self._held_network()
        place = ["nsenter", f"--net={held}", "--"] if held else ["unshare", "--net", "--"]
        with open(self._directory / "containerd.log", "ab") as log:
            command = [*place, "containerd", "--config", str(self._directory / "config.toml")]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        threading.Thread(target=process.wait, daemon=True).start()  # collects it should it end before us
        self._pid_path.write_text(f"{process.pid} {linux.start_time(process.pid)}")
        return process.pid

    def _held_network(self) -> str:
        """The node's network where we or a pod's shim still have it, else ""."""
        if self._network >= 0:
            return f"/proc/{os.getpid()}/fd/{self._network}"
        return next(map(spaces.network_of, self._shims()), "")

    def _shims(self) -> Iterator[int]:
        """Those of our pods that still live."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"containerd-shim" in words[0] and self.socket_path.encode() in words:
                yield int(name)

    async def _wait(self, pid: int) -> None:
        """Until it answers."""
        for _ in range(int(_BOOT_SECONDS * 50)):
            with socket.socket(socket.AF_UNIX) as trial:
                try:
                    trial.connect(self.socket_path)
                    return
                except OSError:
                    pass
            if self._recorded() != pid:
                break
            await asyncio.sleep(0.02)
        log = self._directory / "containerd.log"
        told = log.read_bytes()[-_TOLD_BYTES:].decode(errors="replace").strip().splitlines()
        raise ContainerdTrouble(f"containerd does not start: {told[-1] if told else 'it says nothing'} (see {log})")

    def _lay_network(self) -> None:
        """In the node's network: loopback, and the bridge with the node's address. What is there stays."""
        wires = network.Wires()
        try:
            wires.turn_on("lo")
            try:
                wires.index(_BRIDGE)
            except OSError:
                wires.add_bridge(_BRIDGE, self._addresses.gateway)
                wires.add_address(_BRIDGE, self._addresses.gateway, self._addresses.prefix)
            wires.turn_on(_BRIDGE)
        finally:
            wires.close()

    def have_address(self, address: str) -> None:
        """One more address on the node's bridge (a service's), if it has it not yet. Raises OSError."""
        self._within(lambda: have_address(address))

    # one node of several

    def join(self, first: "Containerd") -> None:
        """Lay the cable to the switch of this machine, which is in the first node's network, if it is not there yet.

        Raises OSError.
        """
        first._within(uplink.make_switch)
        if self._within(uplink.has_cable):
            return
        port = "p" + self._addresses.gateway.replace(".", "")[-12:]
        first._within(lambda: uplink.forget(port))
        self._within(lambda: uplink.lay(port, first._network))
        first._within(lambda: uplink.plug(port))

    def pull_cable(self, served: Iterable[str]) -> None:
        """Nobody is at the node's own address and at `served` any more, and no cable leads out. Raises OSError."""
        self._within(lambda: uplink.pull(served, self._addresses.gateway, self._addresses.prefix))

    def restore_cable(self, served: Iterable[str]) -> None:
        """Raises OSError."""
        self._within(lambda: uplink.restore(served, self._addresses.gateway, self._addresses.prefix))

    def _within(self, do: Callable[[], Made]) -> Made:
        return spaces.within(self._held_network(), do)

    # what it reads

    def _write_files(self) -> None:
        for name in ("root", "state", "cni/bin", "cni/conf"):
            (self._directory / name).mkdir(mode=0o711, parents=True, exist_ok=True)
        (self._directory / "config.toml").write_text(self._config())
        (self._directory / "cni" / "conf" / "10-stead.conflist").write_text(json.dumps(self._network_list()))
        for name, program in (("stead", _plugin()), ("loopback", _LOOPBACK)):
            path = self._directory / "cni" / "bin" / name
            path.write_text(program)
            path.chmod(0o755)

    def _network_list(self) -> dict[str, object]:
        plugin = {
            "type": "stead",
            "bridge": _BRIDGE,
            "gateway": self._addresses.gateway,
            "prefix": self._addresses.prefix,
            "pods": str(self._pods),
        }
        return {"cniVersion": cni.VERSION, "name": "stead", "plugins": [plugin]}

    def _config(self) -> str:
        """`restrict_oom_score_adj`: without it no sandbox starts where root may not lower that score."""
        place = {key: json.dumps(str(self._directory / key)) for key in ("root", "state", "state/runc")}
        cri = 'plugins."io.containerd.grpc.v1.cri"'
        lines = (
            "version = 2",
            f"root = {place['root']}",
            f"state = {place['state']}",
            f"disabled_plugins = {json.dumps(_DISABLED)}",
            "[grpc]",
            f"address = {json.dumps(self.socket_path)}",
            f"[{cri}]",
            f'sandbox_image = "127.0.0.1:{REGISTRY_PORT}/{feeding.PAUSE}"',
            'stream_server_address = "127.0.0.1"',
            'stream_server_port = "0"',
            "netns_mounts_under_state_dir = true",
            "restrict_oom_score_adj = true",
            f"[{cri}.containerd]",
            'snapshotter = "overlayfs"',
            'default_runtime_name = "runc"',
            f"[{cri}.containerd.runtimes.runc]",
            'runtime_type = "io.containerd.runc.v2"',
            f"[{cri}.containerd.runtimes.runc.options]",
            "SystemdCgroup = false",
            f"BinaryName = {json.dumps(shutil.which('runc') or 'runc')}",
            f"Root = {place['state/runc']}",
            f"[{cri}.cni]",
            f"bin_dir = {json.dumps(str(self._directory / 'cni' / 'bin'))}",
            f"conf_dir = {json.dumps(str(self._directory / 'cni' / 'conf'))}",
        )
        return "\n".join(lines) + "\n"


def _check_machine() -> None:
    if not subordinates.is_root():
        raise ContainerdTrouble(
            "a containerd of our own needs root; as root, or with --cri-endpoint, or --runtime native"
        )
    absent = sorted({package for program, package in _NEEDED.items() if shutil.which(program) is None})
    if absent:
        raise ContainerdTrouble(f"{' and '.join(absent)} must be installed: apt-get install {' '.join(absent)}")


def _plugin() -> str:
    """The program that containerd calls: our `cni`, in a bare interpreter."""
    source = str(Path(stead.__file__).parents[1])
    lines = (
        f"#!{os.path.realpath(sys.executable)} -ISB",
        "import sys",
        f"sys.path.insert(0, {source!r})",
        "from stead.runtimes.cri import cni",
        "cni.main()",
    )
    return "\n".join(lines) + "\n"
