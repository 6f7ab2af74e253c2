"""Programs run in a container of an engine, and attachments to one, as the same sessions that native pods have.

A program is run by runc itself, beside the engine: CRI's own streams cannot tell a program that its input has ended.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import tempfile
import termios
from typing import NamedTuple

from stead.runtimes.cri import mapping
from stead.runtimes.cri.node import Node
from stead.runtimes.logs import LogReader, Wanted
from stead.runtimes.native import sessions, starting
from stead.runtimes.native.channel import Refusal
from stead.runtimes.native.sessions import ExecSession, ProgramTrouble

_RUNC_STATE = "/run/containerd/runc"
_SPACE = "k8s.io"  # where a containerd keeps what CRI asked of it
_NO_PROGRAM, _NOT_EXECUTABLE, _FAILED = 127, 126, 128
_RUNC_FAILED = 255
_LOOK_SECONDS = 0.05


class Runc(NamedTuple):
    """The program that made a container, and where it keeps its state."""

    program: str
    root: str


async def _runc(node: Node, container_id: str) -> Runc:
    """Raises Refusal where the engine does not work with runc, or does not say so."""
    answer = await node.engine.ask("ContainerStatus", {"container_id": container_id, "verbose": True})
    info = mapping.info(answer)
    if "runc" not in str(info.get("runtimeType", "")):
        raise Refusal("programs can be run in containers of a containerd with runc only")
    options = info.get("runtimeOptions") or {}
    return Runc(options.get("binary_name") or "runc", os.path.join(options.get("root") or _RUNC_STATE, _SPACE))


async def run(
    node: Node, uid: str, container: str, argv: list[str], *, has_tty: bool = False, has_stdin: bool = False
) -> ExecSession:
    """Run a program in a container, with the container's environment. Raises Refusal where it does not run."""
    held = node.running(uid, container)
    runc = await _runc(node, held.id)
    ours, theirs = sessions.ends(has_tty=has_tty, has_stdin=has_stdin)
    trouble, trouble_path = tempfile.mkstemp(prefix="exec-", dir=node.pod_directory(uid))
    os.close(trouble)
    options = ["--tty"] if has_tty else []
    command = [runc.program, "--root", runc.root, "--log", trouble_path, "--log-format", "json"]
    command += ["exec", *options, held.id, *argv]
    stdin, stdout, stderr = (theirs * 3)[:3]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
        )
    except OSError as error:
        raise Refusal(f"{runc.program}: {error.strerror}") from error
    finally:
        for fd in theirs:
            os.close(fd)

    async def exit_code() -> int:
        code = await process.wait()
        message = _trouble(trouble_path) if code == _RUNC_FAILED else ""
        with contextlib.suppress(OSError):
            os.unlink(trouble_path)
        if message:
            raise ProgramTrouble(message, _code_of(message))
        return code if code >= 0 else 128 - code

    async def resize(width: int, height: int) -> None:
        fcntl.ioctl(ours["stdout"], termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGWINCH)

    def kill() -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    return ExecSession(ours, exit_code(), resize if has_tty else None, kill)


def _trouble(path: str) -> str:
    """Why runc itself failed, "" where it was the program's own exit code."""
    with contextlib.suppress(OSError, ValueError, KeyError), open(path) as file:
        lines = [json.loads(line) for line in file]
        return str(next(line["msg"] for line in reversed(lines) if line["level"] == "error"))
    return ""


def _code_of(message: str) -> int:
    if "permission denied" in message:
        return _NOT_EXECUTABLE
    return _NO_PROGRAM if "no such file" in message or "not found" in message else _FAILED


async def attach(node: Node, uid: str, container: str, *, has_stdin: bool = False) -> ExecSession:
    """Follow a container's output from now on, as its log tells it. Raises Refusal, also for input."""
    held = node.running(uid, container)
    if has_stdin:
        raise Refusal("the cri runtime does not carry input to a running container; kubectl exec -i does")
    pod = node.pods[uid]
    ours, theirs = sessions.ends(has_tty=False, has_stdin=False)
    path = starting.log_path(pod.directory, container, held.attempt)

    async def follow() -> int:
        reader = LogReader(path, Wanted(tail_lines=0))
        try:
            while True:
                is_over = not held.is_running
                os.set_blocking(theirs[1], False)
                with contextlib.suppress(OSError):
                    os.write(theirs[1], reader.read())
                if is_over:
                    return int(getattr(held.told, "exit_code", 0))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(pod.changed.wait(), _LOOK_SECONDS)
        finally:
            reader.close()
            for fd in theirs:
                os.close(fd)

    return ExecSession(ours, follow(), None, lambda: None)
