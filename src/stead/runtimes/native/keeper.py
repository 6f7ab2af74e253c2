"""The keeper: a small fork server that lives in the node's network and makes a shim for each pod.

Runs as `python3 -I -S`, single-threaded, standard library only: it starts in a few milliseconds, and a fork of it is
all that a pod costs. It outlives stead; when it dies itself, pods go on, and the next keeper is given the node's
network by stead, or finds it through any living shim.
"""

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
from typing import NoReturn

from stead.runtimes.native import linux, subordinates, surroundings, trials, uplink, wire
from stead.runtimes.native.shim import Shim
from stead.runtimes.native.wire import Message

PROTOCOL = 5
_IP_FREEBIND = 15


def main(text: str) -> None:
    """`text` is JSON: directory, tier, address and prefix of the bridge, directories of the machine's other nodes
    (`siblings`), whether users are lent to this one (`is_lent`), `ready`, a descriptor to say so on, and `held`, a user
    namespace and a network to enter, or nothing.
    """
    settings = json.loads(text)
    if os.fork():
        os._exit(0)
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    linux.set_process_name("stead-keeper")
    try:
        keeper = Keeper(settings)
    except OSError as error:
        _say(settings["ready"], f"the keeper cannot start: {error}")
        sys.exit(1)
    _say(settings["ready"], "ready")
    gc.disable()
    gc.freeze()  # what the shims share with us stays shared
    keeper.serve()


def _say(fd: int, text: str) -> None:
    os.write(fd, text.encode())
    os.close(fd)


class Keeper:
    """Serves orders on `<directory>/keeper.sock` until it is told to quit. Raises OSError where it cannot begin."""

    def __init__(self, settings: Message):
        self._settings = settings
        self._directory: str = settings["directory"]
        self._lock = os.open(f"{self._directory}/keeper.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._host_network: int | None = None
        self._node_network: int | None = None
        self._is_cut = False
        if settings["tier"] != "plain":
            self._enter_node()
        # a full disk costs the record, never the node
        with contextlib.suppress(OSError), open(f"{self._directory}/keeper.json", "w") as file:
            json.dump({"pid": os.getpid(), "start": linux.start_time(os.getpid())}, file)
        self._listener = wire.listen(f"{self._directory}/keeper.sock")
        self._channels: dict[int, socket.socket] = {}

    # the node's network

    def _enter_node(self) -> None:
        """Join the network that living pods are in; where there is none, make it."""
        is_user = self._settings["tier"] == "user"
        if not is_user:
            self._host_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        is_found = self._join_held(is_user) or self._join_living_node(is_user)
        if is_found:
            self._is_cut = not uplink.has_address(self._settings["address"])
        else:
            if is_user and not self._join_siblings():
                self._become_root()
            linux.unshare(linux.NEW_NET)
            surroundings.make_node_network(self._settings["address"], self._settings["prefix"])
        if is_user:
            linux.be_readable()
        trouble = trials.why_not(trials.mounts)
        if trouble:
            raise OSError(trouble)
        self._node_network = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _join_held(self, is_user: bool) -> bool:
        """Enter what stead has kept open of the keeper before."""
        held = self._settings.get("held")
        if not held:
            return False
        user, node = held
        if is_user:
            linux.join(user, linux.NEW_USER)
        linux.join(node, linux.NEW_NET)
        for descriptor in held:
            os.close(descriptor)
        return True

    def _become_root(self) -> None:
        if self._settings["is_lent"]:
            subordinates.become_root(0)
        else:
            linux.become_root_of_new_user_namespace(0)

    def _join_living_node(self, is_user: bool) -> bool:
        for shim, descriptor in _living_shims(self._directory):
            with contextlib.suppress(OSError):
                node = os.open(f"/proc/{shim}/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
                if is_user:
                    linux.join(os.open(f"/proc/{shim}/ns/user", os.O_RDONLY | os.O_CLOEXEC), linux.NEW_USER)
                linux.join(node, linux.NEW_NET)
                return True
        return False

    def _join_siblings(self) -> bool:
        """Join the user namespace of this machine's other nodes: only its own links may be laid between networks."""
        for directory in self._settings["siblings"]:
            shims = [shim for shim, _ in _living_shims(directory)]
            for pid in (*_living_keeper(directory), *shims):
                with contextlib.suppress(OSError):
                    linux.join(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC), linux.NEW_USER)
                    return True
        return False

    # orders

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self._listener.fileno():
                    channel = self._listener.accept()[0]
                    self._channels[channel.fileno()] = channel
                    poll.register(channel, select.POLLIN)
                elif not self._hear(self._channels[fd]):
                    poll.unregister(fd)
                    self._channels.pop(fd).close()

    def _hear(self, channel: socket.socket) -> bool:
        """Carry out one order; False when the other side has gone."""
        try:
            message, files = wire.receive(channel)
            if message is None:
                return False
            answer, made = self._obey(message, files)
            wire.send(channel, {**answer, "id": message["id"]}, tuple(made), socket.MSG_DONTWAIT)
        except (OSError, ValueError, KeyError):
            return False
        for fd in (*files, *made):
            os.close(fd)
        return True

    def _obey(self, message: Message, files: list[int]) -> tuple[Message, list[int]]:
        try:
            match message["op"]:
                case "hello":
                    known = {"protocol": PROTOCOL, "tier": self._settings["tier"], "pid": os.getpid()}
                    return {**known, "users": subordinates.users_here()}, []
                case "run":
                    self._make_shim(message["pod"], files[0])
                    return {}, []
                case "bind":
                    if self._node_network is not None and not self._is_cut:
                        surroundings.have_address(message["address"])
                    return {}, [_bound(message)]
                case "socket":
                    return {}, [socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach()]
                case "network":
                    assert self._node_network is not None
                    return {}, [os.dup(self._node_network)]
                case "switch":
                    uplink.make_switch()
                    return {}, []
                case "has cable":
                    return {"answer": uplink.has_cable()}, []
                case "lay":
                    uplink.lay(message["port"], files[0])
                    return {}, []
                case "plug":
                    uplink.plug(message["port"])
                    return {}, []
                case "forget":
                    uplink.forget(message["port"])
                    return {}, []
                case "cut" | "heal":
                    self._is_cut = message["op"] == "cut"
                    change = uplink.pull if self._is_cut else uplink.restore
                    change(message["addresses"], self._settings["address"], self._settings["prefix"])
                    return {}, []
                case "quit":
                    os._exit(0)
                case _:
                    return {"error": f"unknown order {message['op']}"}, []
        except OSError as error:
            return {"error": str(error)}, []

    def _make_shim(self, pod: Message, channel: int) -> None:
        if os.fork():
            return
        try:
            self._become_shim(pod, socket.socket(fileno=channel))
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)

    def _become_shim(self, pod: Message, first: socket.socket) -> NoReturn:
        os.setsid()
        os.close(self._lock)
        self._listener.close()
        for channel in self._channels.values():
            channel.close()
        linux.set_process_name("stead-shim")
        try:
            lock = _locked(f"{pod['directory']}/shim.lock")
            linux.adopt_orphans()
            surroundings.enter({**pod, "tier": self._settings["tier"]}, self._host_network)
            shim = Shim(pod, self._node_network)
        except OSError as error:
            wire.send(first, {"event": "failed", "message": str(error)})
            os._exit(1)
        if self._host_network is not None:
            os.close(self._host_network)
        shim.run(first)
        os.close(lock)
        os._exit(0)


def _living_shims(directory: str) -> list[tuple[int, int]]:
    """(pid, descriptor of the node's network) of shims that an earlier keeper left."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(f"{directory}/pods"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                with open(f"{entry.path}/state.json") as file:
                    state = json.load(file)
                if linux.start_time(state["shim"]) == state["shim_start"]:
                    found.append((state["shim"], state["node_network"]))
    return found


def _living_keeper(directory: str) -> list[int]:
    """The pid of the keeper of another node, [] where there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        with open(f"{directory}/keeper.json") as file:
            known = json.load(file)
        if linux.start_time(known["pid"]) == known["start"]:
            return [known["pid"]]
    return []


def _locked(path: str) -> int:
    """A pod has one shim: the second is refused by the kernel, whatever anyone remembers."""
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError("the pod has a shim already") from None
    return lock


def _bound(message: Message) -> int:
    """A socket on an address of the node's bridge, listening if it is TCP."""
    kind = socket.SOCK_DGRAM if message["kind"] == "udp" else socket.SOCK_STREAM
    made = socket.socket(socket.AF_INET, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)  # the address of a node that is cut off comes back later
        made.bind((message["address"], message["port"]))
        if message["kind"] == "tcp":
            made.listen(128)
    except OSError:
        made.close()
        raise
    return made.detach()
