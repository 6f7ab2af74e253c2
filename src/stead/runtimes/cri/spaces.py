"""Sockets in somebody else's network: a thread goes there, makes one, and ends; the socket stays."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from stead.runtimes.native import linux

Made = TypeVar("Made")
_IP_FREEBIND = 15


def network_of(pid: int) -> str:
    return f"/proc/{pid}/ns/net"


def within(namespace: str, make: Callable[[], Made]) -> Made:
    """What `make` answers in the network namespace behind this file, "" is our own. Blocks shortly. Raises OSError."""
    if not namespace:
        return make()
    future: Future[Made] = Future()

    def go() -> None:
        try:
            there = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                linux.join(there, linux.NEW_NET)
            finally:
                os.close(there)
            future.set_result(make())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    return future.result()


async def connected(namespace: str, address: str, port: int) -> socket.socket:
    """A connection from that network. Raises OSError."""
    made = within(namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


def bound(namespace: str, kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    """A datagram socket, or a listening one, on an address of that network. Raises OSError."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, kind)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if namespace:  # a node that is cut off gets its addresses back later
                made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            made.bind((address, port))
            if kind == socket.SOCK_STREAM:
                made.listen(128)
        except BaseException:
            made.close()
            raise
        made.setblocking(False)
        return made

    return within(namespace, make)
