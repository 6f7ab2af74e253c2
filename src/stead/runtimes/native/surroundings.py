"""A pod's surroundings: its own network, host name and IPC, entered by its shim before anything runs in it."""

import contextlib
import os
import socket

from stead.runtimes.native import linux, network
from stead.runtimes.native.wire import Message

BRIDGE = "stead0"
_FIRST_FREE_PORT = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


def make_node_network(address: str, prefix: int) -> None:
    """The bridge of the node we are in, a network namespace of its own: nothing on the host changes."""
    wires = network.Wires()
    wires.turn_on("lo")
    wires.add_bridge(BRIDGE, address)
    wires.add_address(BRIDGE, address, prefix)
    wires.turn_on(BRIDGE)
    wires.close()


def have_address(address: str) -> None:
    """One more address on the bridge of the node we are in (a service's), if it has it not yet."""
    wires = network.Wires()
    try:
        wires.add_address(BRIDGE, address, 32)
    except FileExistsError:
        pass
    finally:
        wires.close()


def enter(pod: Message, host_network: int | None) -> None:
    """Leave the node for the pod's own namespaces. `pod` is the keeper's order; raises OSError."""
    if pod["tier"] == "plain":
        return
    _mount_memory(pod["memory_volumes"])
    own_ipc = 0 if pod["is_host_ipc"] else linux.NEW_IPC
    if pod["is_host_network"]:
        if host_network is not None:
            linux.join(host_network, linux.NEW_NET)
        linux.unshare(own_ipc)
    else:
        node = network.Wires()
        linux.unshare(linux.NEW_NET | linux.NEW_UTS | own_ipc)
        _lay_cable(node, pod)
        node.close()
        _set_up_pod(pod)
        socket.sethostname(pod["hostname"])
    for name, value in pod["sysctls"]:
        _turn(name, value)


def _turn(name: str, value: str) -> None:
    """One of the kernel's knobs, for the pod's namespaces. Raises OSError."""
    try:
        with open(f"/proc/sys/{name.replace('.', '/')}", "w") as file:
            file.write(value)
    except OSError as error:
        raise OSError(f"sysctl {name}={value}: {error.strerror}") from error


def _mount_memory(volumes: list[tuple[str, str]]) -> None:
    """(place, options) of volumes in memory: mounted in a mount namespace of the shim, so they go when it goes."""
    if not volumes:
        return
    linux.unshare(linux.NEW_MOUNTS)
    linux.mount(None, "/", None, linux.RECURSIVE | linux.SLAVE)  # what the host unmounts goes here too
    for place, options in volumes:
        linux.mount("tmpfs", place, "tmpfs", linux.NO_SUID | linux.NO_DEVICES, options=options)


def _lay_cable(node: network.Wires, pod: Message) -> None:
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    name = pod["cable"]
    try:
        with contextlib.suppress(OSError):
            node.remove(name)  # of a shim that died: the kernel clears up behind it, but later
        node.add_cable(name, "eth0", own)
        node.plug(name, BRIDGE)
    finally:
        os.close(own)


def _set_up_pod(pod: Message) -> None:
    wires = network.Wires()
    wires.turn_on("lo")
    wires.add_address("eth0", pod["ip"], pod["prefix"])
    wires.turn_on("eth0")
    wires.add_default_route(pod["gateway"])
    wires.close()
    with contextlib.suppress(OSError), open(_FIRST_FREE_PORT, "w") as file:
        file.write("0")  # as container engines do: an ordinary user may serve port 80 of his pod
