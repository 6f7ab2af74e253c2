"""How stead, the keeper and the shims talk: one JSON object a packet, open files beside it.

Packets that are too long for the socket travel in a memory file of their own.
"""

import json
import os
import socket
from typing import Any

Message = dict[str, Any]

_INLINE_BYTES = 60_000
_MAXIMUM_FILES = 16


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: Message, files: tuple[int, ...] = (), flags: int = 0) -> None:
    """Send one message; raises OSError when the other side is gone (or, with MSG_DONTWAIT, stalled)."""
    packet = json.dumps(message, separators=(",", ":")).encode()
    if len(packet) <= _INLINE_BYTES:
        socket.send_fds(channel, [packet], list(files), flags)
        return
    memory = os.memfd_create("stead-message")
    try:
        os.write(memory, packet)
        socket.send_fds(channel, [b"{}"], [memory, *files], flags)
    finally:
        os.close(memory)


def receive(channel: socket.socket) -> tuple[Message | None, list[int]]:
    """One message and its files; None when the other side has gone. Raises BlockingIOError where sockets do."""
    packet, files, _, _ = socket.recv_fds(channel, _INLINE_BYTES, _MAXIMUM_FILES, socket.MSG_CMSG_CLOEXEC)
    if not packet:
        return None, files
    if packet != b"{}":
        return json.loads(packet), files
    with open(files.pop(0), "rb") as memory:
        memory.seek(0)
        return json.loads(memory.read()), files


def _short_path(path: str) -> tuple[str, int]:
    """A way to a socket file that fits the 107 bytes of an address, and the open directory that it leads through."""
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    return f"/proc/self/fd/{directory}/{os.path.basename(path)}", directory


def listen(path: str) -> socket.socket:
    """A listening socket file, in place of one that may be left over."""
    short, directory = _short_path(path)
    try:
        if os.path.lexists(path):
            os.unlink(path)
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel.bind(short)
        os.chmod(path, 0o600)
        channel.listen(16)
        return channel
    finally:
        os.close(directory)


def connect(path: str) -> socket.socket:
    """Raises FileNotFoundError or ConnectionRefusedError where nobody listens."""
    short, directory = _short_path(path)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        channel.connect(short)
    except OSError:
        channel.close()
        raise
    finally:
        os.close(directory)
    return channel
