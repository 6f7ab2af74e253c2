"""What joins the nodes of one machine: a switch in the first node's network, and a cable from each node's bridge to it.

All pods are on one wire then, as in a rack: nothing is routed and no setting of the kernel is needed. Pulling the cable
of a node leaves its pods with each other only; the addresses that stead answers at (DNS, services, the API) go with it,
for they stand for what is elsewhere.
"""

import contextlib
import socket
from collections.abc import Iterable

from stead.runtimes.native import network
from stead.runtimes.native.surroundings import BRIDGE, have_address

SWITCH, UPLINK = "switch0", "uplink"


def make_switch() -> None:
    """The switch, in the network we are in, if it is not there yet."""
    wires = network.Wires()
    try:
        with contextlib.suppress(FileExistsError):
            wires.add_bridge(SWITCH)
        wires.turn_on(SWITCH)
    finally:
        wires.close()


def has_cable() -> bool:
    """Whether a cable leads from the node we are in to a switch that is still there."""
    wires = network.Wires()
    try:
        wires.index(UPLINK)
    except OSError:
        return False
    finally:
        wires.close()
    return True


def lay(port: str, switch_network: int) -> None:
    """A cable from the bridge of the node we are in; its far end is `port`, in the switch's network."""
    wires = network.Wires()
    try:
        wires.add_cable(UPLINK, port, switch_network)
        wires.plug(UPLINK, BRIDGE)
    finally:
        wires.close()


def plug(port: str) -> None:
    """Put the far end of a node's cable into the switch."""
    wires = network.Wires()
    try:
        wires.plug(port, SWITCH)
    finally:
        wires.close()


def forget(port: str) -> None:
    """A cable of a node that is gone, and that the kernel has not cleared up yet."""
    wires = network.Wires()
    with contextlib.suppress(OSError):
        wires.remove(port)
    wires.close()


def has_address(address: str) -> bool:
    """Whether the network we are in has this address: a node that is cut off has not its own."""
    trial = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        trial.bind((address, 0))
    except OSError:
        return False
    finally:
        trial.close()
    return True


def pull(addresses: Iterable[str], own: str, prefix: int) -> None:
    """Cut the node we are in off: no cable, and nobody at `own` (the bridge's address) and `addresses`."""
    wires = network.Wires()
    try:
        with contextlib.suppress(OSError):
            wires.turn_off(UPLINK)
        for address, length in [*((address, 32) for address in addresses), (own, prefix)]:
            with contextlib.suppress(OSError):
                wires.remove_address(BRIDGE, address, length)
    finally:
        wires.close()


def restore(addresses: Iterable[str], own: str, prefix: int) -> None:
    """What `pull` took away. Raises OSError."""
    wires = network.Wires()
    try:
        with contextlib.suppress(FileExistsError):
            wires.add_address(BRIDGE, own, prefix)
        with contextlib.suppress(OSError):
            wires.turn_on(UPLINK)
    finally:
        wires.close()
    for address in addresses:
        have_address(address)
