"""Terminals that belong to the container: made inside it, of its own devpts, and held by whoever is outside.

What is made outside has no name inside: `tty` would say that there is none. So the process on its way into the
container makes the terminal, keeps the one end, and hands the other out through a socket.
"""

import fcntl
import os
import socket
import struct
import termios

_UNLOCK, _OPEN_PEER = 0x40045431, 0x5441  # of the kernel's tty_ioctl, which Python 3.11 does not name
_MULTIPLEXER = "/dev/pts/ptmx"
_FLAGS = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC


def set_size(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


def made_inside(way: int, size: tuple[int, int] | None) -> int:
    """The program's end of a new terminal, after the other went out by the socket `way`. Runs in the container."""
    try:
        outer, inner = _pair()
    except OSError:  # a pod that has put something else in place of its /dev
        outer, inner = os.openpty()
    if size is not None:
        set_size(outer, *size)
    with socket.socket(fileno=os.dup(way)) as channel:
        socket.send_fds(channel, [b"t"], [outer])
    os.close(outer)
    return inner


def _pair() -> tuple[int, int]:
    outer = os.open(_MULTIPLEXER, _FLAGS)
    try:
        fcntl.ioctl(outer, _UNLOCK, struct.pack("i", 0))
        return outer, fcntl.ioctl(outer, _OPEN_PEER, _FLAGS)
    except OSError:
        os.close(outer)
        raise


def taken(way: socket.socket) -> int | None:
    """The end that came out, None where the program did not come so far. Raises BlockingIOError where sockets do."""
    _, files, _, _ = socket.recv_fds(way, 1, 1, socket.MSG_CMSG_CLOEXEC)
    return files[0] if files else None
