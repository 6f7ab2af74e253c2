"""A runtime for tests of streams: the container is this machine, programs are real, ports are loopback's."""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from pathlib import Path

from stead.machinery.keys import Key


class HostSession:
    """Pipes or a terminal to one process."""

    def __init__(self, process, terminal=None):
        self._process = process
        self._terminal = terminal

    async def read(self, stream="stdout"):
        if self._terminal is None:
            return await getattr(self._process, stream).read(65536)
        if stream == "stderr":
            return b""
        try:
            return await asyncio.to_thread(os.read, self._terminal, 65536)
        except OSError:
            return b""  # the terminal's other end has closed

    async def write(self, data):
        if self._terminal is not None:
            os.write(self._terminal, data)
        elif self._process.stdin is not None:
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def close_stdin(self):
        self._process.stdin.close()

    async def resize(self, width, height):
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def wait(self):
        return await self._process.wait()

    def kill(self):
        self._process.kill()

    def close(self):
        if self._process.returncode is None:
            self._process.kill()


class HostRuntime:
    def __init__(self, directory: Path):
        self.directory = directory

    def log_path(self, uid: str, pod: Key, container: str, attempt: int) -> str:
        return str(self.directory / f"{uid}.{container}.{attempt}.log")

    async def exec(self, uid, container, argv, *, has_tty=False, has_stdin=False, size=None):
        pipe = asyncio.subprocess.PIPE
        if not has_tty:
            stdin = pipe if has_stdin else asyncio.subprocess.DEVNULL
            return HostSession(await asyncio.create_subprocess_exec(*argv, stdin=stdin, stdout=pipe, stderr=pipe))
        ours, theirs = os.openpty()
        if size is not None:
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        process = await asyncio.create_subprocess_exec(*argv, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        return HostSession(process, ours)

    async def attach(self, uid, container, *, has_stdin=False):
        return await self.exec(uid, container, ["sh", "-c", "echo attached; cat; exit 7"], has_stdin=has_stdin)

    async def dial(self, uid, port):
        connection = socket.socket()
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        return connection
